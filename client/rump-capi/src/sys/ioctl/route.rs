//! Routes: `SIOCADDRT` and `SIOCDELRT`.

use super::interface::{check_superuser, find};
use super::network::{Network, with_network};
use crate::caller::Caller;
use crate::layout::interface::RouteEntry;
use crate::pointer::Room;
use libc::c_ulong;
use rump_abi::Errno;
use rump_kpi::KResult;
use rump_kpi::device::{Gateway, RouteInfo};

/// Errors: EPERM, EFAULT, EAFNOSUPPORT (not of IPv4), EINVAL (no mask, or no router), ENODEV (no such interface, or neither an
/// interface nor a router is named), ENETUNREACH (the router is on no link), EEXIST, ESRCH.
pub(super) fn request(process: &Caller, number: c_ulong, argument: &Room) -> KResult<()> {
    check_superuser(process)?;
    let entry = argument.place::<RouteEntry>().read()?;
    let (destination, length) = entry.prefix()?;
    with_network(process, |network| {
        let gateway = gateway(network, &entry)?;
        if number == libc::SIOCADDRT {
            let gateway = gateway.ok_or(Errno::ENODEV)?;
            let metric = entry.metric().unwrap_or(0);
            return network.add_route(&RouteInfo {
                destination: destination.into(),
                length,
                gateway,
                metric,
            });
        }
        let is_meant = |route: &RouteInfo| {
            (route.destination, route.length) == (destination.into(), length)
                && gateway.is_none_or(|gateway| gateway == route.gateway)
                && entry.metric().is_none_or(|metric| metric == route.metric)
        };
        let routes = network.routes()?;
        network.remove_route(routes.iter().find(|route| is_meant(route)).ok_or(Errno::ESRCH)?)
    })
}

/// Errors: EINVAL (no router), ENODEV.
fn gateway(network: &Network<'_>, entry: &RouteEntry) -> KResult<Option<Gateway>> {
    if entry.flags() & libc::RTF_REJECT != 0 {
        return Ok(Some(Gateway::Reject));
    }
    let device = match entry.device() {
        Some(name) => Some(find(network, std::str::from_utf8(name).map_err(|_| Errno::ENODEV)?)?),
        None => None,
    };
    Ok(match entry.router()? {
        Some(router) => Some(Gateway::Router(router.into())),
        None => device.map(|device| Gateway::Interface(device.number)),
    })
}
