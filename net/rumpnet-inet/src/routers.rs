//! What routers told of their links (RFC 4861, section 5.1): who is a default router, and which prefixes are on a link.
//! Both lists are bounded; when one is full, who comes new is not believed, so that a flood drives nobody out.

use crate::address::Prefix;
use crate::interface::InterfaceId;
use crate::time::Instant;
use crate::wire::ndp::Preference;
use alloc::vec::Vec;
use core::net::Ipv6Addr;

/// Default routers on a link.
pub const MOST_ROUTERS: usize = 16;
/// Prefixes on a link.
pub const MOST_PREFIXES: usize = 32;

/// Who passes on what nobody else does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DefaultRouter {
    /// Its address on the link.
    pub address: Ipv6Addr,
    /// Which link.
    pub interface: InterfaceId,
    /// How much it is to be preferred.
    pub preference: Preference,
    /// How long it is one.
    pub until: Instant,
}

/// A prefix whose addresses are on a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnLink {
    /// Which.
    pub prefix: Prefix<Ipv6Addr>,
    /// Which link.
    pub interface: InterfaceId,
    /// How long; `None`: for ever.
    pub until: Option<Instant>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Routers {
    routers: Vec<DefaultRouter>,
    prefixes: Vec<OnLink>,
}

impl Routers {
    /// A router says how long it is one; until now: it is none. Answers whether there is one more or less.
    pub fn told(&mut self, now: Instant, told: DefaultRouter) -> bool {
        let count = self.routers.len();
        let is_it =
            |known: &DefaultRouter| (known.address, known.interface) == (told.address, told.interface);
        let on_link = self.routers.iter().filter(|known| known.interface == told.interface).count();
        match self.routers.iter_mut().find(|known| is_it(known)) {
            Some(_) if told.until <= now => self.routers.retain(|known| !is_it(known)),
            Some(known) => *known = told,
            None if told.until > now && on_link < MOST_ROUTERS => self.routers.push(told),
            None => {}
        }
        self.routers.len() != count
    }

    /// It says that it is no router any more. Answers whether it was one.
    pub fn remove(&mut self, address: Ipv6Addr, interface: InterfaceId) -> bool {
        let count = self.routers.len();
        self.routers.retain(|known| (known.address, known.interface) != (address, interface));
        self.routers.len() != count
    }

    /// The router to send to: of those that answer the most preferred, else the most preferred of all (section 6.3.6;
    /// RFC 4191, section 3.2). `on`: on this link alone.
    pub fn choose(
        &self,
        on: Option<InterfaceId>,
        answers: impl Fn(&DefaultRouter) -> bool,
    ) -> Option<&DefaultRouter> {
        let suitable = self.routers.iter().filter(|router| on.is_none_or(|on| on == router.interface));
        // Of equal ones the first is taken.
        suitable.rev().max_by_key(|router| (answers(router), router.preference))
    }

    /// A prefix is on a link. Answers whether it was not before, and is remembered.
    pub fn add_prefix(&mut self, told: OnLink) -> bool {
        let is_it = |known: &&mut OnLink| (known.prefix, known.interface) == (told.prefix, told.interface);
        if let Some(known) = self.prefixes.iter_mut().find(is_it) {
            known.until = told.until;
            return false;
        }
        let on_link = self.prefixes.iter().filter(|known| known.interface == told.interface).count();
        let has_room = on_link < MOST_PREFIXES;
        if has_room {
            self.prefixes.push(told);
        }
        has_room
    }

    /// Takes out prefixes that are not on the link any more.
    pub fn take_prefixes(&mut self, mut is_gone: impl FnMut(&OnLink) -> bool) -> Vec<OnLink> {
        let (gone, kept) = core::mem::take(&mut self.prefixes).into_iter().partition(|known| is_gone(known));
        self.prefixes = kept;
        gone
    }

    /// Takes out what has expired; answers the prefixes.
    pub fn expire(&mut self, now: Instant) -> Vec<OnLink> {
        self.routers.retain(|router| router.until > now);
        self.take_prefixes(|known| known.until.is_some_and(|until| until <= now))
    }

    /// Forgets the routers of an interface.
    pub fn forget(&mut self, interface: InterfaceId) {
        self.routers.retain(|known| known.interface != interface);
    }

    /// When something expires.
    pub fn next_deadline(&self) -> Option<Instant> {
        let of_prefixes = self.prefixes.iter().filter_map(|known| known.until);
        self.routers.iter().map(|router| router.until).chain(of_prefixes).min()
    }

    /// All default routers.
    pub fn all(&self) -> &[DefaultRouter] {
        &self.routers
    }
}
