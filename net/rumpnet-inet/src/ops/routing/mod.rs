//! Routing sockets (route(4) of NetBSD): what programs of configuration ask for and are told, in the messages of
//! [`rump_kpi::netbsd::route`].
//!
//! A request is answered, and done, while the stack is locked; whoever drives the stack tells what came of it, so that all
//! sockets hear of changes in the order in which they happened, whoever made them. What is asked for and what fails is
//! answered to who asked alone: others would lose what they wait for where anybody may fill their queues.
//!
//! # Locks
//! Under that of the stack: `Hub::seen`, then `Hub::sockets`, then that of an inbox. Nobody is woken while one is held.

mod family;
mod hub;
mod inbox;
mod neighbour;
mod request;
mod seen;
mod socket;
pub(super) mod table;
mod tell;

pub(super) use hub::Hub;
pub(super) use socket::RouteSocket;

use crate::time::Instant;

/// What time it is.
#[derive(Clone, Copy)]
pub(super) struct Clock {
    /// As the stack has it.
    pub now: Instant,
    /// In seconds since 1970.
    pub wall: i64,
}

impl Clock {
    /// A moment of the stack's, in seconds since 1970.
    fn wall_at(self, when: Instant) -> i64 {
        let left = when.saturating_sub(self.now).as_secs();
        self.wall.saturating_add(i64::try_from(left).unwrap_or(i64::MAX))
    }

    /// The other way.
    fn at_wall(self, seconds: i64) -> Instant {
        let left = u64::try_from(seconds.saturating_sub(self.wall)).unwrap_or(0);
        self.now.saturating_add(core::time::Duration::from_secs(left.min(FAR)))
    }
}

/// Seconds of a century, beyond which nothing is told apart.
const FAR: u64 = 100 * 366 * 86_400;
