//! A packet: headers that are written from the inside out, and content that is shared, not copied.
//!
//! With it goes what a device may leave to the stack, or the stack to a device, as in the header of virtio-net
//! (VIRTIO 1.2, section 5.1.6): a checksum that is still to be made, one that was found good, a content that is to be
//! cut into segments. [`offload`] does what a device does not, [`coalesce`] the opposite.

pub mod checksum;
pub mod coalesce;
pub mod offload;

use crate::device::Offloads;
use alloc::vec;
use alloc::vec::Vec;
use bytes::{Buf, Bytes};
use smallvec::{SmallVec, smallvec};

/// Room for headers: Ethernet with two tags, IPv6, TCP with all its options, and some to spare.
const HEADROOM: usize = 160;

/// Content of so many bytes is worth its own memory.
const LONG: usize = 16_384;

/// What is known of the checksum of a transport header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Checksum {
    /// Nothing: whoever receives it checks it.
    #[default]
    Unknown,
    /// It was found to be good, or cannot have been damaged.
    Good,
    /// It is to be made over all from `start` on, and put at `start + offset`, where the sum of the pseudo-header is.
    /// Whoever receives such a packet in the same kernel or machine takes it for good.
    Missing {
        /// First byte that it is over, from the beginning of the packet.
        start: u16,
        /// Where it goes, from there.
        offset: u16,
    },
}

/// Which packets a large one is cut into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Segments {
    /// TCP over IPv4.
    Tcp4,
    /// TCP over IPv6.
    Tcp6,
    /// UDP, each with a header of its own.
    Udp,
}

impl Segments {
    /// What a device offers that cuts so.
    pub fn offload(self) -> Offloads {
        match self {
            Self::Tcp4 => Offloads::TCP4,
            Self::Tcp6 => Offloads::TCP6,
            Self::Udp => Offloads::UDP,
        }
    }
}

/// A content that is longer than a packet may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segmentation {
    /// What becomes of it.
    pub kind: Segments,
    /// Most bytes of content in a segment.
    pub size: u16,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Packet {
    /// Headers are at its end.
    head: Vec<u8>,
    /// Where they begin.
    begin: usize,
    /// Mostly one.
    parts: SmallVec<[Bytes; 1]>,
    /// Bytes in the parts.
    content: usize,
    /// Its transport checksum.
    pub checksum: Checksum,
    /// How it is to be cut.
    pub segmentation: Option<Segmentation>,
}

impl Packet {
    /// A packet that came: all of it is content as yet.
    pub fn received(bytes: Bytes) -> Self {
        let content = bytes.len();
        Self { parts: smallvec![bytes], content, ..Self::default() }
    }

    /// A packet with this content, to which headers are to be prepended.
    pub fn with_content(parts: impl IntoIterator<Item = Bytes>) -> Self {
        let parts: SmallVec<[Bytes; 1]> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        let content = parts.iter().map(Bytes::len).sum();
        Self { head: vec![0; HEADROOM], begin: HEADROOM, parts, content, ..Self::default() }
    }

    /// Its length.
    pub fn len(&self) -> usize {
        self.head.len() - self.begin + self.content
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Puts a header of this length before all else, and answers it to be filled.
    pub fn prepend(&mut self, length: usize) -> &mut [u8] {
        if self.begin < length {
            let grown = length.max(HEADROOM);
            let mut head = vec![0; grown];
            head.extend_from_slice(&self.head[self.begin..]);
            (self.head, self.begin) = (head, grown);
        }
        let end = self.begin;
        self.begin -= length;
        self.shift_checksum(length as isize);
        let header = &mut self.head[self.begin..end];
        header.fill(0);
        header
    }

    /// The first `length` bytes in one piece; `None` if there are not so many.
    pub fn first(&mut self, length: usize) -> Option<&[u8]> {
        let in_head = self.head.len() - self.begin;
        if in_head >= length {
            return Some(&self.head[self.begin..self.begin + length]);
        }
        if self.len() < length {
            return None;
        }
        if in_head == 0 && self.parts[0].len() >= length {
            return Some(&self.parts[0][..length]);
        }
        self.own(length);
        Some(&self.head[self.begin..])
    }

    /// Copies what of the first `length` bytes is content to the headers; there are so many.
    fn own(&mut self, length: usize) {
        let mut missing = length.saturating_sub(self.head.len() - self.begin).min(self.content);
        self.content -= missing;
        while missing > 0 {
            let part = &mut self.parts[0];
            let taken = part.split_to(missing.min(part.len()));
            missing -= taken.len();
            self.head.extend_from_slice(&taken);
            if part.is_empty() {
                self.parts.remove(0);
            }
        }
    }

    /// Takes away the first `length` bytes, or all.
    pub fn advance(&mut self, length: usize) {
        let in_head = length.min(self.head.len() - self.begin);
        self.begin += in_head;
        let mut rest = (length - in_head).min(self.content);
        self.content -= rest;
        while rest > 0 {
            let part = &mut self.parts[0];
            let taken = rest.min(part.len());
            part.advance(taken);
            rest -= taken;
            if part.is_empty() {
                self.parts.remove(0);
            }
        }
        self.shift_checksum(-(length as isize));
    }

    /// Takes away all but the first `length` bytes.
    pub fn truncate(&mut self, length: usize) {
        let in_head = self.head.len() - self.begin;
        if length <= in_head {
            self.head.truncate(self.begin + length);
            self.parts.clear();
            self.content = 0;
            return;
        }
        let mut left = length - in_head;
        self.content = self.content.min(left);
        self.parts.retain_mut(|part| {
            part.truncate(left);
            left -= part.len();
            !part.is_empty()
        });
    }

    /// Copies a short content: it may be a small piece of a large memory, which it would hold as long as it is kept.
    pub fn unshare(&mut self) {
        if self.content < LONG {
            self.parts.iter_mut().for_each(|part| *part = Bytes::copy_from_slice(part));
        }
    }

    /// Puts bytes in the place of those from `at` on, if there are so many. Content up to there becomes the packet's own:
    /// it may be shared.
    pub fn overwrite(&mut self, at: usize, bytes: &[u8]) {
        self.own(at + bytes.len());
        let at = self.begin + at;
        if let Some(place) = self.head.get_mut(at..at + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    }

    fn shift_checksum(&mut self, distance: isize) {
        if let Checksum::Missing { start, offset } = self.checksum {
            let shifted = u16::try_from(start as isize + distance);
            self.checksum = match shifted {
                Ok(start) => Checksum::Missing { start, offset },
                // Its header is gone.
                Err(_) => Checksum::Good,
            };
        }
    }

    /// All of it, in parts.
    pub fn chunks(&self) -> impl Iterator<Item = &[u8]> {
        core::iter::once(&self.head[self.begin..])
            .chain(self.parts.iter().map(|part| &part[..]))
            .filter(|chunk| !chunk.is_empty())
    }

    /// All of it as parts that are shared; headers are copied.
    pub fn into_parts(self) -> Vec<Bytes> {
        let mut parts = self.parts;
        if self.begin < self.head.len() {
            parts.insert(0, Bytes::copy_from_slice(&self.head[self.begin..]));
        }
        parts.into_vec()
    }

    /// `length` bytes from `start` on as a packet of its own with room for headers; content is shared.
    pub fn slice(&self, start: usize, length: usize) -> Packet {
        let has_head = self.begin < self.head.len();
        let head = has_head.then(|| Bytes::copy_from_slice(&self.head[self.begin..]));
        let (mut skip, mut left) = (start, length);
        let parts = head.iter().chain(&self.parts).map(|part| {
            let from = skip.min(part.len());
            let to = (from + left).min(part.len());
            skip -= from;
            left -= to - from;
            part.slice(from..to)
        });
        Packet::with_content(parts)
    }

    /// `length` bytes from `start` on, in parts.
    pub fn range<'a>(&'a self, start: usize, length: usize) -> impl Iterator<Item = &'a [u8]> {
        let (mut skip, mut left) = (start, length);
        let within = move |chunk: &'a [u8]| {
            let from = skip.min(chunk.len());
            let to = (from + left).min(chunk.len());
            skip -= from;
            left -= to - from;
            &chunk[from..to]
        };
        self.chunks().map(within).filter(|chunk| !chunk.is_empty())
    }

    /// A copy in one piece.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.len());
        self.chunks().for_each(|chunk| bytes.extend_from_slice(chunk));
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Packet {
        let mut packet =
            Packet::with_content([Bytes::from_static(b"content "), Bytes::from_static(b"in parts")]);
        packet.prepend(4).copy_from_slice(b"udp ");
        packet.prepend(3).copy_from_slice(b"ip ");
        packet
    }

    #[test]
    fn headers_come_before_the_content() {
        let mut packet = sample();
        assert_eq!(packet.to_vec(), b"ip udp content in parts");
        assert_eq!((packet.len(), packet.chunks().count()), (23, 3));
        assert_eq!(packet.first(7), Some(&b"ip udp "[..]));
        assert_eq!(packet.first(12), Some(&b"ip udp conte"[..]));
        assert_eq!(packet.first(24), None);
        assert_eq!(packet.to_vec(), b"ip udp content in parts");
        packet.advance(3);
        packet.advance(10);
        assert_eq!(packet.to_vec(), b"t in parts");
        packet.truncate(4);
        assert_eq!(packet.to_vec(), b"t in");
    }

    #[test]
    fn what_is_received_is_read_where_it_is() {
        let mut packet = Packet::received(Bytes::from_static(b"ip udp content"));
        assert_eq!(packet.first(3), Some(&b"ip "[..]));
        packet.advance(7);
        packet.prepend(2).copy_from_slice(b"x ");
        assert_eq!(packet.to_vec(), b"x content");
        assert_eq!(packet.slice(1, 4).to_vec(), b" con");
        let bytes = Bytes::from_static(b"shared");
        let mut packet = Packet::received(bytes.clone());
        packet.overwrite(1, b"p");
        assert_eq!((packet.to_vec(), &bytes[..]), (b"spared".to_vec(), &b"shared"[..]));
        packet.advance(99);
        assert!(packet.is_empty());
    }

    #[test]
    fn slices_share_the_content() {
        let packet = sample();
        for start in 0..packet.len() {
            for length in 0..packet.len() - start {
                let bytes = &packet.to_vec()[start..start + length];
                assert_eq!(packet.slice(start, length).to_vec(), bytes);
                assert_eq!(packet.range(start, length).collect::<Vec<_>>().concat(), bytes);
            }
        }
    }

    #[test]
    fn a_missing_checksum_moves_with_its_header() {
        let mut packet = sample();
        packet.checksum = Checksum::Missing { start: 3, offset: 2 };
        packet.prepend(14);
        assert_eq!(packet.checksum, Checksum::Missing { start: 17, offset: 2 });
        packet.advance(14);
        packet.advance(3);
        assert_eq!(packet.checksum, Checksum::Missing { start: 0, offset: 2 });
        packet.advance(4);
        assert_eq!(packet.checksum, Checksum::Good);
    }
}
