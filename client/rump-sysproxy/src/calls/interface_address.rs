//! Requests about one address of an interface.

use super::call::Call;
use super::interface::{find, ip_in, put, with};
use rump_abi::netbsd::Layout;
use rump_abi::netbsd::interface::*;
use rump_abi::netbsd::sockaddr;
use rump_abi::{AddressFamily, Errno, SocketAddress};
use rump_kpi::KResult;
use rump_kpi::device::AddressInfo;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddrV6};
use std::time::Duration;

/// Adds an address, or takes one of IPv6 away. Errors: EFAULT, EAFNOSUPPORT, EINVAL (no mask of a prefix), ENXIO, EEXIST,
/// EADDRNOTAVAIL.
pub(super) fn change(call: &mut Call<'_>, number: u32, at: u64) -> KResult<()> {
    let (name, address, length) = match number {
        SIOCDIFADDR_IN6 => {
            let asked: In6Ifreq = call.read_at(at)?;
            let address = ip_in(&asked.value)?;
            return with(call.process, |network| {
                network.remove_address(find(network, &asked.name)?.number, address)
            });
        }
        SIOCAIFADDR_IN6 => {
            let asked: In6Aliasreq = call.read_at(at)?;
            check_family(asked.address.family, AddressFamily::Inet6)?;
            let length = prefix(u128::from_be_bytes(asked.mask.address), 128)?;
            (asked.name, IpAddr::V6(Ipv6Addr::from(asked.address.address)), length)
        }
        _ => {
            let asked: Ifaliasreq = call.read_at(at)?;
            check_family(asked.address.family, AddressFamily::Inet)?;
            let mask = Ipv4Addr::from(asked.mask.address).to_bits();
            let length = prefix(u128::from(mask) << 96, 32)?;
            (asked.name, IpAddr::V4(Ipv4Addr::from(asked.address.address)), length)
        }
    };
    with(call.process, |network| {
        let interface = find(network, &name)?;
        network.add_address(interface.number, address, length)
    })
}

/// Tells of one. Errors: EFAULT, EAFNOSUPPORT, ENXIO, EADDRNOTAVAIL (the interface has no such address).
pub(super) fn tell(call: &mut Call<'_>, number: u32, at: u64) -> KResult<()> {
    if number == SIOCGIFAFLAG_IN {
        let mut asked: Ifreq = call.read_at(at)?;
        let own = address(call, &asked.name, ip_in(&asked.value)?)?;
        put(&mut asked, &own.flags().to_bytes());
        return call.put_at(at, &asked);
    }
    let mut asked: In6Ifreq = call.read_at(at)?;
    let own = address(call, &asked.name, ip_in(&asked.value)?)?;
    let bytes = match number {
        SIOCGIFNETMASK_IN6 => {
            let bits = !u128::MAX.checked_shr(own.length.into()).unwrap_or(0);
            let mask = SocketAddrV6::new(Ipv6Addr::from_bits(bits), 0, 0, 0);
            sockaddr::to_bytes(&SocketAddress::Inet6(mask))
        }
        SIOCGIFAFLAG_IN6 => own.flags().to_bytes(),
        _ => lifetime(call, &own)?.to_bytes(),
    };
    asked.value = [0; 272];
    asked.value[..bytes.len()].copy_from_slice(&bytes);
    call.put_at(at, &asked)
}

/// Errors: ENXIO, EADDRNOTAVAIL.
fn address(call: &Call<'_>, name: &[u8], ip: IpAddr) -> KResult<AddressInfo> {
    with(call.process, |network| {
        let all = network.addresses(find(network, name)?.number)?;
        // Programs say the number of the link within an address of it, or not.
        let found = all.into_iter().find(|own| own.address == ip || own.address == without_link(ip));
        found.ok_or_else(|| Errno::EADDRNOTAVAIL.into())
    })
}

fn without_link(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V6(address) if address.is_unicast_link_local() => {
            let mut octets = address.octets();
            (octets[2], octets[3]) = (0, 0);
            IpAddr::from(octets)
        }
        ip => ip,
    }
}

/// Errors: ENXIO (halted).
fn lifetime(call: &Call<'_>, own: &AddressInfo) -> KResult<In6Addrlifetime> {
    let now = call.process.gettimeofday()?.sec;
    let left = [own.valid, own.preferred];
    let until = |left: Option<Duration>| left.map_or(0, |left| now.saturating_add_unsigned(left.as_secs()));
    let seconds =
        |left: Option<Duration>| left.map_or(u32::MAX, |left| left.as_secs().try_into().unwrap_or(u32::MAX));
    Ok(In6Addrlifetime { until: left.map(until), lifetimes: left.map(seconds) })
}

/// Errors: EAFNOSUPPORT.
fn check_family(number: u8, family: AddressFamily) -> KResult<()> {
    if number == family as u8 { Ok(()) } else { Err(Errno::EAFNOSUPPORT.into()) }
}

/// How long a prefix a mask has, whose bits are in front; none at all is that of one host. Errors: EINVAL (a zero before a
/// one).
fn prefix(mask: u128, whole: u8) -> KResult<u8> {
    match (mask.leading_ones(), mask.count_ones()) {
        (0, 0) => Ok(whole),
        (ones, all) if ones == all => Ok(ones as u8),
        _ => Err(Errno::EINVAL.into()),
    }
}
