//! Interfaces, as requests of `ioctl` tell of them, and the numbers of these requests.

use super::sockaddr::{SockaddrIn, SockaddrIn6};

/// Bytes of a name, with the NUL that ends it.
pub const IFNAMSIZ: usize = 16;

layout! {
    /// `struct ifreq`.
    struct Ifreq[144] {
        /// The name of the interface.
        name: [u8; IFNAMSIZ] = 0,
        /// What the request has to say of it: an address, or a number in front.
        value: [u8; 128] = 16,
    }

    /// `struct ifaliasreq`: an address of IPv4.
    struct Ifaliasreq[64] {
        /// The name of the interface.
        name: [u8; IFNAMSIZ] = 0,
        /// The address.
        address: SockaddrIn = 16,
        /// The other end, or the address of all.
        destination: SockaddrIn = 32,
        /// The mask.
        mask: SockaddrIn = 48,
    }

    /// `struct in6_aliasreq`: an address of IPv6.
    struct In6Aliasreq[128] {
        /// The name of the interface.
        name: [u8; IFNAMSIZ] = 0,
        /// The address.
        address: SockaddrIn6 = 16,
        /// The other end.
        destination: SockaddrIn6 = 44,
        /// The mask.
        mask: SockaddrIn6 = 72,
        /// `IN6_IFF_*`.
        flags: i32 = 100,
        /// When it ends, and when it is no longer preferred.
        until: [i64; 2] = 104,
        /// For how many seconds it is valid, and preferred.
        lifetimes: [u32; 2] = 120,
    }

    /// `struct ifconf`: room for requests.
    struct Ifconf[16] {
        /// Its bytes.
        length: i32 = 0,
        /// Where it is.
        address: u64 = 8,
    }

    /// `struct if_data`.
    struct IfData[136] {
        /// `IFT_*`.
        kind: u8 = 0,
        /// Bytes of an address.
        address_length: u8 = 1,
        /// Bytes before a packet.
        header_length: u8 = 2,
        /// `LINK_STATE_*`.
        link_state: i32 = 4,
        /// The longest packet.
        mtu: u64 = 8,
        /// How far it is.
        metric: u64 = 16,
        /// Bits of a second.
        baudrate: u64 = 24,
        /// Packets that came, that were malformed, that were sent, and that could not be.
        packets: [u64; 4] = 32,
        /// Collisions.
        collisions: u64 = 64,
        /// Bytes that came, and that were sent.
        bytes: [u64; 2] = 72,
        /// Packets to groups that came, and that were sent.
        groups: [u64; 2] = 88,
        /// Packets that were dropped, and that nobody wanted.
        dropped: [u64; 2] = 104,
        /// When it last changed.
        changed: [i64; 2] = 120,
    }

    /// `struct ifdatareq`.
    struct Ifdatareq[152] {
        /// The name of the interface.
        name: [u8; IFNAMSIZ] = 0,
        /// What is known of it.
        data: IfData = 16,
    }
}

/// Packets pass.
pub const IFF_UP: u16 = 0x1;
/// There is an address of all.
pub const IFF_BROADCAST: u16 = 0x2;
/// It goes nowhere.
pub const IFF_LOOPBACK: u16 = 0x8;
/// There is one other end.
pub const IFF_POINTOPOINT: u16 = 0x10;
/// It can be used.
pub const IFF_RUNNING: u16 = 0x40;
/// Nobody is asked for addresses of hardware.
pub const IFF_NOARP: u16 = 0x80;
/// It does not hear itself.
pub const IFF_SIMPLEX: u16 = 0x800;
/// There are groups.
pub const IFF_MULTICAST: u16 = 0x8000;

/// Nobody knows whether there is somebody at the other end.
pub const LINK_STATE_UNKNOWN: i32 = 0;
/// There is nobody.
pub const LINK_STATE_DOWN: i32 = 1;
/// There is.
pub const LINK_STATE_UP: i32 = 2;

/// Of Ethernet (`IFT_ETHER`).
pub const IFT_ETHER: u8 = 6;
/// A loop (`IFT_LOOP`).
pub const IFT_LOOP: u8 = 24;
/// Packets of IP alone (`IFT_TUNNEL`).
pub const IFT_TUNNEL: u8 = 131;

/// A request of interfaces: a direction, the length of the argument, and a number.
const fn request(direction: u32, number: u32, bytes: u32) -> u32 {
    direction | bytes << 16 | (b'i' as u32) << 8 | number
}

const IN: u32 = 0x8000_0000;
const BOTH: u32 = 0xc000_0000;

/// Changes the first address.
pub const SIOCSIFADDR: u32 = request(IN, 12, 144);
/// Changes flags.
pub const SIOCSIFFLAGS: u32 = request(IN, 16, 144);
/// Asks for flags.
pub const SIOCGIFFLAGS: u32 = request(BOTH, 17, 144);
/// Takes an address away.
pub const SIOCDIFADDR: u32 = request(IN, 25, 144);
/// Adds an address of IPv4.
pub const SIOCAIFADDR: u32 = request(IN, 26, 64);
/// Adds an address of IPv6.
pub const SIOCAIFADDR_IN6: u32 = request(IN, 107, 128);
/// Asks for the first address.
pub const SIOCGIFADDR: u32 = request(BOTH, 33, 144);
/// Asks for the address of all.
pub const SIOCGIFBRDADDR: u32 = request(BOTH, 35, 144);
/// Asks for the mask.
pub const SIOCGIFNETMASK: u32 = request(BOTH, 37, 144);
/// Asks for all interfaces with their addresses.
pub const SIOCGIFCONF: u32 = request(BOTH, 38, 16);
/// Takes an interface away.
pub const SIOCIFDESTROY: u32 = request(IN, 121, 144);
/// Makes an interface.
pub const SIOCIFCREATE: u32 = request(IN, 122, 144);
/// Asks for the longest packet.
pub const SIOCGIFMTU: u32 = request(BOTH, 126, 144);
/// Changes it.
pub const SIOCSIFMTU: u32 = request(IN, 127, 144);
/// Asks what is known of an interface.
pub const SIOCGIFDATA: u32 = request(BOTH, 133, 152);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netbsd::Layout;

    #[test]
    fn requests_have_the_lengths_of_their_structures() {
        assert_eq!((SIOCGIFFLAGS, SIOCGIFADDR), (0xc090_6911, 0xc090_6921));
        assert_eq!((SIOCAIFADDR, SIOCAIFADDR_IN6), (0x8040_691a, 0x8080_696b));
        assert_eq!((SIOCGIFCONF, SIOCGIFDATA), (0xc010_6926, 0xc098_6985));
    }

    #[test]
    fn an_address_of_ipv6_comes_with_its_lifetimes() {
        let mut bytes = [0; 128];
        (bytes[0], bytes[16], bytes[44], bytes[72], bytes[100]) = (b'v', 28, 29, 30, 4);
        bytes[120..].fill(0xff);
        let request = In6Aliasreq::read(&bytes).unwrap();
        assert_eq!((request.address.length, request.destination.length, request.mask.length), (28, 29, 30));
        assert_eq!((request.flags, request.lifetimes), (4, [u32::MAX; 2]));
        assert_eq!(request.to_bytes(), bytes);
    }

    #[test]
    fn what_is_known_of_an_interface_is_136_bytes() {
        let mut bytes = [0; 152];
        (bytes[0], bytes[16], bytes[20], bytes[24], bytes[48], bytes[88], bytes[136]) =
            (b'v', 6, 2, 3, 4, 5, 7);
        let data = Ifdatareq::read(&bytes).unwrap().data;
        assert_eq!((data.kind, data.link_state, data.mtu), (6, 2, 3));
        assert_eq!((data.packets[0], data.bytes[0], data.changed[0]), (4, 5, 7));
    }
}
