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

/// Makes the checksum that a packet lacks: for devices that do not. A sum of zero becomes its other form for
/// UDP, where zero says that there is none (RFC 768).
pub fn complete(packet: &mut rump_kpi::packet::Packet) {
    use rump_kpi::packet::Checksum;
    let Checksum::Missing { start, offset } = packet.checksum else { return };
    let mut sum = checksum::Sum::default();
    sum.add_packet(packet, start.into());
    let sum = match sum.finish() {
        0 if offset == udp::CHECKSUM_AT => 0xffff,
        sum => sum,
    };
    packet.overwrite(usize::from(start) + usize::from(offset), &sum.to_be_bytes());
    packet.checksum = Checksum::Good;
}
