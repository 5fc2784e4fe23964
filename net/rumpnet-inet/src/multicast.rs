//! Groups of an interface, for one version: which sources each is wanted from, and what routers are told of it
//! (IGMPv3, RFC 3376, sections 3 and 5; MLDv2, RFC 3810, sections 4 to 6), also older ones (section 7; section 8).
//!
//! Nothing here knows the time but by what it is told: what changes is due at once, whenever that is.

use crate::address::Version;
use crate::sockets::SocketId;
use crate::time::Instant;
use crate::wire::group::{Age, Query, Record, RecordKind};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;
use rump_random::Random;

/// The group of all hosts of IPv4 on a link.
pub const ALL_HOSTS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 1);
/// Sources that one socket may name for a group.
pub const MOST_SOURCES: usize = 64;
/// Sources of a record.
const MOST_IN_RECORD: usize = 64;
/// How often a change is told, unless a router says so.
const ROBUSTNESS: u8 = 2;
/// Time between two of those at most.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// How long a router that asked in an older version is remembered.
const OLDER_ROUTER: Duration = Duration::from_secs(260);

/// From which sources a group is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// The sources are those that are not wanted.
    pub excludes: bool,
    /// Which sources.
    pub sources: BTreeSet<IpAddr>,
}

impl Filter {
    /// All are wanted.
    pub fn all() -> Self {
        Self { excludes: true, sources: BTreeSet::new() }
    }

    /// None is wanted.
    pub fn none() -> Self {
        Self { excludes: false, sources: BTreeSet::new() }
    }

    /// Whether one is.
    pub fn accepts(&self, source: IpAddr) -> bool {
        self.sources.contains(&source) != self.excludes
    }

    /// What several want together (RFC 3376, section 3.2).
    fn merge<'a>(all: impl Iterator<Item = &'a Filter> + Clone) -> Self {
        let wanted: BTreeSet<IpAddr> =
            all.clone().filter(|one| !one.excludes).flat_map(|one| one.sources.iter().copied()).collect();
        let mut excluding = all.filter(|one| one.excludes).map(|one| &one.sources);
        match excluding.next() {
            None => Self { excludes: false, sources: wanted },
            Some(first) => {
                let rest: Vec<_> = excluding.collect();
                let by_all =
                    |source: &&IpAddr| !wanted.contains(*source) && rest.iter().all(|s| s.contains(*source));
                Self { excludes: true, sources: first.iter().filter(by_all).copied().collect() }
            }
        }
    }
}

/// A change that is still to be told.
#[derive(Debug, Default)]
struct Change {
    /// How often it is told that the filter is another kind.
    kind_left: u8,
    /// Sources that are wanted from now on, or no longer, and how often that is told.
    sources: BTreeMap<IpAddr, (bool, u8)>,
    due: Option<Instant>,
}

#[derive(Debug)]
struct Group {
    /// Who wants it: a socket, or the stack itself.
    holders: Vec<(Option<SocketId>, Filter)>,
    merged: Filter,
    change: Change,
    /// When a question about it is answered, and for which sources; none: for all.
    answer: Option<(Instant, BTreeSet<IpAddr>)>,
}

/// What is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// To routers of the third age.
    Records(Vec<Record>),
    /// To older ones: it is a member.
    Member(IpAddr, Age),
    /// To older ones: it is none any more.
    Left(IpAddr),
}

/// See the module.
#[derive(Debug)]
pub struct Groups {
    version: Version,
    groups: BTreeMap<IpAddr, Group>,
    /// When a question about all groups is answered.
    answer_all: Option<Instant>,
    /// A router asked in an older version.
    older: Option<(Age, Instant)>,
    robustness: u8,
}

impl Groups {
    /// None yet.
    pub fn new(version: Version) -> Self {
        Self { version, groups: BTreeMap::new(), answer_all: None, older: None, robustness: ROBUSTNESS }
    }

    /// Whether it is a member of a group. All hosts are of theirs (RFC 1112, section 4; RFC 4291, section 2.8).
    pub fn is_member(&self, group: IpAddr) -> bool {
        is_of_all(group) || self.groups.get(&group).is_some_and(|group| !group.holders.is_empty())
    }

    /// Whether somebody wants what a source sends to a group.
    pub fn accepts(&self, group: IpAddr, source: IpAddr) -> bool {
        let is_wanted = |group: &Group| !group.holders.is_empty() && group.merged.accepts(source);
        is_of_all(group) || self.groups.get(&group).is_some_and(is_wanted)
    }

    /// Groups that it is a member of.
    pub fn members(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.groups.iter().filter(|(_, group)| !group.holders.is_empty()).map(|(address, _)| *address)
    }

    /// Somebody wants a group from some sources; what he wanted before counts no more.
    pub fn join(&mut self, address: IpAddr, holder: Option<SocketId>, filter: Filter) {
        let group = self.groups.entry(address).or_insert_with(|| Group {
            holders: Vec::new(),
            merged: Filter::none(),
            change: Change::default(),
            answer: None,
        });
        match group.holders.iter_mut().find(|(other, _)| holder.is_some() && *other == holder) {
            Some((_, before)) => *before = filter,
            None => group.holders.push((holder, filter)),
        }
        self.changed(address);
    }

    /// He wants it no more.
    pub fn leave(&mut self, address: IpAddr, holder: Option<SocketId>) {
        let Some(group) = self.groups.get_mut(&address) else { return };
        if let Some(at) = group.holders.iter().position(|(other, _)| *other == holder) {
            group.holders.remove(at);
        }
        self.changed(address);
    }

    fn changed(&mut self, address: IpAddr) {
        let (robustness, is_told) = (self.robustness, is_told(address));
        let Some(group) = self.groups.get_mut(&address) else { return };
        let merged = Filter::merge(group.holders.iter().map(|(_, filter)| filter));
        let before = core::mem::replace(&mut group.merged, merged);
        if is_told {
            group.note_change(&before, robustness);
        }
        if group.holders.is_empty() {
            group.answer = None;
            if group.change.due.is_none() {
                self.groups.remove(&address);
            }
        }
    }

    /// All is told anew: the interface came up.
    pub fn restart(&mut self) {
        (self.answer_all, self.older) = (None, None);
        self.groups.retain(|_, group| !group.holders.is_empty());
        for (address, group) in &mut self.groups {
            group.answer = None;
            group.change = Change::default();
            if is_told(*address) {
                group.note_change(&Filter::none(), self.robustness);
            }
        }
    }

    /// The version that routers here understand.
    fn age(&self, now: Instant) -> Age {
        self.older.filter(|(_, until)| *until > now).map_or(Age::Third, |(age, _)| age)
    }

    /// A router asks.
    pub fn asked(&mut self, now: Instant, query: &Query, random: &mut Random) {
        if query.age < Age::Third {
            let age = self.age(now).min(query.age);
            self.older = Some((age, now + OLDER_ROUTER));
            // What was to be told in the newer version is not understood (RFC 3376, section 7.2.1).
            self.answer_all = None;
        } else if query.robustness > 0 {
            self.robustness = query.robustness;
        }
        let mut at = || now + random_below(random, query.response);
        if query.group.is_unspecified() {
            if self.age(now) == Age::Third {
                let at = at();
                self.answer_all = Some(self.answer_all.map_or(at, |before| before.min(at)));
                return;
            }
            for group in self.groups.values_mut().filter(|group| !group.holders.is_empty()) {
                group.answer_by(at(), &[]);
            }
        } else if let Some(group) = self.groups.get_mut(&query.group) {
            if !group.holders.is_empty() && is_told(query.group) {
                group.answer_by(at(), &query.sources);
            }
        }
    }

    /// Another host says that it is a member: routers of older versions need no other.
    pub fn heard(&mut self, now: Instant, address: IpAddr) {
        if self.age(now) < Age::Third {
            if let Some(group) = self.groups.get_mut(&address) {
                group.answer = None;
            }
        }
    }

    /// When there is something to do.
    pub fn next_deadline(&self) -> Option<Instant> {
        let of_group = |group: &Group| {
            let answer = group.answer.as_ref().map(|(at, _)| *at);
            answer.into_iter().chain(group.change.due).min()
        };
        self.groups.values().filter_map(of_group).chain(self.answer_all).min()
    }

    /// What is due.
    pub fn poll(&mut self, now: Instant, random: &mut Random) -> Vec<Report> {
        let age = self.age(now);
        let (mut records, mut reports) = (Vec::new(), Vec::new());
        if self.answer_all.is_some_and(|at| at <= now) {
            self.answer_all = None;
            let told = self.groups.iter().filter(|(address, _)| is_told(**address));
            records.extend(told.flat_map(|(address, group)| group.current(*address, &BTreeSet::new())));
        }
        for (address, group) in &mut self.groups {
            if let Some((_, sources)) = group.answer.take_if(|(at, _)| *at <= now) {
                match age {
                    Age::Third => records.extend(group.current(*address, &sources)),
                    older => reports.push(Report::Member(*address, older)),
                }
            }
            if group.change.due.is_some_and(|due| due <= now) {
                group.tell_change(*address, age, &mut records, &mut reports);
                let again = Duration::from_millis(1) + random_below(random, REPORT_INTERVAL);
                group.change.due = group.change.is_left().then_some(now + again);
            }
        }
        self.groups.retain(|_, group| !group.holders.is_empty() || group.change.due.is_some());
        if !records.is_empty() {
            reports.push(Report::Records(records));
        }
        reports
    }

    /// Of which version its addresses are.
    pub fn version(&self) -> Version {
        self.version
    }
}

fn random_below(random: &mut Random, limit: Duration) -> Duration {
    Duration::from_micros(random.number() % (limit.as_micros() as u64).max(1))
}

/// Whether it is the group of all hosts on a link.
fn is_of_all(group: IpAddr) -> bool {
    match group {
        IpAddr::V4(group) => group == ALL_HOSTS,
        IpAddr::V6(group) => matches!(group.segments(), [0xff01 | 0xff02, 0, 0, 0, 0, 0, 0, 1]),
    }
}

/// Whether routers are told of a group (RFC 3376, section 4; RFC 3810, section 6).
fn is_told(group: IpAddr) -> bool {
    let is_inside = matches!(group, IpAddr::V6(group) if group.octets()[1] & 0xf < 2);
    !is_of_all(group) && !is_inside
}

impl Change {
    fn is_left(&self) -> bool {
        self.kind_left > 0 || !self.sources.is_empty()
    }
}

impl Group {
    /// RFC 3376, section 5.1.
    fn note_change(&mut self, before: &Filter, times: u8) {
        let (merged, change) = (&self.merged, &mut self.change);
        if before.excludes != merged.excludes {
            (change.kind_left, change.sources) = (times, BTreeMap::new());
        } else {
            let added = merged.sources.difference(&before.sources).map(|source| (*source, !merged.excludes));
            let gone = before.sources.difference(&merged.sources).map(|source| (*source, merged.excludes));
            for (source, is_wanted) in added.chain(gone) {
                change.sources.insert(source, (is_wanted, times));
            }
        }
        if change.is_left() {
            change.due = Some(Instant::ZERO);
        }
    }

    fn tell_change(
        &mut self,
        address: IpAddr,
        age: Age,
        records: &mut Vec<Record>,
        reports: &mut Vec<Report>,
    ) {
        let is_member = !self.holders.is_empty();
        let change = &mut self.change;
        if age < Age::Third {
            if change.kind_left > 0 && is_member {
                reports.push(Report::Member(address, age));
            } else if !is_member && age == Age::Second {
                reports.push(Report::Left(address));
            }
            change.kind_left = if is_member { change.kind_left.saturating_sub(1) } else { 0 };
            change.sources.clear();
            return;
        }
        if change.kind_left > 0 {
            change.kind_left -= 1;
            // Changes of sources are told with it.
            change.sources.clear();
            let kind = if self.merged.excludes { RecordKind::ToExclude } else { RecordKind::ToInclude };
            records.extend(in_records(kind, address, self.merged.sources.iter().copied()));
            return;
        }
        for (is_wanted, kind) in [(true, RecordKind::Allow), (false, RecordKind::Block)] {
            let told: Vec<IpAddr> = change
                .sources
                .iter()
                .filter(|(_, (wanted, _))| *wanted == is_wanted)
                .map(|(source, _)| *source)
                .collect();
            if !told.is_empty() {
                records.extend(in_records(kind, address, told.into_iter()));
            }
        }
        change.sources.retain(|_, (_, left)| {
            *left -= 1;
            *left > 0
        });
    }

    /// RFC 3376, section 5.2.
    fn answer_by(&mut self, at: Instant, sources: &[IpAddr]) {
        let (at, sources) = match self.answer.take() {
            None => (at, sources.iter().take(MOST_SOURCES).copied().collect()),
            Some((before, asked)) if asked.is_empty() || sources.is_empty() => {
                (before.min(at), BTreeSet::new())
            }
            Some((before, mut asked)) => {
                asked.extend(sources.iter().take(MOST_SOURCES));
                if asked.len() > MOST_SOURCES {
                    asked.clear();
                }
                (before.min(at), asked)
            }
        };
        self.answer = Some((at, sources));
    }

    /// What is wanted now, of some sources or all.
    fn current(&self, address: IpAddr, asked: &BTreeSet<IpAddr>) -> Vec<Record> {
        if self.holders.is_empty() {
            return Vec::new();
        }
        if asked.is_empty() {
            let kind = if self.merged.excludes { RecordKind::IsExclude } else { RecordKind::IsInclude };
            return in_records(kind, address, self.merged.sources.iter().copied());
        }
        let wanted: Vec<IpAddr> =
            asked.iter().copied().filter(|source| self.merged.accepts(*source)).collect();
        if wanted.is_empty() {
            return Vec::new();
        }
        in_records(RecordKind::IsInclude, address, wanted.into_iter())
    }
}

/// As many records as it takes; of sources that are not wanted no more are named than there is room for (RFC 3376,
/// section 4.2.16).
fn in_records(kind: RecordKind, group: IpAddr, sources: impl Iterator<Item = IpAddr>) -> Vec<Record> {
    let sources: Vec<IpAddr> = sources.collect();
    let excludes = matches!(kind, RecordKind::IsExclude | RecordKind::ToExclude);
    let most = if excludes { 1 } else { usize::MAX };
    if sources.is_empty() {
        return alloc::vec![Record { kind, group, sources }];
    }
    let parts = sources.chunks(MOST_IN_RECORD).take(most);
    parts.map(|part| Record { kind, group, sources: part.to_vec() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: IpAddr = IpAddr::V4(Ipv4Addr::new(239, 1, 2, 3));

    fn source(last: u8) -> IpAddr {
        Ipv4Addr::new(192, 0, 2, last).into()
    }

    fn filter(excludes: bool, lasts: &[u8]) -> Filter {
        Filter { excludes, sources: lasts.iter().map(|last| source(*last)).collect() }
    }

    fn at(seconds: u64) -> Instant {
        Duration::from_secs(seconds)
    }

    fn query(age: Age, group: IpAddr, sources: Vec<IpAddr>) -> Query {
        Query { age, response: Duration::from_secs(1), group, sources, robustness: 0 }
    }

    #[test]
    fn filters_together_want_what_any_of_them_does() {
        let merge = |all: &[Filter]| Filter::merge(all.iter());
        // The examples of RFC 3376, section 3.2.
        assert_eq!(
            merge(&[filter(true, &[1, 2, 3, 4]), filter(true, &[2, 3, 4, 5]), filter(false, &[4, 5, 6])]),
            filter(true, &[2, 3])
        );
        assert_eq!(
            merge(&[filter(false, &[1, 2, 3]), filter(false, &[2, 3, 4])]),
            filter(false, &[1, 2, 3, 4])
        );
    }

    #[test]
    fn changes_are_told_as_often_as_they_may_get_lost() {
        let (mut groups, mut random) = (Groups::new(Version::V4), Random::new(1));
        groups.join(GROUP, None, Filter::all());
        let told = |reports: Vec<Report>| match &reports[..] {
            [Report::Records(records)] => records.clone(),
            other => panic!("{other:?}"),
        };
        let joined = [Record { kind: RecordKind::ToExclude, group: GROUP, sources: Vec::new() }];
        assert_eq!(told(groups.poll(at(10), &mut random)), joined);
        assert!(groups.next_deadline().is_some_and(|due| due > at(10) && due <= at(12)));
        assert_eq!(told(groups.poll(at(12), &mut random)), joined);
        assert_eq!(groups.next_deadline(), None);
        groups.join(GROUP, None, filter(false, &[1]));
        groups.leave(GROUP, None);
        // What is left wants one source alone.
        let to_include =
            [Record { kind: RecordKind::ToInclude, group: GROUP, sources: alloc::vec![source(1)] }];
        assert_eq!(told(groups.poll(at(20), &mut random)), to_include);
        groups.poll(at(22), &mut random);
        groups.leave(GROUP, None);
        let block = [Record { kind: RecordKind::Block, group: GROUP, sources: alloc::vec![source(1)] }];
        assert_eq!(told(groups.poll(at(30), &mut random)), block);
        assert!(!groups.is_member(GROUP));
        groups.poll(at(32), &mut random);
        assert!(groups.groups.is_empty());
    }

    #[test]
    fn questions_are_answered_within_the_time_they_give() {
        let (mut groups, mut random) = (Groups::new(Version::V4), Random::new(1));
        groups.join(GROUP, None, filter(true, &[9]));
        groups.poll(at(0), &mut random);
        groups.poll(at(2), &mut random);
        groups.asked(at(10), &query(Age::Third, Ipv4Addr::UNSPECIFIED.into(), Vec::new()), &mut random);
        assert!(groups.next_deadline().is_some_and(|due| due <= at(11)));
        let current = Record { kind: RecordKind::IsExclude, group: GROUP, sources: alloc::vec![source(9)] };
        assert_eq!(groups.poll(at(11), &mut random), [Report::Records(alloc::vec![current])]);
        groups.asked(at(20), &query(Age::Third, GROUP, alloc::vec![source(8), source(9)]), &mut random);
        let wanted = Record { kind: RecordKind::IsInclude, group: GROUP, sources: alloc::vec![source(8)] };
        assert_eq!(groups.poll(at(21), &mut random), [Report::Records(alloc::vec![wanted])]);
        groups.asked(at(30), &query(Age::Third, GROUP, alloc::vec![source(9)]), &mut random);
        assert_eq!(groups.poll(at(31), &mut random), []);
    }

    #[test]
    fn an_older_router_is_spoken_to_as_it_speaks() {
        let (mut groups, mut random) = (Groups::new(Version::V4), Random::new(1));
        groups.join(GROUP, None, Filter::all());
        groups.poll(at(0), &mut random);
        groups.poll(at(2), &mut random);
        groups.asked(at(10), &query(Age::Second, Ipv4Addr::UNSPECIFIED.into(), Vec::new()), &mut random);
        assert_eq!(groups.poll(at(11), &mut random), [Report::Member(GROUP, Age::Second)]);
        groups.asked(at(20), &query(Age::Second, GROUP, Vec::new()), &mut random);
        groups.heard(at(20), GROUP);
        assert_eq!(groups.poll(at(21), &mut random), []);
        groups.leave(GROUP, None);
        assert_eq!(groups.poll(at(30), &mut random), [Report::Left(GROUP)]);
        assert_eq!(groups.poll(at(32), &mut random), []);
        groups.join(GROUP, None, Filter::all());
        assert!(matches!(&groups.poll(at(300), &mut random)[..], [Report::Records(_)]));
    }
}
