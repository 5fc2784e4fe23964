//! Where frames go, for any sequence of frames.

use proptest::prelude::*;
use rump_kpi::link::{MemberSettings, MemberState};
use rumpnet_bridge::frame::{Address, Header, address};
use rumpnet_bridge::switch::{Member, Origin, Switch};
use rumpnet_bridge::table::{Place, Table};
use std::collections::BTreeSet;
use std::time::Duration;

const PLAIN: MemberSettings = MemberSettings {
    spans: true,
    learns: true,
    floods: true,
    is_isolated: false,
    priority: 0x80,
    path_cost: 4,
};
const BROADCAST: Address = Address(0xffff_ffff_ffff);

fn own(member: u16) -> Address {
    Address(0x0200_0000_1000 + u64::from(member))
}

fn station(number: u8) -> Address {
    Address(0x0200_0000_2000 + u64::from(number))
}

/// A bridge of so many members that forward; its own address is that of member 0.
fn switch(members: u16) -> Switch {
    let mut table = Table::new([3, 4], 16, Duration::from_secs(300));
    let stacks = (1..=members).map(|member| (own(member), Place::Stack(member)));
    table.set_own(stacks.chain([(own(0), Place::Bridge)]).collect());
    let mut switch = Switch::new(table);
    for member in 1..=members {
        switch.members.insert(member, Member { settings: PLAIN, state: MemberState::Forwarding });
    }
    switch
}

fn ways(switch: &mut Switch, origin: Origin, source: Address, destination: Address) -> Vec<Place> {
    let mut ways = Vec::new();
    switch.pass(Duration::from_secs(1), origin, Header { destination, source }, &mut ways);
    ways
}

fn from(member: u16) -> Origin {
    Origin::Cable(member)
}

#[test]
fn stations_are_found_once_they_spoke() {
    let mut switch = switch(3);
    assert_eq!(ways(&mut switch, from(1), station(1), station(2)), [Place::Cable(2), Place::Cable(3)]);
    assert_eq!(ways(&mut switch, from(2), station(2), station(1)), [Place::Cable(1)]);
    assert_eq!(ways(&mut switch, from(1), station(1), station(2)), [Place::Cable(2)]);
    // Both are on one cable.
    assert_eq!(ways(&mut switch, from(1), station(3), station(1)), []);
    assert_eq!(ways(&mut switch, Origin::Stack, own(0), station(2)), [Place::Cable(2)]);
    assert_eq!((switch.statistics.forwarded, switch.statistics.filtered), (3, 1));
}

#[test]
fn own_addresses_are_heard_over_any_cable() {
    let mut switch = switch(2);
    assert_eq!(ways(&mut switch, from(1), station(1), own(2)), [Place::Stack(2)]);
    assert_eq!(ways(&mut switch, from(1), station(1), own(0)), [Place::Bridge]);
    assert_eq!(ways(&mut switch, from(1), own(2), BROADCAST), [], "it came back");
    assert_eq!(ways(&mut switch, from(1), BROADCAST, station(1)), [], "no group sends");
    assert_eq!(switch.statistics.returned, 2);
}

#[test]
fn groups_are_heard_by_all_and_those_of_bridges_by_none_else() {
    let mut switch = switch(3);
    let all = [Place::Stack(2), Place::Bridge, Place::Cable(1), Place::Cable(3)];
    assert_eq!(ways(&mut switch, from(2), station(1), BROADCAST), all);
    let everybody = [Place::Cable(1), Place::Cable(2), Place::Cable(3)];
    assert_eq!(ways(&mut switch, Origin::Stack, own(0), BROADCAST), everybody);
    for last in 0..=15 {
        let reserved = address([0x01, 0x80, 0xc2, 0, 0, last]);
        assert_eq!(ways(&mut switch, from(2), station(1), reserved), [Place::Stack(2)]);
        assert_eq!(ways(&mut switch, Origin::Stack, own(0), reserved), []);
    }
    let next = address([0x01, 0x80, 0xc2, 0, 0, 16]);
    assert_eq!(ways(&mut switch, from(2), station(1), next), all);
}

#[test]
fn members_are_as_they_were_chosen() {
    let mut switch = switch(4);
    for member in [1, 2] {
        switch.members.get_mut(&member).unwrap().settings.is_isolated = true;
    }
    switch.members.get_mut(&3).unwrap().settings.floods = false;
    switch.members.get_mut(&4).unwrap().settings.learns = false;
    assert_eq!(ways(&mut switch, from(1), station(1), station(9)), [Place::Cable(4)]);
    assert_eq!(ways(&mut switch, from(2), station(2), station(1)), []);
    assert_eq!(ways(&mut switch, from(3), station(3), station(1)), [Place::Cable(1)]);
    assert_eq!(ways(&mut switch, from(4), station(4), station(3)), [Place::Cable(3)]);
    // Nobody learned where the fourth is.
    assert_eq!(
        ways(&mut switch, from(3), station(3), station(4)),
        [Place::Cable(1), Place::Cable(2), Place::Cable(4)]
    );
    assert_eq!(ways(&mut switch, from(4), own(1), BROADCAST), []);
}

#[test]
fn ports_that_do_not_forward_pass_nothing() {
    for state in [MemberState::Disabled, MemberState::Blocking, MemberState::Listening, MemberState::Learning]
    {
        let mut switch = switch(2);
        switch.members.get_mut(&1).unwrap().state = state;
        assert_eq!(ways(&mut switch, from(1), station(1), BROADCAST), []);
        assert_eq!(ways(&mut switch, from(1), station(1), own(1)), []);
        assert_eq!(ways(&mut switch, Origin::Stack, own(0), BROADCAST), [Place::Cable(2)]);
        let learned = switch.table.find(Duration::from_secs(1), station(1)).is_some();
        assert_eq!(learned, state == MemberState::Learning);
        assert_eq!(switch.statistics.blocked, 2);
    }
}

proptest! {
    #[test]
    fn no_frame_comes_back_and_none_twice(
        frames in proptest::collection::vec((0..5_u16, 0..12_u8, 0..16_u8, any::<bool>()), 1..300),
    ) {
        let mut switch = switch(4);
        for (member, source, destination, is_group) in frames {
            let origin = if member == 0 { Origin::Stack } else { Origin::Cable(member) };
            let to = if is_group { BROADCAST } else { station(destination) };
            let ways = ways(&mut switch, origin, station(source), to);
            prop_assert!(!ways.contains(&Place::Cable(member)));
            prop_assert_eq!(ways.iter().collect::<BTreeSet<_>>().len(), ways.len());
            let cables = ways.iter().filter(|way| matches!(way, Place::Cable(_))).count();
            let all = if member == 0 { 4 } else { 3 };
            let allowed: &[usize] = if is_group { &[all] } else { &[0, 1, all] };
            prop_assert!(allowed.contains(&cables));
            prop_assert!(switch.table.all(Duration::from_secs(1)).len() <= 16);
            if member != 0 {
                let found = switch.table.find(Duration::from_secs(1), station(source));
                prop_assert_eq!(found, Some(Place::Cable(member)));
            }
        }
    }
}
