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

    /// `struct in6_ifreq`.
    struct In6Ifreq[288] {
        /// The name of the interface.
        name: [u8; IFNAMSIZ] = 0,
        /// An address, or what the request has to say of it.
        value: [u8; 272] = 16,
    }

    /// `struct in6_addrlifetime`.
    struct In6Addrlifetime[24] {
        /// When it ends, and when it is no longer preferred, in seconds since 1970; zero: never.
        until: [i64; 2] = 0,
        /// For how many seconds it is valid, and preferred; all ones: for ever.
        lifetimes: [u32; 2] = 16,
    }

    /// `struct if_laddrreq`: an address of a link.
    struct IfLaddrreq[280] {
        /// The name of the interface.
        name: [u8; IFNAMSIZ] = 0,
        /// `IFLR_*`.
        flags: u32 = 16,
        /// Bits that count.
        prefix: u32 = 20,
        /// The address, a [`SockaddrDl`](super::sockaddr::SockaddrDl).
        address: [u8; 128] = 24,
        /// That of the other end.
        destination: [u8; 128] = 152,
    }

    /// `struct ifdrv`: a command for what an interface is made of.
    struct Ifdrv[40] {
        /// The name of the interface.
        name: [u8; IFNAMSIZ] = 0,
        /// The command.
        command: u64 = 16,
        /// Bytes of its argument.
        length: u64 = 24,
        /// Where that is.
        address: u64 = 32,
    }

    /// `struct ifmediareq`: what cable an interface is at.
    struct Ifmediareq[48] {
        /// The name of the interface.
        name: [u8; IFNAMSIZ] = 0,
        /// What was chosen, a word of `IFM_*`.
        current: u32 = 16,
        /// Bits of it that do not count.
        mask: u32 = 20,
        /// `IFM_AVALID`, `IFM_ACTIVE`.
        status: u32 = 24,
        /// What it came to.
        active: u32 = 28,
        /// How many words there are to choose from; before, for how many there is room.
        count: i32 = 32,
        /// Where they go.
        address: u64 = 40,
    }

    /// `struct if_clonereq`: room for names of kinds of interfaces.
    struct IfClonereq[16] {
        /// How many there are.
        total: i32 = 0,
        /// How many there is room for.
        count: i32 = 4,
        /// Where that is.
        address: u64 = 8,
    }

    /// `struct vlanreq`.
    struct Vlanreq[18] {
        /// The name of the interface that it is at, or nothing.
        parent: [u8; IFNAMSIZ] = 0,
        /// Which network.
        tag: u16 = 16,
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
/// Changes the address of hardware, if the request says that it is to be used ([`IFLR_ACTIVE`]).
pub const SIOCALIFADDR: u32 = request(IN, 28, 280);
/// The address is to be used from now on.
pub const IFLR_ACTIVE: u32 = 0x4000;
/// Asks for the first address.
pub const SIOCGIFADDR: u32 = request(BOTH, 33, 144);
/// Asks for the address of all.
pub const SIOCGIFBRDADDR: u32 = request(BOTH, 35, 144);
/// Asks for the mask.
pub const SIOCGIFNETMASK: u32 = request(BOTH, 37, 144);
/// Asks what can be done with an address of IPv4 (`IN_IFF_*`).
pub const SIOCGIFAFLAG_IN: u32 = request(BOTH, 39, 144);
/// Takes an address of IPv6 away.
pub const SIOCDIFADDR_IN6: u32 = request(IN, 25, 288);
/// Asks for the mask of an address of IPv6.
pub const SIOCGIFNETMASK_IN6: u32 = request(BOTH, 37, 288);
/// Asks what can be done with it (`IN6_IFF_*`).
pub const SIOCGIFAFLAG_IN6: u32 = request(BOTH, 73, 288);
/// Asks how long it lasts.
pub const SIOCGIFALIFETIME_IN6: u32 = request(BOTH, 106, 288);
/// Asks how far an interface is.
pub const SIOCGIFMETRIC: u32 = request(BOTH, 23, 144);
/// Asks for its number.
pub const SIOCGIFINDEX: u32 = request(BOTH, 140, 144);
/// Says which virtual network it is; the value is the address of a [`Vlanreq`].
pub const SIOCSETVLAN: u32 = request(IN, 57, 144);
/// Asks for that.
pub const SIOCGETVLAN: u32 = request(BOTH, 58, 144);
/// Asks which kinds of interfaces can be made.
pub const SIOCIFGCLONERS: u32 = request(BOTH, 120, 16);
/// A command that changes something of what an interface is made of.
pub const SIOCSDRVSPEC: u32 = request(IN, 123, 40);
/// A command that asks for something.
pub const SIOCGDRVSPEC: u32 = request(BOTH, 123, 40);
/// Asks for the cable of an interface.
pub const SIOCGIFMEDIA: u32 = request(BOTH, 54, 48);
/// Of words about cables (`IFM_*`, NetBSD 8): Ethernet.
pub const IFM_ETHER: u32 = 0x20;
/// The bits that say what cable it is.
pub const IFM_TMASK: u32 = 0x1f;
/// Both sides agree on it.
pub const IFM_AUTO: u32 = 0;
/// None.
pub const IFM_NONE: u32 = 2;
/// One that has no number of its own.
pub const IFM_OTHER: u32 = 31;
/// Twisted pairs, with their Mbit/s: `IFM_10_T`, `IFM_100_TX`, `IFM_1000_T`, `IFM_2500_T`, `IFM_5000_T`, `IFM_10G_T`.
pub const TWISTED_PAIRS: [(u32, u32); 6] =
    [(3, 10), (6, 100), (16, 1000), (29, 2500), (30, 5000), (26, 10_000)];
/// Both sides send at once.
pub const IFM_FDX: u32 = 0x10_0000;
/// One side sends after the other.
pub const IFM_HDX: u32 = 0x20_0000;
/// In the status: the bit for what is at the other end counts.
pub const IFM_AVALID: u32 = 1;
/// In the status: somebody is at the other end.
pub const IFM_ACTIVE: u32 = 2;
/// Asks for the link of an interface.
pub const SIOCGLINKSTR: u32 = request(BOTH, 135, 40);
/// Says it.
pub const SIOCSLINKSTR: u32 = request(IN, 136, 40);
/// As a command of [`SIOCGLINKSTR`]: how long it is.
pub const IFLINKSTR_QUERYLEN: u64 = 1;
/// As a command of [`SIOCSLINKSTR`]: there is to be none any more.
pub const IFLINKSTR_UNSET: u64 = 2;
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
        assert_eq!(SIOCALIFADDR, 0x8118_691c);
        assert_eq!((SIOCSLINKSTR, SIOCGDRVSPEC, SIOCSDRVSPEC), (0x8028_6988, 0xc028_697b, 0x8028_697b));
        assert_eq!(SIOCGIFMEDIA, 0xc030_6936);
        assert_eq!((SIOCIFGCLONERS, SIOCDIFADDR_IN6), (0xc010_6978, 0x8120_6919));
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
