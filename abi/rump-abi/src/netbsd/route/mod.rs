//! Messages of routing sockets (route(4)), which sysctl(3) tells below `net.route` as well: NetBSD 9 and 10, version 4.
//!
//! A message is a header, then the addresses that a mask in it names, in the order of its bits. Each address begins with its
//! length, and takes a multiple of eight bytes. [`Message::parse`] takes in what anybody sent; what it answers has been
//! checked as far as the format goes.
//!
//! ```
//! use rump_abi::netbsd::route::{Address, Addresses, Message, RTF_GATEWAY, RTF_UP, RTM_ADD, RtMsghdr};
//!
//! let header = RtMsghdr { flags: RTF_UP | RTF_GATEWAY, sequence: 1, ..RtMsghdr::new(RTM_ADD) };
//! let addresses = Addresses {
//!     destination: Some(Address::Inet([10, 9, 0, 0].into())),
//!     gateway: Some(Address::Inet([10, 0, 0, 1].into())),
//!     mask: Some(16),
//!     ..Addresses::default()
//! };
//! let bytes = Message::Route(header, addresses.clone()).to_bytes();
//! let (Message::Route(_, read), length) = Message::parse(&bytes).unwrap() else { panic!() };
//! assert_eq!((read, length), (addresses, bytes.len()));
//! ```

mod address;
mod header;

pub use address::{Address, Addresses, LinkAddress};
pub use header::*;

use super::Layout;
use alloc::vec::Vec;

/// Bytes of a message at most: its length has 16 bits.
pub const MESSAGE_MAX: usize = u16::MAX as usize;

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// There are fewer than it says, or than its header has (EINVAL).
    Length,
    /// It is of another version (EPROTONOSUPPORT).
    Version,
    /// An address goes beyond its end, is one of its own kind's too short, or a mask has a zero before a one (EINVAL).
    Address,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "messages are taken apart one by one")]
pub enum Message {
    /// About a route, or about who has which hardware address.
    Route(RtMsghdr, Addresses),
    /// About an interface (`RTM_IFINFO`).
    Interface(IfMsghdr, Addresses),
    /// About an address of an interface (`RTM_NEWADDR`, `RTM_DELADDR`, `RTM_CHGADDR`).
    Address(IfaMsghdr, Addresses),
    /// An interface comes or goes (`RTM_IFANNOUNCE`).
    Announcement(IfAnnouncemsghdr),
    /// Of another type, which is here.
    Other(u8),
}

impl Message {
    /// The first message of some bytes, and how many of them it is.
    pub fn parse(bytes: &[u8]) -> Result<(Self, usize), Malformed> {
        let length = usize::from(u16::read(bytes).ok_or(Malformed::Length)?);
        let [_, _, version, kind, ..] = *bytes.get(..length).ok_or(Malformed::Length)? else {
            return Err(Malformed::Length);
        };
        if version != RTM_VERSION {
            return Err(Malformed::Version);
        }
        Ok((Self::of_kind(kind, &bytes[..length])?, length))
    }

    fn of_kind(kind: u8, bytes: &[u8]) -> Result<Self, Malformed> {
        fn head<T: Layout>(bytes: &[u8]) -> Result<(T, &[u8]), Malformed> {
            Ok((T::read(bytes).ok_or(Malformed::Length)?, &bytes[T::SIZE..]))
        }
        Ok(match kind {
            RTM_ADD..=RTM_LOCK => {
                let (header, rest): (RtMsghdr, _) = head(bytes)?;
                Self::Route(header, Addresses::parse(header.addresses, rest)?)
            }
            RTM_IFINFO => {
                let (header, rest): (IfMsghdr, _) = head(bytes)?;
                Self::Interface(header, Addresses::parse(header.addresses, rest)?)
            }
            RTM_NEWADDR..=RTM_CHGADDR => {
                let (header, rest): (IfaMsghdr, _) = head(bytes)?;
                Self::Address(header, Addresses::parse(header.addresses, rest)?)
            }
            RTM_IFANNOUNCE => Self::Announcement(head(bytes)?.0),
            kind => Self::Other(kind),
        })
    }

    /// Its bytes. Length, version and the mask of addresses are those of what it has, whatever its header says; one of a type
    /// that nobody knows has none.
    pub fn to_bytes(&self) -> Vec<u8> {
        fn build(header: Vec<u8>, addresses: Option<(usize, &Addresses)>) -> Vec<u8> {
            let mut bytes = header;
            if let Some((place, addresses)) = addresses {
                let mask = addresses.push(&mut bytes);
                mask.put(&mut bytes[place..]);
            }
            // An address is no longer than 255 bytes, and there are nine.
            (bytes.len() as u16).put(&mut bytes);
            bytes[2] = RTM_VERSION;
            bytes
        }
        match self {
            Self::Route(header, addresses) => build(header.to_bytes(), Some((12, addresses))),
            Self::Interface(header, addresses) => build(header.to_bytes(), Some((4, addresses))),
            Self::Address(header, addresses) => build(header.to_bytes(), Some((12, addresses))),
            Self::Announcement(header) => build(header.to_bytes(), None),
            Self::Other(_) => Vec::new(),
        }
    }
}

/// The messages that stand behind each other in what sysctl(3) tells; the one that makes no sense is the last.
pub fn messages(mut bytes: &[u8]) -> impl Iterator<Item = Result<Message, Malformed>> {
    core::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let parsed = Message::parse(bytes);
        // A header is longer than nothing, so that this comes to an end.
        bytes = parsed.as_ref().map_or(&[][..], |(_, length)| &bytes[*length..]);
        Some(parsed.map(|(message, _)| message))
    })
}

#[cfg(test)]
mod tests;
