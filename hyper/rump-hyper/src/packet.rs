//! Ends of networks: a host's taps and tunnels, and whatever else carries packets.
//!
//! Each frame goes with a header of virtio-net (VIRTIO 1.2, section 5.1.6, `struct virtio_net_hdr_v1`), whose fields are
//! little-endian. It says which checksum is still missing and how a long frame is to be cut. The host passes it on as it
//! is: making it and checking it is the device's.

use crate::HostResult;
use alloc::string::String;
use alloc::vec::Vec;
use bitflags::bitflags;
use bytes::Bytes;
use core::time::Duration;
use smallvec::SmallVec;

/// Bytes of the header of virtio-net.
pub const HEADER_BYTES: usize = 12;

/// What frames are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Medium {
    /// Frames of Ethernet, without their check sequence.
    Ethernet {
        /// An address for our side, which the other side does not have.
        address: [u8; 6],
    },
    /// Packets of IP.
    Ip,
}

bitflags! {
    /// What a header may ask for. What the host does not take it is never given.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Offloads: u32 {
        /// A checksum that is missing.
        const CHECKSUM = 0x1;
        /// TCP over IPv4 that is to be cut.
        const TCP4 = 0x2;
        /// TCP over IPv6 that is to be cut.
        const TCP6 = 0x4;
        /// UDP that is to be cut.
        const UDP = 0x8;
        /// TCP that is to be cut may tell of congestion (CWR).
        const ECN = 0x10;
    }
}

/// What an end is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PacketInfo {
    /// The host's name for it.
    pub name: String,
    /// What frames are.
    pub medium: Medium,
    /// Most bytes of IP in a frame that is not to be cut.
    pub mtu: u32,
    /// What it takes from us. The other side may ask for the same.
    pub offloads: Offloads,
}

/// How fast a cable is, and what is known of it besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Media {
    /// Mbit/s, if that is known.
    pub speed: Option<u32>,
    /// Whether both sides send at once, if that is known.
    pub duplex: Option<Duplex>,
    /// Both sides agreed on that.
    pub is_negotiated: bool,
    /// It is a twisted pair, or the host says so of what is no cable.
    pub is_twisted_pair: bool,
}

/// Who sends when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duplex {
    /// One side after the other.
    Half,
    /// Both at once.
    Full,
}

/// A frame that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// As the other side gave it: nothing in it is checked.
    pub header: [u8; HEADER_BYTES],
    /// The frame. Short ones may share the memory of others that came with them: whoever keeps one copies it.
    pub bytes: Bytes,
}

/// A frame to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing<'a> {
    /// What is asked for.
    pub header: [u8; HEADER_BYTES],
    /// The frame, in parts.
    pub parts: SmallVec<[&'a [u8]; 4]>,
}

/// What became of frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// How many are done with, from the first one on.
    pub taken: usize,
    /// How many of them were refused, and are lost: too long, or the other side is down.
    pub refused: usize,
}

/// An end of a network. Frames may be lost at it, as on a wire.
pub trait PacketIo: Send + Sync {
    /// What it is; it stays so.
    fn info(&self) -> PacketInfo;

    /// Appends frames that came: as many as are there, to a bound. If there are none it waits for one, for `timeout`, or
    /// until it is [woken](Self::wake). One thread receives. Errors: ENETDOWN (the end is gone).
    fn receive(&self, frames: &mut Vec<Received>, timeout: Option<Duration>) -> HostResult<()>;

    /// Sends frames, as many as it takes without waiting. Errors: ENETDOWN (the end is gone).
    fn send(&self, frames: &[Outgoing<'_>]) -> HostResult<Sent>;

    /// Ends the waiting of the thread that receives, or its next one.
    fn wake(&self);

    /// Whether there is somebody at the other side, as far as it can tell.
    fn has_carrier(&self) -> bool {
        true
    }

    /// What cable it is at; none if it is at none, or the host does not say.
    fn media(&self) -> Option<Media> {
        None
    }

    /// How often [`has_carrier`](Self::has_carrier) changed, as far as that is noticed: [`receive`](Self::receive) returns
    /// when it has. Cheap.
    fn carrier_changes(&self) -> u64 {
        0
    }
}
