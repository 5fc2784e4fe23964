//! Requests about what an interface is at: its address of hardware, a virtual network, a cable, or one that has a name.

use super::call::Call;
use super::interface::{find, text, with};
use rump_abi::Errno;
use rump_abi::netbsd::Layout;
use rump_abi::netbsd::interface::*;
use rump_abi::netbsd::sockaddr::{AF_LINK, SockaddrDl};
use rump_abi::netbsd::statvfs::{name, name_in};
use rump_kern::Process;
use rump_kpi::KResult;
use rump_kpi::device::{Duplex, Media, Network, NetworkDevice};
use rump_kpi::link::{LinkedInterfaces, Role, Vlan};
use std::sync::Arc;

/// Bytes of the name of a cable at most, with its NUL.
const LINK_MAX: u64 = 1024;
/// Networks of a cable: zero and the last number are none.
const NETWORKS: std::ops::Range<u16> = 1..0xfff;

/// Does something with a virtual network. Errors: ENXIO, EOPNOTSUPP (it is none).
fn with_vlan<T>(
    process: &Process,
    name: &[u8],
    act: impl FnOnce(&dyn Vlan, &dyn Network) -> KResult<T>,
) -> KResult<T> {
    with(process, |network| match network.port(find(network, name)?.number)?.role() {
        Role::Vlan(vlan) => act(vlan, network),
        _ => Err(Errno::EOPNOTSUPP.into()),
    })
}

/// Changes the address of hardware. Errors: EFAULT, ENXIO, EAFNOSUPPORT (it is none of a link), EINVAL (it is none of Ethernet, or
/// not to be used; the interface has none).
pub(super) fn set_hardware(call: &mut Call<'_>, at: u64) -> KResult<()> {
    let asked: IfLaddrreq = call.read_at(at)?;
    let link = SockaddrDl::read(&asked.address).filter(|link| link.family == AF_LINK);
    let link = link.ok_or(Errno::EAFNOSUPPORT)?;
    let (begin, length) = (usize::from(link.name_length), usize::from(link.address_length));
    let address = link.data.get(begin..begin + length).and_then(|bytes| bytes.try_into().ok());
    let address = address.filter(|_| asked.flags & IFLR_ACTIVE != 0).ok_or(Errno::EINVAL)?;
    with(call.process, |network| network.set_hardware(find(network, &asked.name)?.number, address))
}

/// Says which network on which cable it is; on none, if no interface is named. Errors: EFAULT, ENXIO, EOPNOTSUPP, EINVAL (there
/// is no such network, or the interface is not one of Ethernet), EBUSY (it is one already, or another is it).
pub(super) fn set_vlan(call: &mut Call<'_>, at: u64) -> KResult<()> {
    let asked: Ifreq = call.read_at(at)?;
    let wanted: Vlanreq = call.read_at(u64::read(&asked.value).ok_or(Errno::EFAULT)?)?;
    with_vlan(call.process, &asked.name, |vlan, network| {
        if name_in(&wanted.parent).is_empty() {
            vlan.unconfigure();
            return Ok(());
        }
        if vlan.parent().is_some() {
            return Err(Errno::EBUSY.into());
        }
        if !NETWORKS.contains(&wanted.tag) {
            return Err(Errno::EINVAL.into());
        }
        let parent = find(network, &wanted.parent)?.number;
        vlan.configure(&network.port(parent)?, wanted.tag)
    })
}

/// Tells that. Errors: EFAULT, ENXIO, EOPNOTSUPP.
pub(super) fn vlan(call: &mut Call<'_>, at: u64) -> KResult<()> {
    let asked: Ifreq = call.read_at(at)?;
    let place = u64::read(&asked.value).ok_or(Errno::EFAULT)?;
    let (parent, tag) =
        with_vlan(call.process, &asked.name, |vlan, _| Ok(vlan.parent()))?.unwrap_or_default();
    call.put_at(place, &Vlanreq { parent: name(parent.as_bytes()), tag })
}

/// A cable in words of ifmedia(4): what was chosen, and what it came to.
fn words(media: &Media) -> (u32, u32) {
    let kind = match (media.speed, media.is_twisted_pair) {
        (None, true) => IFM_NONE,
        (speed, is_pair) => {
            let known = TWISTED_PAIRS.iter().find(|(_, its)| is_pair && speed == Some(*its));
            known.map_or(IFM_OTHER, |(kind, _)| *kind)
        }
    };
    let duplex = match media.duplex {
        Some(Duplex::Full) => IFM_FDX,
        Some(Duplex::Half) => IFM_HDX,
        None => 0,
    };
    let active = IFM_ETHER | kind | duplex;
    (if media.is_negotiated { IFM_ETHER | IFM_AUTO } else { active }, active)
}

/// Tells of the cable. One that has no number of its own is as fast as `SIOCGIFDATA` says. Errors: EFAULT, ENXIO, EINVAL (nothing
/// is known of one, or a negative number).
pub(super) fn media(call: &mut Call<'_>, at: u64) -> KResult<()> {
    let asked: Ifmediareq = call.read_at(at)?;
    let (media, has_carrier) = with(call.process, |network| {
        let interface = find(network, &asked.name)?;
        let media = network.port(interface.number)?.media().ok_or(Errno::EINVAL)?;
        Ok((media, interface.has_carrier))
    })?;
    let (current, active) = words(&media);
    if asked.address != 0 && usize::try_from(asked.count).map_err(|_| Errno::EINVAL)? > 0 {
        call.put_bytes(asked.address, &current.to_bytes())?;
    }
    let status = IFM_AVALID | if has_carrier { IFM_ACTIVE } else { 0 };
    call.put_at(at, &Ifmediareq { current, mask: 0, status, active, count: 1, ..asked })
}

/// Which kinds of interfaces can be made: as many as there is room for. Errors: EFAULT, EINVAL (a negative number).
pub(super) fn kinds(call: &mut Call<'_>, at: u64) -> KResult<()> {
    let asked: IfClonereq = call.read_at(at)?;
    let mut kinds = call.process.interface_kinds();
    kinds.push("lo");
    kinds.sort_unstable();
    if asked.address != 0 {
        let room = usize::try_from(asked.count).map_err(|_| Errno::EINVAL)?;
        let names = kinds.iter().take(room).flat_map(|kind| name::<IFNAMSIZ>(kind.as_bytes()));
        call.put_bytes(asked.address, &names.collect::<Vec<u8>>())?;
    }
    call.put_at(at, &IfClonereq { total: kinds.len() as i32, ..asked })
}

/// Errors: EOPNOTSUPP (no interfaces have such cables).
fn linked(process: &Process) -> KResult<Arc<dyn LinkedInterfaces>> {
    process.linked_interfaces().ok_or_else(|| Errno::EOPNOTSUPP.into())
}

/// Says where an interface's cable is. Errors: EFAULT, EOPNOTSUPP (there is none with a name, or it is to be taken off), EINVAL
/// (no such command, no name), E2BIG, ENXIO, EBUSY (it has one), those of the device.
pub(super) fn set_link(call: &mut Call<'_>, at: u64) -> KResult<()> {
    let asked: Ifdrv = call.read_at(at)?;
    match (asked.command, asked.length) {
        (IFLINKSTR_UNSET, _) => return Err(Errno::EOPNOTSUPP.into()),
        (0, 1..=LINK_MAX) => {}
        (0, length) if length > LINK_MAX => return Err(Errno::E2BIG.into()),
        _ => return Err(Errno::EINVAL.into()),
    }
    let link = call.bytes(asked.address, asked.length as usize)?;
    linked(call.process)?.set_link(text(&asked.name)?, text(&link)?)
}

/// Tells it, or how long it is. Errors: EFAULT, EOPNOTSUPP, EINVAL (no such command), ENXIO, ENOENT (it has none).
pub(super) fn link(call: &mut Call<'_>, at: u64) -> KResult<()> {
    let asked: Ifdrv = call.read_at(at)?;
    let link = linked(call.process)?.link(text(&asked.name)?)?;
    let bytes = [link.as_bytes(), &[0]].concat();
    match asked.command {
        IFLINKSTR_QUERYLEN => {}
        0 => {
            let count = usize::try_from(asked.length).unwrap_or(usize::MAX).min(bytes.len());
            call.put_bytes(asked.address, &bytes[..count])?;
        }
        _ => return Err(Errno::EINVAL.into()),
    }
    call.put_at(at, &Ifdrv { length: bytes.len() as u64, ..asked })
}
