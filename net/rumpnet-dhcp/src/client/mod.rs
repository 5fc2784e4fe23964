//! The client (RFC 2131, section 4.4, figure 5).
//!
//! ```text
//! Waiting -> Selecting -> Requesting -> Claiming -> Bound -> Renewing -> Rebinding -> (ended) Selecting
//!              Rebooting ---------------^             ^---------+------------+
//! ```
//!
//! A refusal (NAK) leads back to Waiting from everywhere, and so does an address that somebody else has, which is declined.
//! The wait of one to ten seconds before the first message (section 4.4.1) is left to whoever drives the client.

mod exchange;
mod input;
mod output;

use crate::identifier::ClientIdentifier;
use crate::lease::Lease;
use crate::message::Kind;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::Ipv4Addr;
use core::time::Duration;
use exchange::Exchange;
use rump_random::Random;

/// How long further offers are waited for, after the first.
const COLLECTING: Duration = Duration::from_millis(500);
/// Offers that are compared.
const MOST_OFFERS: usize = 16;
/// How often an offered address is asked for, before another is looked for.
const MOST_REQUESTS: u32 = 4;
/// How often a remembered address is.
const MOST_REBOOTS: u32 = 2;
/// After an address was declined (section 3.1 (5)).
const DECLINE_WAIT: Duration = Duration::from_secs(10);
/// After a refusal, doubled with each further one.
const REFUSED_WAIT: Duration = Duration::from_secs(1);
const MOST_REFUSED_WAIT: Duration = Duration::from_secs(64);

/// What a client is to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// Hardware address of the interface.
    pub hardware: [u8; 6],
    /// Who it is.
    pub identifier: ClientIdentifier,
    /// What the host wants to be called.
    pub host_name: Option<String>,
    /// An address that it had before, and asks for again.
    pub remembered: Option<Ipv4Addr>,
    /// A lease that it had before, which it asks for again; it is used for its rest where nobody answers. An address that is
    /// remembered besides counts more.
    pub kept: Option<Lease>,
    /// The longest message that it takes.
    pub most_bytes: u16,
}

impl Config {
    /// That of an interface, with nothing special.
    pub fn new(hardware: [u8; 6], identifier: ClientIdentifier) -> Self {
        Self { hardware, identifier, host_name: None, remembered: None, kept: None, most_bytes: 1500 }
    }
}

/// Where a client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Phase {
    /// It does nothing, for good.
    Stopped,
    /// It begins anew later (INIT).
    Waiting,
    Selecting,
    Requesting,
    /// It asks whether the address that it had is still right (INIT-REBOOT and REBOOTING).
    Rebooting,
    /// The address is there, and others are asked whether they have it.
    Claiming,
    Bound,
    Renewing,
    Rebinding,
    /// It has an address, and asks for the rest (section 4.4.3).
    Informing,
}

/// What a client tells, for a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It sent something, and waits for an answer so long.
    Sent(Kind, Ipv4Addr, Option<Duration>),
    /// A server sent something, with the address that it is about.
    Heard(Kind, Ipv4Addr, Ipv4Addr),
    /// It uses an address now.
    Bound(Ipv4Addr),
    /// Somebody else has this address.
    Conflict(Ipv4Addr),
    /// A lease ended.
    Expired(Ipv4Addr),
    /// Nobody answered; the lease of this address that was kept is used for its rest.
    Resumed(Ipv4Addr),
}

/// What is to be done, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send a message.
    Send {
        /// Our address, or that of nobody.
        from: Ipv4Addr,
        /// A server, or all.
        to: Ipv4Addr,
        /// Its bytes.
        message: Vec<u8>,
    },
    /// Ask whether somebody has the address, and tell by [`Client::claimed`] or [`Client::conflicted`].
    Claim(Lease),
    /// The address is ours: use what the lease says instead of what one before it said.
    Apply(Lease),
    /// Take all of it away.
    Withdraw(Lease),
    /// A lease that was kept for the next start is none any more.
    Forget,
    /// The answer to [`Client::inform`].
    Inform(crate::Information),
    /// Something for a log.
    Tell(Told),
}

#[derive(Debug)]
enum State {
    Stopped,
    Waiting { until: Duration },
    Selecting { exchange: Exchange, offers: Vec<Lease>, decides: Option<Duration> },
    Requesting { exchange: Exchange, offer: Lease },
    Rebooting { exchange: Exchange, address: Ipv4Addr, kept: Option<Lease> },
    Claiming { lease: Lease },
    Bound { lease: Lease },
    Renewing { exchange: Exchange, lease: Lease },
    Rebinding { exchange: Exchange, lease: Lease },
    Informing { exchange: Exchange, address: Ipv4Addr },
}

/// See the module.
#[derive(Debug)]
pub struct Client {
    config: Config,
    random: Random,
    state: State,
    actions: Vec<Action>,
    /// An address to ask for.
    wanted: Option<Ipv4Addr>,
    /// Refusals since the last lease.
    refusals: u32,
}

impl Client {
    /// A client that begins with the next [`poll`](Self::poll): with the remembered address or the kept lease, if there is one. `seed` is
    /// unpredictable.
    pub fn new(config: Config, seed: u64) -> Self {
        let wanted = config.remembered.or(config.kept.as_ref().map(|lease| lease.address));
        let wanted = wanted.filter(|address| crate::information::is_of_host(*address));
        let state = State::Waiting { until: Duration::ZERO };
        Self { config, random: Random::new(seed), state, actions: Vec::new(), wanted, refusals: 0 }
    }

    /// A client of an address that is there already, which asks for what else there is to know, and stops with the answer.
    pub fn inform(config: Config, seed: u64, address: Ipv4Addr) -> Self {
        let mut client = Self::new(config, seed);
        let exchange = Exchange::new(Duration::ZERO, &mut client.random);
        client.state = State::Informing { exchange, address };
        client
    }

    /// Where it is.
    pub fn phase(&self) -> Phase {
        match self.state {
            State::Stopped => Phase::Stopped,
            State::Waiting { .. } => Phase::Waiting,
            State::Selecting { .. } => Phase::Selecting,
            State::Requesting { .. } => Phase::Requesting,
            State::Rebooting { .. } => Phase::Rebooting,
            State::Claiming { .. } => Phase::Claiming,
            State::Bound { .. } => Phase::Bound,
            State::Renewing { .. } => Phase::Renewing,
            State::Rebinding { .. } => Phase::Rebinding,
            State::Informing { .. } => Phase::Informing,
        }
    }

    /// The lease that is used.
    pub fn lease(&self) -> Option<&Lease> {
        match &self.state {
            State::Bound { lease } | State::Renewing { lease, .. } | State::Rebinding { lease, .. } => {
                Some(lease)
            }
            _ => None,
        }
    }

    /// What is to be done.
    pub fn take_actions(&mut self) -> Vec<Action> {
        core::mem::take(&mut self.actions)
    }

    /// When [`poll`](Self::poll) has something to do.
    pub fn next_deadline(&self) -> Option<Duration> {
        let first = |moments: [Option<Duration>; 3]| moments.into_iter().flatten().min();
        match &self.state {
            State::Stopped => None,
            State::Waiting { until } => Some(*until),
            State::Selecting { exchange, decides, .. } => first([Some(exchange.due), *decides, None]),
            State::Requesting { exchange, .. }
            | State::Rebooting { exchange, .. }
            | State::Informing { exchange, .. } => Some(exchange.due),
            State::Claiming { lease } => lease.ends,
            State::Bound { lease } => first([lease.renews, lease.rebinds, lease.ends]),
            State::Renewing { exchange, lease } => first([Some(exchange.due), lease.rebinds, lease.ends]),
            State::Rebinding { exchange, lease } => first([Some(exchange.due), lease.ends, None]),
        }
    }

    /// Does what is due.
    pub fn poll(&mut self, now: Duration) {
        let state = core::mem::replace(&mut self.state, State::Stopped);
        self.state = self.step(now, state);
    }

    fn step(&mut self, now: Duration, state: State) -> State {
        let is_past = |moment: Option<Duration>| moment.is_some_and(|moment| moment <= now);
        match state {
            State::Waiting { until } if until <= now => self.begin(now),
            State::Selecting { exchange, offers, decides } if is_past(decides) => {
                self.choose(now, exchange, offers)
            }
            State::Selecting { mut exchange, offers, decides } if exchange.due <= now => {
                self.discover(now, &mut exchange);
                State::Selecting { exchange, offers, decides }
            }
            State::Requesting { exchange, .. } if exchange.is_over(now, MOST_REQUESTS) => {
                self.discover_anew(now)
            }
            State::Requesting { mut exchange, offer } if exchange.due <= now => {
                self.request(now, &mut exchange, &offer);
                State::Requesting { exchange, offer }
            }
            State::Rebooting { exchange, kept, .. } if exchange.is_over(now, MOST_REBOOTS) => {
                match kept.filter(|lease| !is_past(lease.ends)) {
                    Some(lease) => self.resume(lease),
                    None => self.discover_anew(now),
                }
            }
            State::Rebooting { mut exchange, address, kept } if exchange.due <= now => {
                self.verify(now, &mut exchange, address);
                State::Rebooting { exchange, address, kept }
            }
            State::Informing { mut exchange, address } if exchange.due <= now => {
                self.ask(now, &mut exchange, address);
                State::Informing { exchange, address }
            }
            State::Claiming { lease }
            | State::Bound { lease }
            | State::Renewing { lease, .. }
            | State::Rebinding { lease, .. }
                if is_past(lease.ends) =>
            {
                self.expire(now, lease)
            }
            State::Bound { lease } | State::Renewing { lease, .. } if is_past(lease.rebinds) => {
                let mut exchange = Exchange::new(now, &mut self.random);
                self.rebind(now, &mut exchange, &lease);
                State::Rebinding { exchange, lease }
            }
            State::Bound { lease } if is_past(lease.renews) => {
                let mut exchange = Exchange::new(now, &mut self.random);
                self.renew(now, &mut exchange, &lease);
                State::Renewing { exchange, lease }
            }
            State::Renewing { mut exchange, lease } if exchange.due <= now => {
                self.renew(now, &mut exchange, &lease);
                State::Renewing { exchange, lease }
            }
            State::Rebinding { mut exchange, lease } if exchange.due <= now => {
                self.rebind(now, &mut exchange, &lease);
                State::Rebinding { exchange, lease }
            }
            state => state,
        }
    }

    fn begin(&mut self, now: Duration) -> State {
        let (remembered, kept) = (self.config.remembered.take(), self.config.kept.take());
        let had_one = remembered.is_some() || kept.is_some();
        let Some(address) = self.wanted.filter(|_| had_one) else { return self.discover_anew(now) };
        let mut exchange = Exchange::new(now, &mut self.random);
        self.verify(now, &mut exchange, address);
        State::Rebooting { exchange, address, kept: kept.filter(|lease| lease.address == address) }
    }

    /// Nobody says whether a lease is still right: it may be used as long as it lasts (section 3.2 (4)).
    fn resume(&mut self, lease: Lease) -> State {
        self.tell(Told::Resumed(lease.address));
        self.claim(lease)
    }

    fn claim(&mut self, lease: Lease) -> State {
        self.actions.push(Action::Claim(lease.clone()));
        State::Claiming { lease }
    }

    fn discover_anew(&mut self, now: Duration) -> State {
        let mut exchange = Exchange::new(now, &mut self.random);
        self.discover(now, &mut exchange);
        State::Selecting { exchange, offers: Vec::new(), decides: None }
    }

    /// Takes the best offer: the address that is wanted, then one with a way out, then the longest; of equals the first.
    fn choose(&mut self, now: Duration, mut exchange: Exchange, offers: Vec<Lease>) -> State {
        let worth = |offer: &Lease| {
            let is_wanted = Some(offer.address) == self.wanted;
            let has_way_out = offer.information.routes.iter().any(|route| route.length == 0);
            (is_wanted, has_way_out, offer.ends.unwrap_or(Duration::MAX))
        };
        let Some(offer) = offers.into_iter().rev().max_by_key(worth) else { return self.discover_anew(now) };
        exchange.restart(now);
        self.request(now, &mut exchange, &offer);
        State::Requesting { exchange, offer }
    }

    fn expire(&mut self, now: Duration, lease: Lease) -> State {
        self.tell(Told::Expired(lease.address));
        self.wanted = Some(lease.address);
        self.actions.extend([Action::Forget, Action::Withdraw(lease)]);
        self.discover_anew(now)
    }

    /// The interface was connected to something, which may be another network: a server is asked at once whether the
    /// address is right there (section 3.7). As long as nobody says no, the lease is used.
    pub fn reconnected(&mut self, now: Duration) {
        let state = core::mem::replace(&mut self.state, State::Stopped);
        self.state = match state {
            State::Bound { lease } | State::Renewing { lease, .. } | State::Rebinding { lease, .. } => {
                let mut exchange = Exchange::new(now, &mut self.random);
                self.verify(now, &mut exchange, lease.address);
                State::Rebinding { exchange, lease }
            }
            mut state => {
                if let State::Selecting { exchange, .. }
                | State::Requesting { exchange, .. }
                | State::Rebooting { exchange, .. }
                | State::Informing { exchange, .. } = &mut state
                {
                    exchange.restart(now);
                }
                state
            }
        };
    }

    /// Nobody else has the address of [`Action::Claim`].
    pub fn claimed(&mut self) {
        let state = core::mem::replace(&mut self.state, State::Stopped);
        self.state = match state {
            State::Claiming { lease } => self.bind(lease),
            state => state,
        };
    }

    /// Somebody else has the address: it is given up and declined.
    pub fn conflicted(&mut self, now: Duration) {
        let state = core::mem::replace(&mut self.state, State::Stopped);
        self.state = match state {
            State::Claiming { lease }
            | State::Bound { lease }
            | State::Renewing { lease, .. }
            | State::Rebinding { lease, .. } => {
                self.tell(Told::Conflict(lease.address));
                self.decline(&lease);
                self.actions.extend([Action::Forget, Action::Withdraw(lease)]);
                self.wanted = None;
                State::Waiting { until: now + DECLINE_WAIT }
            }
            state => state,
        };
    }

    /// Gives the lease back, if there is one, and stops.
    pub fn release(&mut self) {
        match core::mem::replace(&mut self.state, State::Stopped) {
            State::Bound { lease } | State::Renewing { lease, .. } | State::Rebinding { lease, .. } => {
                self.give_back(&lease);
                self.actions.extend([Action::Forget, Action::Withdraw(lease)]);
            }
            State::Claiming { lease } => self.actions.push(Action::Withdraw(lease)),
            _ => {}
        }
    }

    /// Stops, and takes away what it brought; the server is not told, so that the address may be had again.
    pub fn stop(&mut self) {
        match core::mem::replace(&mut self.state, State::Stopped) {
            State::Claiming { lease }
            | State::Bound { lease }
            | State::Renewing { lease, .. }
            | State::Rebinding { lease, .. } => self.actions.push(Action::Withdraw(lease)),
            _ => {}
        }
    }

    fn bind(&mut self, mut lease: Lease) -> State {
        self.refusals = 0;
        self.wanted = Some(lease.address);
        // Hosts that were switched on together do not stay together (section 4.4.5).
        if let Some(renews) = lease.renews {
            let early = exchange::below(&mut self.random, renews.saturating_sub(lease.begins) / 20);
            lease.renews = Some(renews.saturating_sub(early));
        }
        self.tell(Told::Bound(lease.address));
        self.actions.push(Action::Apply(lease.clone()));
        State::Bound { lease }
    }

    fn tell(&mut self, told: Told) {
        self.actions.push(Action::Tell(told));
    }
}
