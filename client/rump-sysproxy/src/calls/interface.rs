//! Requests of interfaces to sockets, with NetBSD's structures.
//!
//! Those that make, change and take away are the superuser's.

use super::call::Call;
use super::{bridge, interface_address, interface_link};
use rump_abi::netbsd::Layout;
use rump_abi::netbsd::interface::*;
use rump_abi::netbsd::route::Address;
use rump_abi::netbsd::sockaddr;
use rump_abi::netbsd::statvfs::{name, name_in};
use rump_abi::{AddressFamily, Errno, SocketAddress};
use rump_kern::{Fd, Process};
use rump_kpi::KResult;
use rump_kpi::device::{InterfaceInfo, Network, NetworkDevice};
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4, SocketAddrV6};

/// All requests of interfaces.
const REQUESTS: [u32; 29] = [
    SIOCSIFADDR,
    SIOCSIFFLAGS,
    SIOCGIFFLAGS,
    SIOCDIFADDR,
    SIOCAIFADDR,
    SIOCALIFADDR,
    SIOCAIFADDR_IN6,
    SIOCGIFADDR,
    SIOCGIFBRDADDR,
    SIOCGIFNETMASK,
    SIOCGIFCONF,
    SIOCIFDESTROY,
    SIOCIFCREATE,
    SIOCGIFMTU,
    SIOCSIFMTU,
    SIOCGIFDATA,
    SIOCGIFAFLAG_IN,
    SIOCDIFADDR_IN6,
    SIOCGIFNETMASK_IN6,
    SIOCGIFAFLAG_IN6,
    SIOCGIFALIFETIME_IN6,
    SIOCGIFMETRIC,
    SIOCGIFINDEX,
    SIOCIFGCLONERS,
    SIOCSETVLAN,
    SIOCGETVLAN,
    SIOCGLINKSTR,
    SIOCSLINKSTR,
    SIOCGIFMEDIA,
];

/// Whether a request is one of interfaces.
pub(super) fn is_one(number: u32) -> bool {
    REQUESTS.contains(&number) || matches!(number, SIOCSDRVSPEC | SIOCGDRVSPEC)
}

/// Does a request. Errors: ENOTTY (no socket), EFAULT, EPERM (a change by other than the superuser), ENXIO (no such
/// interface), EADDRNOTAVAIL (it has no such address), EAFNOSUPPORT, those of the change.
pub(super) fn request(call: &mut Call<'_>, fd: Fd, number: u32, at: u64) -> KResult<()> {
    call.process.getsockname(fd).map_err(|_| Errno::ENOTTY)?;
    match number {
        SIOCGIFCONF => configuration(call, at),
        SIOCGIFDATA => {
            let asked: Ifdatareq = call.read_at(at)?;
            let data = with(call.process, |network| {
                let interface = find(network, &asked.name)?;
                let speed = network.port(interface.number)?.media().and_then(|media| media.speed);
                let baudrate = speed.map(|speed| u64::from(speed) * 1_000_000);
                let data = interface.data();
                Ok(IfData { baudrate: baudrate.unwrap_or(data.baudrate), ..data })
            })?;
            call.put_at(at, &Ifdatareq { data, ..asked })
        }
        SIOCGIFFLAGS | SIOCGIFADDR | SIOCGIFBRDADDR | SIOCGIFNETMASK | SIOCGIFMTU | SIOCGIFMETRIC
        | SIOCGIFINDEX => {
            let mut asked: Ifreq = call.read_at(at)?;
            let interface = with(call.process, |network| find(network, &asked.name))?;
            tell(&interface, number, &mut asked)?;
            call.put_at(at, &asked)
        }
        SIOCGIFAFLAG_IN | SIOCGIFNETMASK_IN6 | SIOCGIFAFLAG_IN6 | SIOCGIFALIFETIME_IN6 => {
            interface_address::tell(call, number, at)
        }
        SIOCIFGCLONERS => interface_link::kinds(call, at),
        SIOCGETVLAN => interface_link::vlan(call, at),
        SIOCGLINKSTR => interface_link::link(call, at),
        SIOCGIFMEDIA => interface_link::media(call, at),
        SIOCGDRVSPEC => bridge::ask(call, at),
        _ if call.process.geteuid() != 0 => Err(Errno::EPERM.into()),
        SIOCSETVLAN => interface_link::set_vlan(call, at),
        SIOCSLINKSTR => interface_link::set_link(call, at),
        SIOCALIFADDR => interface_link::set_hardware(call, at),
        SIOCSDRVSPEC => bridge::change(call, at),
        SIOCAIFADDR | SIOCAIFADDR_IN6 | SIOCDIFADDR_IN6 => interface_address::change(call, number, at),
        _ => {
            let asked: Ifreq = call.read_at(at)?;
            change(call.process, number, &asked)
        }
    }
}

/// Does something with the interfaces of the kernel. Errors: ENXIO (halted), EAFNOSUPPORT (no protocols with interfaces are
/// linked), those of `act`.
pub(super) fn with<T>(process: &Process, act: impl FnOnce(&dyn Network) -> KResult<T>) -> KResult<T> {
    let domain = process.protocols(AddressFamily::Inet)?;
    act(domain.network().ok_or(Errno::EAFNOSUPPORT)?)
}

/// Errors: ENXIO.
pub(super) fn find(network: &dyn Network, name: &[u8]) -> KResult<InterfaceInfo> {
    let wanted = name_in(name);
    let mut all = network.interfaces().into_iter();
    all.find(|info| info.name.as_bytes() == wanted).ok_or_else(|| Errno::ENXIO.into())
}

fn mask(length: u8) -> Ipv4Addr {
    Ipv4Addr::from_bits(!u32::MAX.checked_shr(length.into()).unwrap_or(0))
}

/// The first address of IPv4, and how long its network's prefix is.
fn first_address(interface: &InterfaceInfo) -> Option<(Ipv4Addr, u8)> {
    interface.addresses.iter().find_map(|(address, length)| match address {
        IpAddr::V4(address) => Some((*address, *length)),
        IpAddr::V6(_) => None,
    })
}

pub(super) fn put(to: &mut Ifreq, bytes: &[u8]) {
    to.value = [0; 128];
    to.value[..bytes.len()].copy_from_slice(bytes);
}

/// Errors: EADDRNOTAVAIL.
fn tell(interface: &InterfaceInfo, number: u32, to: &mut Ifreq) -> KResult<()> {
    let address = || first_address(interface).ok_or(Errno::EADDRNOTAVAIL);
    let of_ip = |ip| sockaddr::to_bytes(&SocketAddress::Inet(SocketAddrV4::new(ip, 0)));
    match number {
        SIOCGIFFLAGS => put(to, &interface.flags().to_bytes()),
        SIOCGIFMTU => put(to, &interface.device.mtu.to_bytes()),
        SIOCGIFMETRIC => put(to, &0_u32.to_bytes()),
        SIOCGIFINDEX => put(to, &interface.number.to_bytes()),
        SIOCGIFADDR => put(to, &of_ip(address()?.0)),
        SIOCGIFNETMASK => put(to, &of_ip(mask(address()?.1))),
        _ => {
            let (address, length) = address()?;
            put(to, &of_ip(address | !mask(length)));
        }
    }
    Ok(())
}

/// Errors: EINVAL (no such kind, or no value that it can have), EEXIST, ENXIO, EADDRNOTAVAIL, EAFNOSUPPORT.
fn change(process: &Process, number: u32, asked: &Ifreq) -> KResult<()> {
    if number == SIOCIFCREATE {
        return create(process, text(&asked.name)?);
    }
    if number == SIOCIFDESTROY && destroy_linked(process, text(&asked.name)?)? {
        return Ok(());
    }
    with(process, |network| {
        let interface = find(network, &asked.name)?;
        let id = interface.number;
        match number {
            SIOCIFDESTROY => network.detach(id),
            SIOCSIFFLAGS => {
                let is_up = u16::read(&asked.value).is_some_and(|flags| flags & IFF_UP != 0);
                network.set_up(id, is_up)?;
                if let Some(linked) = process.linked_interfaces().filter(|_| is_up) {
                    linked.raised(&interface.name);
                }
                Ok(())
            }
            SIOCSIFMTU => network.set_mtu(id, u32::read(&asked.value).ok_or(Errno::EINVAL)?),
            SIOCDIFADDR => network.remove_address(id, ip_in(&asked.value)?),
            _ => {
                let IpAddr::V4(address) = ip_in(&asked.value)? else {
                    return Err(Errno::EAFNOSUPPORT.into());
                };
                if let Some((before, _)) = first_address(&interface) {
                    network.remove_address(id, before.into())?;
                }
                network.add_address(id, address.into(), length_of_class(address)?)
            }
        }
    })
}

/// A name in a request. Errors: EINVAL.
pub(super) fn text(name: &[u8]) -> KResult<&str> {
    std::str::from_utf8(name_in(name)).map_err(|_| Errno::EINVAL.into())
}

/// Errors: EEXIST, EINVAL (no such kind), those of the kind.
fn create(process: &Process, name: &str) -> KResult<()> {
    let is_made = process.linked_interfaces().map(|linked| linked.create(name)).transpose()?;
    match is_made {
        Some(true) => Ok(()),
        _ => process.create_interface(name).map(drop),
    }
}

/// Takes an interface away whose cable is named later, if it is one. Errors: those of taking it away.
fn destroy_linked(process: &Process, name: &str) -> KResult<bool> {
    process.linked_interfaces().map_or(Ok(false), |linked| linked.destroy(name))
}

/// How long a prefix is when nobody said it: by the class of the address (RFC 791). Errors: EINVAL (that of a group).
fn length_of_class(address: Ipv4Addr) -> KResult<u8> {
    match address.to_bits().leading_ones() {
        0 => Ok(8),
        1 => Ok(16),
        2 => Ok(24),
        _ => Err(Errno::EINVAL.into()),
    }
}

/// Errors: EAFNOSUPPORT.
pub(super) fn ip_in(value: &[u8]) -> KResult<IpAddr> {
    match sockaddr::parse(value) {
        Ok(SocketAddress::Inet(address)) => Ok((*address.ip()).into()),
        Ok(SocketAddress::Inet6(address)) => Ok((*address.ip()).into()),
        _ => Err(Errno::EAFNOSUPPORT.into()),
    }
}

/// All interfaces, each with its address of hardware, and those of IP. Without room, it says how much it takes.
fn configuration(call: &mut Call<'_>, at: u64) -> KResult<()> {
    let room: Ifconf = call.read_at(at)?;
    let all =
        with(call.process, |network| Ok(network.interfaces().iter().flat_map(entries).collect::<Vec<_>>()))?;
    let fits = usize::try_from(room.length).unwrap_or(0) / Ifreq::SIZE;
    let count = if room.address == 0 { all.len() } else { all.len().min(fits) };
    if room.address != 0 {
        let bytes: Vec<u8> = all[..count].iter().flat_map(Ifreq::to_bytes).collect();
        call.put_bytes(room.address, &bytes)?;
    }
    call.put_at(at, &Ifconf { length: (count * Ifreq::SIZE) as i32, ..room })
}

fn entries(interface: &InterfaceInfo) -> Vec<Ifreq> {
    let entry = |bytes: &[u8]| {
        let mut entry = Ifreq { name: name(interface.name.as_bytes()), value: [0; 128] };
        put(&mut entry, bytes);
        entry
    };
    let of_ip = |(address, _): &(IpAddr, u8)| {
        entry(&sockaddr::to_bytes(&match *address {
            IpAddr::V4(ip) => SocketAddress::Inet(SocketAddrV4::new(ip, 0)),
            IpAddr::V6(ip) => SocketAddress::Inet6(SocketAddrV6::new(ip, 0, 0, 0)),
        }))
    };
    [entry(&Address::Link(interface.link_address()).to_bytes())]
        .into_iter()
        .chain(interface.addresses.iter().map(of_ip))
        .collect()
}
