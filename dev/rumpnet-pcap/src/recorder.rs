//! Writes frames of any number of interfaces into one file of pcapng.
//!
//! Whoever hears a frame leaves it in a buffer, and a thread writes that out. What the buffer has no room for is dropped, and
//! counted in the statistics that end the file; nobody who sends or receives waits for a disk.

use crate::write;
use crate::{LinkType, MOST_FRAME_BYTES};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;
use rump_hyper::{Event, Hypervisor};
use rump_kpi::packet::{Packet, offload};
use rump_kpi::port::Direction;
use rump_kpi::sync::Mutex;
use rump_kpi::{KError, KResult, TimeSpec};

/// Bytes that wait to be written, at most.
const MOST_WAITING: usize = 8 << 20;
/// What a frame has around its bytes, at most.
const AROUND: usize = 64;

/// Where the bytes of a capture go.
pub trait Sink: Send {
    /// Writes all of them. Errors: those of what it is.
    fn write(&mut self, bytes: &[u8]) -> KResult<()>;

    /// Brings what was written to where others see it. Errors: as of [`Self::write`].
    fn flush(&mut self) -> KResult<()> {
        Ok(())
    }
}

/// What became of the frames of a capture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Those that are in the file.
    pub recorded: u64,
    /// Those that there was no room for.
    pub dropped: u64,
}

/// See the module. When it is dropped, everything that was heard is written first.
pub struct Recorder {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    host: Arc<dyn Hypervisor>,
    state: Mutex<State>,
    /// There is something to do for the thread.
    work: Arc<dyn Event>,
    has_ended: Arc<dyn Event>,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    /// Of each interface.
    totals: Vec<Totals>,
    /// Nothing more is recorded.
    is_ending: bool,
    /// The thread was waited for.
    is_over: bool,
    failure: Option<KError>,
}

impl Recorder {
    /// Begins a file. Errors: EAGAIN (no thread).
    pub fn new(host: Arc<dyn Hypervisor>, sink: Box<dyn Sink>) -> KResult<Self> {
        let mut state = State::default();
        write::section(&mut state.waiting);
        let (work, has_ended) = (host.event(), host.event());
        work.set();
        let shared = Arc::new(Shared { host: host.clone(), state: Mutex::new(state), work, has_ended });
        let of_thread = shared.clone();
        let body = move || {
            of_thread.write_all(sink);
            of_thread.has_ended.set();
        };
        host.spawn("capture", Box::new(body)).map_err(|error| KError::new(error.errno, error.what))?;
        Ok(Self { shared })
    }

    /// Describes an interface; answers its number in the file.
    pub fn add_interface(&self, name: &str, link: LinkType) -> u32 {
        let mut state = self.shared.state.lock();
        let number = state.totals.len() as u32;
        state.totals.push(Totals::default());
        // Frames drop rather than this.
        write::interface(&mut state.waiting, name, link);
        number
    }

    pub(crate) fn shared(&self) -> Arc<Shared> {
        self.shared.clone()
    }

    /// What became of the frames as yet.
    pub fn totals(&self) -> Totals {
        self.shared.state.lock().totals.iter().copied().fold(Totals::default(), sum)
    }

    /// Writes out what was heard, and ends the file. Errors: the first of writing.
    pub fn finish(self) -> KResult<Totals> {
        self.shared.end();
        let failure = self.shared.state.lock().failure.take();
        failure.map_or_else(|| Ok(self.totals()), Err)
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.shared.end();
    }
}

fn sum(a: Totals, b: Totals) -> Totals {
    Totals { recorded: a.recorded + b.recorded, dropped: a.dropped + b.dropped }
}

impl Shared {
    /// Records a packet as it is on the wire.
    pub(crate) fn record(&self, interface: u32, link: LinkType, direction: Direction, packet: &Packet) {
        let time = since_1970(self.host.realtime());
        let was_empty = {
            let mut state = self.state.lock();
            if state.is_ending {
                return;
            }
            let was_empty = state.waiting.is_empty();
            offload::on_wire(packet, link.header_bytes(), |packet| {
                state.add(interface, time, direction, packet);
            });
            was_empty
        };
        if was_empty {
            self.work.set();
        }
    }

    /// Ends the file, and waits for the thread.
    fn end(&self) {
        {
            let mut state = self.state.lock();
            if core::mem::replace(&mut state.is_over, true) {
                return;
            }
            state.is_ending = true;
            let time = since_1970(self.host.realtime());
            let State { waiting, totals, .. } = &mut *state;
            for (number, totals) in totals.iter().enumerate() {
                let received = totals.recorded + totals.dropped;
                write::statistics(waiting, number as u32, time, received, totals.dropped);
            }
        }
        self.work.set();
        self.has_ended.wait(None);
    }

    fn write_all(&self, mut sink: Box<dyn Sink>) {
        let mut spare = Vec::new();
        loop {
            self.work.wait(None);
            let is_ending = {
                let mut state = self.state.lock();
                core::mem::swap(&mut state.waiting, &mut spare);
                state.is_ending
            };
            let written = if spare.is_empty() { Ok(()) } else { sink.write(&spare) };
            spare.clear();
            let done = written.and_then(|()| sink.flush());
            if let Err(error) = done {
                let mut state = self.state.lock();
                state.failure.get_or_insert(error);
            }
            if is_ending {
                return;
            }
        }
    }
}

impl State {
    fn add(&mut self, interface: u32, time: Duration, direction: Direction, packet: &Packet) {
        let Some(totals) = self.totals.get_mut(interface as usize) else { return };
        let needed = packet.len().min(MOST_FRAME_BYTES) + AROUND;
        if self.failure.is_some() || self.waiting.len() + needed > MOST_WAITING {
            totals.dropped += 1;
            return;
        }
        totals.recorded += 1;
        write::frame(&mut self.waiting, interface, time, Some(direction), packet);
    }
}

/// A clock before 1970 stands still there.
fn since_1970(time: TimeSpec) -> Duration {
    u64::try_from(time.sec).map_or(Duration::ZERO, |seconds| Duration::new(seconds, time.nsec))
}
