//! DHCP for IPv4: a client as a pure state machine, and the messages that clients and servers exchange.
//!
//! [`Client`] gets messages and the time, and says what is to be sent, which address is to be claimed, used and given up.
//! It has no clock, no socket and no randomness of its own: time is a [`Duration`](core::time::Duration) since any moment,
//! randomness follows from a seed. Whoever drives it calls [`Client::poll`] at the latest at
//! [`Client::next_deadline`], and does after each call what [`Client::take_actions`] answers.
//!
//! References: RFC 2131 (the protocol), RFC 2132 (options), RFC 3396 (long options), RFC 3397 (search domains), RFC 3442
//! (classless routes), RFC 4361 and RFC 6842 (who a client is), RFC 5227 (whether somebody has the address).
//!
//! Invariants: what came from outside is checked once, in [`Message::parse`] and [`Information::of`]; no message makes the
//! client use an address that no host can have, or keep more than one message's worth of anything for each of a bounded
//! number of servers. A message that is not for this client, this exchange and, where one was chosen, from this server
//! changes nothing.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod client;
mod identifier;
mod information;
mod kept;
mod lease;
mod message;
mod options;

pub use client::{Action, Client, Config, Phase, Told};
pub use identifier::ClientIdentifier;
pub use information::{Information, Route};
pub use kept::{Clocks, Kept, Unusable};
pub use lease::Lease;
pub use message::{Kind, Malformed, Message, Operation};
pub use options::{Options, code};

/// The port of clients.
pub const CLIENT_PORT: u16 = 68;
/// The port of servers.
pub const SERVER_PORT: u16 = 67;
