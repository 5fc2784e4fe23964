//! What routers tell hosts: default routers, prefixes, addresses to make (RFC 4861, section 6.3.4; RFC 4862, section
//! 5.5.3; RFC 4191).

use super::{Dropped, Identifiers, Stack};
use crate::address::{Prefix, with_identifier};
use crate::interface::{Interface, InterfaceId};
use crate::own_address::{Claim, Origin, OwnAddress};
use crate::route::{Route, Via};
use crate::routers::{DefaultRouter, OnLink};
use crate::time::Instant;
use crate::wire::ipv6::LEAST_MTU;
use crate::wire::ndp::{self, PrefixInformation, RouterAdvertisement};
use core::net::Ipv6Addr;
use core::time::Duration;
use rump_kpi::netbsd::statistics::Counted;

/// Metric of routes to prefixes that routers tell of: what an administrator says counts more.
const TOLD_METRIC: u32 = 256;
/// Addresses that one interface makes of prefixes.
pub(super) const MOST_MADE: usize = 16;
/// What is left of an address's life cannot be cut below this by who is not known (RFC 4862, section 5.5.3 (e)).
const TWO_HOURS: Duration = Duration::from_secs(7200);
/// Times that a router may ask for at most (RFC 4861, section 6.2.1, for the first).
const MOST_REACHABLE: Duration = Duration::from_secs(3600);
const MOST_RETRANSMIT: Duration = Duration::from_secs(60);

impl Stack {
    /// Answers whether it is valid (RFC 4861, section 6.1.2).
    pub(super) fn input_advertisement(
        &mut self,
        now: Instant,
        id: InterfaceId,
        router: Ipv6Addr,
        told: &RouterAdvertisement,
        options: &ndp::Options,
    ) -> bool {
        if !router.is_unicast_link_local() {
            return false;
        }
        let is_deaf = self.interfaces.get(&id).is_none_or(|interface| interface.v6.is_deaf);
        if !self.settings.accepts_advertisements || self.settings.forwarding_v6 || is_deaf {
            self.drop_of(Counted::Icmp6, Dropped::NotForUs);
            return true;
        }
        let factor = 500 + self.random.number() % 1000;
        let Some(interface) = self.interfaces.get_mut(&id) else { return true };
        interface.take_advertised(told, options, factor);
        if !told.lifetime.is_zero() {
            interface.v6.solicits = None;
        }
        self.is_reconfigured |= self.routers.told(
            now,
            DefaultRouter {
                address: router,
                interface: id,
                preference: told.preference,
                until: now + told.lifetime,
            },
        );
        if let Some(hardware) = options.source {
            self.heard_v6(id, router, hardware);
        }
        for prefix in &options.prefixes {
            self.input_prefix(now, id, router, prefix);
        }
        self.input_resolver(now, id, options);
        if let Some(deadline) = self.routers.next_deadline() {
            self.wake_at(deadline);
        }
        true
    }

    /// Who resolves names (RFC 8106, section 6).
    fn input_resolver(&mut self, now: Instant, id: InterfaceId, options: &ndp::Options) {
        let Some(interface) = self.interfaces.get_mut(&id) else { return };
        let resolver = &mut interface.resolver;
        for (server, lifetime) in &options.servers {
            let is_host = !server.is_multicast() && !server.is_unspecified() && !server.is_loopback();
            self.is_reconfigured |= is_host && resolver.told_servers.told(now, *server, *lifetime);
        }
        for (domain, lifetime) in &options.domains {
            self.is_reconfigured |= resolver.told_domains.told(now, domain.clone(), *lifetime);
        }
        if let Some(deadline) = resolver.next_deadline() {
            self.wake_at(deadline);
        }
    }

    pub(super) fn poll_resolver(&mut self, now: Instant, id: InterfaceId) {
        let Some(interface) = self.interfaces.get_mut(&id) else { return };
        self.is_reconfigured |= interface.resolver.expire(now);
    }

    fn input_prefix(&mut self, now: Instant, id: InterfaceId, router: Ipv6Addr, told: &PrefixInformation) {
        let address = told.prefix.address();
        if address.is_unicast_link_local() || address.is_multicast() || told.prefix.length() == 0 {
            return;
        }
        if told.on_link {
            self.note_on_link(now, id, told);
        }
        let is_sound =
            told.preferred.is_none_or(|preferred| told.valid.is_none_or(|valid| preferred <= valid))
                && (told.preferred.is_some() || told.valid.is_none());
        if told.autonomous && is_sound && told.prefix.length() == 64 {
            self.make_address(now, id, router, told);
        }
    }

    fn note_on_link(&mut self, now: Instant, id: InterfaceId, told: &PrefixInformation) {
        if told.valid == Some(Duration::ZERO) {
            let is_it = |known: &OnLink| (known.prefix, known.interface) == (told.prefix, id);
            let gone = self.routers.take_prefixes(is_it);
            return self.forget_prefixes(&gone);
        }
        let until = told.valid.map(|valid| now + valid);
        let on_link = OnLink { prefix: told.prefix, interface: id, until };
        if self.routers.add_prefix(on_link) {
            let route = Route { prefix: told.prefix, via: Via::Link, interface: id, metric: TOLD_METRIC };
            // Another link may have told of the same one, and then has it.
            let _ = self.routes_v6.add(route);
        }
    }

    fn forget_prefixes(&mut self, gone: &[OnLink]) {
        for OnLink { prefix, interface, .. } in gone {
            let is_it = |route: &Route<Ipv6Addr>| {
                (route.prefix, route.interface, route.metric) == (*prefix, *interface, TOLD_METRIC)
            };
            self.routes_v6.retain(|route| !is_it(route));
        }
    }

    /// What routers told and did not tell again is forgotten.
    pub(super) fn expire_routers(&mut self, now: Instant) {
        let count = self.routers.all().len();
        let gone = self.routers.expire(now);
        self.is_reconfigured |= self.routers.all().len() != count;
        self.forget_prefixes(&gone);
    }

    /// All that was heard on an interface is forgotten.
    pub(super) fn forget_routers(&mut self, id: InterfaceId) {
        self.routers.forget(id);
        let gone = self.routers.take_prefixes(|known| known.interface == id);
        self.forget_prefixes(&gone);
        self.destinations.forget_redirects(|_, on| on == id);
    }

    /// RFC 4862, section 5.5.3, (d) and (e).
    fn make_address(&mut self, now: Instant, id: InterfaceId, router: Ipv6Addr, told: &PrefixInformation) {
        let Some(interface) = self.interfaces.get_mut(&id) else { return };
        let is_made = |own: &OwnAddress| matches!(own.origin, Origin::Router { .. });
        let has_prefix = |own: &OwnAddress| told.prefix.contains(own.address);
        let count = interface.v6.addresses.iter().filter(|own| is_made(own)).count();
        if let Some(own) = interface.v6.addresses.iter_mut().find(|own| is_made(own) && has_prefix(own)) {
            own.refresh(now, told);
            if let Some(deadline) = own.next_deadline() {
                self.wake_at(deadline);
            }
            return;
        }
        if told.valid == Some(Duration::ZERO) || count >= MOST_MADE {
            return;
        }
        let origin = Origin::Router { router, attempt: 0 };
        let Some(address) = self.made_address(id, told.prefix, 0) else { return };
        let mut own = OwnAddress::new(address, 64, origin, Claim::New);
        own.valid_until = told.valid.map(|valid| now + valid);
        own.preferred_until = told.preferred.map(|preferred| now + preferred);
        self.begin_address(id, own);
    }

    /// The address that an interface makes with a prefix: the hardware's, or one that is not to be foreseen.
    pub(super) fn made_address(
        &self,
        id: InterfaceId,
        prefix: Prefix<Ipv6Addr>,
        attempt: u8,
    ) -> Option<Ipv6Addr> {
        let interface = self.interfaces.get(&id)?;
        let hardware = interface.hardware()?.0;
        let identifier = match self.settings.identifiers {
            Identifiers::Hardware => {
                let [a, b, c, d, e, f] = hardware;
                u64::from_be_bytes([a ^ 2, b, c, 0xff, 0xfe, d, e, f])
            }
            Identifiers::Opaque => {
                self.hash(&[&prefix.address().octets(), &hardware, interface.name.as_bytes(), &[attempt]])
            }
        };
        Some(with_identifier(prefix.address(), identifier))
    }
}

impl Interface {
    /// Parameters of the link; `factor` is that of the random time, in thousandths (RFC 4861, section 6.3.2).
    fn take_advertised(&mut self, told: &RouterAdvertisement, options: &ndp::Options, factor: u64) {
        if told.hop_limit != 0 {
            self.v6.hop_limit = Some(told.hop_limit);
        }
        if let Some(mtu) = options.mtu.filter(|mtu| *mtu >= LEAST_MTU && *mtu <= self.mtu) {
            self.v6.mtu = Some(mtu);
        }
        let reachable = told.reachable.min(MOST_REACHABLE).as_millis() as u64;
        let reachable = (reachable > 0).then(|| Duration::from_millis((reachable * factor / 1000).max(1)));
        let retransmit = Some(told.retransmit.min(MOST_RETRANSMIT)).filter(|time| !time.is_zero());
        if let Some(neighbours) = self.neighbours_v6_mut() {
            neighbours.set_times(reachable, retransmit);
        }
    }
}

impl OwnAddress {
    /// A router tells of its prefix again.
    fn refresh(&mut self, now: Instant, told: &PrefixInformation) {
        let left = self.valid_until.map(|until| until.saturating_sub(now));
        self.preferred_until = told.preferred.map(|preferred| now + preferred);
        self.is_deprecated = self.preferred_until.is_some_and(|until| until <= now);
        let is_longer = match (told.valid, left) {
            (None, _) => true,
            (Some(valid), Some(left)) => valid > TWO_HOURS || valid > left,
            (Some(valid), None) => valid > TWO_HOURS,
        };
        if is_longer {
            self.valid_until = told.valid.map(|valid| now + valid);
        } else if left.is_none_or(|left| left > TWO_HOURS) {
            self.valid_until = Some(now + TWO_HOURS);
        }
    }
}
