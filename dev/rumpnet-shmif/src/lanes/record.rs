//! What stands before a frame in a lane.

use rump_kpi::packet::{Checksum, Packet, Segmentation, Segments};

/// Bytes of a record before its frame.
pub const HEADER: usize = 24;

/// ```text
///  0  u64 position of the record: a reader that has lost its place sees so
///  8  u32 length of the frame
/// 12  u8 checksum: 0 unknown, 1 good, 2 missing
/// 13  u8 segments: 0 none, 1 TCP over IPv4, 2 TCP over IPv6, 3 UDP
/// 14  u16 most bytes of content in a segment
/// 16  u16 where the missing checksum's bytes begin
/// 18  u16 where it goes, from there
/// 20  4 bytes of padding
/// ```
pub struct Record {
    pub position: u64,
    pub length: usize,
    checksum: Checksum,
    segmentation: Option<Segmentation>,
}

const KINDS: [Segments; 3] = [Segments::Tcp4, Segments::Tcp6, Segments::Udp];

impl Record {
    pub fn of(packet: &Packet, position: u64) -> Self {
        let (checksum, segmentation) = (packet.checksum, packet.segmentation);
        Self { position, length: packet.len(), checksum, segmentation }
    }

    /// None if it says what cannot be.
    pub fn parse(bytes: &[u8; HEADER]) -> Option<Self> {
        let half = |at: usize| u16::from_ne_bytes([bytes[at], bytes[at + 1]]);
        let mut position = [0; 8];
        position.copy_from_slice(&bytes[..8]);
        let length = u32::from_ne_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]) as usize;
        let checksum = match bytes[12] {
            0 => Checksum::Unknown,
            1 => Checksum::Good,
            2 => Checksum::Missing { start: half(16), offset: half(18) },
            _ => return None,
        };
        if let Checksum::Missing { start, offset } = checksum {
            if usize::from(start) + usize::from(offset) + 2 > length {
                return None;
            }
        }
        let segmentation = match bytes[13] {
            0 => None,
            kind => Some(Segmentation { kind: *KINDS.get(usize::from(kind) - 1)?, size: half(14) }),
        };
        if segmentation.is_some_and(|segmentation| segmentation.size == 0) {
            return None;
        }
        Some(Self { position: u64::from_ne_bytes(position), length, checksum, segmentation })
    }

    pub fn emit(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..8].copy_from_slice(&self.position.to_ne_bytes());
        bytes[8..12].copy_from_slice(&(self.length as u32).to_ne_bytes());
        match self.checksum {
            Checksum::Unknown => {}
            Checksum::Good => bytes[12] = 1,
            Checksum::Missing { start, offset } => {
                bytes[12] = 2;
                bytes[16..18].copy_from_slice(&start.to_ne_bytes());
                bytes[18..20].copy_from_slice(&offset.to_ne_bytes());
            }
        }
        if let Some(segmentation) = self.segmentation {
            let kind = KINDS.iter().position(|kind| *kind == segmentation.kind);
            bytes[13] = kind.map_or(0, |kind| kind as u8 + 1);
            bytes[14..16].copy_from_slice(&segmentation.size.to_ne_bytes());
        }
        bytes
    }

    /// Bytes that it takes with its frame.
    pub fn bytes(&self) -> u64 {
        (HEADER + self.length).next_multiple_of(8) as u64
    }

    /// Tells the receiver what the sender left to it.
    pub fn describe(&self, packet: &mut Packet) {
        packet.checksum = self.checksum;
        packet.segmentation = self.segmentation;
    }
}
