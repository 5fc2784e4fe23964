//! A lease as a text that outlives its client: what is in a file, for the next start on the same interface.
//!
//! ```text
//! rump-lease 1
//! hardware 02:00:00:00:00:07
//! client ff0000000100030001020000000007
//! address 192.0.2.7
//! server 192.0.2.1
//! begins 1700000000
//! renews 1700001800
//! rebinds 1700003150
//! ends 1700003600
//! prefix 24
//! route 0.0.0.0/0 192.0.2.254
//! name-server 192.0.2.53
//! end
//! ```
//!
//! One word and its value to a line, in any order between the first line and the last, which shows that the text is whole.
//! Moments are seconds since 1970 by the wall clock, so that they mean the same after a restart; a lease without end has but
//! the first of them. Other words are `broadcast`, `domain`, `search`, `mtu` and `host-name`, and `link` in place of a router.
//!
//! Invariant: nothing comes out of a text that could not have come from a server.

use crate::identifier::ClientIdentifier;
use crate::information::{
    Information, MOST_DOMAINS, MOST_ROUTES, MOST_SERVERS, Route, is_broadcast, is_mtu, is_of_host,
};
use crate::lease::Lease;
use alloc::vec::Vec;
use core::fmt;
use core::net::Ipv4Addr;
use core::str::FromStr;
use core::time::Duration;
use rump_domain_name::parse_text;

const FIRST_LINE: &[u8] = b"rump-lease 1";
const LAST_LINE: &[u8] = b"\nend\n";

/// What two clocks say at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clocks {
    /// The one that the client is driven by.
    pub monotonic: Duration,
    /// Since 1970.
    pub wall: Duration,
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    hardware: [u8; 6],
    identifier: ClientIdentifier,
    /// Its moments are by the wall clock, in whole seconds.
    lease: Lease,
}

/// Why a text is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// It is longer than any that is written.
    TooLong,
    /// This line is not what it is to be; the first is 1.
    Line(usize),
    /// It does not end as it is to, or lacks something.
    Incomplete,
    /// Its moments do not follow each other.
    Times,
    /// It is of an interface with this hardware address.
    Hardware([u8; 6]),
    /// It is of a client that calls itself otherwise.
    Client,
    /// It begins later than now.
    Future,
    /// The lease has ended.
    Ended,
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "it is longer than {} bytes", Kept::MOST_BYTES),
            Self::Line(line) => write!(f, "line {line} is not what is in a lease"),
            Self::Incomplete => f.write_str("it is not whole"),
            Self::Times => f.write_str("its times do not follow each other"),
            Self::Hardware([a, b, c, d, e, g]) => {
                write!(f, "it is of the interface with {a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
            }
            Self::Client => f.write_str("it is of another client"),
            Self::Future => f.write_str("it begins in the future: the clock was set back"),
            Self::Ended => f.write_str("it has ended"),
        }
    }
}

impl core::error::Error for Unusable {}

impl Kept {
    /// No text that is written is longer.
    pub const MOST_BYTES: usize = 16 << 10;

    /// What there is to keep of a lease.
    pub fn new(hardware: [u8; 6], identifier: ClientIdentifier, lease: &Lease, clocks: Clocks) -> Self {
        let to_wall =
            |moment| Duration::from_secs(translate(moment, clocks.monotonic, clocks.wall).as_secs());
        Self { hardware, identifier, lease: moved(lease.clone(), to_wall) }
    }

    /// Reads a text. Errors: it is too long, malformed, or not whole.
    pub fn parse(bytes: &[u8]) -> Result<Self, Unusable> {
        if bytes.len() > Self::MOST_BYTES {
            return Err(Unusable::TooLong);
        }
        if bytes.split(|byte| *byte == b'\n').next() != Some(FIRST_LINE) {
            return Err(Unusable::Line(1));
        }
        let whole = bytes.strip_suffix(LAST_LINE).ok_or(Unusable::Incomplete)?;
        let mut draft = Draft::default();
        for (at, line) in whole.split(|byte| *byte == b'\n').enumerate().skip(1) {
            let text = core::str::from_utf8(line).ok().and_then(|line| line.split_once(' '));
            text.and_then(|(word, value)| draft.take(word, value)).ok_or(Unusable::Line(at + 1))?;
        }
        draft.finish()
    }

    /// The lease, by the clock of the client. Errors: it is not of this interface or this client, begins later, has ended.
    pub fn lease(
        &self,
        hardware: [u8; 6],
        identifier: &ClientIdentifier,
        clocks: Clocks,
    ) -> Result<Lease, Unusable> {
        if self.hardware != hardware {
            return Err(Unusable::Hardware(self.hardware));
        }
        if self.identifier != *identifier {
            return Err(Unusable::Client);
        }
        if self.lease.begins > clocks.wall {
            return Err(Unusable::Future);
        }
        if self.lease.ends.is_some_and(|ends| ends <= clocks.wall) {
            return Err(Unusable::Ended);
        }
        Ok(moved(self.lease.clone(), |moment| translate(moment, clocks.wall, clocks.monotonic)))
    }
}

/// A moment that one clock tells, by another one; what was before that one's first moment becomes it.
fn translate(moment: Duration, from: Duration, to: Duration) -> Duration {
    moment.saturating_add(to).saturating_sub(from)
}

fn moved(lease: Lease, translate: impl Fn(Duration) -> Duration) -> Lease {
    let Lease { begins, renews, rebinds, ends, .. } = lease;
    let (begins, renews) = (translate(begins), renews.map(&translate));
    Lease { begins, renews, rebinds: rebinds.map(&translate), ends: ends.map(&translate), ..lease }
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { hardware: [a, b, c, d, e, g], identifier, lease } = self;
        writeln!(f, "rump-lease 1\nhardware {a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")?;
        f.write_str("client ")?;
        identifier.as_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        writeln!(
            f,
            "\naddress {}\nserver {}\nbegins {}",
            lease.address,
            lease.server,
            lease.begins.as_secs()
        )?;
        let moments = [("renews", lease.renews), ("rebinds", lease.rebinds), ("ends", lease.ends)];
        for (word, moment) in moments {
            line(f, word, moment.map(|moment| moment.as_secs()))?;
        }
        let told = &lease.information;
        line(f, "prefix", told.prefix_length)?;
        line(f, "broadcast", told.broadcast)?;
        for Route { destination, length, router } in &told.routes {
            write!(f, "route {destination}/{length} ")?;
            match router {
                Some(router) => writeln!(f, "{router}")?,
                None => writeln!(f, "link")?,
            }
        }
        told.name_servers.iter().try_for_each(|server| line(f, "name-server", Some(server)))?;
        line(f, "domain", told.domain.as_ref())?;
        told.search.iter().try_for_each(|domain| line(f, "search", Some(domain)))?;
        line(f, "mtu", told.mtu)?;
        line(f, "host-name", told.host_name.as_ref())?;
        writeln!(f, "end")
    }
}

fn line(f: &mut fmt::Formatter<'_>, word: &str, value: Option<impl fmt::Display>) -> fmt::Result {
    value.map_or(Ok(()), |value| writeln!(f, "{word} {value}"))
}

/// What the lines said so far.
#[derive(Default)]
struct Draft {
    hardware: Option<[u8; 6]>,
    client: Option<ClientIdentifier>,
    address: Option<Ipv4Addr>,
    server: Option<Ipv4Addr>,
    begins: Option<u64>,
    renews: Option<u64>,
    rebinds: Option<u64>,
    ends: Option<u64>,
    told: Information,
}

impl Draft {
    /// Takes a line. `None`: there is no such word, it was there already, there are too many of it, or the value is none.
    fn take(&mut self, word: &str, value: &str) -> Option<()> {
        let told = &mut self.told;
        match word {
            "hardware" => once(&mut self.hardware, hardware(value)?),
            "client" => once(&mut self.client, ClientIdentifier::bytes(&bytes(value)?)?),
            "address" => once(&mut self.address, host(value)?),
            "server" => once(&mut self.server, host(value)?),
            "begins" => once(&mut self.begins, number(value)?),
            "renews" => once(&mut self.renews, number(value)?),
            "rebinds" => once(&mut self.rebinds, number(value)?),
            "ends" => once(&mut self.ends, number(value)?),
            "prefix" => once(&mut told.prefix_length, number(value).filter(|it| (1..=32).contains(it))?),
            "broadcast" => once(&mut told.broadcast, value.parse().ok().filter(is_broadcast)?),
            "route" => add(&mut told.routes, MOST_ROUTES, route(value)?),
            "name-server" => add(&mut told.name_servers, MOST_SERVERS, host(value)?),
            "domain" => once(&mut told.domain, parse_text(value.as_bytes())?),
            "search" => add(&mut told.search, MOST_DOMAINS, parse_text(value.as_bytes())?),
            "mtu" => once(&mut told.mtu, number(value).filter(is_mtu)?),
            "host-name" => once(&mut told.host_name, parse_text(value.as_bytes())?),
            _ => None,
        }
    }

    /// Errors: something is missing, or the times are none that a lease has.
    fn finish(self) -> Result<Kept, Unusable> {
        let missing = Unusable::Incomplete;
        let begins = self.begins.ok_or(missing)?;
        let is_time = match (self.renews, self.rebinds, self.ends) {
            (None, None, None) => true,
            (Some(renews), Some(rebinds), Some(ends)) => {
                let is_ordered = begins <= renews && renews <= rebinds && rebinds <= ends;
                is_ordered && ends - begins < u64::from(u32::MAX)
            }
            _ => return Err(missing),
        };
        if !is_time {
            return Err(Unusable::Times);
        }
        let moment = |seconds: Option<u64>| seconds.map(Duration::from_secs);
        let lease = Lease {
            address: self.address.ok_or(missing)?,
            server: self.server.ok_or(missing)?,
            begins: Duration::from_secs(begins),
            renews: moment(self.renews),
            rebinds: moment(self.rebinds),
            ends: moment(self.ends),
            information: self.told,
        };
        let (hardware, identifier) = (self.hardware.ok_or(missing)?, self.client.ok_or(missing)?);
        Ok(Kept { hardware, identifier, lease })
    }
}

fn once<T>(place: &mut Option<T>, value: T) -> Option<()> {
    place.is_none().then(|| *place = Some(value))
}

fn add<T>(list: &mut Vec<T>, most: usize, value: T) -> Option<()> {
    (list.len() < most).then(|| list.push(value))
}

/// Digits alone, where the standard library takes a sign as well.
fn number<T: FromStr>(value: &str) -> Option<T> {
    let is_plain = value.bytes().all(|byte| byte.is_ascii_digit());
    value.parse().ok().filter(|_| is_plain)
}

fn host(value: &str) -> Option<Ipv4Addr> {
    value.parse().ok().filter(|address| is_of_host(*address))
}

fn hardware(value: &str) -> Option<[u8; 6]> {
    let parts: Vec<u8> = value.split(':').map(byte).collect::<Option<_>>()?;
    parts.try_into().ok()
}

/// Two digits in hexadecimal.
fn byte(digits: &str) -> Option<u8> {
    let is_plain = digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    u8::from_str_radix(digits, 16).ok().filter(|_| is_plain)
}

fn bytes(value: &str) -> Option<Vec<u8>> {
    value.as_bytes().chunks(2).map(|pair| byte(core::str::from_utf8(pair).ok()?)).collect()
}

fn route(value: &str) -> Option<Route> {
    let (prefix, router) = value.split_once(' ')?;
    let (destination, length) = prefix.split_once('/')?;
    let router = if router == "link" { Ipv4Addr::UNSPECIFIED } else { host(router)? };
    Route::new(destination.parse().ok()?, number(length)?, router)
}

#[cfg(test)]
mod tests;
