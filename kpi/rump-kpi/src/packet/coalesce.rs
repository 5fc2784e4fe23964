//! Taking segments of TCP that came together as one: the inverse of [`offload::cut`](super::offload::cut).
//!
//! What a stack does for each packet it then does once for many, and one acknowledgement answers them (RFC 5681, section
//! 4.2; RFC 9293, section 3.8.6.3). Only what can be cut again into the very packets that came is merged: segments that
//! follow one another, with the same headers but for what [`cut`](super::offload::cut) counts up; all but the last are of
//! one size, and the last alone may push or end the stream. Checksums are checked before, and a packet whose checksum is
//! wrong passes as it came.
//!
//! Packets of one connection stay in order. Those of one may come to stand before those of another that they came behind.
//!
//! References: RFC 9293, section 3.1; RFC 791, section 3.1; RFC 8200, section 3; RFC 6864, section 4 (identification).

use super::checksum::{self, Sum};
use super::offload::{CWR, DONT_FRAGMENT, FIN_AND_PSH, MOST_SEGMENTS, TCP, TCP_CHECKSUM_AT, put};
use super::{Checksum, Packet, Segmentation, Segments};
use alloc::vec::Vec;
use core::ops::Range;

const IPV4_BYTES: usize = 20;
const IPV6_BYTES: usize = 40;
const TCP_BYTES: usize = 20;
const TCP_FLAGS_AT: usize = 13;
/// The longest packet of IP.
const MOST_BYTES: usize = 65_535;
/// Types of Ethernet.
const IPV4: [u8; 2] = [0x08, 0x00];
const IPV6: [u8; 2] = [0x86, 0xdd];
/// In the flags of IPv4: it is a fragment, or has a bit that means nothing yet.
const NOT_WHOLE: u8 = 0xbf;
/// ACK, PSH, FIN, ECE and CWR: segments with any other flag stay alone.
const PLAIN_FLAGS: u8 = 0xd9;
const ACK: u8 = 0x10;
/// Connections that are looked for among those that came last.
const MOST_FLOWS: usize = 16;

/// Where the headers of a segment are, and what of it has to fit.
#[derive(Clone, Copy)]
struct Layout {
    kind: Segments,
    network: usize,
    transport: usize,
    content: usize,
    /// Bytes of content.
    length: usize,
    sequence: u32,
    flags: u8,
}

/// Segments that become one packet, or one that may be followed by others.
struct Group {
    /// Where the first one is among the packets.
    at: usize,
    first: Layout,
    rest: Vec<Packet>,
    /// Bytes of content.
    length: usize,
    /// Flags of the last one.
    flags: u8,
    /// Nothing can follow.
    is_closed: bool,
}

/// Merges what can be merged; before IP are `link` bytes, of Ethernet if there are any. The answer holds none of the
/// memory that packets shared, but for long ones.
pub fn coalesce(packets: Vec<Packet>, link: usize) -> Vec<Packet> {
    let mut all = Vec::with_capacity(packets.len());
    let mut groups: Vec<Group> = Vec::new();
    // Nothing is merged across what might belong to any connection.
    let mut barrier = 0;
    for mut packet in packets {
        let Some(layout) = Layout::of(&mut packet, link) else {
            barrier = groups.len();
            all.push(packet);
            continue;
        };
        let same = groups[barrier..]
            .iter_mut()
            .rev()
            .take(MOST_FLOWS)
            .find(|group| layout.is_same_flow(&mut packet, &group.first, &mut all[group.at]));
        let may_merge = layout.may_merge(&mut packet);
        if let Some(group) = same {
            if may_merge && group.takes(&mut all[group.at], &layout, &mut packet) {
                group.add(&layout, packet);
                continue;
            }
            group.is_closed = true;
        }
        if may_merge {
            groups.push(Group::new(all.len(), layout));
        }
        all.push(packet);
    }
    for group in groups.iter().filter(|group| !group.rest.is_empty()) {
        all[group.at] = group.whole(&all[group.at]);
    }
    all.iter_mut().filter(|packet| packet.segmentation.is_none()).for_each(Packet::unshare);
    all
}

impl Layout {
    /// The layout of a whole segment of TCP with nothing between IP and TCP, and nothing behind its content.
    fn of(packet: &mut Packet, link: usize) -> Option<Self> {
        let total = packet.len().checked_sub(link)?;
        let network = packet.first(link + IPV4_BYTES)?;
        let version = network[link] >> 4;
        let ether_type = if version == 4 { IPV4 } else { IPV6 };
        if link >= 2 && network[link - 2..link] != ether_type {
            return None;
        }
        let network = &network[link..];
        let word = |at: usize| usize::from(u16::from_be_bytes([network[at], network[at + 1]]));
        let (kind, ip_bytes) = match version {
            4 => {
                let is_whole = network[6] & NOT_WHOLE == 0 && network[7] == 0;
                let is_exact = network[0] == 0x45 && word(2) == total && network[9] == TCP;
                (is_whole && is_exact && checksum::of(network) == 0)
                    .then_some((Segments::Tcp4, IPV4_BYTES))?
            }
            6 => (word(4) + IPV6_BYTES == total && network[6] == TCP)
                .then_some((Segments::Tcp6, IPV6_BYTES))?,
            _ => return None,
        };
        let transport = link + ip_bytes;
        let tcp = packet.first(transport + TCP_BYTES)?.get(transport..)?;
        let content = transport + usize::from(tcp[12] >> 4) * 4;
        let (sequence, flags) = (u32::from_be_bytes([tcp[4], tcp[5], tcp[6], tcp[7]]), tcp[TCP_FLAGS_AT]);
        let length = (link + total).checked_sub(content)?;
        (content >= transport + TCP_BYTES && packet.first(content).is_some()).then_some(Self {
            kind,
            network: link,
            transport,
            content,
            length,
            sequence,
            flags,
        })
    }

    /// Addresses and ports, which are next to one another.
    fn flow(&self) -> Range<usize> {
        let addresses = if self.kind == Segments::Tcp4 { 8 } else { 32 };
        self.transport - addresses..self.transport + 4
    }

    fn is_same_flow(&self, packet: &mut Packet, other: &Self, of_other: &mut Packet) -> bool {
        let (flow, theirs) = (self.flow(), other.flow());
        let bytes = packet.first(flow.end).and_then(|bytes| bytes.get(flow));
        self.kind == other.kind && bytes == of_other.first(theirs.end).and_then(|bytes| bytes.get(theirs))
    }

    /// Whether it can be one of several. If that takes a look at its checksum, the packet says what was seen.
    fn may_merge(&self, packet: &mut Packet) -> bool {
        let is_plain = self.flags & !PLAIN_FLAGS == 0 && self.flags & ACK != 0;
        if !is_plain || self.length == 0 || packet.segmentation.is_some() {
            return false;
        }
        match packet.checksum {
            Checksum::Good => true,
            Checksum::Missing { start, offset } => {
                usize::from(start) == self.transport && offset == TCP_CHECKSUM_AT
            }
            Checksum::Unknown => {
                let Some(headers) = packet.first(self.content) else { return false };
                let mut sum = self.pseudo(headers, self.length);
                sum.add_packet(packet, self.transport);
                if sum.finish() == 0 {
                    packet.checksum = Checksum::Good;
                }
                packet.checksum == Checksum::Good
            }
        }
    }

    /// The sum of what stands before TCP, if the content has a length.
    fn pseudo(&self, headers: &[u8], length: usize) -> Sum {
        let mut sum = Sum::default();
        sum.add(&headers[self.flow().start..self.transport]);
        sum.add_word(TCP.into());
        sum.add_word((self.content - self.transport + length) as u16);
        sum
    }
}

impl Group {
    fn new(at: usize, first: Layout) -> Self {
        let is_closed = first.flags & FIN_AND_PSH != 0;
        Self { at, first, rest: Vec::new(), length: first.length, flags: first.flags, is_closed }
    }

    /// How many there are.
    fn count(&self) -> usize {
        1 + self.rest.len()
    }

    /// Whether a segment of the same connection goes on where this ends.
    fn takes(&self, whole: &mut Packet, next: &Layout, packet: &mut Packet) -> bool {
        let first = &self.first;
        let fits = next.length <= first.length
            && next.sequence == first.sequence.wrapping_add(self.length as u32)
            && first.content - first.network + self.length + next.length <= MOST_BYTES
            && self.count() < MOST_SEGMENTS;
        if self.is_closed || !fits || first.content != next.content {
            return false;
        }
        if next.flags & !FIN_AND_PSH != first.flags & !CWR {
            return false;
        }
        let (Some(ours), Some(theirs)) = (whole.first(first.content), packet.first(next.content)) else {
            return false;
        };
        self.have_same_network(ours, theirs) && self.have_same_transport(ours, theirs)
    }

    /// All but lengths and the checksum of IP, and the identification counts as [`super::offload::cut`] does.
    fn have_same_network(&self, ours: &[u8], theirs: &[u8]) -> bool {
        let (network, transport) = (self.first.network, self.first.transport);
        let (ours, theirs, links) =
            (&ours[network..transport], &theirs[network..transport], ours[..network] == theirs[..network]);
        if self.first.kind == Segments::Tcp6 {
            return links && ours[..4] == theirs[..4] && ours[6..] == theirs[6..];
        }
        let identification = |header: &[u8]| u16::from_be_bytes([header[4], header[5]]);
        let is_without = ours[6] & DONT_FRAGMENT != 0 && identification(ours) == 0;
        let expected = if is_without { 0 } else { identification(ours).wrapping_add(self.count() as u16) };
        links
            && ours[..2] == theirs[..2]
            && identification(theirs) == expected
            && ours[6..10] == theirs[6..10]
            && ours[12..] == theirs[12..]
    }

    /// All but number, flags and checksum of TCP.
    fn have_same_transport(&self, ours: &[u8], theirs: &[u8]) -> bool {
        let (ours, theirs) = (&ours[self.first.transport..], &theirs[self.first.transport..]);
        ours[..4] == theirs[..4]
            && ours[8..13] == theirs[8..13]
            && ours[14..16] == theirs[14..16]
            && ours[18..] == theirs[18..]
    }

    fn add(&mut self, next: &Layout, mut packet: Packet) {
        packet.advance(next.content);
        self.rest.push(packet);
        self.length += next.length;
        self.flags = next.flags;
        self.is_closed = next.length < self.first.length || next.flags & FIN_AND_PSH != 0;
    }

    /// All of them as one packet, whose checksum is left to make. It is copied: one piece of memory is cheaper for all who
    /// come later than many, and holds no more than its content.
    fn whole(&self, first: &Packet) -> Packet {
        let mut bytes = Vec::with_capacity(self.first.content + self.length);
        first.chunks().chain(self.rest.iter().flat_map(Packet::chunks)).for_each(|chunk| bytes.extend(chunk));
        self.write_headers(&mut bytes[..self.first.content]);
        let mut whole = Packet::received(bytes.into());
        let Layout { kind, transport, length: size, .. } = self.first;
        whole.checksum = Checksum::Missing { start: transport as u16, offset: TCP_CHECKSUM_AT };
        whole.segmentation = Some(Segmentation { kind, size: size as u16 });
        whole
    }

    /// Makes the headers of the first one those of the whole.
    fn write_headers(&self, headers: &mut [u8]) {
        let Layout { kind, network, transport, content, .. } = self.first;
        let pseudo = self.first.pseudo(headers, self.length);
        let total = content - network + self.length;
        if kind == Segments::Tcp4 {
            put(headers, network + 2, total as u16);
            put(headers, network + 10, 0);
            let sum = checksum::of(&headers[network..transport]);
            put(headers, network + 10, sum);
        } else {
            put(headers, network + 4, (total - IPV6_BYTES) as u16);
        }
        headers[transport + TCP_FLAGS_AT] = self.first.flags | self.flags;
        put(headers, transport + usize::from(TCP_CHECKSUM_AT), pseudo.partial());
    }
}
