//! Addresses: what the calls take, and what the kernel means by them.

use crate::{AddressFamily, Errno, KError, SocketAddress};
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::str::FromStr;

/// What stands for the address of a socket: as [`std::net::ToSocketAddrs`], but nothing is resolved, neither by the host's
/// resolver nor by anyone else. Text is an address with a port, `10.0.0.1:80` or `[fe80::1%2]:80`.
pub trait ToSocketAddr {
    /// The address. Errors: InvalidInput (text that is none).
    fn to_socket_addr(&self) -> io::Result<SocketAddr>;
}

macro_rules! converted {
    ($($kind:ty),*) => {
        $(impl ToSocketAddr for $kind {
            fn to_socket_addr(&self) -> io::Result<SocketAddr> {
                Ok((*self).into())
            }
        })*
    };
}

converted!(SocketAddr, SocketAddrV4, SocketAddrV6, (IpAddr, u16), (Ipv4Addr, u16), (Ipv6Addr, u16));

impl ToSocketAddr for str {
    fn to_socket_addr(&self) -> io::Result<SocketAddr> {
        self.parse().map_err(|_| {
            let text = format!("{self:?} is no address with a port (names are not resolved)");
            io::Error::new(io::ErrorKind::InvalidInput, text)
        })
    }
}

impl ToSocketAddr for String {
    fn to_socket_addr(&self) -> io::Result<SocketAddr> {
        self.as_str().to_socket_addr()
    }
}

impl<T: ToSocketAddr + ?Sized> ToSocketAddr for &T {
    fn to_socket_addr(&self) -> io::Result<SocketAddr> {
        (**self).to_socket_addr()
    }
}

/// The family that an address is of.
pub fn family_of(address: &SocketAddr) -> AddressFamily {
    match address {
        SocketAddr::V4(_) => AddressFamily::Inet,
        SocketAddr::V6(_) => AddressFamily::Inet6,
    }
}

/// As the kernel has it.
pub fn to_kernel(address: SocketAddr) -> SocketAddress {
    match address {
        SocketAddr::V4(address) => SocketAddress::Inet(address),
        SocketAddr::V6(address) => SocketAddress::Inet6(address),
    }
}

/// As the standard library has it. Errors: EAFNOSUPPORT (a path, or none).
pub fn from_kernel(address: SocketAddress) -> io::Result<SocketAddr> {
    match address {
        SocketAddress::Inet(address) => Ok(SocketAddr::V4(address)),
        SocketAddress::Inet6(address) => Ok(SocketAddr::V6(address)),
        SocketAddress::Unspecified | SocketAddress::Local(_) => {
            Err(KError::new(Errno::EAFNOSUPPORT, "the address is that of no socket of the internet").into())
        }
    }
}

/// An address of an interface, with the length of its network's prefix: `10.0.0.1/24`. Without a length it is the host's
/// own, 32 or 128.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterfaceAddress {
    /// The address.
    pub address: IpAddr,
    /// Bits of it that the network's hosts share.
    pub prefix_length: u8,
}

/// A text that is no [`InterfaceAddress`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseError;

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no address of an interface, which looks like 10.0.0.1/24 or fd00::1/64")
    }
}

impl std::error::Error for ParseError {}

impl From<ParseError> for io::Error {
    fn from(error: ParseError) -> Self {
        Self::new(io::ErrorKind::InvalidInput, error)
    }
}

impl FromStr for InterfaceAddress {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let (address, length) = text.split_once('/').map_or((text, None), |(a, length)| (a, Some(length)));
        let address: IpAddr = address.parse().map_err(|_| ParseError)?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix_length = match length {
            Some(text) => text.parse().ok().filter(|length| *length <= longest).ok_or(ParseError)?,
            None => longest,
        };
        Ok(Self { address, prefix_length })
    }
}

impl fmt::Display for InterfaceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_interfaces_are_read_and_written() {
        for (text, written) in [
            ("10.0.0.1/24", "10.0.0.1/24"),
            ("10.0.0.1", "10.0.0.1/32"),
            ("fd00::1/64", "fd00::1/64"),
            ("::1", "::1/128"),
            ("0.0.0.0/0", "0.0.0.0/0"),
        ] {
            assert_eq!(text.parse::<InterfaceAddress>().unwrap().to_string(), written);
        }
        for text in ["", "10.0.0.1/33", "10.0.0.1/", "10.0.0/8", "::1/129", "10.0.0.1/-1", "host/24"] {
            assert_eq!(text.parse::<InterfaceAddress>(), Err(ParseError), "{text}");
        }
    }

    #[test]
    fn names_are_not_resolved() {
        assert_eq!("[::1]:80".to_socket_addr().unwrap(), SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 80)));
        for text in ["localhost:80", "10.0.0.1", "10.0.0.1:http"] {
            assert_eq!(text.to_socket_addr().unwrap_err().kind(), io::ErrorKind::InvalidInput, "{text}");
        }
    }
}
