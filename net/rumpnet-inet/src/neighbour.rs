//! Which hardware address a neighbour has: the states of RFC 4861, section 7.3.2, which serve ARP as well.
//!
//! The table is bounded, and so is what waits for an answer: a flood of addresses makes it forget the oldest entries, not
//! grow.

use crate::address::Address;
use crate::time::Instant;
use crate::waiting::{Held, Waiting};
use crate::wire::ethernet::MacAddress;
use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;
use hashbrown::HashMap;
use rump_kpi::Errno;
use rump_kpi::packet::Packet;

/// Neighbours that are known at most.
const MOST_ENTRIES: usize = 1024;
/// How long an answer is good for (REACHABLE_TIME).
const REACHABLE: Duration = Duration::from_secs(30);
/// How long somebody else may tell that it still is, before it is asked for (DELAY_FIRST_PROBE_TIME).
const DELAY: Duration = Duration::from_secs(5);
/// Time between two questions (RETRANS_TIMER).
const RETRANSMIT: Duration = Duration::from_secs(1);
/// Questions without an answer (MAX_MULTICAST_SOLICIT and MAX_UNICAST_SOLICIT).
const MOST_QUESTIONS: u8 = 3;
/// How long an address that nobody has is not asked for again.
const FAILED: Duration = Duration::from_secs(3);

#[derive(Debug)]
enum State {
    /// Nobody answered yet.
    Incomplete { asked: u8, waiting: Waiting },
    /// It answered lately.
    Reachable(MacAddress),
    /// It answered long ago, or somebody said so unasked. Nothing happens before it is used.
    Stale(MacAddress),
    /// It is used, and will be asked soon.
    Delay(MacAddress),
    /// It is asked.
    Probe { address: MacAddress, asked: u8 },
    /// Nobody has the address.
    Failed,
    /// An administrator said so: what others tell does not count.
    Static(MacAddress),
}

impl State {
    fn hardware(&self) -> Option<MacAddress> {
        match self {
            Self::Reachable(to) | Self::Stale(to) | Self::Delay(to) | Self::Static(to) => Some(*to),
            Self::Probe { address: to, .. } => Some(*to),
            Self::Incomplete { .. } | Self::Failed => None,
        }
    }
}

#[derive(Debug)]
struct Entry {
    state: State,
    /// When the state ends; `None`: it lasts.
    deadline: Option<Instant>,
    used: u64,
}

/// What there is to do.
#[derive(Debug)]
pub enum Action<A> {
    /// Ask for an address: one of which the hardware address may be known, or all.
    Ask {
        /// Which address.
        address: A,
        /// Whom.
        at: Option<MacAddress>,
    },
    /// Nobody has the address: these packets cannot be sent.
    Unreachable {
        /// Which address.
        address: A,
        /// What waited for it.
        packets: Vec<Packet>,
    },
}

/// What becomes of a packet.
#[derive(Debug)]
pub enum Resolved<A> {
    /// Send it there.
    To(MacAddress, Packet),
    /// It waits.
    Waits(Option<Action<A>>),
    /// Nobody has the address.
    Unreachable(Packet),
}

/// What is known of a neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known<A> {
    /// Its address.
    pub address: A,
    /// Its hardware address, if somebody told it.
    pub hardware: Option<MacAddress>,
    /// An administrator said so.
    pub is_static: bool,
    /// When something becomes of it.
    pub until: Option<Instant>,
}

/// The neighbours on a link.
#[derive(Debug)]
pub struct Neighbours<A> {
    entries: HashMap<A, Entry>,
    deadlines: BTreeSet<(Instant, A)>,
    /// Entries in order of their last use.
    order: BTreeSet<(u64, A)>,
    uses: u64,
    held: Held,
    /// How long an answer is good for.
    reachable: Duration,
    /// Time between two questions.
    retransmit: Duration,
}

/// What a neighbour tells of itself (RFC 4861, section 4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advertised {
    /// Its hardware address, if it says so.
    pub hardware: Option<MacAddress>,
    /// It was asked.
    pub is_solicited: bool,
    /// What it says counts more than what was known.
    pub overrides: bool,
}

impl<A> Default for Neighbours<A> {
    fn default() -> Self {
        Self {
            entries: HashMap::new(),
            deadlines: BTreeSet::new(),
            order: BTreeSet::new(),
            uses: 0,
            held: Held::default(),
            reachable: REACHABLE,
            retransmit: RETRANSMIT,
        }
    }
}

impl<A: Address> Neighbours<A> {
    fn set(&mut self, address: A, state: State, deadline: Option<Instant>) {
        self.uses += 1;
        let is_static = matches!(state, State::Static(_));
        let entry = Entry { state, deadline, used: self.uses };
        if let Some(before) = self.entries.insert(address, entry) {
            self.order.remove(&(before.used, address));
            if let Some(deadline) = before.deadline {
                self.deadlines.remove(&(deadline, address));
            }
        }
        // What an administrator said is not forgotten for the sake of others.
        if !is_static {
            self.order.insert((self.uses, address));
        }
        if let Some(deadline) = deadline {
            self.deadlines.insert((deadline, address));
        }
        if self.entries.len() > MOST_ENTRIES {
            if let Some((_, oldest)) = self.order.first().copied() {
                self.remove(oldest);
            }
        }
    }

    /// An administrator says where a neighbour is, until then or for ever. Answers the packets that waited. Errors: ENOBUFS (he
    /// said so of as many as there may be).
    pub fn set_static(
        &mut self,
        address: A,
        hardware: MacAddress,
        until: Option<Instant>,
    ) -> Result<VecDeque<Packet>, Errno> {
        let is_new = !matches!(self.entries.get(&address), Some(Entry { state: State::Static(_), .. }));
        if is_new && self.entries.len() - self.order.len() >= MOST_ENTRIES / 2 {
            return Err(Errno::ENOBUFS);
        }
        let waiting = match self.entries.get_mut(&address).map(|entry| &mut entry.state) {
            Some(State::Incomplete { waiting, .. }) => self.held.release(core::mem::take(waiting)),
            _ => VecDeque::new(),
        };
        self.set(address, State::Static(hardware), until);
        Ok(waiting)
    }

    /// Forgets a neighbour; what waits for it is lost.
    pub fn remove(&mut self, address: A) {
        if let Some(entry) = self.entries.remove(&address) {
            self.order.remove(&(entry.used, address));
            if let Some(deadline) = entry.deadline {
                self.deadlines.remove(&(deadline, address));
            }
            if let State::Incomplete { waiting, .. } = entry.state {
                self.held.release(waiting);
            }
        }
    }

    /// Forgets who has which hardware address: others may be there now. Who is waited for is asked for again, at once.
    pub fn forget(&mut self) {
        let all: Vec<A> = self.entries.keys().copied().collect();
        for address in all {
            match self.entries.get_mut(&address).map(|entry| &mut entry.state) {
                Some(State::Incomplete { waiting, .. }) => {
                    let waiting = core::mem::take(waiting);
                    self.set(address, State::Incomplete { asked: 0, waiting }, Some(Instant::ZERO));
                }
                Some(State::Static(_)) => {}
                _ => self.remove(address),
            }
        }
    }

    /// Finds out where a packet for a neighbour goes.
    pub fn resolve(&mut self, now: Instant, address: A, packet: Packet) -> Resolved<A> {
        let Some(entry) = self.entries.get_mut(&address) else {
            let mut waiting = Waiting::default();
            self.held.push(&mut waiting, packet);
            self.set(address, State::Incomplete { asked: 1, waiting }, Some(now + self.retransmit));
            return Resolved::Waits(Some(Action::Ask { address, at: None }));
        };
        match &mut entry.state {
            State::Incomplete { waiting, .. } => {
                self.held.push(waiting, packet);
                Resolved::Waits(None)
            }
            State::Reachable(to)
            | State::Delay(to)
            | State::Probe { address: to, .. }
            | State::Static(to) => Resolved::To(*to, packet),
            State::Stale(to) => {
                let to = *to;
                self.set(address, State::Delay(to), Some(now + DELAY));
                Resolved::To(to, packet)
            }
            State::Failed => Resolved::Unreachable(packet),
        }
    }

    /// Somebody answered a question. Answers the packets that waited.
    pub fn answered(&mut self, now: Instant, address: A, hardware: MacAddress) -> VecDeque<Packet> {
        // What nobody asked for is not remembered.
        let Some(entry) = self.entries.get_mut(&address) else { return VecDeque::new() };
        let waiting = match &mut entry.state {
            State::Incomplete { waiting, .. } => self.held.release(core::mem::take(waiting)),
            State::Static(_) => return VecDeque::new(),
            _ => VecDeque::new(),
        };
        self.set(address, State::Reachable(hardware), Some(now + self.reachable));
        waiting
    }

    /// Somebody asked us, or said without being asked, that an address is there. `is_wanted`: he is going to be
    /// answered, so that he is worth remembering. Answers the packets that waited.
    pub fn heard(&mut self, address: A, hardware: MacAddress, is_wanted: bool) -> VecDeque<Packet> {
        match self.entries.get_mut(&address).map(|entry| &mut entry.state) {
            None if !is_wanted => VecDeque::new(),
            Some(State::Static(_)) => VecDeque::new(),
            Some(State::Reachable(known) | State::Delay(known)) if *known == hardware => VecDeque::new(),
            Some(State::Incomplete { waiting, .. }) => {
                let waiting = self.held.release(core::mem::take(waiting));
                self.set(address, State::Stale(hardware), None);
                waiting
            }
            _ => {
                self.set(address, State::Stale(hardware), None);
                VecDeque::new()
            }
        }
    }

    /// A neighbour tells of itself (RFC 4861, section 7.2.5). Answers the packets that waited, and where they go.
    pub fn advertised(
        &mut self,
        now: Instant,
        address: A,
        told: Advertised,
    ) -> Option<(MacAddress, VecDeque<Packet>)> {
        let reachable = Some(now + self.reachable);
        let entry = self.entries.get_mut(&address)?;
        let (known, is_reachable) = match &mut entry.state {
            State::Incomplete { waiting, .. } => {
                let hardware = told.hardware?;
                let waiting = self.held.release(core::mem::take(waiting));
                if told.is_solicited {
                    self.set(address, State::Reachable(hardware), reachable);
                } else {
                    self.set(address, State::Stale(hardware), None);
                }
                return Some((hardware, waiting));
            }
            State::Failed | State::Static(_) => return None,
            State::Reachable(known) => (*known, true),
            State::Stale(known) | State::Delay(known) | State::Probe { address: known, .. } => {
                (*known, false)
            }
        };
        let hardware = told.hardware.unwrap_or(known);
        if hardware != known && !told.overrides {
            if is_reachable {
                self.set(address, State::Stale(known), None);
            }
        } else if told.is_solicited {
            self.set(address, State::Reachable(hardware), reachable);
        } else if hardware != known {
            self.set(address, State::Stale(hardware), None);
        }
        None
    }

    /// Whether a neighbour has answered, as far as is known: it did, or nobody asked it yet.
    pub fn answers(&self, address: A) -> bool {
        !matches!(
            self.entries.get(&address).map(|entry| &entry.state),
            Some(State::Failed | State::Incomplete { asked: 2.., .. })
        )
    }

    /// How long an answer is good for, and the time between two questions, as a router has it.
    pub fn set_times(&mut self, reachable: Option<Duration>, retransmit: Option<Duration>) {
        self.reachable = reachable.unwrap_or(self.reachable);
        self.retransmit = retransmit.unwrap_or(self.retransmit);
    }

    /// Time between two questions.
    pub fn retransmit_time(&self) -> Duration {
        self.retransmit
    }

    /// A transport got an answer from there: it is reachable (RFC 4861, section 7.3.1).
    pub fn confirm(&mut self, now: Instant, address: A) {
        if let Some(
            State::Reachable(to) | State::Stale(to) | State::Delay(to) | State::Probe { address: to, .. },
        ) = self.entries.get(&address).map(|entry| &entry.state)
        {
            let to = *to;
            self.set(address, State::Reachable(to), Some(now + self.reachable));
        }
    }

    /// When there is something to do.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// The next thing that is due.
    pub fn poll(&mut self, now: Instant) -> Option<Action<A>> {
        loop {
            let (_, address) = *self.deadlines.first().filter(|(deadline, _)| *deadline <= now)?;
            let entry = self.entries.get_mut(&address)?;
            match &mut entry.state {
                State::Incomplete { asked, waiting } if *asked < MOST_QUESTIONS => {
                    let state = State::Incomplete { asked: *asked + 1, waiting: core::mem::take(waiting) };
                    self.set(address, state, Some(now + self.retransmit));
                    return Some(Action::Ask { address, at: None });
                }
                State::Incomplete { waiting, .. } => {
                    let packets = self.held.release(core::mem::take(waiting)).into();
                    self.set(address, State::Failed, Some(now + FAILED));
                    return Some(Action::Unreachable { address, packets });
                }
                State::Reachable(to) => {
                    let to = *to;
                    self.set(address, State::Stale(to), None);
                }
                State::Delay(to) => {
                    let to = *to;
                    self.set(address, State::Probe { address: to, asked: 1 }, Some(now + self.retransmit));
                    return Some(Action::Ask { address, at: Some(to) });
                }
                State::Probe { address: to, asked } if *asked < MOST_QUESTIONS => {
                    let (to, asked) = (*to, *asked + 1);
                    self.set(address, State::Probe { address: to, asked }, Some(now + self.retransmit));
                    return Some(Action::Ask { address, at: Some(to) });
                }
                // The next packet asks all anew.
                State::Probe { .. } | State::Stale(_) | State::Failed | State::Static(_) => {
                    self.remove(address);
                }
            }
        }
    }

    /// Neighbours whose hardware address is known.
    pub fn known(&self) -> impl Iterator<Item = (A, MacAddress)> + '_ {
        self.entries.iter().filter_map(|(address, entry)| Some((*address, entry.state.hardware()?)))
    }

    /// All neighbours, also those that are asked for or do not answer.
    pub fn all(&self) -> impl Iterator<Item = Known<A>> + '_ {
        self.entries.iter().map(|(address, entry)| known(*address, entry))
    }

    /// What is known of one.
    pub fn find(&self, address: A) -> Option<Known<A>> {
        self.entries.get(&address).map(|entry| known(address, entry))
    }
}

fn known<A>(address: A, entry: &Entry) -> Known<A> {
    let is_static = matches!(entry.state, State::Static(_));
    Known { address, hardware: entry.state.hardware(), is_static, until: entry.deadline }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use core::net::Ipv4Addr;

    const HIM: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 7);
    const HARDWARE: MacAddress = MacAddress([2, 0, 0, 0, 0, 7]);

    fn packet() -> Packet {
        Packet::received(Bytes::from_static(b"packet"))
    }

    fn at(seconds: u64) -> Instant {
        Duration::from_secs(seconds)
    }

    #[test]
    fn packets_wait_for_an_answer() {
        let mut table = Neighbours::default();
        assert!(matches!(
            table.resolve(at(0), HIM, packet()),
            Resolved::Waits(Some(Action::Ask { address: HIM, at: None }))
        ));
        for _ in 0..40 {
            assert!(matches!(table.resolve(at(0), HIM, packet()), Resolved::Waits(None)));
        }
        assert_eq!(table.answered(at(0), HIM, HARDWARE).len(), 41);
        assert!(matches!(table.resolve(at(1), HIM, packet()), Resolved::To(HARDWARE, _)));
    }

    #[test]
    fn who_does_not_answer_is_unreachable_for_a_while() {
        let mut table = Neighbours::default();
        table.resolve(at(0), HIM, packet());
        for second in 1..3 {
            assert!(matches!(table.poll(at(second)), Some(Action::Ask { at: None, .. })));
            assert!(table.poll(at(second)).is_none());
        }
        assert!(matches!(table.poll(at(3)), Some(Action::Unreachable { packets, .. }) if packets.len() == 1));
        assert!(matches!(table.resolve(at(4), HIM, packet()), Resolved::Unreachable(_)));
        assert!(table.poll(at(6)).is_none());
        assert!(matches!(table.resolve(at(6), HIM, packet()), Resolved::Waits(Some(_))));
    }

    #[test]
    fn who_was_silent_for_long_is_asked_when_he_is_needed() {
        let mut table = Neighbours::default();
        table.resolve(at(0), HIM, packet());
        table.answered(at(0), HIM, HARDWARE);
        assert!(table.poll(at(31)).is_none());
        assert_eq!(table.next_deadline(), None);
        assert!(matches!(table.resolve(at(100), HIM, packet()), Resolved::To(HARDWARE, _)));
        for second in [105, 106, 107] {
            assert!(matches!(table.poll(at(second)), Some(Action::Ask { at: Some(HARDWARE), .. })));
        }
        assert!(table.poll(at(108)).is_none());
        assert_eq!(table.known().count(), 0);
    }

    #[test]
    fn a_transport_that_gets_answers_spares_the_question() {
        let mut table = Neighbours::default();
        table.heard(HIM, HARDWARE, true);
        table.resolve(at(0), HIM, packet());
        table.confirm(at(1), HIM);
        assert!(table.poll(at(6)).is_none());
        assert_eq!(table.next_deadline(), Some(at(31)));
    }

    #[test]
    fn what_a_neighbour_tells_counts_as_its_flags_say() {
        const OTHER: MacAddress = MacAddress([2, 0, 0, 0, 0, 8]);
        let told = |hardware, is_solicited, overrides| Advertised {
            hardware: Some(hardware),
            is_solicited,
            overrides,
        };
        let mut table = Neighbours::default();
        assert!(table.advertised(at(0), HIM, told(HARDWARE, true, true)).is_none());
        assert_eq!(table.known().count(), 0, "what nobody asked for is not remembered");
        table.resolve(at(0), HIM, packet());
        let (to, waiting) = table.advertised(at(0), HIM, told(HARDWARE, true, false)).unwrap();
        assert_eq!((to, waiting.len(), table.next_deadline()), (HARDWARE, 1, Some(at(30))));
        // Another one without the flag makes the known one doubtful, and changes nothing.
        table.advertised(at(1), HIM, told(OTHER, true, false));
        assert_eq!(table.known().next(), Some((HIM, HARDWARE)));
        assert_eq!(table.next_deadline(), None);
        table.advertised(at(1), HIM, told(OTHER, true, false));
        assert_eq!(table.next_deadline(), None);
        table.advertised(at(2), HIM, told(OTHER, false, true));
        assert_eq!((table.known().next(), table.next_deadline()), (Some((HIM, OTHER)), None));
        table.advertised(at(3), HIM, Advertised { hardware: None, is_solicited: true, overrides: false });
        assert_eq!(table.next_deadline(), Some(at(33)));
    }

    #[test]
    fn what_an_administrator_says_of_a_neighbour_lasts() {
        const OTHER: MacAddress = MacAddress([2, 0, 0, 0, 0, 8]);
        let mut table = Neighbours::default();
        table.resolve(at(0), HIM, packet());
        assert_eq!(table.set_static(HIM, HARDWARE, None).unwrap().len(), 1);
        table.answered(at(1), HIM, OTHER);
        table.heard(HIM, OTHER, true);
        let told = Advertised { hardware: Some(OTHER), is_solicited: true, overrides: true };
        assert!(table.advertised(at(1), HIM, told).is_none());
        table.forget();
        for number in 0..10_000_u32 {
            table.heard(Ipv4Addr::from(number), OTHER, true);
        }
        assert!(matches!(table.resolve(at(9), HIM, packet()), Resolved::To(HARDWARE, _)));
        assert_eq!(table.find(HIM).map(|known| (known.is_static, known.until)), Some((true, None)));
        table.set_static(HIM, OTHER, Some(at(20))).unwrap();
        assert!(table.poll(at(20)).is_none() && table.find(HIM).is_none(), "it was said for a time");
        let said = |table: &mut Neighbours<_>, number: u32| table.set_static(number.into(), OTHER, None);
        for number in 0..512 {
            said(&mut table, number).unwrap();
        }
        assert_eq!(said(&mut table, 600).unwrap_err(), Errno::ENOBUFS);
        said(&mut table, 5).unwrap();
    }

    #[test]
    fn a_flood_of_addresses_does_not_make_the_table_grow() {
        let mut table = Neighbours::default();
        for number in 0..100_000_u32 {
            table.heard(Ipv4Addr::from(number), HARDWARE, true);
            table.resolve(at(0), Ipv4Addr::from(!number), packet());
        }
        assert_eq!(table.entries.len(), MOST_ENTRIES);
        assert_eq!(table.order.len(), MOST_ENTRIES);
        assert!(table.deadlines.len() <= MOST_ENTRIES);
        assert!(table.heard(Ipv4Addr::LOCALHOST, HARDWARE, false).is_empty());
    }
}
