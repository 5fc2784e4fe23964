//! Formats on the wire: bytes to meaning and back, one format in each file. Lengths are checked here, meanings are
//! not.

pub mod arp;
pub mod checksum;
pub mod ethernet;
pub mod extension;
pub mod group;
pub mod icmpv4;
pub mod icmpv6;
pub mod igmp;
pub mod ip;
pub mod ipv4;
pub mod ipv6;
pub mod ndp;
pub mod tcp;
pub mod udp;

pub use rump_kpi::packet::offload::complete;

/// What is wrong with a packet; each reason is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Malformed {
    /// It ends before its header does, or before the length that the header gives.
    Short,
    /// Another version, hardware or header length than there may be.
    Header,
    /// A checksum is wrong.
    Checksum,
    /// An address that cannot be where it is.
    Address,
}
