//! Requests of interfaces (netdevice(7)), which any socket takes. Addresses are those of IPv4,
//! and an interface's first; those of IPv6 are in `address6`.

use super::network::{Network, with_network};
use crate::caller::Caller;
use crate::layout::interface::{Configuration, InterfaceRequest, mask, prefix_length};
use crate::pointer::Room;
use libc::{c_int, c_ulong, sa_family_t};
use rump_abi::Errno;
use rump_kpi::KResult;
use rump_kpi::device::{InterfaceInfo, Medium};
use std::net::{IpAddr, Ipv4Addr};

/// Errors: EPERM (not the superuser).
pub(super) fn check_superuser(process: &Caller) -> KResult<()> {
    if process.geteuid()? == 0 { Ok(()) } else { Err(Errno::EPERM.into()) }
}

/// Errors: ENODEV.
pub(super) fn find(network: &Network<'_>, name: &str) -> KResult<InterfaceInfo> {
    network.interfaces()?.into_iter().find(|info| info.name == name).ok_or_else(|| Errno::ENODEV.into())
}

/// Errors: EFAULT, EPERM, ENODEV, ENOTTY (no such request), EADDRNOTAVAIL (it has no address), those of the change.
pub(super) fn request(process: &Caller, number: c_ulong, argument: &Room) -> KResult<()> {
    if number == libc::SIOCGIFCONF {
        return configuration(process, argument);
    }
    let place = argument.place::<InterfaceRequest>();
    let mut asked = place.read()?;
    with_network(process, |network| match number {
        libc::SIOCSIFFLAGS
        | libc::SIOCSIFADDR
        | libc::SIOCSIFNETMASK
        | libc::SIOCSIFMTU
        | libc::SIOCSIFHWADDR => {
            check_superuser(process)?;
            change(network, &find(network, asked.name()?)?, number, &asked)
        }
        libc::SIOCGIFNAME => {
            let wanted = u32::try_from(asked.number()).ok();
            let interfaces = network.interfaces()?;
            let found = interfaces.iter().find(|info| Some(info.number) == wanted);
            asked.put_name(&found.ok_or(Errno::ENODEV)?.name);
            place.store(asked)
        }
        _ => {
            let interface = find(network, asked.name()?)?;
            answer(&interface, number, &mut asked)?;
            place.store(asked)
        }
    })
}

/// The first address, and how long its network's prefix is.
fn first_address(interface: &InterfaceInfo) -> Option<(Ipv4Addr, u8)> {
    interface.addresses.iter().find_map(|(address, length)| match address {
        IpAddr::V4(address) => Some((*address, *length)),
        IpAddr::V6(_) => None,
    })
}

/// Errors: ENOTTY, EADDRNOTAVAIL.
fn answer(interface: &InterfaceInfo, number: c_ulong, to: &mut InterfaceRequest) -> KResult<()> {
    let address = || first_address(interface).ok_or(Errno::EADDRNOTAVAIL);
    match number {
        libc::SIOCGIFFLAGS => to.put_flags(flags(interface)),
        libc::SIOCGIFINDEX => to.put_number(interface.number),
        libc::SIOCGIFMTU => to.put_number(interface.device.mtu),
        libc::SIOCGIFHWADDR => match interface.device.medium {
            Medium::Ethernet { address } => to.put_hardware(libc::ARPHRD_ETHER, address),
            Medium::Loopback => to.put_hardware(libc::ARPHRD_LOOPBACK, [0; 6]),
            Medium::Ip => to.put_hardware(libc::ARPHRD_NONE as sa_family_t, [0; 6]),
        },
        libc::SIOCGIFADDR => to.put_address(address()?.0),
        libc::SIOCGIFNETMASK => to.put_address(mask(address()?.1)),
        libc::SIOCGIFBRDADDR => to.put_address(broadcast(interface, address()?)),
        _ => return Err(Errno::ENOTTY.into()),
    }
    Ok(())
}

fn flags(interface: &InterfaceInfo) -> c_int {
    let kind = match interface.device.medium {
        Medium::Ethernet { .. } => libc::IFF_BROADCAST | libc::IFF_MULTICAST,
        Medium::Loopback => libc::IFF_LOOPBACK | libc::IFF_MULTICAST,
        Medium::Ip => libc::IFF_POINTOPOINT | libc::IFF_NOARP | libc::IFF_MULTICAST,
    };
    let up = if interface.is_up { libc::IFF_UP } else { 0 };
    let running = if interface.is_up && interface.has_carrier { libc::IFF_RUNNING } else { 0 };
    kind | up | running
}

/// The address of all on the link, or that of nobody.
fn broadcast(interface: &InterfaceInfo, (address, length): (Ipv4Addr, u8)) -> Ipv4Addr {
    match interface.device.medium {
        Medium::Ethernet { .. } if length < 31 => address | !mask(length),
        _ => Ipv4Addr::UNSPECIFIED,
    }
}

/// Errors: EINVAL (no value that it can have), EADDRNOTAVAIL.
fn change(
    network: &Network<'_>,
    interface: &InterfaceInfo,
    number: c_ulong,
    asked: &InterfaceRequest,
) -> KResult<()> {
    let before = first_address(interface);
    match number {
        libc::SIOCSIFFLAGS => network.set_up(interface, asked.flags() & libc::IFF_UP != 0),
        libc::SIOCSIFMTU => {
            network.set_mtu(interface, u32::try_from(asked.number()).map_err(|_| Errno::EINVAL)?)
        }
        libc::SIOCSIFHWADDR => network.set_hardware(interface, asked.hardware()?),
        libc::SIOCSIFADDR => {
            let address = asked.address()?;
            let length = match interface.device.medium {
                Medium::Ip => 32,
                _ => length_of_class(address)?,
            };
            replace(network, interface, before, (address, length))
        }
        _ => {
            let (address, _) = before.ok_or(Errno::EADDRNOTAVAIL)?;
            replace(network, interface, before, (address, prefix_length(asked.address()?)?))
        }
    }
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

/// Another address instead of the one before; that of nobody is none. If it cannot be, that before stays.
fn replace(
    network: &Network<'_>,
    interface: &InterfaceInfo,
    before: Option<(Ipv4Addr, u8)>,
    (address, length): (Ipv4Addr, u8),
) -> KResult<()> {
    if before.is_some_and(|before| before == (address, length)) {
        return Ok(());
    }
    if let Some((before, _)) = before {
        network.remove_address(interface, before.into())?;
    }
    if address.is_unspecified() {
        return Ok(());
    }
    network.add_address(interface, address.into(), length).inspect_err(|_| {
        if let Some((address, length)) = before {
            // It was there a moment ago.
            let _ = network.add_address(interface, address.into(), length);
        }
    })
}

/// `SIOCGIFCONF`. Errors: EFAULT.
fn configuration(process: &Caller, argument: &Room) -> KResult<()> {
    let place = argument.place::<Configuration>();
    let mut room = place.read()?;
    let all = with_network(process, |network| {
        let of_interface = |info: InterfaceInfo| {
            let addresses = info.addresses.into_iter().filter_map(|(address, _)| match address {
                IpAddr::V4(address) => Some(InterfaceRequest::of_address(&info.name, address)),
                IpAddr::V6(_) => None,
            });
            addresses.collect::<Vec<_>>()
        };
        Ok(network.interfaces()?.into_iter().flat_map(of_interface).collect::<Vec<_>>())
    })?;
    room.fill(&all)?;
    place.store(room)
}
