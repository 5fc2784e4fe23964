//! A lease: an address for a time.

use crate::information::{Information, is_of_host};
use crate::message::Message;
use crate::options::code;
use core::net::Ipv4Addr;
use core::time::Duration;

/// A time that does not end.
const FOREVER: u32 = u32::MAX;

/// See the module. Moments are by the clock of whoever drives the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The address.
    pub address: Ipv4Addr,
    /// Who gave it.
    pub server: Ipv4Addr,
    /// When it was asked for: from then on it counts.
    pub begins: Duration,
    /// When the server is asked to renew it (T1).
    pub renews: Option<Duration>,
    /// When all servers are (T2).
    pub rebinds: Option<Duration>,
    /// When it ends; `None`: never.
    pub ends: Option<Duration>,
    /// What was told with it.
    pub information: Information,
}

impl Lease {
    /// What an offer or an acknowledgement gives. `None`: no address that a host can have, no server, or no time.
    pub(crate) fn of(message: &Message, begins: Duration) -> Option<Self> {
        let (address, server) = (message.yours, message.options.address(code::SERVER)?);
        let seconds = message.options.seconds(code::LEASE_TIME).filter(|seconds| *seconds > 0)?;
        if !is_of_host(address) || !is_of_host(server) {
            return None;
        }
        let information = Information::of(message);
        let lasting = Self { address, server, begins, renews: None, rebinds: None, ends: None, information };
        if seconds == FOREVER {
            return Some(lasting);
        }
        let after = |seconds: u64| Some(begins.saturating_add(Duration::from_secs(seconds)));
        let whole = u64::from(seconds);
        let told = |code| message.options.seconds(code).map(u64::from);
        // Section 4.4.5; times that do not follow each other are not taken.
        let second = told(code::REBINDING_TIME).filter(|second| (1..whole).contains(second));
        let second = second.unwrap_or(whole * 7 / 8);
        let first = told(code::RENEWAL_TIME).filter(|first| (1..=second).contains(first));
        let first = first.unwrap_or((whole / 2).min(second));
        Some(Self { renews: after(first), rebinds: after(second), ends: after(whole), ..lasting })
    }

    /// Length of the network's prefix: as told, or that of the address's class (RFC 791).
    pub fn prefix_length(&self) -> u8 {
        self.information.prefix_length.unwrap_or(match self.address.octets()[0] {
            0..=127 => 8,
            128..=191 => 16,
            _ => 24,
        })
    }
}
