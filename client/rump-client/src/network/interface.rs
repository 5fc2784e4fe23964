//! Requests that change interfaces.

use super::RemoteNetwork;
use rump_abi::netbsd::Layout;
use rump_abi::netbsd::interface::*;
use rump_abi::netbsd::route::{Address, LinkAddress};
use rump_abi::netbsd::sockaddr::{self, SockaddrIn, SockaddrIn6};
use rump_abi::netbsd::statvfs::name;
use rump_abi::{AddressFamily, Errno, SocketAddress};
use rump_kpi::{KError, KResult};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The name of an interface. Errors: EINVAL (none is so long).
pub(super) fn named(interface: &str) -> KResult<[u8; IFNAMSIZ]> {
    match interface.len() {
        1..IFNAMSIZ => Ok(name(interface.as_bytes())),
        _ => Err(KError::new(Errno::EINVAL, "no interface has such a name")),
    }
}

fn of_inet(address: Ipv4Addr) -> SockaddrIn {
    SockaddrIn {
        length: SockaddrIn::SIZE as u8,
        family: AddressFamily::Inet as u8,
        port: [0; 2],
        address: address.octets(),
    }
}

fn of_inet6(address: Ipv6Addr) -> SockaddrIn6 {
    SockaddrIn6 {
        length: SockaddrIn6::SIZE as u8,
        family: AddressFamily::Inet6 as u8,
        port: [0; 2],
        flowinfo: 0,
        address: address.octets(),
        scope: 0,
    }
}

impl RemoteNetwork {
    /// A request that has only a value to say. Errors: ENXIO (no such interface), EPERM, those of the request.
    fn ask(&self, number: u32, interface: &str, value: &[u8]) -> KResult<Ifreq> {
        let mut asked = Ifreq { name: named(interface)?, value: [0; 128] };
        asked.value[..value.len()].copy_from_slice(value);
        let mut bytes = asked.to_bytes();
        self.request(number, &mut bytes)?;
        Ifreq::read(&bytes).ok_or_else(|| Errno::EIO.into())
    }

    /// Makes an interface, such as `bridge0`. Errors: EEXIST, EINVAL (no such kind), EPERM.
    pub fn create(&self, interface: &str) -> KResult<()> {
        self.ask(SIOCIFCREATE, interface, &[]).map(drop)
    }

    /// Takes an interface away. Errors: ENXIO, EPERM.
    pub fn destroy(&self, interface: &str) -> KResult<()> {
        self.ask(SIOCIFDESTROY, interface, &[]).map(drop)
    }

    /// Lets packets pass, or not. Errors: ENXIO, EPERM.
    pub fn set_up(&self, interface: &str, is_up: bool) -> KResult<()> {
        let flags = u16::read(&self.ask(SIOCGIFFLAGS, interface, &[])?.value).ok_or(Errno::EIO)?;
        let flags = if is_up { flags | IFF_UP } else { flags & !IFF_UP };
        self.ask(SIOCSIFFLAGS, interface, &flags.to_bytes()).map(drop)
    }

    /// Says how long a packet may be. Errors: ENXIO, EINVAL, EPERM.
    pub fn set_mtu(&self, interface: &str, mtu: u32) -> KResult<()> {
        self.ask(SIOCSIFMTU, interface, &mtu.to_bytes()).map(drop)
    }

    /// Changes the address of hardware. Errors: ENXIO, EINVAL (it has none, or the address is one of a group), EPERM.
    pub fn set_hardware(&self, interface: &str, hardware: [u8; 6]) -> KResult<()> {
        let link =
            Address::Link(LinkAddress { hardware: hardware.to_vec(), ..LinkAddress::default() }).to_bytes();
        let mut address = [0; 128];
        address[..link.len()].copy_from_slice(&link);
        let name = named(interface)?;
        let asked = IfLaddrreq { name, flags: IFLR_ACTIVE, prefix: 0, address, destination: [0; 128] };
        self.request(SIOCALIFADDR, &mut asked.to_bytes())
    }

    /// Adds an address, with the length of its network's prefix. Errors: ENXIO, EEXIST, EADDRNOTAVAIL, EPERM.
    pub fn add_address(&self, interface: &str, address: IpAddr, length: u8) -> KResult<()> {
        let name = named(interface)?;
        let (number, mut bytes) = match address {
            IpAddr::V4(address) => {
                let hosts = u32::MAX.checked_shr(length.into()).unwrap_or(0);
                let asked = Ifaliasreq {
                    name,
                    address: of_inet(address),
                    destination: of_inet(Ipv4Addr::from_bits(address.to_bits() | hosts)),
                    mask: of_inet(Ipv4Addr::from_bits(!hosts)),
                };
                (SIOCAIFADDR, asked.to_bytes())
            }
            IpAddr::V6(address) => {
                let hosts = u128::MAX.checked_shr(length.into()).unwrap_or(0);
                let nothing = SockaddrIn6::read(&[0; SockaddrIn6::SIZE]).ok_or(Errno::EINVAL)?;
                let asked = In6Aliasreq {
                    name,
                    address: of_inet6(address),
                    destination: nothing,
                    mask: of_inet6(Ipv6Addr::from_bits(!hosts)),
                    flags: 0,
                    until: [0; 2],
                    lifetimes: [u32::MAX; 2],
                };
                (SIOCAIFADDR_IN6, asked.to_bytes())
            }
        };
        self.request(number, &mut bytes)
    }

    /// Takes an address away. Errors: ENXIO, EADDRNOTAVAIL, EPERM.
    pub fn remove_address(&self, interface: &str, address: IpAddr) -> KResult<()> {
        let address = match SocketAddr::from((address, 0)) {
            SocketAddr::V4(address) => SocketAddress::Inet(address),
            SocketAddr::V6(address) => SocketAddress::Inet6(address),
        };
        self.ask(SIOCDIFADDR, interface, &sockaddr::to_bytes(&address)).map(drop)
    }
}
