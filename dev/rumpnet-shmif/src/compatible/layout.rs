//! The bytes of the format.

/// First word of the file.
pub const MAGIC: u32 = 0xca11_d054;
/// The only version there is.
pub const VERSION: u32 = 3;

pub const MAGIC_AT: u64 = 0;
pub const VERSION_AT: u64 = 4;
pub const GENERATION: u64 = 8;
pub const FIRST: u64 = 16;
pub const LAST: u64 = 20;
/// Where the ring begins.
pub const RING: u64 = 32;

/// Bytes of a packet before its frame.
pub const PACKET_HEADER: usize = 24;

/// ```text
///  0  u32 length of the frame
///  4  u32 seconds
///  8  u32 microseconds
/// 12  4 bytes of padding
/// 16  u64 sender
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketHeader {
    pub length: u32,
    pub seconds: u32,
    pub microseconds: u32,
    pub sender: u64,
}

impl PacketHeader {
    pub fn parse(bytes: &[u8; PACKET_HEADER]) -> Self {
        let word = |at: usize| u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let mut sender = [0; 8];
        sender.copy_from_slice(&bytes[16..]);
        Self { length: word(0), seconds: word(4), microseconds: word(8), sender: u64::from_ne_bytes(sender) }
    }

    pub fn emit(&self) -> [u8; PACKET_HEADER] {
        let mut bytes = [0; PACKET_HEADER];
        bytes[..4].copy_from_slice(&self.length.to_ne_bytes());
        bytes[4..8].copy_from_slice(&self.seconds.to_ne_bytes());
        bytes[8..12].copy_from_slice(&self.microseconds.to_ne_bytes());
        bytes[16..].copy_from_slice(&self.sender.to_ne_bytes());
        bytes
    }
}
