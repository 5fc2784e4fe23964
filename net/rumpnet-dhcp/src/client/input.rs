//! What servers say.

use super::exchange::Exchange;
use super::{Action, COLLECTING, Client, MOST_OFFERS, MOST_REFUSED_WAIT, REFUSED_WAIT, State, Told};
use crate::information::Information;
use crate::lease::Lease;
use crate::message::{Kind, Message, Operation};
use crate::options::code;
use core::net::Ipv4Addr;
use core::time::Duration;

impl Client {
    /// A message came, from whomever. What is not for this client, of its exchange and well-formed changes nothing.
    pub fn receive(&mut self, now: Duration, bytes: &[u8]) {
        let Ok(message) = Message::parse(bytes) else { return };
        if !self.is_for_us(&message) {
            return;
        }
        let state = core::mem::replace(&mut self.state, State::Stopped);
        self.state = match message.kind {
            Kind::Offer => self.input_offer(now, state, &message),
            Kind::Ack => self.input_ack(now, state, &message),
            Kind::Nak => self.input_nak(now, state, &message),
            _ => state,
        };
    }

    fn is_for_us(&self, message: &Message) -> bool {
        let identifier = message.options.find(code::CLIENT_IDENTIFIER);
        let exchange = match &self.state {
            State::Selecting { exchange, .. }
            | State::Requesting { exchange, .. }
            | State::Rebooting { exchange, .. }
            | State::Renewing { exchange, .. }
            | State::Rebinding { exchange, .. }
            | State::Informing { exchange, .. } => exchange.number,
            State::Stopped | State::Waiting { .. } | State::Claiming { .. } | State::Bound { .. } => {
                return false;
            }
        };
        message.operation == Operation::Reply
            && message.exchange == exchange
            && message.hardware == self.config.hardware
            // RFC 6842, section 3.
            && identifier.is_none_or(|identifier| identifier == self.config.identifier.as_bytes())
    }

    fn input_offer(&mut self, now: Duration, state: State, message: &Message) -> State {
        let State::Selecting { exchange, mut offers, decides } = state else { return state };
        let sent = exchange.sent.unwrap_or(now);
        if let Some(offer) = Lease::of(message, sent).filter(|_| offers.len() < MOST_OFFERS) {
            self.tell(Told::Heard(Kind::Offer, offer.server, offer.address));
            // A server that was asked again may have thought better of it.
            offers.retain(|other: &Lease| other.server != offer.server);
            offers.push(offer);
        }
        let decides = decides.or_else(|| (!offers.is_empty()).then(|| now + COLLECTING));
        State::Selecting { exchange, offers, decides }
    }

    fn input_ack(&mut self, now: Duration, state: State, message: &Message) -> State {
        if let State::Informing { exchange, address } = state {
            return self.input_information(exchange, address, message);
        }
        let Some((exchange, address, server)) = asked(&state) else { return state };
        let Some(lease) = Lease::of(message, exchange.sent.unwrap_or(now)) else { return state };
        if lease.address != address || server.is_some_and(|server| server != lease.server) {
            return state;
        }
        self.tell(Told::Heard(Kind::Ack, lease.server, lease.address));
        match state {
            State::Renewing { .. } | State::Rebinding { .. } => self.bind(lease),
            _ => self.claim(lease),
        }
    }

    fn input_information(&mut self, exchange: Exchange, address: Ipv4Addr, message: &Message) -> State {
        let Some(server) = message.options.address(code::SERVER) else {
            return State::Informing { exchange, address };
        };
        self.tell(Told::Heard(Kind::Ack, server, address));
        self.actions.push(Action::Inform(Information::of(message)));
        State::Stopped
    }

    fn input_nak(&mut self, now: Duration, state: State, message: &Message) -> State {
        let Some((_, address, server)) = asked(&state) else { return state };
        let Some(from) = message.options.address(code::SERVER) else { return state };
        if server.is_some_and(|server| server != from) {
            return state;
        }
        self.tell(Told::Heard(Kind::Nak, from, address));
        if let State::Renewing { lease, .. } | State::Rebinding { lease, .. } = state {
            self.actions.push(Action::Withdraw(lease));
        }
        self.actions.push(Action::Forget);
        self.wanted = None;
        // The first time at once; a server that offers and refuses is not asked without end.
        let wait = match self.refusals {
            0 => Duration::ZERO,
            count => REFUSED_WAIT.saturating_mul(1 << count.min(10)).min(MOST_REFUSED_WAIT),
        };
        self.refusals = self.refusals.saturating_add(1);
        State::Waiting { until: now + wait }
    }
}

/// What was asked for, and of whom, if not of all.
fn asked(state: &State) -> Option<(&Exchange, Ipv4Addr, Option<Ipv4Addr>)> {
    match state {
        State::Requesting { exchange, offer } => Some((exchange, offer.address, Some(offer.server))),
        State::Rebooting { exchange, address, .. } => Some((exchange, *address, None)),
        State::Renewing { exchange, lease } => Some((exchange, lease.address, Some(lease.server))),
        State::Rebinding { exchange, lease } => Some((exchange, lease.address, None)),
        _ => None,
    }
}
