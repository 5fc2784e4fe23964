//! Extension headers of IPv6 (RFC 8200, section 4).
//!
//! ```text
//! most headers   next header (1), length in units of eight bytes without the first (1), content
//! fragment (44)  next header (1), reserved (1), offset and M (2), identification (4)
//! option         type (1), length (1), content; or Pad1, a single zero
//! ```

use super::Malformed;
use super::ipv4::{Fragment, Protocol};
use rump_kpi::packet::Packet;

#[allow(missing_docs)]
impl Protocol {
    pub const HOP_BY_HOP: Self = Self(0);
    pub const ROUTING: Self = Self(43);
    pub const FRAGMENT: Self = Self(44);
    pub const NO_NEXT_HEADER: Self = Self(59);
    pub const DESTINATION_OPTIONS: Self = Self(60);

    /// Whether another header of IPv6 is meant, which has a length.
    pub fn is_extension(self) -> bool {
        matches!(self, Self::HOP_BY_HOP | Self::ROUTING | Self::FRAGMENT | Self::DESTINATION_OPTIONS)
    }
}

/// Bytes of a fragment header.
pub const FRAGMENT_BYTES: usize = 8;
/// Headers of one packet that anybody looks at.
pub const MOST_HEADERS: usize = 16;
/// Options of one header that anybody looks at (RFC 8504, section 5.3, lets hosts have a limit).
const MOST_OPTIONS: usize = 64;

/// Bytes of the header that begins a packet, which is one of the type `kind`.
pub fn length(kind: Protocol, packet: &mut Packet) -> Option<usize> {
    match kind {
        Protocol::FRAGMENT => Some(FRAGMENT_BYTES),
        _ => packet.first(2).map(|bytes| (usize::from(bytes[1]) + 1) * 8),
    }
}

/// A fragment header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FragmentHeader {
    /// What is fragmented begins with.
    pub next_header: Protocol,
    /// Which part it is.
    pub fragment: Fragment,
    /// Which packet it is a part of.
    pub identification: u32,
}

impl FragmentHeader {
    /// Takes it off a packet. Errors: [`Malformed::Short`].
    pub fn take(packet: &mut Packet) -> Result<Self, Malformed> {
        let bytes = packet.first(FRAGMENT_BYTES).ok_or(Malformed::Short)?;
        let place = u16::from_be_bytes([bytes[2], bytes[3]]);
        let header = Self {
            next_header: Protocol(bytes[0]),
            fragment: Fragment { offset: place & !7, has_more: place & 1 != 0 },
            identification: u32::from_be_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]),
        };
        packet.advance(FRAGMENT_BYTES);
        Ok(header)
    }

    /// Puts it before a packet.
    pub fn emit(&self, packet: &mut Packet) {
        let bytes = packet.prepend(FRAGMENT_BYTES);
        bytes[0] = self.next_header.0;
        let place = self.fragment.offset | u16::from(self.fragment.has_more);
        bytes[2..4].copy_from_slice(&place.to_be_bytes());
        bytes[4..].copy_from_slice(&self.identification.to_be_bytes());
    }
}

/// What an option that nobody knows asks for (section 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// Drop the packet.
    Drop,
    /// Drop it and complain, to whomever it went.
    Complain,
    /// Drop it and complain, unless it went to a group.
    ComplainOfSingle,
}

/// What is wrong with options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionError {
    /// A length, or there are too many.
    Malformed,
    /// Nobody knows the option that begins so many bytes behind the header's beginning.
    Unknown(usize, Unknown),
}

/// Looks at a header of options, all of which may be skipped (none of them means anything to a host: the router alert is
/// for routers). `bytes` is the whole header. Errors: as they are named.
pub fn check_options(bytes: &[u8]) -> Result<(), OptionError> {
    let (mut at, mut count) = (2, 0);
    while let Some(&kind) = bytes.get(at) {
        if kind == 0 {
            at += 1;
            continue;
        }
        count += 1;
        let length = usize::from(*bytes.get(at + 1).ok_or(OptionError::Malformed)?);
        if at + 2 + length > bytes.len() || count > MOST_OPTIONS {
            return Err(OptionError::Malformed);
        }
        let action = match kind >> 6 {
            // PadN, the router alert, and all that say so.
            0 => None,
            1 => Some(Unknown::Drop),
            2 => Some(Unknown::Complain),
            _ => Some(Unknown::ComplainOfSingle),
        };
        if let Some(action) = action {
            return Err(OptionError::Unknown(at, action));
        }
        at += 2 + length;
    }
    Ok(())
}

/// The transport of a packet that begins with a header of the type `kind`: takes off all before it, as far as they are
/// there. `None` if the end comes first, or if it is a later fragment.
pub fn skip_to_transport(mut kind: Protocol, packet: &mut Packet) -> Option<Protocol> {
    for _ in 0..MOST_HEADERS {
        if !kind.is_extension() {
            return Some(kind);
        }
        let length = length(kind, packet)?;
        let bytes = packet.first(length)?;
        if kind == Protocol::FRAGMENT && (bytes[2] != 0 || bytes[3] & !7 != 0) {
            return None;
        }
        kind = Protocol(bytes[0]);
        packet.advance(length);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_skipped_or_not_by_their_first_bits() {
        assert_eq!(check_options(&[59, 0, 1, 4, 0, 0, 0, 0]), Ok(()));
        assert_eq!(check_options(&[59, 0, 0, 0, 0, 0x1e, 0, 0]), Ok(()));
        for (bits, action) in
            [(0x40, Unknown::Drop), (0x80, Unknown::Complain), (0xc0, Unknown::ComplainOfSingle)]
        {
            let unknown = check_options(&[59, 0, 1, 0, bits | 0x1e, 2, 0, 0]);
            assert_eq!(unknown, Err(OptionError::Unknown(4, action)));
        }
        assert_eq!(check_options(&[59, 0, 1, 9, 0, 0, 0, 0]), Err(OptionError::Malformed));
        assert_eq!(check_options(&[59, 0, 0, 0, 0, 0, 0, 1]), Err(OptionError::Malformed));
    }
}
