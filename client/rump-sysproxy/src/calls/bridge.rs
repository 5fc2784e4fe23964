//! Commands of bridges, as brconfig(8) and ifconfig(8) give them.
//!
//! NetBSD has no switch for the spanning tree of a bridge: it runs where a member takes part. So a member that is added takes
//! no part in it, and the first that does begins it.

use super::call::Call;
use super::interface::{find, text, with};
use rump_abi::Errno;
use rump_abi::netbsd::Layout;
use rump_abi::netbsd::bridge::*;
use rump_abi::netbsd::interface::Ifdrv;
use rump_abi::netbsd::statvfs::name;
use rump_kern::Process;
use rump_kpi::KResult;
use rump_kpi::device::{Network, NetworkDevice};
use rump_kpi::link::{
    Bridge, BridgeSettings, MemberInfo, MemberSettings, MemberState, Role, Statics, StationInfo,
};
use std::time::Duration;

/// Does something with a bridge. Errors: ENXIO, EOPNOTSUPP (the interface is none).
fn with_bridge<T>(
    process: &Process,
    name: &[u8],
    act: impl FnOnce(&dyn Bridge, &dyn Network) -> KResult<T>,
) -> KResult<T> {
    with(process, |network| match network.port(find(network, name)?.number)?.role() {
        Role::Bridge(bridge) => act(bridge, network),
        _ => Err(Errno::EOPNOTSUPP.into()),
    })
}

/// The argument of a command. Errors: EINVAL (of another length), EFAULT.
fn argument<T: Layout>(call: &mut Call<'_>, asked: &Ifdrv) -> KResult<T> {
    if asked.length != T::SIZE as u64 {
        return Err(Errno::EINVAL.into());
    }
    call.read_at(asked.address)
}

/// Errors: ENOENT.
fn member(bridge: &dyn Bridge, name: &str) -> KResult<MemberInfo> {
    bridge.members().into_iter().find(|member| member.name == name).ok_or_else(|| Errno::ENOENT.into())
}

/// A command that asks for something. Errors: EFAULT, EINVAL (no such command, an argument of another length), ENXIO,
/// EOPNOTSUPP (no bridge), ENOENT (no such member).
pub(super) fn ask(call: &mut Call<'_>, at: u64) -> KResult<()> {
    let asked: Ifdrv = call.read_at(at)?;
    match asked.command {
        BRDGGIFS | OBRDGGIFS => {
            let members = with_bridge(call.process, &asked.name, |bridge, _| {
                let spans = bridge.settings().spans;
                Ok(bridge.members().iter().map(|member| request_of(member, spans)).collect::<Vec<_>>())
            })?;
            list(call, &asked, &members)
        }
        BRDGRTS | OBRDGRTS => {
            let stations = with_bridge(call.process, &asked.name, |bridge, _| {
                let ageing = bridge.settings().ageing_time;
                Ok(bridge.addresses().iter().map(|station| station_of(station, ageing)).collect::<Vec<_>>())
            })?;
            list(call, &asked, &stations)
        }
        BRDGGIFFLGS => {
            let request: Ifbreq = argument(call, &asked)?;
            let told = with_bridge(call.process, &asked.name, |bridge, _| {
                Ok(request_of(&member(bridge, text(&request.name)?)?, bridge.settings().spans))
            })?;
            call.put_at(asked.address, &told)
        }
        _ => {
            let _: u32 = argument(call, &asked)?;
            let settings = with_bridge(call.process, &asked.name, |bridge, _| Ok(bridge.settings()))?;
            call.put_at(asked.address, &parameter(&settings, asked.command)?)
        }
    }
}

/// Errors: EINVAL.
fn parameter(settings: &BridgeSettings, command: u64) -> KResult<u32> {
    let seconds = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
    Ok(match command {
        BRDGGCACHE => u32::try_from(settings.most_addresses).unwrap_or(u32::MAX),
        BRDGGTO => seconds(settings.ageing_time),
        BRDGGPRI => settings.priority.into(),
        BRDGGHT => seconds(settings.hello_time),
        BRDGGFD => seconds(settings.forward_delay),
        BRDGGMA => seconds(settings.max_age),
        // No filter sees what passes.
        BRDGGFILT => 0,
        _ => return Err(Errno::EINVAL.into()),
    })
}

/// Puts a list where there is room for it, or says how much it takes where there is none at all. Errors: EINVAL (an argument of
/// another length), EFAULT.
fn list<T: Layout>(call: &mut Call<'_>, asked: &Ifdrv, entries: &[T]) -> KResult<()> {
    let room: Ifbconf = argument(call, asked)?;
    let fits = if room.length == 0 { entries.len() } else { room.length as usize / T::SIZE };
    let entries = &entries[..fits.min(entries.len())];
    if room.length != 0 {
        let bytes: Vec<u8> = entries.iter().flat_map(Layout::to_bytes).collect();
        call.put_bytes(room.address, &bytes)?;
    }
    call.put_at(asked.address, &Ifbconf { length: (entries.len() * T::SIZE) as u32, ..room })
}

fn request_of(member: &MemberInfo, spans: bool) -> Ifbreq {
    let settings = &member.settings;
    let flags = [
        (settings.learns, IFBIF_LEARNING),
        (settings.floods, IFBIF_DISCOVER),
        (spans && settings.spans, IFBIF_STP),
        (settings.is_isolated, IFBIF_PROTECTED),
    ];
    Ifbreq {
        name: name(member.name.as_bytes()),
        flags: flags.into_iter().filter(|(is_set, _)| *is_set).map(|(_, flag)| flag).sum(),
        state: match member.state {
            MemberState::Disabled => BSTP_IFSTATE_DISABLED,
            MemberState::Listening => BSTP_IFSTATE_LISTENING,
            MemberState::Learning => BSTP_IFSTATE_LEARNING,
            MemberState::Forwarding => BSTP_IFSTATE_FORWARDING,
            MemberState::Blocking => BSTP_IFSTATE_BLOCKING,
        },
        priority: settings.priority,
        path_cost: settings.path_cost.min(u8::MAX.into()) as u8,
        number: member.number as u8,
    }
}

fn station_of(station: &StationInfo, ageing: Duration) -> Ifbareq {
    let left = station.age.map(|age| ageing.saturating_sub(age).as_secs());
    Ifbareq {
        name: name(station.member.as_bytes()),
        expires: left.map_or(0, |left| i64::try_from(left).unwrap_or(i64::MAX)),
        flags: if station.age.is_none() { IFBAF_STATIC } else { 0 },
        address: station.address,
    }
}

/// A command that changes something. Errors: EFAULT, EINVAL (no such command, an argument of another length, a value that is
/// not allowed), ENXIO, EOPNOTSUPP (no bridge), ENOENT (no such member or address), EBUSY (it is a member of another bridge),
/// EEXIST (of this).
pub(super) fn change(call: &mut Call<'_>, at: u64) -> KResult<()> {
    let asked: Ifdrv = call.read_at(at)?;
    match asked.command {
        BRDGADD | BRDGDEL | BRDGSIFFLGS | BRDGSIFPRIO | BRDGSIFCOST | BRDGFLUSH => {
            let request: Ifbreq = argument(call, &asked)?;
            with_bridge(call.process, &asked.name, |bridge, network| {
                change_member(bridge, network, asked.command, &request)
            })
        }
        BRDGSADDR | BRDGDADDR => {
            let request: Ifbareq = argument(call, &asked)?;
            with_bridge(call.process, &asked.name, |bridge, _| match asked.command {
                BRDGDADDR => bridge.remove_address(request.address),
                _ => bridge.add_static(request.address, text(&request.name)?),
            })
        }
        _ => {
            let value: u32 = argument(call, &asked)?;
            with_bridge(call.process, &asked.name, |bridge, _| {
                let mut settings = bridge.settings();
                set_parameter(&mut settings, asked.command, value)?;
                bridge.set_settings(&settings)
            })
        }
    }
}

fn change_member(bridge: &dyn Bridge, network: &dyn Network, command: u64, request: &Ifbreq) -> KResult<()> {
    let who = text(&request.name)?;
    match command {
        BRDGADD => {
            bridge.add(&network.port(find(network, &request.name)?.number)?)?;
            let settings = member(bridge, who)?.settings;
            bridge.set_member(who, &MemberSettings { spans: false, ..settings })
        }
        BRDGDEL => bridge.remove(who),
        BRDGFLUSH => {
            let is_all = request.flags & IFBF_FLUSHALL != 0;
            bridge.flush(if is_all { Statics::Forget } else { Statics::Keep });
            Ok(())
        }
        BRDGSIFPRIO => {
            let settings = member(bridge, who)?.settings;
            bridge.set_member(who, &MemberSettings { priority: request.priority, ..settings })
        }
        BRDGSIFCOST => {
            let settings = member(bridge, who)?.settings;
            bridge.set_member(who, &MemberSettings { path_cost: request.path_cost.into(), ..settings })
        }
        _ => set_flags(bridge, who, request.flags),
    }
}

fn set_flags(bridge: &dyn Bridge, who: &str, flags: u32) -> KResult<()> {
    let settings = member(bridge, who)?.settings;
    let has = |flag| flags & flag != 0;
    let settings = MemberSettings {
        learns: has(IFBIF_LEARNING),
        floods: has(IFBIF_DISCOVER),
        spans: has(IFBIF_STP),
        is_isolated: has(IFBIF_PROTECTED),
        ..settings
    };
    let of_bridge = bridge.settings();
    if settings.spans && !of_bridge.spans {
        for other in bridge.members() {
            bridge.set_member(&other.name, &MemberSettings { spans: false, ..other.settings })?;
        }
        bridge.set_settings(&BridgeSettings { spans: true, ..of_bridge })?;
    }
    bridge.set_member(who, &settings)
}

/// Errors: EINVAL.
fn set_parameter(settings: &mut BridgeSettings, command: u64, value: u32) -> KResult<()> {
    // Structures have a byte or two for most of them, in front.
    let (short, byte) = (value as u16, Duration::from_secs(u64::from(value as u8)));
    match command {
        BRDGSCACHE => settings.most_addresses = value as usize,
        BRDGSTO => settings.ageing_time = Duration::from_secs(value.into()),
        BRDGSPRI => settings.priority = short,
        BRDGSHT => settings.hello_time = byte,
        BRDGSFD => settings.forward_delay = byte,
        BRDGSMA => settings.max_age = byte,
        _ => return Err(Errno::EINVAL.into()),
    }
    Ok(())
}
