//! What a device does not do for a stack, done for it: missing checksums, and cutting into segments.
//!
//! References: VIRTIO 1.2, section 5.1.6; RFC 9293, section 3.1 (TCP); RFC 791, section 3.1; RFC 8200, section 3; RFC 768.

use super::checksum::{self, Sum};
use super::{Checksum, Packet, Segmentation, Segments};
use crate::port::TAG_TYPES;
use alloc::vec::Vec;
use core::ops::Range;

/// Where UDP has its checksum.
const UDP_CHECKSUM_AT: u16 = 6;
pub(super) const TCP_CHECKSUM_AT: u16 = 16;
const UDP_BYTES: usize = 8;
pub(super) const TCP: u8 = 6;
const UDP: u8 = 17;
/// A packet that becomes more segments than these is not cut: the smallest of TCP have 48 bytes.
pub const MOST_SEGMENTS: usize = 2048;
pub(super) const FIN_AND_PSH: u8 = 0x09;
pub(super) const CWR: u8 = 0x80;
/// In the flags of IPv4.
pub(super) const DONT_FRAGMENT: u8 = 0x40;
const TAG_BYTES: usize = 4;
/// Tags that a frame is believed to have.
const MOST_TAGS: usize = 2;

/// A packet whose headers are not those of what it is to be cut into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uncuttable;

/// Where the headers of a packet of TCP or UDP are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Headers {
    /// First byte of IP.
    pub network: usize,
    /// First byte of TCP or UDP.
    pub transport: usize,
    /// First byte of the content.
    pub content: usize,
}

/// Makes the checksum that a packet lacks. A sum of zero becomes its other form for UDP, where zero says that there is
/// none (RFC 768).
pub fn complete(packet: &mut Packet) {
    let Checksum::Missing { start, offset } = packet.checksum else { return };
    let mut sum = Sum::default();
    sum.add_packet(packet, start.into());
    let sum = finish(sum, offset);
    packet.overwrite(usize::from(start) + usize::from(offset), &sum.to_be_bytes());
    packet.checksum = Checksum::Good;
}

/// The checksum that stands at `offset`.
fn finish(sum: Sum, offset: u16) -> u16 {
    match sum.finish() {
        0 if offset == UDP_CHECKSUM_AT => 0xffff,
        sum => sum,
    }
}

/// The headers of a packet that is to be cut, if they are those of what it is to become; before IP are `link` bytes.
/// Extension headers of IPv6 are passed over if the packet says where its checksum begins.
pub fn headers(packet: &mut Packet, link: usize) -> Result<Headers, Uncuttable> {
    let kind = packet.segmentation.ok_or(Uncuttable)?.kind;
    let start = match packet.checksum {
        Checksum::Missing { start, .. } => Some(usize::from(start)),
        Checksum::Good => None,
        Checksum::Unknown => return Err(Uncuttable),
    };
    let network = packet.first(link + 20).and_then(|bytes| bytes.get(link..)).ok_or(Uncuttable)?;
    let (version, protocol, behind) = match network[0] >> 4 {
        4 => (4, network[9], usize::from(network[0] & 0xf) * 4),
        6 => (6, network[6], 40),
        _ => return Err(Uncuttable),
    };
    let (expected, is_version) = match kind {
        Segments::Tcp4 => (TCP, version == 4),
        Segments::Tcp6 => (TCP, version == 6),
        Segments::Udp => (UDP, true),
    };
    let (least, transport) = (link + behind, start.unwrap_or(link + behind));
    let is_exact = protocol == expected && transport == least;
    let has_extensions = version == 6 && protocol != TCP && protocol != UDP && transport > least;
    if !is_version || behind < 20 || !(is_exact || has_extensions && start.is_some()) {
        return Err(Uncuttable);
    }
    let least = if expected == TCP { 20 } else { UDP_BYTES };
    let header =
        packet.first(transport + least).and_then(|bytes| bytes.get(transport..)).ok_or(Uncuttable)?;
    let length = if expected == TCP { usize::from(header[12] >> 4) * 4 } else { UDP_BYTES };
    let content = transport + length;
    if length < least || content > packet.len() {
        return Err(Uncuttable);
    }
    Ok(Headers { network: link, transport, content })
}

/// What the segments of a packet begin with: their headers, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heads {
    bytes: Vec<u8>,
    /// Bytes of each.
    length: usize,
    /// First byte of TCP or UDP in each.
    transport: usize,
    /// Where the checksum is, from there.
    checksum: u16,
    /// Most bytes of content in a segment.
    size: usize,
}

impl Heads {
    /// Takes the headers of a packet that is to be cut away, and makes those of its segments of them, whose checksums are
    /// still missing: what is left of the packet is their content. Before IP are `link` bytes, which each segment has.
    pub fn take(packet: &mut Packet, link: usize) -> Result<Self, Uncuttable> {
        let Segmentation { size, kind } = packet.segmentation.ok_or(Uncuttable)?;
        let headers = headers(packet, link)?;
        let (size, length) = (usize::from(size), headers.content);
        let content = packet.len() - length;
        if size == 0 || content.div_ceil(size) > MOST_SEGMENTS {
            return Err(Uncuttable);
        }
        let count = content.div_ceil(size).max(1);
        let mut bytes = packet.first(length).ok_or(Uncuttable)?.repeat(count);
        packet.advance(length);
        for (number, header) in bytes.chunks_exact_mut(length).enumerate() {
            let at = number * size;
            let place = Place { number, at, is_last: number + 1 == count };
            header_of_segment(header, &headers, kind, size.min(content - at), place);
        }
        let checksum = if kind == Segments::Udp { UDP_CHECKSUM_AT } else { TCP_CHECKSUM_AT };
        Ok(Self { bytes, length, transport: headers.transport, checksum, size })
    }

    /// Makes the checksums, over the content that the packet had.
    pub fn complete(&mut self, content: &Packet) {
        let (transport, at) = (self.transport, usize::from(self.checksum));
        for (number, header) in self.bytes.chunks_exact_mut(self.length).enumerate() {
            let header = &mut header[transport..];
            let mut sum = Sum::default();
            sum.add(header);
            content.range(number * self.size, self.size).for_each(|chunk| sum.add(chunk));
            put(header, at, finish(sum, self.checksum));
        }
    }

    /// Each segment of this content: its headers, where its own begins, and how long that is.
    pub fn segments(&self, content: &Packet) -> impl ExactSizeIterator<Item = (&[u8], usize, usize)> {
        let (size, length) = (self.size, content.len());
        self.bytes.chunks_exact(self.length).enumerate().map(move |(number, header)| {
            let at = number * size;
            (header, at, size.min(length - at))
        })
    }
}

/// Cuts a packet into segments, whose checksums are still missing; one that is not to be cut stays as it is. Before IP are
/// `link` bytes, which each segment has.
pub fn cut(mut packet: Packet, link: usize) -> Result<Vec<Packet>, Uncuttable> {
    if packet.segmentation.is_none() {
        return Ok(alloc::vec![packet]);
    }
    let heads = Heads::take(&mut packet, link)?;
    let start = u16::try_from(heads.transport).map_err(|_| Uncuttable)?;
    let checksum = Checksum::Missing { start, offset: heads.checksum };
    let segment = |(header, at, length): (&[u8], usize, usize)| {
        let mut segment = packet.slice(at, length);
        segment.prepend(header.len()).copy_from_slice(header);
        segment.checksum = checksum;
        segment
    };
    Ok(heads.segments(&packet).map(segment).collect())
}

/// Shows a packet as it is on a wire, cut and with its checksums, for those who look on. Before IP are `link` bytes, and those
/// of tags of Ethernet. What is not what it says is shown as it is.
pub fn on_wire(packet: &Packet, link: usize, mut show: impl FnMut(&Packet)) {
    if packet.segmentation.is_none() && !matches!(packet.checksum, Checksum::Missing { .. }) {
        return show(packet);
    }
    let mut copy = packet.clone();
    let link = behind_tags(&mut copy, link);
    match cut(copy, link) {
        Ok(segments) => segments.into_iter().for_each(|mut segment| {
            complete(&mut segment);
            show(&segment);
        }),
        Err(Uncuttable) => show(packet),
    }
}

/// Bytes before IP, with those of tags.
fn behind_tags(packet: &mut Packet, link: usize) -> usize {
    let mut behind = link;
    // A tunnel has no types.
    while link != 0 && behind < link + MOST_TAGS * TAG_BYTES {
        let Some(header) = packet.first(behind) else { break };
        let kind = u16::from_be_bytes([header[behind - 2], header[behind - 1]]);
        if !TAG_TYPES.contains(&kind) {
            break;
        }
        behind += TAG_BYTES;
    }
    behind
}

/// Which segment it is.
#[derive(Clone, Copy)]
struct Place {
    number: usize,
    /// Bytes of content before it.
    at: usize,
    is_last: bool,
}

/// Makes the headers of the whole those of a segment with `length` bytes of content.
fn header_of_segment(header: &mut [u8], at: &Headers, kind: Segments, length: usize, place: Place) {
    let behind_network = header.len() - at.transport + length;
    let (network, transport) = header[at.network..].split_at_mut(at.transport - at.network);
    let is_version_4 = network[0] >> 4 == 4;
    let (addresses, protocol): (Range<usize>, u8) = if is_version_4 {
        (12..20, network[9])
    } else {
        (8..40, if kind == Segments::Udp { UDP } else { TCP })
    };
    if is_version_4 {
        let total = network.len() + behind_network;
        put(network, 2, total as u16);
        let identification = u16::from_be_bytes([network[4], network[5]]);
        // Who says that it is never cut may do without (RFC 6864, section 4.1).
        if identification != 0 || network[6] & DONT_FRAGMENT == 0 {
            put(network, 4, identification.wrapping_add(place.number as u16));
        }
        put(network, 10, 0);
        let sum = checksum::of(network);
        put(network, 10, sum);
    } else {
        let payload = network.len() - 40 + behind_network;
        put(network, 4, payload as u16);
    }
    let checksum_at = match kind {
        Segments::Udp => {
            put(transport, 4, behind_network as u16);
            UDP_CHECKSUM_AT
        }
        Segments::Tcp4 | Segments::Tcp6 => {
            let sequence = u32::from_be_bytes([transport[4], transport[5], transport[6], transport[7]]);
            transport[4..8].copy_from_slice(&sequence.wrapping_add(place.at as u32).to_be_bytes());
            transport[13] &= if place.is_last { !0 } else { !FIN_AND_PSH };
            transport[13] &= if place.number == 0 { !0 } else { !CWR };
            TCP_CHECKSUM_AT
        }
    };
    let mut sum = Sum::default();
    sum.add(&network[addresses]);
    sum.add_word(protocol.into());
    sum.add_word(behind_network as u16);
    put(transport, checksum_at.into(), sum.partial());
}

pub(super) fn put(header: &mut [u8], at: usize, number: u16) {
    header[at..at + 2].copy_from_slice(&number.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use bytes::Bytes;

    const LINK: usize = 14;

    /// A packet of TCP whose checksum is missing.
    fn whole(version: u8, kind: Segments, content: usize, size: u16) -> Packet {
        let bytes: Vec<u8> = (0..content).map(|at| (at % 251) as u8).collect();
        let mut packet = Packet::with_content(bytes.chunks(1000).map(Bytes::copy_from_slice));
        if kind == Segments::Udp {
            packet.prepend(8);
        } else {
            let tcp = packet.prepend(32);
            tcp[4..8].copy_from_slice(&0xffff_ff00_u32.to_be_bytes());
            (tcp[12], tcp[13]) = (0x80, 0x99);
        }
        let offset = if kind == Segments::Udp { 6 } else { 16 };
        packet.checksum = Checksum::Missing { start: 0, offset };
        let protocol = if kind == Segments::Udp { 17 } else { 6 };
        if version == 4 {
            let ip = packet.prepend(24);
            (ip[0], ip[5], ip[9]) = (0x46, 7, protocol);
            ip[12..20].copy_from_slice(&[192, 0, 2, 1, 192, 0, 2, 2]);
        } else {
            let ip = packet.prepend(40);
            (ip[0], ip[6], ip[23], ip[39]) = (0x60, protocol, 1, 2);
        }
        packet.prepend(LINK).fill(0xee);
        packet.segmentation = Some(Segmentation { kind, size });
        packet
    }

    /// The sum over a transport and what stands before it, which is zero if the checksum is right.
    fn sum_of(bytes: &[u8], version: u8) -> u16 {
        let (addresses, transport, protocol) =
            if version == 4 { (26..34, 38, bytes[23]) } else { (22..54, 54, bytes[20]) };
        let mut sum = Sum::default();
        sum.add(&bytes[addresses]);
        sum.add_word(protocol.into());
        sum.add_word((bytes.len() - transport) as u16);
        sum.add(&bytes[transport..]);
        sum.finish()
    }

    #[test]
    fn segments_are_packets_of_their_own_that_have_the_content_in_order() {
        for (version, kind) in
            [(4, Segments::Tcp4), (6, Segments::Tcp6), (4, Segments::Udp), (6, Segments::Udp)]
        {
            for (content, size) in [(0, 1), (1, 1), (1000, 1000), (1001, 1000), (60_000, 1460), (2048, 1)] {
                let packet = whole(version, kind, content, size);
                let headers = headers(&mut packet.clone(), LINK).unwrap();
                let expected = packet.to_vec()[headers.content..].to_vec();
                let segments = cut(packet, LINK).unwrap();
                let (count, mut joined) = (segments.len(), vec![]);
                assert_eq!(count, content.div_ceil(size.into()).max(1));
                for (number, mut segment) in segments.into_iter().enumerate() {
                    complete(&mut segment);
                    let bytes = segment.to_vec();
                    assert_eq!(sum_of(&bytes, version), 0, "{version} {kind:?} {content} {size} {number}");
                    let transport = &bytes[headers.transport..];
                    if version == 4 {
                        assert_eq!(checksum::of(&bytes[LINK..headers.transport]), 0);
                        assert_eq!(bytes[16..18], ((bytes.len() - LINK) as u16).to_be_bytes());
                        assert_eq!(bytes[18..20], (7 + number as u16).to_be_bytes());
                    } else {
                        assert_eq!(bytes[18..20], ((bytes.len() - LINK - 40) as u16).to_be_bytes());
                    }
                    if kind == Segments::Udp {
                        assert_eq!(transport[4..6], (transport.len() as u16).to_be_bytes());
                    } else {
                        let sequence = 0xffff_ff00_u32.wrapping_add(joined.len() as u32);
                        assert_eq!(transport[4..8], sequence.to_be_bytes());
                        let (first, last) = (number == 0, number + 1 == count);
                        let flags = 0x10 | if first { 0x80 } else { 0 } | if last { 0x09 } else { 0 };
                        assert_eq!(transport[13], flags);
                    }
                    joined.extend_from_slice(&bytes[headers.content..]);
                }
                assert!(joined == expected);
            }
        }
    }

    #[test]
    fn those_who_look_on_see_what_is_on_the_wire() {
        let shown = |packet: &Packet| {
            let mut all = vec![];
            on_wire(packet, LINK, |packet| all.push(packet.to_vec()));
            all
        };
        let packet = whole(4, Segments::Tcp4, 2500, 1000);
        let plain = shown(&packet);
        assert_eq!(plain.iter().map(|bytes| sum_of(bytes, 4)).collect::<Vec<_>>(), [0, 0, 0]);
        // The same behind two tags.
        let mut tagged = packet.clone();
        tagged.advance(LINK);
        tagged.prepend(8).copy_from_slice(&[0, 5, 0x81, 0, 0, 6, 8, 0]);
        let addresses = tagged.prepend(LINK);
        addresses[12..].copy_from_slice(&[0x88, 0xa8]);
        for (tagged, plain) in shown(&tagged).iter().zip(&plain) {
            assert_eq!(tagged[LINK + 8..], plain[LINK..]);
        }
        // What nobody has to do anything for, and what nobody can.
        let bytes = packet.to_vec();
        assert_eq!(shown(&Packet::received(Bytes::from(bytes.clone()))), core::slice::from_ref(&bytes));
        let mut wrong = packet;
        wrong.checksum = Checksum::Unknown;
        assert_eq!(shown(&wrong), [bytes]);
    }

    #[test]
    fn what_is_not_what_it_says_is_not_cut() {
        let refused = |packet: Packet| cut(packet, LINK).unwrap_err();
        refused(whole(4, Segments::Tcp6, 10, 5));
        refused(whole(6, Segments::Tcp4, 10, 5));
        refused(whole(4, Segments::Tcp4, 2049, 1));
        refused(whole(4, Segments::Tcp4, 10, 0));
        let change = |at: usize, byte: u8| {
            let mut packet = whole(4, Segments::Tcp4, 10, 5);
            packet.overwrite(at, &[byte]);
            refused(packet)
        };
        // Version and length, protocol, length of TCP.
        for (at, byte) in [(14, 0x40), (14, 0x4f), (14, 0x66), (23, 17), (50, 0x40), (50, 0xf0)] {
            change(at, byte);
        }
        for length in 0..whole(4, Segments::Tcp4, 0, 1).len() {
            let mut packet = whole(4, Segments::Tcp4, 10, 5);
            packet.truncate(length);
            refused(packet);
        }
        let mut packet = whole(4, Segments::Tcp4, 10, 5);
        packet.checksum = Checksum::Unknown;
        refused(packet);
    }
}
