//! What was learned of single destinations: how long packets may be (RFC 1191, RFC 8201), and which router is better for
//! them than that of the routes (redirects: RFC 4861, section 8.3; RFC 1122, section 3.2.2.2).
//!
//! The cache is bounded, and forgets after ten minutes: a way may have become wider.

use crate::interface::InterfaceId;
use crate::time::Instant;
use alloc::collections::BTreeSet;
use core::net::IpAddr;
use core::time::Duration;
use hashbrown::HashMap;

/// Destinations that something is known of at most.
const MOST_ENTRIES: usize = 1024;
/// How long (RFC 8201, section 4, recommends it).
const LIFETIME: Duration = Duration::from_secs(600);

/// What is known of one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Learned {
    /// Most bytes of a packet.
    pub mtu: Option<u32>,
    /// To whom to give it, on which link.
    pub redirect: Option<(IpAddr, InterfaceId)>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Destinations {
    entries: HashMap<IpAddr, (Learned, Instant)>,
    order: BTreeSet<(Instant, IpAddr)>,
}

impl Destinations {
    /// What is known of a destination.
    pub fn find(&self, destination: IpAddr) -> Learned {
        if self.entries.is_empty() {
            return Learned::default();
        }
        self.entries.get(&destination).map(|(learned, _)| *learned).unwrap_or_default()
    }

    fn change(&mut self, now: Instant, destination: IpAddr, change: impl FnOnce(&mut Learned)) {
        let mut learned = self.find(destination);
        change(&mut learned);
        let until = now + LIFETIME;
        if let Some((_, before)) = self.entries.insert(destination, (learned, until)) {
            self.order.remove(&(before, destination));
        }
        self.order.insert((until, destination));
        if self.entries.len() > MOST_ENTRIES {
            if let Some((_, oldest)) = self.order.pop_first() {
                self.entries.remove(&oldest);
            }
        }
    }

    /// Packets may not be longer. Answers whether that is less than was known.
    pub fn learn_mtu(&mut self, now: Instant, destination: IpAddr, mtu: u32) -> bool {
        let is_less = self.find(destination).mtu.is_none_or(|known| mtu < known);
        if is_less {
            self.change(now, destination, |learned| learned.mtu = Some(mtu));
        }
        is_less
    }

    /// There is a better way.
    pub fn redirect(&mut self, now: Instant, destination: IpAddr, to: IpAddr, on: InterfaceId) {
        self.change(now, destination, |learned| learned.redirect = Some((to, on)));
    }

    /// Forgets ways that are no more.
    pub fn forget_redirects(&mut self, mut is_gone: impl FnMut(IpAddr, InterfaceId) -> bool) {
        for (learned, _) in self.entries.values_mut() {
            learned.redirect = learned.redirect.filter(|(to, on)| !is_gone(*to, *on));
        }
    }

    /// When something is forgotten.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.order.first().map(|(until, _)| *until)
    }

    /// Forgets what is old.
    pub fn poll(&mut self, now: Instant) {
        while let Some((until, destination)) = self.order.first().copied() {
            if until > now {
                break;
            }
            self.order.remove(&(until, destination));
            self.entries.remove(&destination);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::Ipv4Addr;

    #[test]
    fn the_cache_is_bounded_and_forgets() {
        let mut cache = Destinations::default();
        for number in 0..100_000_u32 {
            cache.learn_mtu(Duration::from_millis(number.into()), Ipv4Addr::from(number).into(), 1400);
        }
        assert_eq!((cache.entries.len(), cache.order.len()), (MOST_ENTRIES, MOST_ENTRIES));
        let last: IpAddr = Ipv4Addr::from(99_999).into();
        assert_eq!(cache.find(last).mtu, Some(1400));
        assert!(!cache.learn_mtu(Duration::from_secs(100), last, 1500));
        cache.poll(Duration::from_secs(701));
        assert_eq!((cache.find(last), cache.next_deadline()), (Learned::default(), None));
    }
}
