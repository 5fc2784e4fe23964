//! A message (RFC 2131, section 2).
//!
//! ```text
//! op (1), htype (1), hlen (1), hops (1), xid (4), secs (2), flags (2)
//! ciaddr (4), yiaddr (4), siaddr (4), giaddr (4)
//! chaddr (16), sname (64), file (128), cookie (4), options
//! ```

use crate::options::{Options, code};
use alloc::vec;
use alloc::vec::Vec;
use core::net::Ipv4Addr;

const HARDWARE_AT: usize = 28;
const NAME_AT: usize = 44;
const FILE_AT: usize = 108;
const COOKIE_AT: usize = 236;
const OPTIONS_AT: usize = 240;
const COOKIE: [u8; 4] = [99, 130, 83, 99];
/// Ethernet, and the length of its addresses.
const ETHERNET: [u8; 2] = [1, 6];
/// Replies go to all.
const BROADCAST: u16 = 0x8000;
/// What relays and servers of BOOTP expect at least.
const LEAST_BYTES: usize = 300;

/// Who sends a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A client.
    Request,
    /// A server.
    Reply,
}

/// What a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Kind {
    Discover = 1,
    Offer,
    Request,
    Decline,
    Ack,
    Nak,
    Release,
    Inform,
}

impl Kind {
    const ALL: [Self; 8] = [
        Self::Discover,
        Self::Offer,
        Self::Request,
        Self::Decline,
        Self::Ack,
        Self::Nak,
        Self::Release,
        Self::Inform,
    ];

    /// What the standards call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Discover => "DHCPDISCOVER",
            Self::Offer => "DHCPOFFER",
            Self::Request => "DHCPREQUEST",
            Self::Decline => "DHCPDECLINE",
            Self::Ack => "DHCPACK",
            Self::Nak => "DHCPNAK",
            Self::Release => "DHCPRELEASE",
            Self::Inform => "DHCPINFORM",
        }
    }
}

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// They end too early.
    Short,
    /// Neither of a client nor of a server, or not of Ethernet.
    Header,
    /// Without the cookie, or a type: of BOOTP, perhaps.
    NotDhcp,
    /// This option has no end.
    Option(u8),
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Who sends it.
    pub operation: Operation,
    /// What it says.
    pub kind: Kind,
    /// Which exchange it belongs to.
    pub exchange: u32,
    /// For how many seconds the client has been trying.
    pub seconds: u16,
    /// The client hears only what goes to all.
    pub broadcast: bool,
    /// The address that the client has (ciaddr).
    pub client: Ipv4Addr,
    /// The address that it gets (yiaddr).
    pub yours: Ipv4Addr,
    /// The relay that passed it on (giaddr).
    pub relay: Ipv4Addr,
    /// The client's hardware address.
    pub hardware: [u8; 6],
    /// The options, without the type.
    pub options: Options,
}

impl Message {
    /// A message of a client, without addresses and options.
    pub fn request(kind: Kind, exchange: u32, hardware: [u8; 6]) -> Self {
        Self {
            operation: Operation::Request,
            kind,
            exchange,
            seconds: 0,
            broadcast: false,
            client: Ipv4Addr::UNSPECIFIED,
            yours: Ipv4Addr::UNSPECIFIED,
            relay: Ipv4Addr::UNSPECIFIED,
            hardware,
            options: Options::default(),
        }
    }

    /// The reply of a server to a request, without options.
    pub fn reply(&self, kind: Kind, server: Ipv4Addr, yours: Ipv4Addr) -> Self {
        let mut options = Options::default();
        options.set(code::SERVER, &server.octets());
        Self { operation: Operation::Reply, kind, yours, options, ..self.clone() }
    }

    /// Reads one.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let options = bytes.get(OPTIONS_AT..).ok_or(Malformed::Short)?;
        let operation = match (bytes[0], &bytes[1..3]) {
            (1, kind) if kind == ETHERNET => Operation::Request,
            (2, kind) if kind == ETHERNET => Operation::Reply,
            _ => return Err(Malformed::Header),
        };
        if bytes[COOKIE_AT..OPTIONS_AT] != COOKIE {
            return Err(Malformed::NotDhcp);
        }
        let mut all = Options::default();
        all.parse_field(options)?;
        // The fields of names, in this order (RFC 3396, section 5).
        let overload = all.byte(code::OVERLOAD).unwrap_or(0);
        if overload & 1 != 0 {
            all.parse_field(&bytes[FILE_AT..COOKIE_AT])?;
        }
        if overload & 2 != 0 {
            all.parse_field(&bytes[NAME_AT..FILE_AT])?;
        }
        let kind = all.byte(code::MESSAGE_TYPE);
        let kind =
            Kind::ALL.into_iter().find(|known| Some(*known as u8) == kind).ok_or(Malformed::NotDhcp)?;
        all.remove(code::MESSAGE_TYPE);
        all.remove(code::OVERLOAD);
        let word = |at: usize| [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
        let [.., high, low] = word(8);
        let mut hardware = [0; 6];
        hardware.copy_from_slice(&bytes[HARDWARE_AT..HARDWARE_AT + 6]);
        Ok(Self {
            operation,
            kind,
            exchange: u32::from_be_bytes(word(4)),
            seconds: u16::from_be_bytes([bytes[8], bytes[9]]),
            broadcast: u16::from_be_bytes([high, low]) & BROADCAST != 0,
            client: word(12).into(),
            yours: word(16).into(),
            relay: word(24).into(),
            hardware,
            options: all,
        })
    }

    /// Its bytes.
    pub fn emit(&self) -> Vec<u8> {
        let mut bytes = vec![0; OPTIONS_AT];
        bytes[0] = match self.operation {
            Operation::Request => 1,
            Operation::Reply => 2,
        };
        bytes[1..3].copy_from_slice(&ETHERNET);
        bytes[4..8].copy_from_slice(&self.exchange.to_be_bytes());
        bytes[8..10].copy_from_slice(&self.seconds.to_be_bytes());
        bytes[10..12].copy_from_slice(&(if self.broadcast { BROADCAST } else { 0 }).to_be_bytes());
        for (at, address) in [(12, self.client), (16, self.yours), (24, self.relay)] {
            bytes[at..at + 4].copy_from_slice(&address.octets());
        }
        bytes[HARDWARE_AT..HARDWARE_AT + 6].copy_from_slice(&self.hardware);
        bytes[COOKIE_AT..].copy_from_slice(&COOKIE);
        let mut options = self.options.clone();
        options.set(code::MESSAGE_TYPE, &[self.kind as u8]);
        options.emit(&mut bytes);
        bytes.resize(bytes.len().max(LEAST_BYTES), 0);
        bytes
    }
}

#[cfg(test)]
mod tests;
