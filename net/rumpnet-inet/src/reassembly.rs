//! Putting fragments together (RFC 791, section 3.2; RFC 815).
//!
//! Memory is bounded: when there is too much, the oldest packet goes. Fragments that overlap others make the whole packet
//! go, whatever they say (RFC 5722 asks that of IPv6; nobody sends such fragments of IPv4 in earnest).

use crate::time::Instant;
use crate::wire::ipv4::{Fragment, Ipv4, MOST_BYTES};
use alloc::collections::{BTreeMap, BTreeSet};
use core::net::Ipv4Addr;
use core::time::Duration;
use hashbrown::HashMap;
use rump_kpi::packet::Packet;

/// Bytes that fragments may take, with what it takes to keep them.
const MOST_MEMORY: usize = 4 << 20;
/// What it takes to keep one.
const OVERHEAD: usize = 320;
/// How long the others of a first fragment may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What fragments of one packet have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Key {
    source: Ipv4Addr,
    destination: Ipv4Addr,
    protocol: u8,
    identification: u16,
}

/// A packet of which not all is there.
#[derive(Debug)]
struct Partial {
    /// By their place.
    fragments: BTreeMap<u16, Packet>,
    /// Length of all, once the last one came.
    total: Option<usize>,
    /// Bytes of content that are there.
    have: usize,
    /// The header of the first fragment, once it came.
    first: Option<Ipv4>,
    began: Instant,
}

/// A packet that was given up.
#[derive(Debug)]
pub struct Expired {
    /// Header of its first fragment.
    pub header: Ipv4,
    /// Content of that.
    pub content: Packet,
}

/// Packets of which not all is there.
#[derive(Debug, Default)]
pub struct Reassembly {
    partial: HashMap<Key, Partial>,
    /// In the order in which they began.
    order: BTreeSet<(Instant, Key)>,
    memory: usize,
}

impl Reassembly {
    /// Takes a fragment. Answers the packet, if it is complete now.
    pub fn take(&mut self, now: Instant, header: Ipv4, content: Packet) -> Option<(Ipv4, Packet)> {
        let key = Key {
            source: header.source,
            destination: header.destination,
            protocol: header.protocol.0,
            identification: header.identification,
        };
        let Fragment { offset, has_more } = header.fragment;
        let (start, end) = (usize::from(offset), usize::from(offset) + content.len());
        let is_sound = !content.is_empty()
            && (!has_more || content.len() % 8 == 0)
            && end + header.header_bytes() <= MOST_BYTES;
        if !is_sound {
            return None;
        }
        let partial = self.partial.entry(key).or_insert_with(|| {
            self.order.insert((now, key));
            Partial { fragments: BTreeMap::new(), total: None, have: 0, first: None, began: now }
        });
        if partial.fragments.get(&offset).is_some_and(|same| same.len() == content.len()) {
            // The same again.
            return None;
        }
        let before = partial.fragments.range(..offset).next_back();
        let after = partial.fragments.range(offset..).next();
        let overlaps = before.is_some_and(|(at, packet)| usize::from(*at) + packet.len() > start)
            || after.is_some_and(|(at, _)| usize::from(*at) < end)
            || partial.total.is_some_and(|total| end > total || (!has_more && end != total))
            || (!has_more
                && partial.fragments.last_key_value().is_some_and(|(at, _)| usize::from(*at) > end));
        if overlaps {
            self.remove(key);
            return None;
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
            self.remove(oldest);
        }
        None
    }

    fn complete(&mut self, key: Key) -> Option<(Ipv4, Packet)> {
        let partial = self.remove(key)?;
        let header = Ipv4 { fragment: Fragment::default(), ..partial.first? };
        let parts = partial.fragments.into_values().flat_map(Packet::into_parts);
        Some((header, Packet::with_content(parts)))
    }

    fn remove(&mut self, key: Key) -> Option<Partial> {
        let partial = self.partial.remove(&key)?;
        self.order.remove(&(partial.began, key));
        self.memory -= partial.have + partial.fragments.len() * OVERHEAD;
        Some(partial)
    }

    /// When the next packet is given up.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.order.first().map(|(began, _)| *began + TIMEOUT)
    }

    /// A packet that has taken too long and whose first fragment is there: its sender is told (RFC 1122, section 3.3.2).
    pub fn poll(&mut self, now: Instant) -> Option<Expired> {
        loop {
            let (_, key) = *self.order.first().filter(|(began, _)| *began + TIMEOUT <= now)?;
            let mut partial = self.remove(key)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ipv4::Protocol;
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
                    assert_eq!((whole, packet.to_vec()), (header(), content(5000)));
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
        let expired = core::iter::from_fn(|| table.poll(TIMEOUT)).count();
        assert!(expired > 1000 && table.memory == 0 && table.next_deadline().is_none());
    }

    #[test]
    fn a_packet_without_its_first_fragment_expires_in_silence() {
        let mut table = Reassembly::default();
        let (header, packet) = fragments(5000, 1500).remove(1);
        table.take(Duration::ZERO, header, packet);
        assert_eq!(table.next_deadline(), Some(TIMEOUT));
        assert!(table.poll(TIMEOUT).is_none());
        assert_eq!(table.memory, 0);
    }
}
