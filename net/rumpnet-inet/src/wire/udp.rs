//! The user datagram protocol (RFC 768).
//!
//! ```text
//!  0           2           4           6           8
//! +-----------+-----------+-----------+-----------+---
//! | source    | dest.     | length    | checksum  | content
//! +-----------+-----------+-----------+-----------+---
//! ```

use super::Malformed;
use super::checksum::Sum;
use rump_kpi::packet::{Checksum, Packet};
use zerocopy::big_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Bytes of the header.
pub const HEADER_BYTES: usize = size_of::<Header>();
/// Where the checksum is.
pub(super) const CHECKSUM_AT: u16 = 6;

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Header {
    source: U16,
    destination: U16,
    length: U16,
    checksum: U16,
}

/// The ports of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Udp {
    /// From which.
    pub source: u16,
    /// To which.
    pub destination: u16,
}

impl Udp {
    /// Takes the header off a packet; `pseudo` is the sum of the header that stands before it, for a length.
    ///
    /// Errors: [`Malformed::Short`], [`Malformed::Header`] (length), [`Malformed::Checksum`].
    pub fn take(packet: &mut Packet, pseudo: impl FnOnce(usize) -> Sum) -> Result<Self, Malformed> {
        let bytes = packet.first(HEADER_BYTES).ok_or(Malformed::Short)?;
        let header = Header::ref_from_bytes(bytes).map_err(|_| Malformed::Short)?;
        let length = usize::from(header.length.get());
        let parsed = Self { source: header.source.get(), destination: header.destination.get() };
        let has_checksum = header.checksum.get() != 0;
        if length < HEADER_BYTES {
            return Err(Malformed::Header);
        }
        if length > packet.len() {
            return Err(Malformed::Short);
        }
        packet.truncate(length);
        if has_checksum && packet.checksum == Checksum::Unknown {
            let mut sum = pseudo(length);
            sum.add_packet(packet, 0);
            if sum.finish() != 0 {
                return Err(Malformed::Checksum);
            }
        }
        packet.advance(HEADER_BYTES);
        Ok(parsed)
    }

    /// Puts the header before a packet; the checksum is left to whoever sends it ([`complete`](super::complete)).
    pub fn emit(&self, packet: &mut Packet, pseudo: impl FnOnce(usize) -> Sum) {
        let length = packet.len() + HEADER_BYTES;
        let header = Header {
            source: U16::new(self.source),
            destination: U16::new(self.destination),
            length: U16::new(length as u16),
            checksum: U16::new(pseudo(length).partial()),
        };
        packet.prepend(HEADER_BYTES).copy_from_slice(header.as_bytes());
        packet.checksum = Checksum::Missing { start: 0, offset: CHECKSUM_AT };
    }
}
