//! A wire of a simulation, with an end at each side.

use crate::{SimHost, lock};
use rump_abi::Errno;
use rump_hyper::packet::{Medium, Offloads, Outgoing, PacketInfo, PacketIo, Received, Sent};
use rump_hyper::{Event, HostError, HostResult, Threads};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Frames that are on their way at once.
const MOST_FRAMES: usize = 1000;
/// Frames that are received at once.
const MOST_AT_ONCE: usize = 64;

/// One end of a wire: what is sent here arrives at the other end, in order. Its locks are leaves.
pub struct SimWire {
    info: PacketInfo,
    incoming: Arc<Way>,
    outgoing: Arc<Way>,
}

/// What is on its way to one end.
struct Way {
    /// None once the wire is cut.
    frames: Mutex<Option<VecDeque<Received>>>,
    changed: Arc<dyn Event>,
}

impl SimHost {
    /// A wire of Ethernet, whose ends take the same.
    pub fn wire(&self, mtu: u32, offloads: Offloads) -> [Arc<SimWire>; 2] {
        let way = || Arc::new(Way { frames: Mutex::new(Some(VecDeque::new())), changed: self.event() });
        let (there, back) = (way(), way());
        let end = |number: u8, incoming: &Arc<Way>, outgoing: &Arc<Way>| {
            let medium = Medium::Ethernet { address: [2, 0, 0, 0, 0, number] };
            let info = PacketInfo { name: format!("wire{number}"), medium, mtu, offloads };
            Arc::new(SimWire { info, incoming: incoming.clone(), outgoing: outgoing.clone() })
        };
        [end(1, &back, &there), end(2, &there, &back)]
    }
}

impl SimWire {
    /// Cuts the wire: both ends are gone.
    pub fn cut(&self) {
        for way in [&self.incoming, &self.outgoing] {
            *lock(&way.frames) = None;
            way.changed.set();
        }
    }

    fn gone(&self) -> HostError {
        HostError { errno: Errno::ENETDOWN, what: format!("{}: the wire is cut", self.info.name) }
    }

    fn take(&self, frames: &mut Vec<Received>) -> HostResult<()> {
        let mut waiting = lock(&self.incoming.frames);
        let waiting = waiting.as_mut().ok_or_else(|| self.gone())?;
        let count = waiting.len().min(MOST_AT_ONCE);
        frames.extend(waiting.drain(..count));
        Ok(())
    }
}

impl PacketIo for SimWire {
    fn info(&self) -> PacketInfo {
        self.info.clone()
    }

    fn receive(&self, frames: &mut Vec<Received>, timeout: Option<Duration>) -> HostResult<()> {
        let before = frames.len();
        self.take(frames)?;
        if frames.len() == before {
            self.incoming.changed.wait(timeout);
            self.take(frames)?;
        }
        Ok(())
    }

    fn send(&self, frames: &[Outgoing<'_>]) -> HostResult<Sent> {
        let mut waiting = lock(&self.outgoing.frames);
        let waiting = waiting.as_mut().ok_or_else(|| self.gone())?;
        let taken = frames.len().min(MOST_FRAMES.saturating_sub(waiting.len()));
        let received =
            |frame: &Outgoing<'_>| Received { header: frame.header, bytes: frame.parts.concat().into() };
        waiting.extend(frames[..taken].iter().map(received));
        self.outgoing.changed.set();
        Ok(Sent { taken, refused: 0 })
    }

    fn wake(&self) {
        self.incoming.changed.set();
    }
}
