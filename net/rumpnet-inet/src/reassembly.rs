//! Putting fragments together (RFC 791, section 3.2; RFC 815; RFC 8200, section 4.5).
//!
//! Memory is bounded: when there is too much, the oldest packet goes. Fragments that overlap others make the whole packet
//! go, whatever they say (RFC 5722 asks that of IPv6; nobody sends such fragments of IPv4 in earnest).

use crate::interface::InterfaceId;
use crate::time::Instant;
use crate::wire::extension::{FRAGMENT_BYTES, FragmentHeader};
use crate::wire::ipv4::{Fragment, Ipv4, MOST_BYTES, Protocol};
use crate::wire::ipv6::{self, Ipv6};
use alloc::collections::{BTreeMap, BTreeSet};
use core::hash::Hash;
use core::net::{Ipv4Addr, Ipv6Addr};
use core::time::Duration;
use hashbrown::HashMap;
use rump_kpi::packet::Packet;

/// Bytes that fragments may take, with what it takes to keep them.
const MOST_MEMORY: usize = 4 << 20;
/// What it takes to keep one.
const OVERHEAD: usize = 320;
/// The header of a fragment.
pub trait Header: Clone {
    /// What fragments of one packet have in common.
    type Key: Copy + Eq + Ord + Hash;
    /// How long the others may take once one came.
    const TIMEOUT: Duration;
    /// Fragments of a packet that was refused are refused as well, even if they come later (RFC 5722, section 4).
    const STAYS_REFUSED: bool;

    /// See there.
    fn key(&self) -> Self::Key;

    /// Which part it is.
    fn fragment(&self) -> Fragment;

    /// The longest content that a packet with this header has.
    fn most_content(&self) -> usize;
}

/// What fragments of one packet of IPv4 have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyV4(Ipv4Addr, Ipv4Addr, u8, u16);

impl Header for Ipv4 {
    type Key = KeyV4;
    const TIMEOUT: Duration = Duration::from_secs(30);
    const STAYS_REFUSED: bool = false;

    fn key(&self) -> KeyV4 {
        KeyV4(self.source, self.destination, self.protocol.0, self.identification)
    }

    fn fragment(&self) -> Fragment {
        self.fragment
    }

    fn most_content(&self) -> usize {
        MOST_BYTES - self.header_bytes()
    }
}

/// Both headers of a fragment of IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FragmentV6 {
    /// That of the packet.
    pub header: Ipv6,
    /// That of the fragment.
    pub part: FragmentHeader,
    /// Where it came in: addresses of links are the same on many.
    pub interface: InterfaceId,
}

/// What fragments of one packet of IPv6 have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyV6(Ipv6Addr, Ipv6Addr, u32, InterfaceId);

impl Header for FragmentV6 {
    type Key = KeyV6;
    const TIMEOUT: Duration = Duration::from_secs(60);
    const STAYS_REFUSED: bool = true;

    fn key(&self) -> KeyV6 {
        KeyV6(self.header.source, self.header.destination, self.part.identification, self.interface)
    }

    fn fragment(&self) -> Fragment {
        self.part.fragment
    }

    fn most_content(&self) -> usize {
        ipv6::MOST_CONTENT
    }
}

/// A packet of which not all is there.
#[derive(Debug)]
struct Partial<H> {
    /// By their place.
    fragments: BTreeMap<u16, Packet>,
    /// Length of all, once the last one came.
    total: Option<usize>,
    /// Bytes of content that are there.
    have: usize,
    /// The header of the first fragment, once it came.
    first: Option<H>,
    began: Instant,
    /// Something was wrong: nothing of it is taken any more.
    is_refused: bool,
}

/// A packet that was given up.
#[derive(Debug)]
pub struct Expired<H> {
    /// Header of its first fragment.
    pub header: H,
    /// Content of that.
    pub content: Packet,
}

/// What came to nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// Fragments that were dropped at once, or for want of memory.
    pub fragments: u64,
    /// Packets whose time was up.
    pub packets: u64,
}

/// Packets of which not all is there.
pub struct Reassembly<H: Header> {
    partial: HashMap<H::Key, Partial<H>>,
    /// In the order in which they began.
    order: BTreeSet<(Instant, H::Key)>,
    memory: usize,
    given_up: Given,
}

impl<H: Header> Default for Reassembly<H> {
    fn default() -> Self {
        Self { partial: HashMap::new(), order: BTreeSet::new(), memory: 0, given_up: Given::default() }
    }
}

impl<H: Header> Reassembly<H> {
    /// Takes a fragment. Answers the header of the first one and all content, if that is complete now.
    pub fn take(&mut self, now: Instant, header: H, content: Packet) -> Option<(H, Packet)> {
        let key = header.key();
        let Fragment { offset, has_more } = header.fragment();
        let (start, end) = (usize::from(offset), usize::from(offset) + content.len());
        let is_sound =
            !content.is_empty() && (!has_more || content.len() % 8 == 0) && end <= header.most_content();
        if !is_sound {
            return self.drop_one();
        }
        let partial = self.partial.entry(key).or_insert_with(|| {
            self.order.insert((now, key));
            self.memory += OVERHEAD;
            Partial {
                fragments: BTreeMap::new(),
                total: None,
                have: 0,
                first: None,
                began: now,
                is_refused: false,
            }
        });
        if partial.is_refused {
            return self.drop_one();
        }
        if partial.fragments.get(&offset).is_some_and(|same| same.len() == content.len()) {
            // The same again.
            return self.drop_one();
        }
        let before = partial.fragments.range(..offset).next_back();
        let after = partial.fragments.range(offset..).next();
        let overlaps = before.is_some_and(|(at, packet)| usize::from(*at) + packet.len() > start)
            || after.is_some_and(|(at, _)| usize::from(*at) < end)
            || partial.total.is_some_and(|total| end > total || (!has_more && end != total))
            || (!has_more
                && partial.fragments.last_key_value().is_some_and(|(at, _)| usize::from(*at) > end));
        if overlaps {
            self.refuse(key);
            return self.drop_one();
        }
        partial.have += content.len();
        self.memory += content.len() + OVERHEAD;
        if !has_more {
            partial.total = Some(end);
        }
        if offset == 0 {
            partial.first = Some(header);
        }
        partial.fragments.insert(offset, content);
        if partial.total == Some(partial.have) {
            return self.complete(key);
        }
        while self.memory > MOST_MEMORY {
            let Some((_, oldest)) = self.order.first().copied() else { break };
            let dropped = self.remove(oldest).map_or(0, |partial| partial.fragments.len());
            self.given_up.fragments += dropped as u64;
        }
        None
    }

    /// Counts a fragment of which nothing comes.
    fn drop_one<T>(&mut self) -> Option<T> {
        self.given_up.fragments += 1;
        None
    }

    /// What came to nothing so far.
    pub fn given_up(&self) -> Given {
        self.given_up
    }

    fn complete(&mut self, key: H::Key) -> Option<(H, Packet)> {
        let partial = self.remove(key)?;
        let parts = partial.fragments.into_values().flat_map(Packet::into_parts);
        Some((partial.first?, Packet::with_content(parts)))
    }

    fn refuse(&mut self, key: H::Key) {
        let Some(partial) = self.partial.get_mut(&key).filter(|_| H::STAYS_REFUSED) else {
            self.remove(key);
            return;
        };
        self.memory -= partial.have + partial.fragments.len() * OVERHEAD;
        (partial.have, partial.first, partial.is_refused) = (0, None, true);
        partial.fragments.clear();
    }

    fn remove(&mut self, key: H::Key) -> Option<Partial<H>> {
        let partial = self.partial.remove(&key)?;
        self.order.remove(&(partial.began, key));
        self.memory -= partial.have + (partial.fragments.len() + 1) * OVERHEAD;
        Some(partial)
    }

    /// When the next packet is given up.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.order.first().map(|(began, _)| *began + H::TIMEOUT)
    }

    /// A packet that has taken too long and whose first fragment is there: its sender is told (RFC 1122, section 3.3.2).
    pub fn poll(&mut self, now: Instant) -> Option<Expired<H>> {
        loop {
            let (_, key) = *self.order.first().filter(|(began, _)| *began + H::TIMEOUT <= now)?;
            let mut partial = self.remove(key)?;
            self.given_up.packets += 1;
            if let (Some(header), Some(content)) = (partial.first, partial.fragments.remove(&0)) {
                return Some(Expired { header, content });
            }
        }
    }
}

/// Cuts content for links that take `mtu` bytes: for each fragment its header and content. `header` is that of the whole.
pub fn cut(header: &Ipv4, content: &Packet, mtu: usize) -> impl Iterator<Item = (Ipv4, Packet)> {
    // Options that are not to be copied are left in all: we send none of those.
    let room = (mtu.saturating_sub(header.header_bytes()) & !7).max(8);
    let total = content.len();
    let base = header.fragment;
    (0..total).step_by(room).map(move |at| {
        let length = room.min(total - at);
        let is_last = at + length == total;
        let fragment = Fragment { offset: base.offset + at as u16, has_more: base.has_more || !is_last };
        (Ipv4 { fragment, ..header.clone() }, content.slice(at, length))
    })
}

/// The same for IPv6, where each fragment has a header of its own (RFC 8200, section 4.5); `protocol` is what the content
/// begins with, and `mtu` holds both headers and more.
pub fn cut_v6(
    protocol: Protocol,
    identification: u32,
    content: &Packet,
    mtu: usize,
) -> impl Iterator<Item = (FragmentHeader, Packet)> {
    let room = (mtu.saturating_sub(ipv6::HEADER_BYTES + FRAGMENT_BYTES) & !7).max(8);
    let total = content.len();
    (0..total).step_by(room).map(move |at| {
        let length = room.min(total - at);
        let fragment = Fragment { offset: at as u16, has_more: at + length < total };
        let part = FragmentHeader { next_header: protocol, fragment, identification };
        (part, content.slice(at, length))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use bytes::Bytes;

    fn header() -> Ipv4 {
        Ipv4 {
            identification: 7,
            ..Ipv4::new(Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2), Protocol::UDP, 64)
        }
    }

    fn content(length: usize) -> Vec<u8> {
        (0..length).map(|at| (at * 7 % 251) as u8).collect()
    }

    fn fragments(length: usize, mtu: usize) -> Vec<(Ipv4, Packet)> {
        cut(&header(), &Packet::received(Bytes::from(content(length))), mtu).collect()
    }

    #[test]
    fn a_packet_comes_back_from_its_fragments_in_any_order() {
        let all = fragments(5000, 1500);
        assert_eq!(all.len(), 4);
        for start in 0..all.len() {
            let mut table = Reassembly::default();
            for step in 0..all.len() {
                let (part, bytes) = all[(start + step * 3) % all.len()].clone();
                let complete = table.take(Duration::ZERO, part, bytes);
                assert_eq!(complete.is_some(), step + 1 == all.len());
                if let Some((whole, packet)) = complete {
                    assert_eq!(whole.fragment, Fragment { offset: 0, has_more: true });
                    assert_eq!((whole.identification, packet.to_vec()), (7, content(5000)));
                }
            }
            assert_eq!((table.memory, table.order.len()), (0, 0));
        }
    }

    #[test]
    fn fragments_that_overlap_or_go_too_far_are_refused() {
        let part = |offset: u16, length: usize, has_more: bool| {
            let header = Ipv4 { fragment: Fragment { offset, has_more }, ..header() };
            (header, Packet::received(Bytes::from(content(length))))
        };
        let cases: [&[(u16, usize, bool)]; 6] = [
            &[(0, 16, true), (8, 16, false)],
            &[(8, 16, false), (0, 16, true)],
            &[(16, 8, false), (24, 8, true), (0, 16, true)],
            &[(24, 8, true), (16, 4, false), (0, 16, true), (24, 8, true)],
            &[(65_528, 100, false), (0, 65_528, true)],
            &[(0, 15, true), (16, 8, false)],
        ];
        for case in cases {
            let mut table = Reassembly::default();
            for &(offset, length, has_more) in case {
                let (header, packet) = part(offset, length, has_more);
                assert!(table.take(Duration::ZERO, header, packet).is_none(), "{case:?}");
            }
        }
    }

    #[test]
    fn endless_fragments_take_bounded_memory() {
        let mut table = Reassembly::default();
        for number in 0..100_000_u32 {
            let header =
                Ipv4 { source: number.into(), fragment: Fragment { offset: 0, has_more: true }, ..header() };
            table.take(Duration::ZERO, header, Packet::received(Bytes::from(content(1480))));
        }
        assert!(table.memory <= MOST_MEMORY && table.partial.len() <= MOST_MEMORY / 1480);
        let expired = core::iter::from_fn(|| table.poll(Ipv4::TIMEOUT)).count();
        assert!(expired > 1000 && table.memory == 0 && table.next_deadline().is_none());
    }

    #[test]
    fn a_packet_without_its_first_fragment_expires_in_silence() {
        let mut table = Reassembly::default();
        let (header, packet) = fragments(5000, 1500).remove(1);
        table.take(Duration::ZERO, header, packet);
        assert_eq!(table.next_deadline(), Some(Ipv4::TIMEOUT));
        assert!(table.poll(Ipv4::TIMEOUT).is_none());
        assert_eq!(table.memory, 0);
    }

    fn fragment_v6(offset: u16, has_more: bool, identification: u32) -> FragmentV6 {
        let header = Ipv6 {
            source: Ipv6Addr::LOCALHOST,
            destination: Ipv6Addr::LOCALHOST,
            next_header: Protocol::FRAGMENT,
            hop_limit: 64,
            traffic_class: 0,
            flow_label: 0,
        };
        let fragment = Fragment { offset, has_more };
        let part = FragmentHeader { next_header: Protocol::UDP, fragment, identification };
        FragmentV6 { header, part, interface: InterfaceId(1) }
    }

    #[test]
    fn of_a_packet_of_ipv6_with_an_overlap_nothing_is_taken_any_more() {
        let mut table = Reassembly::default();
        let mut take = |offset, length, has_more| {
            let bytes = Packet::received(Bytes::from(content(length)));
            table.take(Duration::ZERO, fragment_v6(offset, has_more, 1), bytes)
        };
        assert!(take(0, 16, true).is_none() && take(8, 16, false).is_none());
        // The same again, and sound.
        assert!(take(0, 16, true).is_none() && take(16, 16, false).is_none());
        assert!(table.poll(FragmentV6::TIMEOUT).is_none());
        assert_eq!((table.memory, table.order.len()), (0, 0));
    }

    #[test]
    fn endless_packets_of_ipv6_that_are_refused_take_bounded_memory() {
        let mut table = Reassembly::default();
        for number in 0..100_000 {
            for (offset, has_more) in [(0, true), (8, false)] {
                let bytes = Packet::received(Bytes::from(content(16)));
                assert!(table.take(Duration::ZERO, fragment_v6(offset, has_more, number), bytes).is_none());
            }
        }
        assert!(table.memory <= MOST_MEMORY && table.partial.len() <= MOST_MEMORY / OVERHEAD);
    }
}
