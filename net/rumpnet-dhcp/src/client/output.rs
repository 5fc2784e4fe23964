//! What a client sends, and which options go with it (RFC 2131, section 4.4.1, table 5).

use super::exchange::Exchange;
use super::{Action, Client, Told};
use crate::lease::Lease;
use crate::message::{Kind, Message};
use crate::options::code;
use core::net::Ipv4Addr;
use core::time::Duration;

/// What a client wants to know; classless routes before routers (RFC 3442).
const PARAMETERS: [u8; 11] = [
    code::SUBNET_MASK,
    code::CLASSLESS_ROUTES,
    code::ROUTERS,
    code::NAME_SERVERS,
    code::HOST_NAME,
    code::DOMAIN,
    code::MTU,
    code::BROADCAST,
    code::RENEWAL_TIME,
    code::REBINDING_TIME,
    code::SEARCH,
];

impl Client {
    pub(super) fn discover(&mut self, now: Duration, exchange: &mut Exchange) {
        exchange.seconds = exchange.elapsed(now);
        let mut message = self.message(Kind::Discover, exchange);
        message.broadcast = true;
        if let Some(address) = self.wanted {
            message.options.set(code::REQUESTED_ADDRESS, &address.octets());
        }
        let wait = exchange.count(now, &mut self.random);
        self.send(&message, Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST, Some(wait));
    }

    /// Asks for an offer, and tells the others that theirs is not taken.
    pub(super) fn request(&mut self, now: Duration, exchange: &mut Exchange, offer: &Lease) {
        let mut message = self.message(Kind::Request, exchange);
        message.broadcast = true;
        message.options.set(code::REQUESTED_ADDRESS, &offer.address.octets());
        message.options.set(code::SERVER, &offer.server.octets());
        let wait = exchange.count(now, &mut self.random);
        self.send(&message, Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST, Some(wait));
    }

    /// Asks whether an address that it had is still right.
    pub(super) fn verify(&mut self, now: Duration, exchange: &mut Exchange, address: Ipv4Addr) {
        exchange.seconds = exchange.elapsed(now);
        let mut message = self.message(Kind::Request, exchange);
        message.broadcast = true;
        message.options.set(code::REQUESTED_ADDRESS, &address.octets());
        let wait = exchange.count(now, &mut self.random);
        self.send(&message, Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST, Some(wait));
    }

    pub(super) fn renew(&mut self, now: Duration, exchange: &mut Exchange, lease: &Lease) {
        self.extend(now, exchange, lease, (lease.server, lease.rebinds));
    }

    pub(super) fn rebind(&mut self, now: Duration, exchange: &mut Exchange, lease: &Lease) {
        self.extend(now, exchange, lease, (Ipv4Addr::BROADCAST, lease.ends));
    }

    fn extend(
        &mut self,
        now: Duration,
        exchange: &mut Exchange,
        lease: &Lease,
        (to, end): (Ipv4Addr, Option<Duration>),
    ) {
        let wait = exchange.count_renewal(now, end, &mut self.random);
        exchange.seconds = exchange.elapsed(now);
        let mut message = self.message(Kind::Request, exchange);
        message.client = lease.address;
        self.send(&message, lease.address, to, Some(wait));
    }

    pub(super) fn ask(&mut self, now: Duration, exchange: &mut Exchange, address: Ipv4Addr) {
        if exchange.count == 0 {
            exchange.begins = now;
        }
        exchange.seconds = exchange.elapsed(now);
        let mut message = self.message(Kind::Inform, exchange);
        message.client = address;
        let wait = exchange.count(now, &mut self.random);
        self.send(&message, address, Ipv4Addr::BROADCAST, Some(wait));
    }

    pub(super) fn decline(&mut self, lease: &Lease) {
        let mut message = self.last_message(Kind::Decline);
        message.options.set(code::REQUESTED_ADDRESS, &lease.address.octets());
        message.options.set(code::SERVER, &lease.server.octets());
        self.send(&message, Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST, None);
    }

    pub(super) fn give_back(&mut self, lease: &Lease) {
        let mut message = self.last_message(Kind::Release);
        message.client = lease.address;
        message.options.set(code::SERVER, &lease.server.octets());
        self.send(&message, lease.address, lease.server, None);
    }

    /// One that is not answered.
    fn last_message(&mut self, kind: Kind) -> Message {
        let mut message = Message::request(kind, self.random.number() as u32, self.config.hardware);
        message.options.set(code::CLIENT_IDENTIFIER, self.config.identifier.as_bytes());
        message
    }

    fn message(&self, kind: Kind, exchange: &Exchange) -> Message {
        let mut message = Message::request(kind, exchange.number, self.config.hardware);
        message.seconds = exchange.seconds;
        message.options.set(code::CLIENT_IDENTIFIER, self.config.identifier.as_bytes());
        message.options.set(code::PARAMETERS, &PARAMETERS);
        message.options.set(code::MOST_BYTES, &self.config.most_bytes.max(576).to_be_bytes());
        if let Some(name) = self.config.host_name.as_ref().filter(|name| rump_domain_name::is_name(name)) {
            message.options.set(code::HOST_NAME, name.as_bytes());
        }
        message
    }

    fn send(&mut self, message: &Message, from: Ipv4Addr, to: Ipv4Addr, wait: Option<Duration>) {
        self.tell(Told::Sent(message.kind, to, wait));
        self.actions.push(Action::Send { from, to, message: message.emit() });
    }
}
