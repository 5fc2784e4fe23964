//! Neighbour discovery (RFC 4861): questions for neighbours and answers, for routers, and redirects.

use super::output::{Options, Path};
use super::{Dropped, Stack};
use crate::address::{is_of_link, solicited_node};
use crate::interface::{Interface, InterfaceId};
use crate::neighbour::{Action, Advertised};
use crate::own_address::{Claim, OwnAddress};
use crate::time::Instant;
use crate::wire::Malformed;
use crate::wire::checksum::pseudo;
use crate::wire::ethernet::MacAddress;
use crate::wire::ipv4::Protocol;
use crate::wire::ipv6::Ipv6;
use crate::wire::ndp::{self, Message};
use crate::wire::{ethernet, icmpv6};
use core::net::Ipv6Addr;
use core::time::Duration;
use rump_kpi::netbsd::statistics::Counted;
use rump_kpi::packet::Packet;

/// All hosts on a link.
pub(super) const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// All routers.
const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
/// How often routers are asked to show themselves (MAX_RTR_SOLICITATIONS).
const MOST_SOLICITATIONS: u8 = 3;
/// Time between two of those (RTR_SOLICITATION_INTERVAL).
const SOLICITATION_INTERVAL: Duration = Duration::from_secs(4);
/// Before the first one (MAX_RTR_SOLICITATION_DELAY).
pub(super) const SOLICITATION_DELAY: Duration = Duration::from_secs(1);

/// How it is said that an address is ours.
#[derive(Clone, Copy)]
pub(super) struct Told {
    /// Because somebody asked for it.
    pub is_solicited: bool,
    /// Whatever was known before is wrong.
    pub overrides: bool,
}

impl Stack {
    /// Takes a message from the link, `bytes` being all of it.
    pub(super) fn input_discovery(
        &mut self,
        now: Instant,
        id: InterfaceId,
        header: &Ipv6,
        kind: u8,
        bytes: &[u8],
    ) {
        let (message, options) = match ndp::parse(kind, bytes.get(4..).unwrap_or_default()) {
            Ok(parsed) => parsed,
            Err(why) => return self.drop_malformed(id, Counted::Icmp6, why),
        };
        let (source, destination) = (header.source, header.destination);
        let is_taken = match message {
            // Only routers have something to say to that.
            Message::RouterSolicitation => true,
            Message::RouterAdvertisement(told) => self.input_advertisement(now, id, source, &told, &options),
            Message::NeighbourSolicitation { target } => {
                self.input_neighbour_solicitation(now, id, (source, destination), target, &options)
            }
            Message::NeighbourAdvertisement { target, is_router, is_solicited, overrides } => {
                let told = Advertised { hardware: options.target, is_solicited, overrides };
                let answers_all = destination.is_multicast() && is_solicited;
                let is_sound = !target.is_multicast() && !answers_all;
                if is_sound {
                    self.input_neighbour_advertisement(now, id, target, told, is_router);
                }
                is_sound
            }
            Message::Redirect { target, destination } => {
                self.input_redirect(now, id, source, (target, destination), &options)
            }
        };
        if !is_taken {
            self.drop_malformed(id, Counted::Icmp6, Malformed::Address);
        }
    }

    /// RFC 4861, section 7.2.3; RFC 4862, section 5.4.3. Answers whether it is valid (section 7.1.1).
    fn input_neighbour_solicitation(
        &mut self,
        now: Instant,
        id: InterfaceId,
        (source, destination): (Ipv6Addr, Ipv6Addr),
        target: Ipv6Addr,
        options: &ndp::Options,
    ) -> bool {
        let is_anonymous = source.is_unspecified();
        let is_sound = !is_anonymous || (destination == solicited_node(target) && options.source.is_none());
        if target.is_multicast() || !is_sound {
            return false;
        }
        let Some(interface) = self.interfaces.get_mut(&id) else { return true };
        let Some(own) = interface.find_v6(target).copied() else { return true };
        if own.is_tentative() {
            // Somebody else wants it, too; unless it is our own question that came back (RFC 7527).
            if is_anonymous && options.nonce != Some(self.nonce(target)) {
                self.is_duplicate(id, target);
            }
            return true;
        }
        if own.claim == Claim::Duplicate {
            return true;
        }
        if !is_anonymous {
            if let Some(hardware) = options.source {
                self.heard_v6(id, source, hardware);
            }
        }
        let to = if is_anonymous { ALL_NODES } else { source };
        self.advertise(now, id, target, to, Told { is_solicited: !is_anonymous, overrides: true });
        true
    }

    /// A neighbour told its hardware address by asking: what waits for it is sent.
    pub(super) fn heard_v6(&mut self, id: InterfaceId, address: Ipv6Addr, hardware: MacAddress) {
        let neighbours = self.interfaces.get_mut(&id).and_then(Interface::neighbours_v6_mut);
        let Some(neighbours) = neighbours else { return };
        let waiting = neighbours.heard(address, hardware, true);
        self.send_waiting(id, hardware, waiting);
    }

    fn send_waiting(&mut self, id: InterfaceId, to: MacAddress, waiting: impl IntoIterator<Item = Packet>) {
        let Some(own) = self.interfaces.get(&id).and_then(Interface::hardware) else { return };
        for packet in waiting {
            self.send_frame(id, (own, to), ethernet::EtherType::IPV6, packet);
        }
    }

    /// Says that an address is ours.
    pub(super) fn advertise(
        &mut self,
        now: Instant,
        id: InterfaceId,
        target: Ipv6Addr,
        to: Ipv6Addr,
        Told { is_solicited, overrides }: Told,
    ) {
        let hardware = self.interfaces.get(&id).and_then(Interface::hardware);
        let is_router = self.settings.forwarding_v6;
        let message = Message::NeighbourAdvertisement { target, is_router, is_solicited, overrides };
        let options = ndp::Options { target: hardware, ..ndp::Options::default() };
        self.send_discovery(now, id, (target, to), &message, &options);
    }

    /// RFC 4861, section 7.2.5; RFC 4862, section 5.4.4.
    fn input_neighbour_advertisement(
        &mut self,
        now: Instant,
        id: InterfaceId,
        target: Ipv6Addr,
        told: Advertised,
        is_router: bool,
    ) {
        let Some(interface) = self.interfaces.get_mut(&id) else { return };
        if let Some(own) = interface.find_v6(target) {
            if own.is_tentative() {
                self.is_duplicate(id, target);
            } else {
                // Somebody has our address. What is ours stays ours.
                self.drop_of(Counted::Icmp6, Dropped::Malformed(Malformed::Address));
            }
            return;
        }
        let Some(neighbours) = interface.neighbours_v6_mut() else { return };
        if let Some((hardware, waiting)) = neighbours.advertised(now, target, told) {
            self.send_waiting(id, hardware, waiting);
        }
        if !is_router {
            self.is_reconfigured |= self.routers.remove(target, id);
            self.destinations.forget_redirects(|to, on| on == id && to == target);
        }
    }

    /// RFC 4861, section 8.3. Answers whether it is valid (section 8.1).
    fn input_redirect(
        &mut self,
        now: Instant,
        id: InterfaceId,
        source: Ipv6Addr,
        (target, destination): (Ipv6Addr, Ipv6Addr),
        options: &ndp::Options,
    ) -> bool {
        let is_target = target == destination || target.is_unicast_link_local();
        if !source.is_unicast_link_local()
            || destination.is_multicast()
            || !is_target
            || target.is_multicast()
        {
            return false;
        }
        if !self.settings.accepts_redirects_v6 || self.settings.forwarding_v6 {
            self.drop_of(Counted::Icmp6, Dropped::NotForUs);
            return true;
        }
        // Only who is the router now can say that another one is better.
        let is_router = !is_of_link(destination.into())
            && !self.is_local(destination.into())
            && self.route_v6(destination) == Ok((id, source));
        if !is_router {
            return false;
        }
        if let Some(hardware) = options.target {
            self.heard_v6(id, target, hardware);
        }
        self.destinations.redirect(now, destination.into(), target.into(), id);
        if let Some(deadline) = self.destinations.next_deadline() {
            self.wake_at(deadline);
        }
        true
    }

    pub(super) fn do_action_v6(&mut self, now: Instant, id: InterfaceId, action: Action<Ipv6Addr>) {
        match action {
            Action::Ask { address, at } => self.ask_v6(now, id, address, at),
            Action::Unreachable { address, packets } => {
                self.destinations.forget_redirects(|to, on| on == id && to == address);
                packets.into_iter().for_each(|packet| self.complain_of_unresolved_v6(now, id, packet));
            }
        }
    }

    /// Asks who has an address: all who may have it, or one who is thought to (section 7.2.2).
    fn ask_v6(&mut self, now: Instant, id: InterfaceId, target: Ipv6Addr, at: Option<MacAddress>) {
        let Some(source) = self.source_v6(id, target, target) else { return };
        let options = ndp::Options {
            source: self.interfaces.get(&id).and_then(Interface::hardware),
            ..ndp::Options::default()
        };
        let to = if at.is_some() { target } else { solicited_node(target) };
        self.send_discovery(now, id, (source, to), &Message::NeighbourSolicitation { target }, &options);
    }

    /// Asks whether somebody has an address that is to be ours (RFC 4862, section 5.4.2).
    pub(super) fn ask_for_own(&mut self, now: Instant, id: InterfaceId, target: Ipv6Addr) {
        let options = ndp::Options { nonce: Some(self.nonce(target)), ..ndp::Options::default() };
        let addresses = (Ipv6Addr::UNSPECIFIED, solicited_node(target));
        self.send_discovery(now, id, addresses, &Message::NeighbourSolicitation { target }, &options);
    }

    /// Tells routers that an address has become ours, so that they can send to it before it has sent anything (RFC 9131).
    pub(super) fn announce_to_routers(&mut self, now: Instant, id: InterfaceId, own: Ipv6Addr) {
        self.advertise(now, id, own, ALL_ROUTERS, Told { is_solicited: false, overrides: false });
    }

    /// Asks routers to show themselves, until they do (section 6.3.7).
    pub(super) fn poll_solicitation(&mut self, now: Instant, id: InterfaceId) {
        let Some(interface) = self.interfaces.get_mut(&id) else { return };
        let Some((sent, due)) = interface.v6.solicits.filter(|(_, due)| *due <= now) else { return };
        if due == Instant::ZERO {
            let delay = self.random_below(SOLICITATION_DELAY);
            return self.solicit_at(id, 0, now + delay);
        }
        let Some(source) = interface.link_local().filter(|_| sent < MOST_SOLICITATIONS) else {
            interface.v6.solicits = None;
            return;
        };
        let options = ndp::Options { source: interface.hardware(), ..ndp::Options::default() };
        self.solicit_at(id, sent + 1, now + SOLICITATION_INTERVAL);
        self.send_discovery(now, id, (source, ALL_ROUTERS), &Message::RouterSolicitation, &options);
    }

    pub(super) fn solicit_at(&mut self, id: InterfaceId, sent: u8, when: Instant) {
        if let Some(interface) = self.interfaces.get_mut(&id) {
            interface.v6.solicits = Some((sent, when));
            self.wake_at(when);
        }
    }

    /// Sends a message on a link.
    pub(super) fn send_discovery(
        &mut self,
        now: Instant,
        id: InterfaceId,
        (source, destination): (Ipv6Addr, Ipv6Addr),
        message: &Message,
        options: &ndp::Options,
    ) {
        let (kind, rest) = message.emit(options);
        let mut packet = Packet::with_content([]);
        let sum = |length| pseudo(source.into(), destination.into(), Protocol::ICMPV6, length);
        icmpv6::emit(&mut packet, kind, 0, &rest, sum);
        self.send_on_link(now, id, (source, destination), Protocol::ICMPV6, 255, packet);
    }

    /// Sends a packet on a link, whatever the routes say.
    pub(super) fn send_on_link(
        &mut self,
        now: Instant,
        id: InterfaceId,
        (source, destination): (Ipv6Addr, Ipv6Addr),
        protocol: Protocol,
        hop_limit: u8,
        packet: Packet,
    ) {
        let Ok(interface) = self.usable_v6(id) else { return };
        let path = Path {
            interface: id,
            next_hop: destination.into(),
            source: source.into(),
            destination: destination.into(),
            mtu: interface.mtu_v6(),
            is_broadcast: false,
            comes_back: false,
        };
        let options = Options { hop_limit: Some(hop_limit), ..Options::default() };
        let _ = self.send(now, &path, protocol, &options, packet);
    }

    /// Tells our questions for an address from those of others: nobody else can know it.
    fn nonce(&self, address: Ipv6Addr) -> [u8; 6] {
        let [a, b, c, d, e, f, ..] = self.hash(&[&address.octets(), b"nonce"]).to_be_bytes();
        [a, b, c, d, e, f]
    }

    pub(super) fn random_below(&mut self, limit: Duration) -> Duration {
        Duration::from_micros(1 + self.random.number() % (limit.as_micros() as u64).max(1))
    }

    /// Whether an own address of an interface is one that others are asked for.
    pub(super) fn tentative(&self, id: InterfaceId, address: Ipv6Addr) -> Option<OwnAddress> {
        let own = self.interfaces.get(&id)?.find_v6(address)?;
        own.is_tentative().then_some(*own)
    }
}
