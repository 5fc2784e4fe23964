//! A network device that receives what stands in a capture.
//!
//! A thread of its own reads, from [`NetworkDevice::start`] to [`NetworkDevice::stop`] or until the device is dropped. The
//! capture ends, and the device stays, silent. What the stack sends goes nowhere, or into a capture of its own.

use crate::LinkType;
use crate::read::{Frame, Reader};
use crate::recorder::{Recorder, Shared};
use crate::source::Source;
use alloc::boxed::Box;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use rump_hyper::{Event, Hypervisor};
use rump_kpi::device::{DeviceInfo, Medium, NetworkDevice, Offloads, Receiver};
use rump_kpi::packet::Packet;
use rump_kpi::port::Direction;
use rump_kpi::sync::Mutex;
use rump_kpi::{Errno, KError, KResult};

/// Frames that are handed on together.
const BATCH: usize = 64;
/// The usual MTU of Ethernet, and most that IP has.
const MTU: u32 = 1500;
const MTU_OF_IP: u32 = 65_535;
const NAME_OF_OUTPUT: &str = "sent";

/// When frames come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// As fast as they are taken.
    #[default]
    AtOnce,
    /// With the time between them that was between them.
    ByTimes,
}

/// How often they come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Repeat {
    /// Once.
    #[default]
    Never,
    /// Again and again.
    Forever,
}

/// When the first frame comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Begin {
    /// Once the device is an interface's, be it up or not.
    #[default]
    AtOnce,
    /// When [`Replay::begin`] is called: the interface may have to get its addresses before.
    WhenTold,
}

/// How a capture is replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// When the first frame comes.
    pub begin: Begin,
    /// When the others come.
    pub pace: Pace,
    /// How often.
    pub repeat: Repeat,
    /// The device's own address, if it is one of Ethernet: stacks take what was sent to theirs alone.
    pub address: [u8; 6],
    /// Most bytes of IP in a packet that the stack sends; `None`: what is usual.
    pub mtu: Option<u32>,
}

impl Default for Options {
    fn default() -> Self {
        // Locally administered.
        let address = [0x02, b'p', b'c', b'a', b'p', 0];
        Self { begin: Begin::AtOnce, pace: Pace::AtOnce, repeat: Repeat::Never, address, mtu: None }
    }
}

/// Opens a capture, as often as it is replayed.
pub type Open = dyn Fn() -> KResult<Box<dyn Source>> + Send + Sync;

/// See the module.
pub struct Replay {
    host: Arc<dyn Hypervisor>,
    script: Arc<Script>,
    output: Option<(Recorder, u32)>,
    has_begun: AtomicBool,
    thread: Mutex<Option<Arc<Running>>>,
}

/// What the thread does.
struct Script {
    open: Box<Open>,
    link: LinkType,
    options: Options,
}

/// A thread that reads.
struct Running {
    has_begun: AtomicBool,
    is_ending: AtomicBool,
    /// It is to look at that.
    bell: Arc<dyn Event>,
    has_ended: Arc<dyn Event>,
}

impl Replay {
    /// A device over a capture; the first frame says what it carries, and frames of other kinds are passed over, as are
    /// those that are marked as having gone out. `output` records what is sent.
    ///
    /// Errors: those of opening and reading the first frame, EOPNOTSUPP (neither of Ethernet nor of IP).
    pub fn new(
        host: Arc<dyn Hypervisor>,
        open: Box<Open>,
        options: Options,
        output: Option<Recorder>,
    ) -> KResult<Arc<Self>> {
        let first = Reader::new(open()?)?.read()?;
        let link = first.map_or(LinkType::ETHERNET, |frame| frame.link);
        if link != LinkType::ETHERNET && !link.is_ip() {
            let text = format!("a capture of frames of type {}, not of Ethernet or IP", link.0);
            return Err(KError::new(Errno::EOPNOTSUPP, text));
        }
        let output = output.map(|recorder| {
            let number = recorder.add_interface(NAME_OF_OUTPUT, link);
            (recorder, number)
        });
        let has_begun = AtomicBool::new(options.begin == Begin::AtOnce);
        let script = Arc::new(Script { open, link, options });
        Ok(Arc::new(Self { host, script, output, has_begun, thread: Mutex::new(None) }))
    }

    /// Lets the first frame come, once the device was started, too.
    pub fn begin(&self) {
        let thread = self.thread.lock();
        self.has_begun.store(true, Ordering::Release);
        if let Some(running) = &*thread {
            running.has_begun.store(true, Ordering::Release);
            running.bell.set();
        }
    }

    fn end(&self) -> Option<Arc<Running>> {
        let running = self.thread.lock().take()?;
        running.is_ending.store(true, Ordering::Release);
        running.bell.set();
        Some(running)
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        // Not waited for: it may be that thread which drops the device.
        let _ = self.end();
    }
}

impl NetworkDevice for Replay {
    fn info(&self) -> DeviceInfo {
        let Options { address, mtu, .. } = self.script.options;
        let (medium, usual) = match self.script.link {
            LinkType::ETHERNET => (Medium::Ethernet { address }, MTU),
            _ => (Medium::Ip, MTU_OF_IP),
        };
        DeviceInfo { medium, mtu: mtu.unwrap_or(usual), offloads: Offloads::empty() }
    }

    fn send(&self, packets: &mut Vec<Packet>) -> KResult<()> {
        if let Some((recorder, number)) = &self.output {
            let file: Arc<Shared> = recorder.shared();
            packets.iter().for_each(|packet| file.record(*number, self.script.link, Direction::Out, packet));
        }
        packets.clear();
        Ok(())
    }

    /// Errors: EBUSY (it was started already), EAGAIN (no thread).
    fn start(&self, receiver: Arc<dyn Receiver>) -> KResult<()> {
        let mut thread = self.thread.lock();
        if thread.is_some() {
            return Err(Errno::EBUSY.into());
        }
        let (bell, has_ended) = (self.host.event(), self.host.event());
        let [has_begun, is_ending] = [self.has_begun.load(Ordering::Acquire), false].map(AtomicBool::new);
        let running = Arc::new(Running { has_begun, is_ending, bell, has_ended });
        let (script, of_thread, host) = (self.script.clone(), running.clone(), self.host.clone());
        let body = move || {
            if let Err(error) = script.play(&*host, &*receiver, &of_thread) {
                host.write_line(&format!("replay: {error}"));
            }
            // The receiver is let go of first, so that stopping means that nothing of it is used.
            drop(receiver);
            of_thread.has_ended.set();
        };
        let spawned = self.host.spawn("replay", Box::new(body));
        spawned.map_err(|error| KError::new(error.errno, error.what))?;
        *thread = Some(running);
        Ok(())
    }

    /// Not to be called by what the device hands packets to.
    fn stop(&self) {
        if let Some(running) = self.end() {
            running.has_ended.wait(None);
        }
    }
}

impl Script {
    /// Errors: those of opening and reading.
    fn play(&self, host: &dyn Hypervisor, receiver: &dyn Receiver, running: &Running) -> KResult<()> {
        while !running.has_begun.load(Ordering::Acquire) && !running.is_ending.load(Ordering::Acquire) {
            running.bell.wait(None);
        }
        while !running.is_ending.load(Ordering::Acquire) {
            let count = self.play_once(host, receiver, running)?;
            if self.options.repeat == Repeat::Never || count == 0 {
                break;
            }
        }
        Ok(())
    }

    /// Answers how many frames were received.
    fn play_once(&self, host: &dyn Hypervisor, receiver: &dyn Receiver, running: &Running) -> KResult<u64> {
        let mut reader = Reader::new((self.open)()?)?;
        let mut count = 0;
        let mut batch = Vec::new();
        // When the first frame came, then and now.
        let mut begin: Option<(Duration, Duration)> = None;
        while let Some(frame) = reader.read()? {
            if !self.is_received(&frame) {
                continue;
            }
            if let (Pace::ByTimes, Some(time)) = (self.options.pace, frame.time) {
                let now = host.monotonic();
                let (first, began) = *begin.get_or_insert((time, now));
                let due = began.saturating_add(time.saturating_sub(first));
                if due > now {
                    hand_on(receiver, &mut batch);
                    wait_until(host, due, running);
                }
            }
            if running.is_ending.load(Ordering::Acquire) {
                return Ok(count);
            }
            batch.push(Packet::received(frame.bytes));
            count += 1;
            if batch.len() >= BATCH {
                hand_on(receiver, &mut batch);
            }
        }
        hand_on(receiver, &mut batch);
        Ok(count)
    }

    fn is_received(&self, frame: &Frame) -> bool {
        let is_same = frame.link == self.link || frame.link.is_ip() && self.link.is_ip();
        is_same && frame.direction != Some(Direction::Out)
    }
}

fn hand_on(receiver: &dyn Receiver, batch: &mut Vec<Packet>) {
    if !batch.is_empty() {
        receiver.receive(core::mem::take(batch));
    }
}

fn wait_until(host: &dyn Hypervisor, due: Duration, running: &Running) {
    while !running.is_ending.load(Ordering::Acquire) {
        let now = host.monotonic();
        if now >= due {
            return;
        }
        running.bell.wait(Some(due - now));
    }
}
