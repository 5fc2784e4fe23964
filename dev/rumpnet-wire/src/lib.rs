//! An Ethernet cable in memory, which joins kernels of one program: what one end sends comes to all others.
//!
//! There is no thread. Whoever sends delivers; what is sent meanwhile, by those who receive or by other threads, waits in a
//! queue for him, so that two kernels that answer each other do not recurse. The queue is bounded: what does not fit is
//! lost, as on a switch. An end that is dropped hears nothing more.
//!
//! # Locks
//! The wire's lock is a leaf: it is not held while a receiver is called. Each end has a lock that is held meanwhile, so that
//! [`NetworkDevice::stop`] returns when nothing is being delivered any more; a receiver must not stop its own end.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::collections::VecDeque;
use alloc::sync::{Arc, Weak};
use alloc::vec;
use alloc::vec::Vec;
use rump_kpi::device::{DeviceInfo, Medium, NetworkDevice, Offloads, Receiver};
use rump_kpi::packet::Packet;
use rump_kpi::sync::{Mutex, RwLock};
use rump_kpi::{Errno, KResult};

/// Packets that wait, at most.
const MOST_WAITING: usize = 4096;
/// The usual MTU of Ethernet.
const MTU: u32 = 1500;

/// See the module. Clones are the same cable.
#[derive(Clone)]
pub struct Wire {
    shared: Arc<Shared>,
}

struct Shared {
    /// The middle of its ends' addresses.
    number: u16,
    mtu: u32,
    offloads: Offloads,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    ends: Vec<Weak<End>>,
    /// Ends there ever were.
    count: u16,
    /// From whom, and what.
    waiting: VecDeque<(u16, Packet)>,
    /// Somebody delivers.
    is_busy: bool,
}

/// An end of a cable.
struct End {
    wire: Arc<Shared>,
    number: u16,
    /// Its own lock is held while it is called.
    receiver: RwLock<Option<Arc<dyn Receiver>>>,
}

impl Default for Wire {
    fn default() -> Self {
        Self::new()
    }
}

impl Wire {
    /// A cable for packets of 1500 bytes, whose frames are complete.
    pub fn new() -> Self {
        Self::with(MTU, Offloads::empty())
    }

    /// A cable for packets of `mtu` bytes. With offloads its frames are as stacks hand them over, with checksums missing
    /// and up to 64 KB long, which is faster, and nothing for those who want to see frames as on a wire.
    pub fn with(mtu: u32, offloads: Offloads) -> Self {
        Self::numbered(u16::from_be_bytes(*b"ir"), mtu, offloads)
    }

    /// The same with a number: ends of wires with different numbers have different addresses, as it has to be where bridges
    /// join wires to one network.
    pub fn numbered(number: u16, mtu: u32, offloads: Offloads) -> Self {
        Self { shared: Arc::new(Shared { number, mtu, offloads, state: Mutex::default() }) }
    }

    /// Another end.
    pub fn end(&self) -> Arc<dyn NetworkDevice> {
        let mut state = self.shared.state.lock();
        let number = state.count;
        state.count = state.count.wrapping_add(1);
        let end = Arc::new(End { wire: self.shared.clone(), number, receiver: RwLock::default() });
        state.ends.retain(|end| end.strong_count() > 0);
        state.ends.push(Arc::downgrade(&end));
        end
    }
}

impl NetworkDevice for End {
    fn info(&self) -> DeviceInfo {
        let Shared { number, mtu, offloads, .. } = *self.wire;
        let ([a, b], [c, d]) = (number.to_be_bytes(), self.number.to_be_bytes());
        // Locally administered.
        let address = [0x02, b'w', a, b, c, d];
        DeviceInfo { medium: Medium::Ethernet { address }, mtu, offloads }
    }

    fn send(&self, packets: &mut Vec<Packet>) -> KResult<()> {
        {
            let mut state = self.wire.state.lock();
            let room = MOST_WAITING - state.waiting.len();
            state.waiting.extend(packets.drain(..).take(room).map(|packet| (self.number, packet)));
            if core::mem::replace(&mut state.is_busy, true) {
                return Ok(());
            }
        }
        self.wire.deliver();
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
    }
}

impl Shared {
    /// Until nothing waits.
    fn deliver(&self) {
        loop {
            let (from, packets, ends) = {
                let mut state = self.state.lock();
                let Some((from, first)) = state.waiting.pop_front() else {
                    state.is_busy = false;
                    return;
                };
                let mut packets = vec![first];
                while state.waiting.front().is_some_and(|(other, _)| *other == from) {
                    packets.extend(state.waiting.pop_front().map(|(_, packet)| packet));
                }
                let ends: Vec<Arc<End>> = state.ends.iter().filter_map(Weak::upgrade).collect();
                (from, packets, ends)
            };
            let mut others = ends.iter().filter(|end| end.number != from).peekable();
            let mut packets = Some(packets);
            while let Some(end) = others.next() {
                let copy = if others.peek().is_some() { packets.clone() } else { packets.take() };
                if let (Some(receiver), Some(copy)) = (&*end.receiver.read(), copy) {
                    receiver.receive(copy);
                }
            }
        }
    }
}
