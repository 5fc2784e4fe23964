//! Who joins a port, or looks on.

use super::Port;
use crate::device::Receiver;
use crate::packet::Packet;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Which way a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// It came from the cable.
    In,
    /// It goes out.
    Out,
}

/// Who looks on.
pub trait Listener: Send + Sync {
    /// Shows a packet as the stack has it: its checksum may be missing, and it may be one that is yet to be cut.
    fn hear(&self, direction: Direction, packet: &Packet);

    /// The interface is gone.
    fn gone(&self) {}
}

/// Who takes an interface's packets in the place of its stack and its device: a bridge.
pub trait Relay: Send + Sync {
    /// Takes what came from the cable. What is for the stack goes there by [`Port::deliver`].
    fn incoming(&self, port: &Arc<Port>, packets: Vec<Packet>);

    /// Takes what the stack sends. What goes onto this cable goes there by [`Port::transmit`].
    fn outgoing(&self, port: &Arc<Port>, packets: &mut Vec<Packet>);

    /// The interface is gone.
    fn gone(&self, port: &Arc<Port>);
}

/// Who takes the frames of one virtual network, tags and all.
pub trait TagReceiver: Receiver {
    /// The interface is gone.
    fn gone(&self);
}

/// Those of a port.
#[derive(Clone, Default)]
pub(super) struct Guests {
    pub(super) listeners: Arc<[Arc<dyn Listener>]>,
    pub(super) relay: Option<Arc<dyn Relay>>,
    pub(super) tags: Arc<BTreeMap<u16, Arc<dyn TagReceiver>>>,
}

impl Guests {
    pub(super) fn is_empty(&self) -> bool {
        self.listeners.is_empty() && self.relay.is_none() && self.tags.is_empty()
    }

    pub(super) fn hear(&self, direction: Direction, packets: &[Packet]) {
        for listener in self.listeners.iter() {
            packets.iter().for_each(|packet| listener.hear(direction, packet));
        }
    }
}
