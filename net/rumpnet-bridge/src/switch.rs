//! Where frames go: the bridge as a pure state machine of frames' headers and time.
//!
//! # Who hears what
//! - A frame from a cable to the own address of the bridge or of any member goes to that stack, whichever cable it came by.
//! - One to a group goes to all other cables, to the stack of the member that it came by, and to that of the bridge, as BSD's
//!   bridges do it. A kernel whose bridge and whose members are all up hears such a frame twice, as two hosts would: who has
//!   the addresses at the bridge leaves the members down, which pass frames all the same.
//! - One to the addresses that are reserved for bridges goes to the stack of the member alone, but for what is the tree's.
//! - A frame of a stack goes where the table says, onto cables, and of our own stacks to the one that it is addressed to; not
//!   to the others of the same kernel.
//! - A frame from a cable whose sender is one of our own stacks came back, or somebody pretends: it is dropped.
//! - A port that does not forward passes nothing either way, to the stacks neither.

use crate::Instant;
use crate::frame::{Address, Header};
use crate::table::{Learned, Place, Table};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use rump_kpi::link::{BridgeStatistics, MemberSettings, MemberState};

/// Where a frame came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The cable of a member.
    Cable(u16),
    /// A stack: that of a member, or the bridge's.
    Stack,
}

/// A member as frames see it.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// What was chosen.
    pub settings: MemberSettings,
    /// What the tree made of it.
    pub state: MemberState,
}

/// See the module.
pub struct Switch {
    /// Who is where.
    pub table: Table,
    /// By their numbers.
    pub members: BTreeMap<u16, Member>,
    /// What went through.
    pub statistics: BridgeStatistics,
}

impl Switch {
    /// One without members.
    pub fn new(table: Table) -> Self {
        Self { table, members: BTreeMap::new(), statistics: BridgeStatistics::default() }
    }

    /// Finds out where a frame goes; adds that to `ways`, each place once.
    pub fn pass(&mut self, now: Instant, origin: Origin, header: Header, ways: &mut Vec<Place>) {
        let isolated = match origin {
            Origin::Cable(number) => match self.admit(now, number, header, ways) {
                Some(isolated) => isolated,
                None => return,
            },
            Origin::Stack if header.destination.is_reserved() => return,
            Origin::Stack => false,
        };
        if header.destination.is_group() {
            if let Origin::Cable(number) = origin {
                ways.extend([Place::Stack(number), Place::Bridge]);
            }
            return self.flood(origin, isolated, |_| true, ways);
        }
        match self.table.find(now, header.destination) {
            Some(Place::Cable(to)) => {
                let may_pass = origin != Origin::Cable(to)
                    && self.members.get(&to).is_some_and(|member| {
                        member.state == MemberState::Forwarding && !(isolated && member.settings.is_isolated)
                    });
                if may_pass {
                    self.statistics.forwarded += 1;
                    ways.push(Place::Cable(to));
                } else {
                    self.statistics.filtered += 1;
                }
            }
            Some(stack) => ways.push(stack),
            None => {
                self.statistics.flooded += 1;
                self.flood(origin, isolated, |settings| settings.floods, ways);
            }
        }
    }

    /// What becomes of a frame on its cable: whether it is passed on, and if so, whether from a member that is isolated.
    fn admit(&mut self, now: Instant, number: u16, header: Header, ways: &mut Vec<Place>) -> Option<bool> {
        let Member { settings, state } = *self.members.get(&number)?;
        if header.destination.is_reserved() {
            ways.push(Place::Stack(number));
            return None;
        }
        let learns = matches!(state, MemberState::Learning | MemberState::Forwarding);
        if learns && !self.learn(now, header.source, number, settings.learns) {
            self.statistics.returned += 1;
            return None;
        }
        if state != MemberState::Forwarding {
            self.statistics.blocked += 1;
            return None;
        }
        Some(settings.is_isolated)
    }

    /// Learns who sends; answers whether he may.
    fn learn(&mut self, now: Instant, source: Address, number: u16, learns: bool) -> bool {
        if source.is_group() {
            return false;
        }
        if !learns {
            return !matches!(self.table.find(now, source), Some(Place::Stack(_) | Place::Bridge));
        }
        match self.table.learn(now, source, number) {
            Learned::Own => false,
            Learned::Instead => {
                self.statistics.forgotten += 1;
                true
            }
            Learned::Known | Learned::New | Learned::Fixed => true,
        }
    }

    fn flood(
        &self,
        origin: Origin,
        isolated: bool,
        is_wanted: impl Fn(&MemberSettings) -> bool,
        ways: &mut Vec<Place>,
    ) {
        let goes = |(number, member): (&u16, &Member)| {
            let goes = member.state == MemberState::Forwarding
                && origin != Origin::Cable(*number)
                && !(isolated && member.settings.is_isolated)
                && is_wanted(&member.settings);
            goes.then_some(Place::Cable(*number))
        };
        ways.extend(self.members.iter().filter_map(goes));
    }
}
