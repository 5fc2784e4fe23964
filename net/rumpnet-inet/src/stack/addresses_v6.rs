//! Own addresses of IPv6: how they come, are asked for, grow old and go (RFC 4862).

use super::Stack;
use crate::address::{Prefix, solicited_node};
use crate::interface::InterfaceId;
use crate::own_address::{Claim, Origin, OwnAddress};
use crate::route::{Route, Via};
use crate::time::Instant;
use crate::wire::ipv6::LEAST_MTU;
use alloc::vec::Vec;
use core::hash::Hasher;
use core::net::Ipv6Addr;
use rump_kpi::Errno;
use siphasher::sip::SipHasher13;

/// The prefix of addresses of a link.
const LINK_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0);
/// How many addresses are tried, when others have them (RFC 7217, section 6).
const MOST_ATTEMPTS: u8 = 3;

impl Stack {
    /// Gives an interface an address, and a route to its network. On Ethernet others are asked first whether they have it.
    ///
    /// Errors: ENXIO, EADDRNOTAVAIL (no host can have it), EEXIST.
    pub fn add_address_v6(&mut self, id: InterfaceId, address: Ipv6Addr, length: u8) -> Result<(), Errno> {
        let interface = self.interfaces.get(&id).ok_or(Errno::ENXIO)?;
        let is_usable = !address.is_multicast()
            && !address.is_unspecified()
            && address.to_ipv4_mapped().is_none()
            && (!address.is_loopback() || interface.is_loopback());
        if !is_usable {
            return Err(Errno::EADDRNOTAVAIL);
        }
        if interface.find_v6(address).is_some() {
            return Err(Errno::EEXIST);
        }
        let prefix = Prefix::new(address, length);
        if !address.is_unicast_link_local() {
            // Another interface may be on the same network, and then it has the route.
            let _ = self.routes_v6.add(Route { prefix, via: Via::Link, interface: id, metric: 0 });
        }
        self.begin_address(id, OwnAddress::new(address, prefix.length(), Origin::Configured, Claim::New));
        Ok(())
    }

    /// Takes an address away, and with the last one of a network its route. Errors: ENXIO, EADDRNOTAVAIL.
    pub fn remove_address_v6(&mut self, id: InterfaceId, address: Ipv6Addr) -> Result<(), Errno> {
        let interface = self.interfaces.get(&id).ok_or(Errno::ENXIO)?;
        let own = *interface.find_v6(address).ok_or(Errno::EADDRNOTAVAIL)?;
        self.end_address(id, address);
        let prefix = Prefix::new(own.address, own.length);
        let is_last = self.interfaces.get(&id).is_none_or(|interface| {
            interface.v6.addresses.iter().all(|other| Prefix::new(other.address, other.length) != prefix)
        });
        if is_last && own.origin == Origin::Configured {
            self.routes_v6.retain(|route| {
                (route.interface, route.prefix, route.via, route.metric) != (id, prefix, Via::Link, 0)
            });
        }
        Ok(())
    }

    /// An interface has one address more, which it may have to ask for.
    pub(super) fn begin_address(&mut self, id: InterfaceId, mut own: OwnAddress) {
        let claims = self.settings.claims_v6;
        let Some(interface) = self.interfaces.get_mut(&id) else { return };
        let asks = claims > 0 && interface.hardware().is_some();
        own.claim = if asks { Claim::New } else { Claim::Assigned };
        interface.v6.addresses.push(own);
        self.is_reconfigured = true;
        if interface.hardware().is_some() {
            interface.groups_v6.join(
                solicited_node(own.address).into(),
                None,
                crate::multicast::Filter::all(),
            );
        }
        self.wake_at(Instant::ZERO);
    }

    fn end_address(&mut self, id: InterfaceId, address: Ipv6Addr) {
        let Some(interface) = self.interfaces.get_mut(&id) else { return };
        interface.v6.addresses.retain(|own| own.address != address);
        self.is_reconfigured = true;
        if interface.hardware().is_some() {
            interface.groups_v6.leave(solicited_node(address).into(), None);
        }
        self.wake_at(Instant::ZERO);
    }

    /// An interface comes up: it has an address of its link, and asks for all that it has.
    pub(super) fn bring_up_v6(&mut self, id: InterfaceId) {
        let makes = self.settings.makes_link_local;
        let Some(interface) = self.interfaces.get_mut(&id) else { return };
        if interface.hardware().is_none() || interface.mtu < LEAST_MTU {
            return;
        }
        let claim = if self.settings.claims_v6 > 0 { Claim::New } else { Claim::Assigned };
        interface.v6.addresses.iter_mut().for_each(|own| own.claim = claim);
        let has_one = interface.v6.addresses.iter().any(|own| own.address.is_unicast_link_local());
        if makes && !has_one {
            self.make_link_local(id, 0);
        }
        let is_ours = self.interfaces.get(&id).is_some_and(|interface| interface.link_local().is_some());
        if is_ours {
            self.link_local_is_ours(id);
        }
        self.wake_at(Instant::ZERO);
    }

    fn make_link_local(&mut self, id: InterfaceId, attempt: u8) {
        let Some(address) = self.made_address(id, Prefix::new(LINK_LOCAL, 64), attempt) else { return };
        let is_new = self.interfaces.get(&id).is_some_and(|interface| interface.find_v6(address).is_none());
        if is_new {
            let origin = Origin::LinkLocal { attempt };
            self.begin_address(id, OwnAddress::new(address, 64, origin, Claim::New));
        }
    }

    /// Says whether an interface follows what routers tell. Errors: ENXIO.
    pub fn set_autoconf(&mut self, id: InterfaceId, is_followed: bool) -> Result<(), Errno> {
        let interface = self.interfaces.get_mut(&id).ok_or(Errno::ENXIO)?;
        let was_deaf = core::mem::replace(&mut interface.v6.is_deaf, !is_followed);
        let can_ask = interface.is_up && interface.link_local().is_some();
        match (was_deaf, is_followed) {
            (true, true) if can_ask => self.link_local_is_ours(id),
            (false, false) => self.bring_down_v6(id),
            _ => {}
        }
        Ok(())
    }

    /// An interface goes down: what was learned on it is forgotten, and what was made of that.
    pub(super) fn bring_down_v6(&mut self, id: InterfaceId) {
        self.forget_routers(id);
        let Some(interface) = self.interfaces.get_mut(&id) else { return };
        (interface.v6.hop_limit, interface.v6.mtu, interface.v6.solicits) = (None, None, None);
        (interface.resolver.told_servers, interface.resolver.told_domains) = Default::default();
        self.is_reconfigured = true;
        let made = interface.v6.addresses.iter().filter(|own| matches!(own.origin, Origin::Router { .. }));
        let made: Vec<Ipv6Addr> = made.map(|own| own.address).collect();
        made.into_iter().for_each(|address| self.end_address(id, address));
    }

    /// Somebody else has an address that was to be ours (RFC 4862, section 5.4.5).
    pub(super) fn is_duplicate(&mut self, id: InterfaceId, address: Ipv6Addr) {
        let Some(own) = self.tentative(id, address) else { return };
        let again = |attempt: u8| {
            let may_try = self.settings.identifiers == super::Identifiers::Opaque && attempt < MOST_ATTEMPTS;
            may_try.then_some(attempt + 1)
        };
        let next = match own.origin {
            Origin::Configured => None,
            Origin::LinkLocal { attempt } | Origin::Router { attempt, .. } => again(attempt),
        };
        let Some(attempt) = next else {
            if let Some(own) = self.interfaces.get_mut(&id).and_then(|on| on.find_v6_mut(address)) {
                own.claim = Claim::Duplicate;
                self.is_reconfigured = true;
            }
            return;
        };
        self.end_address(id, address);
        match own.origin {
            Origin::Configured => {}
            Origin::LinkLocal { .. } => self.make_link_local(id, attempt),
            Origin::Router { router, .. } => {
                let prefix = Prefix::new(address, own.length);
                let Some(address) = self.made_address(id, prefix, attempt) else { return };
                let origin = Origin::Router { router, attempt };
                self.begin_address(id, OwnAddress { address, origin, ..own });
            }
        }
    }

    /// What time brings about.
    pub(super) fn poll_addresses_v6(&mut self, now: Instant, id: InterfaceId) {
        let Some(interface) = self.interfaces.get(&id) else { return };
        let is_due = |own: &&OwnAddress| own.next_deadline().is_some_and(|due| due <= now);
        let due: Vec<OwnAddress> = interface.v6.addresses.iter().filter(is_due).copied().collect();
        for own in due {
            if own.valid_until.is_some_and(|until| until <= now) {
                self.end_address(id, own.address);
                continue;
            }
            let is_old = own.preferred_until.is_some_and(|until| until <= now);
            if let Some(place) = self.interfaces.get_mut(&id).and_then(|on| on.find_v6_mut(own.address)) {
                self.is_reconfigured |= place.is_deprecated != is_old;
                place.is_deprecated = is_old;
            }
            self.poll_claim_v6(now, id, &own);
        }
    }

    fn poll_claim_v6(&mut self, now: Instant, id: InterfaceId, own: &OwnAddress) {
        let wanted = self.settings.claims_v6;
        let claim = match own.claim {
            // Hosts that begin at once do not ask at once (section 5.4.2).
            Claim::New if own.origin != Origin::Configured => {
                let delay = self.random_below(super::discovery::SOLICITATION_DELAY);
                Claim::Tentative { sent: 0, due: now + delay }
            }
            Claim::New => Claim::Tentative { sent: 0, due: now },
            claim => claim,
        };
        let claim = match claim {
            Claim::Tentative { sent, due } if due <= now && sent < wanted => {
                self.ask_for_own(now, id, own.address);
                Claim::Tentative { sent: sent + 1, due: now + self.retransmit_time(id) }
            }
            Claim::Tentative { due, .. } if due <= now => Claim::Assigned,
            claim => claim,
        };
        if let Some(place) = self.interfaces.get_mut(&id).and_then(|on| on.find_v6_mut(own.address)) {
            place.claim = claim;
            self.is_reconfigured |= claim != own.claim && claim == Claim::Assigned;
        }
        if claim == Claim::Assigned && own.claim != Claim::Assigned {
            self.announce_to_routers(now, id, own.address);
            if own.address.is_unicast_link_local() {
                self.link_local_is_ours(id);
            }
        }
    }

    /// Routers can be asked only from an address of the link.
    fn link_local_is_ours(&mut self, id: InterfaceId) {
        let hears = self.follows_routers(id);
        let Some(interface) = self.interfaces.get_mut(&id) else { return };
        let has_router = self.routers.all().iter().any(|router| router.interface == id);
        // What was told before by the address of nobody is told again (RFC 3590).
        interface.groups_v6.restart();
        if hears && !has_router {
            self.solicit_at(id, 0, Instant::ZERO);
        }
    }

    /// Whether what routers on an interface tell is followed.
    pub(super) fn follows_routers(&self, id: InterfaceId) -> bool {
        let is_deaf = self.interfaces.get(&id).is_none_or(|interface| interface.v6.is_deaf);
        self.settings.accepts_advertisements && !self.settings.forwarding_v6 && !is_deaf
    }

    fn retransmit_time(&self, id: InterfaceId) -> core::time::Duration {
        let neighbours = self.interfaces.get(&id).and_then(|interface| interface.neighbours_v6());
        neighbours.map(|neighbours| neighbours.retransmit_time()).unwrap_or_default()
    }

    /// A number that is the same for the same parts, and cannot be foreseen.
    pub(super) fn hash(&self, parts: &[&[u8]]) -> u64 {
        let mut hasher = SipHasher13::new_with_keys(self.secret[0], self.secret[1]);
        for part in parts {
            hasher.write(&(part.len() as u64).to_le_bytes());
            hasher.write(part);
        }
        hasher.finish()
    }
}
