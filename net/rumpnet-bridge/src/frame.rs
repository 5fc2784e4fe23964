//! What a bridge looks at in a frame (IEEE 802.3, clause 3).

use rump_kpi::packet::Packet;

/// An address as a number: its first byte is the highest of six.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address(pub u64);

impl core::hash::Hash for Address {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        state.write_u64(self.0);
    }
}

/// The first address that is not passed on, whatever the tree says; those that differ in the last four bits are not, too
/// (IEEE 802.1D-1998, table 7-9).
const RESERVED: u64 = 0x0180_c200_0000;
/// That of all bridges.
pub const BRIDGES: [u8; 6] = [0x01, 0x80, 0xc2, 0, 0, 0];
/// The lowest bit of the first byte.
const GROUP: u64 = 1 << 40;

impl Address {
    /// Whether it is that of a group, or of all.
    pub fn is_group(self) -> bool {
        self.0 & GROUP != 0
    }

    /// Whether no bridge passes it on.
    pub fn is_reserved(self) -> bool {
        self.0 & !0xf == RESERVED
    }

    /// Its bytes.
    pub fn bytes(self) -> [u8; 6] {
        let [_, _, bytes @ ..] = self.0.to_be_bytes();
        bytes
    }
}

/// The number of an address.
pub fn address([a, b, c, d, e, f]: [u8; 6]) -> Address {
    Address(u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
}

/// The header of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// To whom.
    pub destination: Address,
    /// From whom.
    pub source: Address,
}

/// Bytes of a header.
pub const HEADER_BYTES: usize = 14;

impl Header {
    /// That of a packet, if it is long enough.
    pub fn read(packet: &mut Packet) -> Option<Self> {
        let bytes = packet.first(HEADER_BYTES)?;
        let address = |at: usize| {
            let bytes: [u8; 6] = bytes.get(at..at + 6)?.try_into().ok()?;
            Some(address(bytes))
        };
        Some(Self { destination: address(0)?, source: address(6)? })
    }
}
