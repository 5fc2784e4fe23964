//! Addresses of IPv6: `SIOCSIFADDR` and `SIOCDIFADDR` at a socket of that family, with `struct in6_ifreq`, as ipv6(7) has them.
//! One is added to those that the interface has.

use super::interface::check_superuser;
use super::network::with_network;
use crate::caller::Caller;
use crate::pointer::Room;
use libc::{c_ulong, in6_ifreq};
use rump_abi::Errno;
use rump_kpi::KResult;
use std::net::{IpAddr, Ipv6Addr};

/// Bits of an address.
const BITS: u8 = 128;

/// Errors: EPERM, EFAULT, EINVAL (a prefix that is longer than an address), ENODEV, EEXIST, EADDRNOTAVAIL (nobody can have it;
/// of one that is to go, the interface has none of it and this prefix).
pub(super) fn request(process: &Caller, number: c_ulong, argument: &Room) -> KResult<()> {
    check_superuser(process)?;
    let asked = argument.place::<in6_ifreq>().read()?;
    let length =
        u8::try_from(asked.ifr6_prefixlen).ok().filter(|length| *length <= BITS).ok_or(Errno::EINVAL)?;
    let address = IpAddr::V6(Ipv6Addr::from(asked.ifr6_addr.s6_addr));
    let id = u32::try_from(asked.ifr6_ifindex).map_err(|_| Errno::ENODEV)?;
    with_network(process, |network| {
        let interfaces = network.interfaces()?;
        let interface = interfaces.iter().find(|info| info.number == id).ok_or(Errno::ENODEV)?;
        if number == libc::SIOCSIFADDR {
            return network.add_address(interface, address, length);
        }
        if !interface.addresses.contains(&(address, length)) {
            return Err(Errno::EADDRNOTAVAIL.into());
        }
        network.remove_address(interface, address)
    })
}
