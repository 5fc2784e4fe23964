//! Who is where: addresses that were learned, those that were said, and those of the bridge itself.
//!
//! What is learned is bounded: when there is no room, the one of a few that was silent longest makes room, so that a flood of
//! addresses costs no more for each than a look at these. What was said stays. The hash is keyed: nobody outside can make
//! addresses collide.
//!
//! References: IEEE 802.1D-1998, sections 7.8 (learning) and 7.9 (the filtering database).

use crate::Instant;
use crate::frame::Address;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::hash::BuildHasher;
use core::time::Duration;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use rump_kpi::link::Statics;
use siphasher::sip::SipHasher13;

/// Entries that are looked at when one has to go.
const LOOKED_AT: usize = 8;

/// Where frames to an address go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Onto the cable of a member.
    Cable(u16),
    /// To the stack of a member.
    Stack(u16),
    /// To the stack of the bridge.
    Bridge,
}

/// An address that is known.
#[derive(Clone, Copy, Debug)]
struct Known {
    place: Place,
    /// When something last came from it, and where it is in `learned`; `None`: it stays.
    learned: Option<(Instant, usize)>,
}

/// What becomes of an address that something came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learned {
    /// It is known to be there.
    Known,
    /// It is known from now on, or to be elsewhere.
    New,
    /// Another one was forgotten for it.
    Instead,
    /// It is not learned: somebody said where it is.
    Fixed,
    /// It is the bridge's own: somebody pretends, or a frame came back.
    Own,
}

/// See the module.
pub struct Table {
    known: HashMap<Address, Known, Keys>,
    /// Those that were learned, in no order.
    learned: Vec<Address>,
    /// Where to look next for one to forget.
    hand: usize,
    statics: BTreeMap<Address, u16>,
    own: Vec<(Address, Place)>,
    most: usize,
    lifetime: Duration,
}

/// The keys of the hash.
#[derive(Clone, Copy)]
struct Keys([u64; 2]);

impl BuildHasher for Keys {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_keys(self.0[0], self.0[1])
    }
}

impl Table {
    /// An empty one. `keys` are unpredictable.
    pub fn new(keys: [u64; 2], most: usize, lifetime: Duration) -> Self {
        Self {
            known: HashMap::with_hasher(Keys(keys)),
            learned: Vec::new(),
            hand: 0,
            statics: BTreeMap::new(),
            own: Vec::new(),
            most,
            lifetime,
        }
    }

    /// Where an address is, if that is known.
    pub fn find(&self, now: Instant, address: Address) -> Option<Place> {
        let known = self.known.get(&address)?;
        match known.learned {
            Some((seen, _)) if now.saturating_sub(seen) >= self.lifetime => None,
            _ => Some(known.place),
        }
    }

    /// Something came from an address, over the cable of a member.
    pub fn learn(&mut self, now: Instant, address: Address, member: u16) -> Learned {
        let place = Place::Cable(member);
        if let Some(known) = self.known.get_mut(&address) {
            let Some((seen, _)) = &mut known.learned else {
                return if matches!(known.place, Place::Cable(_)) { Learned::Fixed } else { Learned::Own };
            };
            *seen = now;
            let before = core::mem::replace(&mut known.place, place);
            return if before == place { Learned::Known } else { Learned::New };
        }
        let (at, answer) = match self.learned.len() {
            _ if self.most == 0 => return Learned::Fixed,
            count if count < self.most => (count, Learned::New),
            _ => (self.make_room(), Learned::Instead),
        };
        match self.learned.get_mut(at) {
            Some(slot) => *slot = address,
            None => self.learned.push(address),
        }
        self.known.insert(address, Known { place, learned: Some((now, at)) });
        answer
    }

    /// Forgets the one of a few that was silent longest; answers its place.
    fn make_room(&mut self) -> usize {
        let count = self.learned.len();
        let seen = |at: &usize| self.known.get(&self.learned[*at]).and_then(|known| known.learned);
        let candidates = (0..LOOKED_AT.min(count)).map(|step| (self.hand + step) % count);
        let at = candidates.min_by_key(|at| seen(at).map(|(seen, _)| seen)).unwrap_or(0);
        self.hand = (self.hand + LOOKED_AT) % count;
        self.known.remove(&self.learned[at]);
        at
    }

    fn forget(&mut self, address: Address) {
        let Some(Known { learned: Some((_, at)), .. }) = self.known.remove(&address) else { return };
        self.learned.swap_remove(at);
        let moved = self.learned.get(at).and_then(|moved| self.known.get_mut(moved));
        if let Some(Known { learned: Some((_, place)), .. }) = moved {
            *place = at;
        }
    }

    /// Forgets those that were learned and are not wanted.
    fn retain(&mut self, is_wanted: impl Fn(&Known, Instant) -> bool) {
        let is_unwanted = |address: &&Address| {
            let known = self.known.get(*address);
            known.is_some_and(|known| known.learned.is_some_and(|(seen, _)| !is_wanted(known, seen)))
        };
        let unwanted: Vec<Address> = self.learned.iter().filter(is_unwanted).copied().collect();
        unwanted.into_iter().for_each(|address| self.forget(address));
    }

    /// How long an address is known that nothing comes from. What is too old until now is forgotten.
    pub fn set_lifetime(&mut self, now: Instant, lifetime: Duration) {
        if lifetime != self.lifetime {
            let until_now = self.lifetime;
            self.retain(|_, seen| now.saturating_sub(seen) < until_now);
            self.lifetime = lifetime;
        }
    }

    /// Most addresses that are learned.
    pub fn set_most(&mut self, most: usize) {
        self.most = most;
        while self.learned.len() > most {
            let at = self.make_room();
            self.learned.swap_remove(at);
            let moved = self.learned.get(at).and_then(|moved| self.known.get_mut(moved));
            if let Some(Known { learned: Some((_, place)), .. }) = moved {
                *place = at;
            }
            self.hand = 0;
        }
    }

    /// The addresses of the bridge itself.
    pub fn set_own(&mut self, own: Vec<(Address, Place)>) {
        if own != self.own {
            self.own = own;
            self.fix();
        }
    }

    /// Says where an address is.
    pub fn add_static(&mut self, address: Address, member: u16) {
        self.statics.insert(address, member);
        self.fix();
    }

    /// Forgets an address. Answers whether it was there.
    pub fn remove(&mut self, now: Instant, address: Address) -> bool {
        let was_static = self.statics.remove(&address).is_some();
        let is_learned = self.known.get(&address).is_some_and(|known| known.learned.is_some());
        let was_there = was_static || is_learned && self.find(now, address).is_some();
        self.forget_learned(address);
        self.fix();
        was_there
    }

    fn forget_learned(&mut self, address: Address) {
        if let Entry::Occupied(entry) = self.known.entry(address) {
            if entry.get().learned.is_some() {
                self.forget(address);
            }
        }
    }

    /// Forgets what was learned, and what was said, too, if that is wanted.
    pub fn flush(&mut self, statics: Statics) {
        if statics == Statics::Forget {
            self.statics.clear();
        }
        self.known.clear();
        self.learned.clear();
        self.fix();
    }

    /// Forgets all that is at a member.
    pub fn forget_member(&mut self, member: u16) {
        self.forget_learned_at(member);
        self.statics.retain(|_, at| *at != member);
        self.fix();
    }

    /// Forgets what was learned of a member.
    pub fn forget_learned_at(&mut self, member: u16) {
        self.retain(|known, _| known.place != Place::Cable(member));
    }

    /// Enters what stays. What is the bridge's own counts more than what was said.
    fn fix(&mut self) {
        self.known.retain(|_, known| known.learned.is_some());
        let statics = self.statics.iter().map(|(address, member)| (*address, Place::Cable(*member)));
        let fixed: Vec<(Address, Place)> = statics.chain(self.own.iter().copied()).collect();
        for (address, place) in fixed {
            self.forget_learned(address);
            self.known.insert(address, Known { place, learned: None });
        }
    }

    /// All addresses that are known, but for the bridge's own, with the member and how long ago something came from them.
    pub fn all(&self, now: Instant) -> BTreeMap<Address, (u16, Option<Duration>)> {
        let statics = self.statics.iter().map(|(address, member)| (*address, (*member, None)));
        let learned = self.known.iter().filter_map(|(address, known)| {
            let age = now.saturating_sub(known.learned?.0);
            match known.place {
                Place::Cable(member) if age < self.lifetime => Some((*address, (member, Some(age)))),
                _ => None,
            }
        });
        statics.chain(learned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::address;
    use proptest::prelude::*;

    fn at(seconds: u64) -> Instant {
        Duration::from_secs(seconds)
    }

    fn station(number: u32) -> Address {
        let [a, b, c, d] = number.to_be_bytes();
        address([2, 0, a, b, c, d])
    }

    fn table(most: usize) -> Table {
        Table::new([1, 2], most, at(300))
    }

    #[test]
    fn stations_are_learned_move_and_age() {
        let mut table = table(10);
        assert_eq!(table.learn(at(0), station(1), 1), Learned::New);
        assert_eq!(table.learn(at(1), station(1), 1), Learned::Known);
        assert_eq!(table.find(at(2), station(1)), Some(Place::Cable(1)));
        assert_eq!(table.learn(at(2), station(1), 2), Learned::New);
        assert_eq!(table.find(at(301), station(1)), Some(Place::Cable(2)));
        assert_eq!(table.find(at(302), station(1)), None);
        assert!(table.all(at(302)).is_empty());
    }

    #[test]
    fn what_was_said_and_what_is_own_stays() {
        let mut table = table(2);
        table.learn(at(0), station(1), 1);
        table.add_static(station(1), 2);
        table.set_own([(station(9), Place::Bridge)].into());
        assert_eq!(table.learn(at(1), station(1), 1), Learned::Fixed);
        assert_eq!(table.learn(at(1), station(9), 1), Learned::Own);
        for number in 100..1000 {
            table.learn(at(2), station(number), 1);
        }
        assert_eq!(table.find(at(999_999), station(1)), Some(Place::Cable(2)));
        assert_eq!(table.find(at(999_999), station(9)), Some(Place::Bridge));
        assert_eq!(table.all(at(2)).len(), 3);
        table.flush(Statics::Keep);
        assert_eq!(table.all(at(2)).len(), 1);
        assert!(table.remove(at(2), station(1)));
        assert!(!table.remove(at(2), station(1)));
        assert!(!table.remove(at(2), station(9)), "its own is not to be forgotten");
        table.add_static(station(1), 2);
        table.forget_member(2);
        assert!(table.all(at(2)).is_empty());
        assert_eq!(table.find(at(2), station(9)), Some(Place::Bridge));
    }

    #[test]
    fn what_became_too_old_does_not_come_back_with_a_longer_life() {
        let mut table = table(10);
        table.learn(at(0), station(1), 1);
        table.set_lifetime(at(1), at(15));
        table.learn(at(10), station(2), 1);
        table.set_lifetime(at(20), at(300));
        assert_eq!((table.find(at(20), station(1)), table.all(at(20)).len()), (None, 1));
    }

    #[test]
    fn who_speaks_survives_a_flood() {
        let mut table = table(100);
        for number in 0..100_000_u32 {
            let now = Duration::from_millis(number.into());
            table.learn(now, station(0xffff_ffff), 1);
            table.learn(now, station(number), 2);
        }
        assert_eq!(table.find(at(100), station(0xffff_ffff)), Some(Place::Cable(1)));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Learn(u32, u16),
        Static(u32, u16),
        Remove(u32),
        ForgetMember(u16),
        Most(usize),
        Lifetime(u64),
        Flush,
        Own(u32),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            8 => (0..40_u32, 1..4_u16).prop_map(|(address, member)| Step::Learn(address, member)),
            1 => (0..40_u32, 1..4_u16).prop_map(|(address, member)| Step::Static(address, member)),
            1 => (0..40_u32).prop_map(Step::Remove),
            1 => (1..4_u16).prop_map(Step::ForgetMember),
            1 => (0..12_usize).prop_map(Step::Most),
            1 => (1..20_u64).prop_map(Step::Lifetime),
            1 => Just(Step::Flush),
            1 => (0..40_u32).prop_map(Step::Own),
        ]
    }

    proptest! {
        #[test]
        fn the_table_is_consistent_and_bounded(steps in proptest::collection::vec(step(), 1..200)) {
            let mut table = table(8);
            let mut most = 8;
            for (number, step) in steps.into_iter().enumerate() {
                let now = at(number as u64);
                match step {
                    Step::Learn(address, member) => {
                        let answer = table.learn(now, station(address), member);
                        if answer != Learned::Fixed && answer != Learned::Own {
                            prop_assert_eq!(table.find(now, station(address)), Some(Place::Cable(member)));
                        }
                    }
                    Step::Static(address, member) => table.add_static(station(address), member),
                    Step::Remove(address) => drop(table.remove(now, station(address))),
                    Step::ForgetMember(member) => {
                        table.forget_member(member);
                        prop_assert!(table.all(now).values().all(|(at, _)| *at != member));
                    }
                    Step::Most(new) => {
                        most = new;
                        table.set_most(new);
                    }
                    Step::Lifetime(new) => table.set_lifetime(now, at(new)),
                    Step::Flush => table.flush(Statics::Forget),
                    Step::Own(address) => table.set_own([(station(address), Place::Bridge)].into()),
                }
                prop_assert!(table.learned.len() <= most);
                let fixed: alloc::collections::BTreeSet<_> =
                    table.statics.keys().chain(table.own.iter().map(|(own, _)| own)).collect();
                prop_assert_eq!(table.known.len(), table.learned.len() + fixed.len());
                for (at, address) in table.learned.iter().enumerate() {
                    prop_assert_eq!(table.known[address].learned.map(|(_, place)| place), Some(at));
                }
            }
        }
    }
}
