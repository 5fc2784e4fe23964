//! The transmission control protocol (RFC 9293, section 3.1), and its options: maximum segment size (ibid., 3.7.1),
//! window scale and timestamps (RFC 7323), selective acknowledgement (RFC 2018).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-------------------------------+-------------------------------+
//! | source port                   | destination port              |
//! +-------------------------------+-------------------------------+
//! | sequence number                                               |
//! +---------------------------------------------------------------+
//! | acknowledgment number                                         |
//! +-------+-------+---------------+-------------------------------+
//! | offset|       | flags         | window                        |
//! +-------+-------+---------------+-------------------------------+
//! | checksum                      | urgent pointer                |
//! +-------------------------------+-------------------------------+
//! | options ...                                                   |
//! ```

use super::Malformed;
use super::checksum::Sum;
use crate::tcp::SeqNumber;
use alloc::vec::Vec;
use bitflags::bitflags;
use rump_kpi::packet::{Checksum, Packet};
use zerocopy::big_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Bytes of the header without options.
pub const HEADER_BYTES: usize = size_of::<Header>();
/// Where the checksum is.
const CHECKSUM_AT: u16 = 16;
/// Blocks of a selective acknowledgement, at most.
pub const MOST_BLOCKS: usize = 4;

const END: u8 = 0;
const NO_OPERATION: u8 = 1;
const MAXIMUM_SEGMENT_SIZE: u8 = 2;
const WINDOW_SCALE: u8 = 3;
const SACK_PERMITTED: u8 = 4;
const SACK: u8 = 5;
const TIMESTAMPS: u8 = 8;

bitflags! {
    /// Control bits.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Flags: u8 {
        /// No more data from the sender.
        const FIN = 0x01;
        /// Numbers begin here.
        const SYN = 0x02;
        /// The connection is gone.
        const RST = 0x04;
        /// The receiver should get this soon.
        const PSH = 0x08;
        /// The acknowledgment number means something.
        const ACK = 0x10;
        /// So does the urgent pointer.
        const URG = 0x20;
        /// Explicit congestion notification: an echo (RFC 3168).
        const ECE = 0x40;
        /// And the answer to that.
        const CWR = 0x80;
    }
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Header {
    source: U16,
    destination: U16,
    sequence: U32,
    acknowledgment: U32,
    offset: u8,
    flags: u8,
    window: U16,
    checksum: U16,
    urgent: U16,
}

/// Options of a segment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The longest segment that the sender takes.
    pub maximum_segment_size: Option<u16>,
    /// By how many bits its windows are to be shifted.
    pub window_scale: Option<u8>,
    /// It takes selective acknowledgements.
    pub sack_permitted: bool,
    /// What it has behind a gap.
    pub sack: Vec<(SeqNumber, SeqNumber)>,
    /// Its clock, and the one that it heard last.
    pub timestamps: Option<(u32, u32)>,
}

/// A segment, but for its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// From which port.
    pub source: u16,
    /// To which port.
    pub destination: u16,
    /// The number of its first byte.
    pub sequence: SeqNumber,
    /// The number that the sender expects next.
    pub acknowledgment: SeqNumber,
    /// Control bits.
    pub flags: Flags,
    /// How much the sender takes from there on, before it is scaled.
    pub window: u16,
    /// Where urgent data ends, from `sequence` on.
    pub urgent: u16,
    /// Options.
    pub options: Options,
}

impl Segment {
    /// Takes the header off a packet; `pseudo` is the sum of the header that stands before it, for a length.
    ///
    /// Errors: [`Malformed::Short`], [`Malformed::Header`] (length), [`Malformed::Checksum`].
    pub fn take(packet: &mut Packet, pseudo: impl FnOnce(usize) -> Sum) -> Result<Self, Malformed> {
        let bytes = packet.first(HEADER_BYTES).ok_or(Malformed::Short)?;
        let length = usize::from(bytes[12] >> 4) * 4;
        if length < HEADER_BYTES {
            return Err(Malformed::Header);
        }
        if packet.checksum == Checksum::Unknown {
            let mut sum = pseudo(packet.len());
            sum.add_packet(packet, 0);
            if sum.finish() != 0 {
                return Err(Malformed::Checksum);
            }
        }
        let bytes = packet.first(length).ok_or(Malformed::Short)?;
        let (header, options) = Header::ref_from_prefix(bytes).map_err(|_| Malformed::Short)?;
        let segment = Self {
            source: header.source.get(),
            destination: header.destination.get(),
            sequence: SeqNumber(header.sequence.get()),
            acknowledgment: SeqNumber(header.acknowledgment.get()),
            flags: Flags::from_bits_retain(header.flags),
            window: header.window.get(),
            urgent: header.urgent.get(),
            options: Options::parse(options),
        };
        packet.advance(length);
        Ok(segment)
    }

    /// Puts the header before a packet; the checksum is left to whoever sends it.
    pub fn emit(&self, packet: &mut Packet, pseudo: impl FnOnce(usize) -> Sum) {
        let options = self.options.emit();
        let length = HEADER_BYTES + options.len();
        let total = packet.len() + length;
        let header = Header {
            source: U16::new(self.source),
            destination: U16::new(self.destination),
            sequence: U32::new(self.sequence.0),
            acknowledgment: U32::new(self.acknowledgment.0),
            offset: (length / 4) as u8 * 16,
            flags: self.flags.bits(),
            window: U16::new(self.window),
            checksum: U16::new(pseudo(total).partial()),
            urgent: U16::new(self.urgent),
        };
        let bytes = packet.prepend(length);
        bytes[..HEADER_BYTES].copy_from_slice(header.as_bytes());
        bytes[HEADER_BYTES..].copy_from_slice(&options);
        packet.checksum = Checksum::Missing { start: 0, offset: CHECKSUM_AT };
    }
}

impl Options {
    /// Reads options; what is unknown or damaged is passed over (RFC 9293, section 3.1).
    fn parse(bytes: &[u8]) -> Self {
        let mut options = Self::default();
        let mut rest = bytes;
        while let Some((&kind, after)) = rest.split_first() {
            if kind == END {
                break;
            }
            if kind == NO_OPERATION {
                rest = after;
                continue;
            }
            let length = after.first().map_or(0, |length| usize::from(*length));
            let Some(option) = rest.get(..length).filter(|_| length >= 2) else { break };
            rest = &rest[length..];
            options.note(kind, &option[2..]);
        }
        options
    }

    fn note(&mut self, kind: u8, value: &[u8]) {
        let word = |at: usize| u32::from_be_bytes([value[at], value[at + 1], value[at + 2], value[at + 3]]);
        match (kind, value.len()) {
            (MAXIMUM_SEGMENT_SIZE, 2) => {
                self.maximum_segment_size = Some(u16::from_be_bytes([value[0], value[1]]));
            }
            (WINDOW_SCALE, 1) => self.window_scale = Some(value[0].min(14)),
            (SACK_PERMITTED, 0) => self.sack_permitted = true,
            (TIMESTAMPS, 8) => self.timestamps = Some((word(0), word(4))),
            (SACK, length) if length % 8 == 0 => {
                self.sack = (0..length / 8)
                    .take(MOST_BLOCKS)
                    .map(|block| (SeqNumber(word(block * 8)), SeqNumber(word(block * 8 + 4))))
                    .collect();
            }
            _ => {}
        }
    }

    /// The bytes, a multiple of four.
    fn emit(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        if let Some(size) = self.maximum_segment_size {
            bytes.extend([MAXIMUM_SEGMENT_SIZE, 4]);
            bytes.extend(size.to_be_bytes());
        }
        if let Some(shift) = self.window_scale {
            bytes.extend([NO_OPERATION, WINDOW_SCALE, 3, shift]);
        }
        if self.sack_permitted {
            bytes.extend([NO_OPERATION, NO_OPERATION, SACK_PERMITTED, 2]);
        }
        if let Some((value, echo)) = self.timestamps {
            bytes.extend([NO_OPERATION, NO_OPERATION, TIMESTAMPS, 10]);
            bytes.extend(value.to_be_bytes());
            bytes.extend(echo.to_be_bytes());
        }
        let room = (40 - bytes.len()).saturating_sub(4) / 8;
        let blocks = &self.sack[..self.sack.len().min(room)];
        if !blocks.is_empty() {
            bytes.extend([NO_OPERATION, NO_OPERATION, SACK, 2 + 8 * blocks.len() as u8]);
            for (begin, end) in blocks {
                bytes.extend(begin.0.to_be_bytes());
                bytes.extend(end.0.to_be_bytes());
            }
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_come_back_whatever_there_is() {
        let blocks: Vec<_> = (0..4).map(|n| (SeqNumber(n * 100), SeqNumber(n * 100 + 50))).collect();
        for bits in 0..32 {
            let is = |bit: u32| bits >> bit & 1 == 1;
            let options = Options {
                maximum_segment_size: is(0).then_some(1460),
                window_scale: is(1).then_some(7),
                sack_permitted: is(2),
                sack: if is(3) { blocks.clone() } else { Vec::new() },
                timestamps: is(4).then_some((1, 2)),
            };
            let bytes = options.emit();
            assert!(bytes.len() % 4 == 0 && bytes.len() <= 40);
            let back = Options::parse(&bytes);
            let sack = &options.sack[..back.sack.len()];
            assert_eq!(back, Options { sack: sack.to_vec(), ..options.clone() });
            assert!(options.sack.is_empty() || !back.sack.is_empty());
        }
    }

    #[test]
    fn damaged_options_end_the_list() {
        let good = [MAXIMUM_SEGMENT_SIZE, 4, 5, 0xb4];
        for tail in [&[WINDOW_SCALE][..], &[WINDOW_SCALE, 0], &[TIMESTAMPS, 10, 1], &[SACK, 1], &[254, 200]] {
            let options = Options::parse(&[&good[..], tail].concat());
            assert_eq!(options, Options { maximum_segment_size: Some(1460), ..Options::default() });
        }
    }
}
