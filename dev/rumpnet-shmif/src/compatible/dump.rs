//! What a file of this format holds, for who looks at it without being on the bus.
//!
//! The bytes are a copy that somebody made; no lock is taken, and nothing is changed. What was written while it was copied
//! may make no sense, which ends the packets.

use super::layout::{
    FIRST, GENERATION, LAST, MAGIC, MAGIC_AT, PACKET_HEADER, PacketHeader, RING, VERSION_AT,
};
use super::{LEAST_RING, VERSION};
use crate::lock::WORD;
use alloc::vec::Vec;
use core::time::Duration;
use rump_kpi::{Errno, KError, KResult};

/// Bytes of the header of a file.
pub const HEADER_BYTES: usize = RING as usize;

/// The words of the header of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The version of the format.
    pub version: u32,
    /// 0, or what the holder of the lock put there.
    pub lock: u32,
    /// How often writers passed the end of the ring.
    pub generation: u64,
    /// Offset of the oldest packet in the ring.
    pub first: u32,
    /// Offset of the newest one.
    pub last: u32,
}

/// A packet with a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Where it is in the ring, in bytes.
    pub offset: u32,
    /// When it was sent, since 1970.
    pub time: Duration,
    /// The number of the interface that sent it.
    pub sender: u64,
    /// What was sent.
    pub frame: Vec<u8>,
}

impl Header {
    /// What the first bytes of a file say. Errors: EINVAL (no bus in this format, or one of another version).
    pub fn parse(bytes: &[u8; HEADER_BYTES]) -> KResult<Self> {
        let word = |at: u64| u32::from_ne_bytes(core::array::from_fn(|byte| bytes[at as usize + byte]));
        if word(MAGIC_AT) != MAGIC {
            return Err(KError::new(Errno::EINVAL, "not a bus in the format of NetBSD"));
        }
        let header = Self {
            version: word(VERSION_AT),
            lock: word(WORD),
            generation: u64::from_ne_bytes(core::array::from_fn(|byte| bytes[GENERATION as usize + byte])),
            first: word(FIRST),
            last: word(LAST),
        };
        if header.version != VERSION {
            return Err(KError::new(Errno::EINVAL, "a bus of another version"));
        }
        Ok(header)
    }
}

/// The packets of a file, the oldest first; nothing without a frame is among them. Errors, after which there are no more:
/// EINVAL (no bus, a length that is none, or packets that do not lead from the first one to the last).
pub fn packets(file: &[u8]) -> KResult<impl Iterator<Item = KResult<Recorded>> + '_> {
    let (header, ring) = file.split_first_chunk().ok_or(KError::new(Errno::EINVAL, "too short for a bus"))?;
    let header = Header::parse(header)?;
    let size = ring.len() as u64;
    if size < LEAST_RING || u32::try_from(size).is_err() {
        return Err(KError::new(Errno::EINVAL, "no length of a bus"));
    }
    let (first, last) = (u64::from(header.first), u64::from(header.last));
    if first > size || last >= size {
        return Err(KError::new(Errno::EINVAL, "offsets beyond the end of the ring"));
    }
    let first = first % size;
    // Behind the header of the newest packet comes its frame, and nothing else.
    let left = (last + size - first) % size;
    Ok(Packets { ring, at: first, left: Some(left) })
}

struct Packets<'a> {
    ring: &'a [u8],
    /// Offset of the next packet.
    at: u64,
    /// Bytes from there to the newest packet; none: it was the last, or nothing more can be found.
    left: Option<u64>,
}

impl Packets<'_> {
    /// Bytes from an offset on, which may go on at the start of the ring.
    fn bytes(&self, at: u64, length: usize) -> Vec<u8> {
        let (before, from) = self.ring.split_at((at % self.ring.len() as u64) as usize);
        from.iter().chain(before).take(length).copied().collect()
    }
}

impl Iterator for Packets<'_> {
    type Item = KResult<Recorded>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let left = self.left.take()?;
            let bytes = self.bytes(self.at, PACKET_HEADER);
            let header = PacketHeader::parse(bytes.first_chunk()?);
            let all = PACKET_HEADER as u64 + u64::from(header.length);
            let at = self.at;
            let limit = if left == 0 { self.ring.len() as u64 } else { left };
            if all > limit {
                return Some(Err(KError::new(Errno::EINVAL, "a packet that reaches beyond the newest one")));
            }
            if left > 0 {
                self.left = Some(left - all);
                self.at = (at + all) % self.ring.len() as u64;
            }
            if header.length > 0 {
                return Some(Ok(Recorded {
                    offset: at as u32,
                    time: Duration::from_secs(header.seconds.into())
                        + Duration::from_micros(header.microseconds.into()),
                    sender: header.sender,
                    frame: self.bytes(at + PACKET_HEADER as u64, header.length as usize),
                }));
            }
        }
    }
}
