//! An interface's device, which has a program at its other end.

use crate::file::File;
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::sync::{Arc, Weak};
use alloc::vec;
use alloc::vec::Vec;
use bytes::Bytes;
use rump_kpi::character::DeviceFile;
use rump_kpi::device::{DeviceInfo, Medium, NetworkDevice, Offloads, Receiver};
use rump_kpi::link::{ProgramEnd, Role};
use rump_kpi::packet::{Packet, offload};
use rump_kpi::sync::{Mutex, RwLock};
use rump_kpi::{Errno, KError, KResult, PollEvents, WaitQueue};

/// Frames that wait to be read, at most.
const MOST_WAITING: usize = 256;
const MTU: u32 = 1500;
/// Bytes of IP that one packet has at most.
const MOST_BYTES: usize = 65_535;
/// Bytes of a header of Ethernet.
const ETHERNET_BYTES: usize = 14;

/// What an end carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Frames of Ethernet.
    Frames {
        /// The interface's address.
        address: [u8; 6],
    },
    /// Packets of IP.
    Packets,
}

/// See the module.
pub(crate) struct End {
    itself: Weak<Self>,
    kind: Kind,
    /// Its own lock is held while it is called.
    receiver: RwLock<Option<Arc<dyn Receiver>>>,
    state: Mutex<State>,
    waiters: Arc<WaitQueue>,
}

#[derive(Default)]
struct State {
    /// A program has it.
    is_taken: bool,
    /// The interface went away.
    is_gone: bool,
    waiting: VecDeque<Packet>,
}

impl End {
    pub(crate) fn new(kind: Kind) -> Arc<Self> {
        Arc::new_cyclic(|itself| Self {
            itself: itself.clone(),
            kind,
            receiver: RwLock::default(),
            state: Mutex::default(),
            waiters: Arc::default(),
        })
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) fn waiters(&self) -> &Arc<WaitQueue> {
        &self.waiters
    }

    fn link_bytes(&self) -> usize {
        match self.kind {
            Kind::Frames { .. } => ETHERNET_BYTES,
            Kind::Packets => 0,
        }
    }

    /// Nobody has it any more.
    pub(crate) fn give_back(&self) {
        let waiting = {
            let mut state = self.state.lock();
            state.is_taken = false;
            core::mem::take(&mut state.waiting)
        };
        drop(waiting);
        self.tell_of_carrier();
    }

    /// Somebody has it, or nobody any more.
    fn tell_of_carrier(&self) {
        let receiver = self.receiver.read().clone();
        if let Some(receiver) = receiver {
            receiver.changed();
        }
    }

    /// What was sent. Errors: EAGAIN, ENXIO (the interface is gone).
    pub(crate) fn next(&self) -> KResult<Packet> {
        let mut state = self.state.lock();
        match state.waiting.pop_front() {
            Some(packet) => Ok(packet),
            None if state.is_gone => Err(KError::new(Errno::ENXIO, "the interface is gone")),
            None => Err(Errno::EAGAIN.into()),
        }
    }

    /// Lets the interface receive a frame. Errors: EINVAL (too short), EMSGSIZE, ENXIO (the interface is gone).
    pub(crate) fn receive(&self, frame: Bytes) -> KResult<()> {
        let link = self.link_bytes();
        if frame.len() <= link {
            return Err(KError::new(Errno::EINVAL, "a frame that is too short"));
        }
        if frame.len() > link + MOST_BYTES {
            return Err(Errno::EMSGSIZE.into());
        }
        let receiver = self.receiver.read();
        receiver.as_ref().ok_or(Errno::ENXIO)?.receive(vec![Packet::received(frame)]);
        Ok(())
    }

    /// Bytes of the first frame that waits.
    pub(crate) fn first_length(&self) -> usize {
        self.state.lock().waiting.front().map_or(0, Packet::len)
    }

    pub(crate) fn ready(&self) -> PollEvents {
        let state = self.state.lock();
        let mut ready = PollEvents::OUT;
        ready.set(PollEvents::IN, !state.waiting.is_empty() || state.is_gone);
        ready.set(PollEvents::HUP, state.is_gone);
        ready
    }
}

impl ProgramEnd for End {
    fn take(&self, name: &str) -> KResult<Arc<dyn DeviceFile>> {
        let end = self.itself.upgrade().ok_or(Errno::ENXIO)?;
        if core::mem::replace(&mut self.state.lock().is_taken, true) {
            return Err(Errno::EBUSY.into());
        }
        self.tell_of_carrier();
        Ok(Arc::new(File::new(end.clone(), String::from(name))))
    }
}

impl NetworkDevice for End {
    fn info(&self) -> DeviceInfo {
        let medium = match self.kind {
            Kind::Frames { address } => Medium::Ethernet { address },
            Kind::Packets => Medium::Ip,
        };
        DeviceInfo { medium, mtu: MTU, offloads: Offloads::empty() }
    }

    fn send(&self, packets: &mut Vec<Packet>) -> KResult<()> {
        {
            let mut state = self.state.lock();
            if !state.is_taken {
                packets.clear();
                return Ok(());
            }
            for packet in packets.drain(..) {
                // A bridge may bring what another device would have completed.
                offload::on_wire(&packet, self.link_bytes(), |packet| {
                    if state.waiting.len() < MOST_WAITING {
                        state.waiting.push_back(packet.clone());
                    }
                });
            }
        }
        self.waiters.wake();
        Ok(())
    }

    fn start(&self, receiver: Arc<dyn Receiver>) -> KResult<()> {
        let mut place = self.receiver.write();
        if place.is_some() {
            return Err(Errno::EBUSY.into());
        }
        *place = Some(receiver);
        Ok(())
    }

    fn stop(&self) {
        let receiver = self.receiver.write().take();
        drop(receiver);
        self.state.lock().is_gone = true;
        self.waiters.wake();
    }

    fn has_carrier(&self) -> bool {
        self.state.lock().is_taken
    }

    fn role(&self) -> Role<'_> {
        Role::Program(self)
    }
}
