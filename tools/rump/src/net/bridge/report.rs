//! A bridge as it is at a moment, much as brconfig(8) shows it.

use rumpkit::net::{
    Bridge, BridgeSettings, BridgeStatistics, MemberInfo, MemberState, StationInfo, TreeInfo,
};
use serde_json::{Value, json};
use std::fmt;
use std::io;

/// See the module.
pub struct Report {
    name: String,
    settings: BridgeSettings,
    tree: TreeInfo,
    members: Vec<MemberInfo>,
    stations: Vec<StationInfo>,
    statistics: BridgeStatistics,
}

/// What a member does, in a word.
pub fn word(state: MemberState) -> &'static str {
    match state {
        MemberState::Disabled => "disabled",
        MemberState::Blocking => "blocking",
        MemberState::Listening => "listening",
        MemberState::Learning => "learning",
        MemberState::Forwarding => "forwarding",
    }
}

/// An identifier of a bridge as others show it.
fn identifier(number: u64) -> String {
    let [high, low, a, b, c, d, e, f] = number.to_be_bytes();
    format!("{high:02x}{low:02x}.{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
}

fn hardware([a, b, c, d, e, f]: [u8; 6]) -> String {
    format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
}

impl Report {
    /// That of a bridge. Errors: those of looking.
    pub fn of(bridge: &Bridge) -> io::Result<Self> {
        Ok(Self {
            name: bridge.interface().info()?.name,
            settings: bridge.settings()?,
            tree: bridge.tree()?,
            members: bridge.members()?,
            stations: bridge.addresses()?,
            statistics: bridge.statistics()?,
        })
    }

    /// The same as one record.
    pub fn to_json(&self) -> Value {
        let Self { name, settings, tree, members, stations, statistics } = self;
        let member = |member: &MemberInfo| {
            json!({"name": member.name, "number": member.number, "state": word(member.state),
                "priority": member.settings.priority, "path_cost": member.settings.path_cost})
        };
        let station = |station: &StationInfo| {
            json!({"address": hardware(station.address), "member": station.member,
                "age_s": station.age.map(|age| age.as_secs_f64())})
        };
        json!({
            "type": "bridge",
            "name": name,
            "stp": settings.spans,
            "identifier": identifier(tree.identifier),
            "root": identifier(tree.root),
            "root_path_cost": tree.root_path_cost,
            "root_member": tree.root_member,
            "changes": tree.changes,
            "members": members.iter().map(member).collect::<Vec<_>>(),
            "addresses": stations.iter().map(station).collect::<Vec<_>>(),
            "forwarded": statistics.forwarded,
            "flooded": statistics.flooded,
            "filtered": statistics.filtered,
            "blocked": statistics.blocked,
            "returned": statistics.returned,
            "too_long": statistics.too_long,
            "lost": statistics.lost,
            "forgotten": statistics.forgotten,
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, settings, tree, members, stations, statistics } = self;
        writeln!(
            f,
            "{name}: stp {} priority {} hello {:?} max-age {:?} forward-delay {:?} ageing {:?} most-addresses {}",
            if settings.spans { "on" } else { "off" },
            settings.priority,
            settings.hello_time,
            settings.max_age,
            settings.forward_delay,
            settings.ageing_time,
            settings.most_addresses,
        )?;
        writeln!(f, "identifier {} changes {}", identifier(tree.identifier), tree.changes)?;
        write!(f, "root {} cost {}", identifier(tree.root), tree.root_path_cost)?;
        match &tree.root_member {
            Some(member) => writeln!(f, " over {member}")?,
            None => writeln!(f)?,
        }
        writeln!(f, "members:")?;
        for MemberInfo { name, number, settings, state } in members {
            let (priority, cost) = (settings.priority, settings.path_cost);
            writeln!(f, "  {name} port {number} priority {priority} cost {cost} {}", word(*state))?;
        }
        writeln!(f, "addresses:")?;
        for StationInfo { address, member, age } in stations {
            match age {
                Some(age) => writeln!(f, "  {} {member} {} s", hardware(*address), age.as_secs())?,
                None => writeln!(f, "  {} {member} static", hardware(*address))?,
            }
        }
        let BridgeStatistics { forwarded, flooded, filtered, blocked, returned, too_long, lost, forgotten } =
            statistics;
        writeln!(
            f,
            "frames: {forwarded} forwarded, {flooded} flooded, {filtered} filtered, {blocked} blocked, {returned} returned"
        )?;
        writeln!(f, "copies: {too_long} too long, {lost} lost; addresses: {forgotten} forgotten")
    }
}
