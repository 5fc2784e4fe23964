//! Addresses of sockets: `struct sockaddr` and its kinds, each with its length and its family in front.

use super::Layout;
use crate::{AddressFamily, OpenFlags, SocketAddress};
use alloc::vec::Vec;
use core::net::{SocketAddrV4, SocketAddrV6};

/// Bytes before what is of the family: length and family.
pub const HEAD: usize = 2;
/// The longest address (`sizeof(struct sockaddr_storage)`).
pub const STORAGE: usize = 128;
/// The longest that a call takes.
pub const LENGTH_MAX: usize = 255;
/// `AF_LINK`.
pub const AF_LINK: u8 = 18;
/// Flags beside the type of a socket (`SOCK_CLOEXEC` and its like).
pub const SOCK_FLAGS: [(u32, OpenFlags); 3] = [
    (0x1000_0000, OpenFlags::CLOEXEC),
    (0x2000_0000, OpenFlags::NONBLOCK),
    (0x4000_0000, OpenFlags::NOSIGPIPE),
];

layout! {
    /// `struct sockaddr_in`.
    struct SockaddrIn[16] {
        /// Its length.
        length: u8 = 0,
        /// `AF_INET`.
        family: u8 = 1,
        /// The port, in the order of the network.
        port: [u8; 2] = 2,
        /// The address.
        address: [u8; 4] = 4,
    }

    /// `struct sockaddr_in6`.
    struct SockaddrIn6[28] {
        /// Its length.
        length: u8 = 0,
        /// `AF_INET6`.
        family: u8 = 1,
        /// The port, in the order of the network.
        port: [u8; 2] = 2,
        /// Class and flow.
        flowinfo: u32 = 4,
        /// The address.
        address: [u8; 16] = 8,
        /// The number of the interface that it is of.
        scope: u32 = 24,
    }

    /// `struct sockaddr_dl`: an interface, with its name and its address behind each other in the data.
    struct SockaddrDl[32] {
        /// Its length.
        length: u8 = 0,
        /// `AF_LINK`.
        family: u8 = 1,
        /// The number of the interface.
        index: u16 = 2,
        /// `IFT_*`.
        kind: u8 = 4,
        /// Bytes of its name.
        name_length: u8 = 5,
        /// Bytes of its address.
        address_length: u8 = 6,
        /// Bytes of a selector.
        selector_length: u8 = 7,
        /// Name, address and selector.
        data: [u8; 24] = 8,
    }
}

/// The family of a number, if it is one.
pub fn family(number: u32) -> Option<AddressFamily> {
    use AddressFamily::{Inet, Inet6, Local, Route, Unspecified};
    [Unspecified, Local, Inet, Route, Inet6].into_iter().find(|family| *family as u32 == number)
}

/// Why bytes are no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadAddress {
    /// There are too few for their family (EINVAL).
    Length,
    /// There is no such family, or it has no addresses of this kind (EAFNOSUPPORT).
    Family,
}

/// The address that some bytes are; the length that stands in it says nothing, as in NetBSD.
pub fn parse(bytes: &[u8]) -> Result<SocketAddress, BadAddress> {
    let number = *bytes.get(1).ok_or(BadAddress::Length)?;
    match family(number.into()).ok_or(BadAddress::Family)? {
        AddressFamily::Unspecified => Ok(SocketAddress::Unspecified),
        AddressFamily::Local => Ok(SocketAddress::Local(path(&bytes[HEAD..]))),
        AddressFamily::Inet => {
            let inet = SockaddrIn::read(bytes).ok_or(BadAddress::Length)?;
            let port = u16::from_be_bytes(inet.port);
            Ok(SocketAddress::Inet(SocketAddrV4::new(inet.address.into(), port)))
        }
        AddressFamily::Inet6 => {
            let inet = SockaddrIn6::read(bytes).ok_or(BadAddress::Length)?;
            let port = u16::from_be_bytes(inet.port);
            let address = SocketAddrV6::new(inet.address.into(), port, inet.flowinfo, inet.scope);
            Ok(SocketAddress::Inet6(address))
        }
        AddressFamily::Route => Err(BadAddress::Family),
    }
}

/// A path ends with a NUL, or with the bytes; zeros alone are none, and a name behind a zero is as long as was said.
fn path(bytes: &[u8]) -> Vec<u8> {
    match bytes.first() {
        Some(0) if bytes.iter().any(|byte| *byte != 0) => bytes.to_vec(),
        _ => bytes.split(|byte| *byte == 0).next().unwrap_or_default().to_vec(),
    }
}

/// The bytes of an address. A path is ended by a NUL.
pub fn to_bytes(address: &SocketAddress) -> Vec<u8> {
    match address {
        SocketAddress::Unspecified => [16, 0].into_iter().chain([0; 14]).collect(),
        SocketAddress::Inet(address) => SockaddrIn {
            length: SockaddrIn::SIZE as u8,
            family: AddressFamily::Inet as u8,
            port: address.port().to_be_bytes(),
            address: address.ip().octets(),
        }
        .to_bytes(),
        SocketAddress::Inet6(address) => SockaddrIn6 {
            length: SockaddrIn6::SIZE as u8,
            family: AddressFamily::Inet6 as u8,
            port: address.port().to_be_bytes(),
            flowinfo: address.flowinfo(),
            address: address.ip().octets(),
            scope: address.scope_id(),
        }
        .to_bytes(),
        SocketAddress::Local(path) => {
            let mut bytes = alloc::vec![0, AddressFamily::Local as u8];
            bytes.extend(path);
            if path.first().is_some_and(|first| *first != 0) {
                bytes.push(0);
            }
            bytes[0] = bytes.len().min(LENGTH_MAX) as u8;
            bytes
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::{Ipv4Addr, Ipv6Addr};

    #[test]
    fn addresses_begin_with_length_and_family() {
        let v4 = SocketAddress::Inet(SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 1), 80));
        assert_eq!(to_bytes(&v4), [16, 2, 0, 80, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
        let v6 = SocketAddress::Inet6(SocketAddrV6::new(Ipv6Addr::LOCALHOST, 0x102, 0, 3));
        let mut bytes = [0; 28];
        (bytes[0], bytes[1], bytes[2], bytes[3], bytes[23], bytes[24]) = (28, 24, 1, 2, 1, 3);
        assert_eq!(to_bytes(&v6), bytes);
        let local = SocketAddress::Local(b"/s".to_vec());
        assert_eq!(to_bytes(&local), [5, 1, b'/', b's', 0]);
        for address in [v4, v6, local, SocketAddress::Local(Vec::new()), SocketAddress::Unspecified] {
            assert_eq!(parse(&to_bytes(&address)), Ok(address));
        }
    }

    #[test]
    fn a_path_ends_with_a_nul_or_with_the_address() {
        let local = |path: &[u8]| Ok(SocketAddress::Local(path.to_vec()));
        assert_eq!(parse(&[0, 1, b'a', b'b']), local(b"ab"));
        assert_eq!(parse(&[0, 1, b'a', 0, b'b']), local(b"a"));
        assert_eq!(parse(&[0, 1, 0, 0]), local(b""));
        assert_eq!(parse(&[0, 1, 0, b'a']), local(b"\0a"));
    }

    #[test]
    fn what_is_too_short_or_of_no_family_is_refused() {
        assert_eq!(parse(&[2]), Err(BadAddress::Length));
        assert_eq!(parse(&[0, 2, 0, 0]), Err(BadAddress::Length));
        assert_eq!(parse(&[0, 24, 0, 0]), Err(BadAddress::Length));
        assert_eq!(parse(&[0, AF_LINK, 0, 0]), Err(BadAddress::Family));
        assert_eq!(parse(&[0, 34, 0, 0]), Err(BadAddress::Family));
    }

    #[test]
    fn an_interface_is_32_bytes() {
        let mut data = [0; 24];
        data[..9].copy_from_slice(b"lo0\x01\x02\x03\x04\x05\x06");
        let link = SockaddrDl {
            length: 32,
            family: AF_LINK,
            index: 0x102,
            kind: 6,
            name_length: 3,
            address_length: 6,
            selector_length: 0,
            data,
        };
        assert_eq!(link.to_bytes()[..12], [32, 18, 2, 1, 6, 3, 6, 0, b'l', b'o', b'0', 1]);
        assert_eq!(link.to_bytes().len(), 32);
    }
}
