//! Neighbour discovery (RFC 4861, section 4): what follows the checksum of messages of ICMPv6, and their options.
//!
//! ```text
//! router solicitation (133)      reserved (4), options
//! router advertisement (134)     hop limit (1), M O - preference (1), lifetime (2), reachable (4), retrans (4), options
//! neighbour solicitation (135)   reserved (4), target (16), options
//! neighbour advertisement (136)  R S O (4), target (16), options
//! redirect (137)                 reserved (4), target (16), destination (16), options
//!
//! option                         type (1), length in units of eight bytes (1), content
//! ```

use super::Malformed;
use super::ethernet::MacAddress;
use crate::address::Prefix;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::Ipv6Addr;
use core::time::Duration;
use rump_domain_name::{Compression, parse_list};

/// Types of messages.
#[allow(missing_docs)]
pub mod kind {
    pub const ROUTER_SOLICITATION: u8 = 133;
    pub const ROUTER_ADVERTISEMENT: u8 = 134;
    pub const NEIGHBOUR_SOLICITATION: u8 = 135;
    pub const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
    pub const REDIRECT: u8 = 137;
}

/// Prefixes of one advertisement that are read.
const MOST_PREFIXES: usize = 32;
/// Name servers or domains after which no more options of them are read.
const MOST_NAMES: usize = 32;
/// A lifetime that does not end.
const FOREVER: u32 = u32::MAX;

/// A prefix that a router tells of (RFC 4861, section 4.6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrefixInformation {
    /// Which.
    pub prefix: Prefix<Ipv6Addr>,
    /// Who has an address with it is on the link.
    pub on_link: bool,
    /// Hosts may make addresses with it.
    pub autonomous: bool,
    /// How long it is valid; `None`: for ever.
    pub valid: Option<Duration>,
    /// How long addresses with it are preferred; `None`: for ever.
    pub preferred: Option<Duration>,
}

/// Options that messages have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Hardware address of the sender.
    pub source: Option<MacAddress>,
    /// Hardware address of whom the message is about.
    pub target: Option<MacAddress>,
    /// Prefixes on the link.
    pub prefixes: Vec<PrefixInformation>,
    /// Name servers, and how long they are; `None`: for ever (RFC 8106, section 5.1).
    pub servers: Vec<(Ipv6Addr, Option<Duration>)>,
    /// Domains to look for names in, and how long (section 5.2).
    pub domains: Vec<(String, Option<Duration>)>,
    /// What all on the link take.
    pub mtu: Option<u32>,
    /// Tells an own question from those of others (RFC 3971, section 5.3.2; RFC 7527).
    pub nonce: Option<[u8; 6]>,
}

/// How much a router is to be preferred (RFC 4191, section 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Preference {
    Low,
    Medium,
    High,
}

/// What a router tells of its link (RFC 4861, section 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouterAdvertisement {
    /// What hosts should begin with; zero: not said.
    pub hop_limit: u8,
    /// Addresses are given by DHCPv6.
    pub managed: bool,
    /// Other things are told by DHCPv6.
    pub other: bool,
    /// How much it is to be preferred as a default router.
    pub preference: Preference,
    /// How long it is a default router; zero: it is none.
    pub lifetime: Duration,
    /// How long a neighbour is taken for reachable; zero: not said.
    pub reachable: Duration,
    /// Time between two questions; zero: not said.
    pub retransmit: Duration,
}

/// A message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// Are there routers?
    RouterSolicitation,
    /// Here is one.
    RouterAdvertisement(RouterAdvertisement),
    /// Who has this address?
    NeighbourSolicitation {
        /// Which.
        target: Ipv6Addr,
    },
    /// The sender has it.
    NeighbourAdvertisement {
        /// Which.
        target: Ipv6Addr,
        /// It is a router.
        is_router: bool,
        /// It was asked.
        is_solicited: bool,
        /// What is told counts more than what was known.
        overrides: bool,
    },
    /// There is a better way.
    Redirect {
        /// Through whom.
        target: Ipv6Addr,
        /// To whom.
        destination: Ipv6Addr,
    },
}

fn address(bytes: &[u8], at: usize) -> Result<Ipv6Addr, Malformed> {
    let octets = bytes.get(at..at + 16).and_then(|octets| <[u8; 16]>::try_from(octets).ok());
    Ok(octets.ok_or(Malformed::Short)?.into())
}

fn word(bytes: &[u8], at: usize) -> Result<u32, Malformed> {
    let word = bytes.get(at..at + 4).and_then(|word| <[u8; 4]>::try_from(word).ok());
    Ok(u32::from_be_bytes(word.ok_or(Malformed::Short)?))
}

/// Reads a message of a type, from behind the checksum on.
///
/// Errors: [`Malformed::Short`], [`Malformed::Header`] (another type, or an option without length).
pub fn parse(kind: u8, bytes: &[u8]) -> Result<(Message, Options), Malformed> {
    let (message, length) = match kind {
        kind::ROUTER_SOLICITATION => (Message::RouterSolicitation, 4),
        kind::ROUTER_ADVERTISEMENT => {
            let [hop_limit, bits, lifetime @ ..] = word(bytes, 0)?.to_be_bytes();
            let advertisement = RouterAdvertisement {
                hop_limit,
                managed: bits & 0x80 != 0,
                other: bits & 0x40 != 0,
                preference: match bits >> 3 & 3 {
                    1 => Preference::High,
                    3 => Preference::Low,
                    _ => Preference::Medium,
                },
                lifetime: Duration::from_secs(u16::from_be_bytes(lifetime).into()),
                reachable: Duration::from_millis(word(bytes, 4)?.into()),
                retransmit: Duration::from_millis(word(bytes, 8)?.into()),
            };
            (Message::RouterAdvertisement(advertisement), 12)
        }
        kind::NEIGHBOUR_SOLICITATION => (Message::NeighbourSolicitation { target: address(bytes, 4)? }, 20),
        kind::NEIGHBOUR_ADVERTISEMENT => {
            let bits = word(bytes, 0)? >> 29;
            let message = Message::NeighbourAdvertisement {
                target: address(bytes, 4)?,
                is_router: bits & 4 != 0,
                is_solicited: bits & 2 != 0,
                overrides: bits & 1 != 0,
            };
            (message, 20)
        }
        kind::REDIRECT => {
            (Message::Redirect { target: address(bytes, 4)?, destination: address(bytes, 20)? }, 36)
        }
        _ => return Err(Malformed::Header),
    };
    Ok((message, parse_options(bytes.get(length..).ok_or(Malformed::Short)?)?))
}

fn parse_options(mut rest: &[u8]) -> Result<Options, Malformed> {
    let mut options = Options::default();
    while let [kind, units, ..] = *rest {
        let length = usize::from(units) * 8;
        if length == 0 {
            return Err(Malformed::Header);
        }
        let (option, after) = rest.split_at_checked(length).ok_or(Malformed::Short)?;
        rest = after;
        let hardware = || option.get(2..8).and_then(|bytes| <[u8; 6]>::try_from(bytes).ok());
        match kind {
            1 => options.source = hardware().map(MacAddress).filter(|address| address.is_unicast()),
            2 => options.target = hardware().map(MacAddress).filter(|address| address.is_unicast()),
            3 if length == 32 && options.prefixes.len() < MOST_PREFIXES => {
                options.prefixes.push(parse_prefix(option)?);
            }
            5 => options.mtu = Some(word(option, 4)?),
            14 => options.nonce = hardware(),
            25 if options.servers.len() < MOST_NAMES => options.servers.extend(parse_servers(option)?),
            31 if options.domains.len() < MOST_NAMES => options.domains.extend(parse_domains(option)?),
            // Others mean nothing to us (section 4.6).
            _ => {}
        }
    }
    if rest.is_empty() { Ok(options) } else { Err(Malformed::Short) }
}

fn lifetime(seconds: u32) -> Option<Duration> {
    (seconds != FOREVER).then(|| Duration::from_secs(seconds.into()))
}

/// ```text
/// 25, length, reserved (2), lifetime (4), addresses (16 each)
/// ```
/// What is left of an address at the end is not read.
fn parse_servers(option: &[u8]) -> Result<Vec<(Ipv6Addr, Option<Duration>)>, Malformed> {
    let time = lifetime(word(option, 4)?);
    let octets = option[8..].chunks_exact(16).filter_map(|octets| <[u8; 16]>::try_from(octets).ok());
    Ok(octets.map(|octets| (octets.into(), time)).collect())
}

/// ```text
/// 31, length, reserved (2), lifetime (4), names, zeros
/// ```
/// Of one whose names are malformed nothing is read.
fn parse_domains(option: &[u8]) -> Result<Vec<(String, Option<Duration>)>, Malformed> {
    let time = lifetime(word(option, 4)?);
    let names = parse_list(&option[8..], Compression::None).unwrap_or_default();
    Ok(names.into_iter().map(|name| (name, time)).collect())
}

fn parse_prefix(option: &[u8]) -> Result<PrefixInformation, Malformed> {
    Ok(PrefixInformation {
        prefix: Prefix::new(address(option, 16)?, option[2]),
        on_link: option[3] & 0x80 != 0,
        autonomous: option[3] & 0x40 != 0,
        valid: lifetime(word(option, 4)?),
        preferred: lifetime(word(option, 8)?),
    })
}

impl Message {
    /// Its type, and the bytes that follow the checksum.
    pub fn emit(&self, options: &Options) -> (u8, Vec<u8>) {
        let mut bytes = Vec::new();
        let kind = match *self {
            Self::RouterSolicitation => {
                bytes.extend([0; 4]);
                kind::ROUTER_SOLICITATION
            }
            Self::RouterAdvertisement(told) => {
                let preference = match told.preference {
                    Preference::High => 1,
                    Preference::Medium => 0,
                    Preference::Low => 3,
                };
                bytes.push(told.hop_limit);
                bytes.push(u8::from(told.managed) << 7 | u8::from(told.other) << 6 | preference << 3);
                bytes.extend((told.lifetime.as_secs().min(u16::MAX.into()) as u16).to_be_bytes());
                bytes.extend((told.reachable.as_millis() as u32).to_be_bytes());
                bytes.extend((told.retransmit.as_millis() as u32).to_be_bytes());
                kind::ROUTER_ADVERTISEMENT
            }
            Self::NeighbourSolicitation { target } => {
                bytes.extend([0; 4]);
                bytes.extend(target.octets());
                kind::NEIGHBOUR_SOLICITATION
            }
            Self::NeighbourAdvertisement { target, is_router, is_solicited, overrides } => {
                let bits = u8::from(is_router) << 7 | u8::from(is_solicited) << 6 | u8::from(overrides) << 5;
                bytes.extend([bits, 0, 0, 0]);
                bytes.extend(target.octets());
                kind::NEIGHBOUR_ADVERTISEMENT
            }
            Self::Redirect { target, destination } => {
                bytes.extend([0; 4]);
                bytes.extend(target.octets());
                bytes.extend(destination.octets());
                kind::REDIRECT
            }
        };
        options.emit(&mut bytes);
        (kind, bytes)
    }
}

impl Options {
    fn emit(&self, bytes: &mut Vec<u8>) {
        let time = |time: Option<Duration>| time.map_or(FOREVER, |time| time.as_secs() as u32).to_be_bytes();
        for (kind, address) in [(1, self.source), (2, self.target), (14, self.nonce.map(MacAddress))] {
            if let Some(address) = address {
                bytes.extend([kind, 1]);
                bytes.extend(address.0);
            }
        }
        if let Some(mtu) = self.mtu {
            bytes.extend([5, 1, 0, 0]);
            bytes.extend(mtu.to_be_bytes());
        }
        for (server, lifetime) in &self.servers {
            bytes.extend([25, 3, 0, 0]);
            bytes.extend(time(*lifetime));
            bytes.extend(server.octets());
        }
        for (domain, lifetime) in &self.domains {
            let mut name = Vec::new();
            rump_domain_name::emit(domain, &mut name);
            name.resize(name.len().next_multiple_of(8), 0);
            bytes.extend([31, 1 + (name.len() / 8) as u8, 0, 0]);
            bytes.extend(time(*lifetime));
            bytes.extend(name);
        }
        for told in &self.prefixes {
            let bits = u8::from(told.on_link) << 7 | u8::from(told.autonomous) << 6;
            bytes.extend([3, 4, told.prefix.length(), bits]);
            bytes.extend(time(told.valid));
            bytes.extend(time(told.preferred));
            bytes.extend([0; 4]);
            bytes.extend(told.prefix.address().octets());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_back_from_their_bytes() {
        let target: Ipv6Addr = "2001:db8::7".parse().unwrap();
        let hardware = MacAddress([2, 0, 0, 0, 0, 7]);
        let all = [
            (Message::RouterSolicitation, Options { source: Some(hardware), ..Options::default() }),
            (
                Message::NeighbourSolicitation { target },
                Options { nonce: Some([1, 2, 3, 4, 5, 6]), ..Options::default() },
            ),
            (
                Message::NeighbourAdvertisement {
                    target,
                    is_router: true,
                    is_solicited: false,
                    overrides: true,
                },
                Options { target: Some(hardware), ..Options::default() },
            ),
            (Message::Redirect { target, destination: Ipv6Addr::LOCALHOST }, Options::default()),
            (
                Message::RouterAdvertisement(RouterAdvertisement {
                    hop_limit: 64,
                    managed: false,
                    other: true,
                    preference: Preference::Low,
                    lifetime: Duration::from_secs(1800),
                    reachable: Duration::from_millis(1234),
                    retransmit: Duration::ZERO,
                }),
                Options {
                    mtu: Some(1400),
                    servers: alloc::vec![
                        (target, None),
                        (Ipv6Addr::LOCALHOST, Some(Duration::from_secs(60)))
                    ],
                    domains: alloc::vec![
                        ("example.org".into(), Some(Duration::ZERO)),
                        ("a.example".into(), None),
                    ],
                    prefixes: alloc::vec![PrefixInformation {
                        prefix: Prefix::new(target, 64),
                        on_link: true,
                        autonomous: true,
                        valid: None,
                        preferred: Some(Duration::from_secs(60)),
                    }],
                    ..Options::default()
                },
            ),
        ];
        for (message, options) in all {
            let (kind, bytes) = message.emit(&options);
            assert_eq!(parse(kind, &bytes), Ok((message, options)));
            for length in 0..bytes.len() {
                let cut = parse(kind, &bytes[..length]);
                // Only where an option begins can the end be.
                assert!(cut.is_err() || length % 8 == 4, "{message:?} {length}");
            }
        }
    }

    #[test]
    fn names_that_are_malformed_are_left_out() {
        let told = |content: &[u8]| {
            let mut bytes = alloc::vec![0; 4];
            bytes.extend([31, 1 + (content.len() / 8) as u8, 0, 0, 0, 0, 0, 9]);
            bytes.extend(content);
            parse(kind::ROUTER_SOLICITATION, &bytes).map(|(_, options)| options.domains)
        };
        let nine = Some(Duration::from_secs(9));
        assert_eq!(told(b"\x01a\0\x02bc\0\0"), Ok(alloc::vec![("a".into(), nine), ("bc".into(), nine)]));
        assert_eq!(told(b"\x01a\0\xc0\0\0\0\0"), Ok(Vec::new()));
        assert_eq!(told(b"\x07abcdefg"), Ok(Vec::new()));
        assert_eq!(told(b"\x02a\n\0\0\0\0\0"), Ok(Vec::new()));
        // Fifteen bytes of an address are none.
        let mut bytes = alloc::vec![0; 4];
        bytes.extend([25, 2, 0, 0, 0, 0, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8]);
        let (_, options) = parse(kind::ROUTER_SOLICITATION, &bytes).unwrap();
        assert_eq!(options.servers, []);
    }

    #[test]
    fn an_option_without_length_is_malformed() {
        let bytes = [0, 0, 0, 0, 1, 0, 2, 2, 2, 2, 2, 2];
        assert_eq!(parse(kind::ROUTER_SOLICITATION, &bytes), Err(Malformed::Header));
    }
}
