//! Network devices: what carries packets to and from a stack.

use crate::KResult;
use crate::packet::Packet;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bitflags::bitflags;

/// What a device carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Medium {
    /// Frames of Ethernet, without their check sequence.
    Ethernet {
        /// The device's own address.
        address: [u8; 6],
    },
    /// Packets of IP, as a tunnel has them.
    Ip,
    /// Packets of IP that come back.
    Loopback,
}

bitflags! {
    /// What a device does for the stack.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Offloads: u32 {
        /// Makes missing checksums ([`crate::packet::Checksum::Missing`]).
        const CHECKSUM = 0x1;
        /// Cuts TCP over IPv4.
        const TCP4 = 0x2;
        /// Cuts TCP over IPv6.
        const TCP6 = 0x4;
        /// Cuts UDP.
        const UDP = 0x8;
    }
}

/// What a stack has to know of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInfo {
    /// What it carries.
    pub medium: Medium,
    /// Most bytes of IP in a packet that is not to be cut.
    pub mtu: u32,
    /// What it does.
    pub offloads: Offloads,
}

/// A network device.
pub trait NetworkDevice: Send + Sync {
    /// What it is.
    fn info(&self) -> DeviceInfo;

    /// Sends packets in order, as many as it takes without waiting; those are removed. What it cannot send at all it
    /// drops. Errors: ENETDOWN (the device is gone).
    fn send(&self, packets: &mut Vec<Packet>) -> KResult<()>;

    /// From now on, what comes is given to `receiver`.
    fn start(&self, receiver: Arc<dyn Receiver>) -> KResult<()>;

    /// Nothing is given to the receiver any more once this returns.
    fn stop(&self);
}

/// Who takes what a device receives.
pub trait Receiver: Send + Sync {
    /// Takes packets, in order.
    fn receive(&self, packets: Vec<Packet>);
}
