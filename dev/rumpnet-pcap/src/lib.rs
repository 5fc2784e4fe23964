//! Captures: reading files of pcap and pcapng ([`Reader`]), writing them ([`mod@write`], [`Recorder`]), an interface whose kernel
//! receives what stands in one ([`Replay`]), and a listener at any interface ([`Capture`]).
//!
//! References: draft-ietf-opsawg-pcap (files of pcap), draft-ietf-opsawg-pcapng, the list of link types of tcpdump.org.
//!
//! Files are hostile: lengths are bounded, and so are the memory that a file can ask for and the work for each of its bytes.
//!
//! # Locks
//! That of a recorder's waiting bytes and that of a replay's thread, both leaves.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod capture;
mod read;
mod recorder;
mod replay;
mod source;
pub mod write;

pub use capture::Capture;
pub use read::{Frame, Reader};
pub use recorder::{Recorder, Sink, Totals};
pub use replay::{Begin, Options, Pace, Repeat, Replay};
pub use source::{FileSource, FnSource, Source};

use rump_kpi::device::Medium;

/// What the frames of an interface are, by the numbers of tcpdump.org (`LINKTYPE_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkType(pub u16);

impl LinkType {
    /// Frames of Ethernet.
    pub const ETHERNET: Self = Self(1);
    /// Packets of IP of either version.
    pub const RAW: Self = Self(101);
    /// Packets of IPv4.
    pub const IPV4: Self = Self(228);
    /// Packets of IPv6.
    pub const IPV6: Self = Self(229);

    /// The type for a medium.
    pub fn of(medium: Medium) -> Self {
        match medium {
            Medium::Ethernet { .. } => Self::ETHERNET,
            Medium::Ip | Medium::Loopback => Self::RAW,
        }
    }

    /// Whether its frames are packets of IP. 12 and 14 are what systems of the BSDs had for [`Self::RAW`].
    pub fn is_ip(self) -> bool {
        matches!(self, Self::RAW | Self::IPV4 | Self::IPV6 | Self(12) | Self(14))
    }

    /// Bytes before IP in its frames.
    fn header_bytes(self) -> usize {
        if self == Self::ETHERNET { 14 } else { 0 }
    }
}

/// Bytes of a frame at most, as libpcap has it.
pub const MOST_FRAME_BYTES: usize = 262_144;
