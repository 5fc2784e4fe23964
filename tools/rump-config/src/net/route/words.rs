//! The words behind a command of route(8).

use super::super::target::{Target, length_of, length_of_mask, whole};
use crate::session::Failure;
use rump_client::abi::netbsd::route::{RTF_BLACKHOLE, RTF_REJECT};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Which versions of IP are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Both.
    Any,
    /// IPv4.
    Inet,
    /// IPv6.
    Inet6,
}

impl Family {
    /// As words say it. Errors: they say something else.
    pub fn of(words: &[String]) -> Result<Self, Failure> {
        match words {
            [] => Ok(Self::Any),
            [word] if word == "-inet" => Ok(Self::Inet),
            [word] if word == "-inet6" => Ok(Self::Inet6),
            _ => Err(Failure::Usage(format!("{}: there are -inet and -inet6", words.join(" ")))),
        }
    }

    /// Whether it is of one of them.
    pub fn has(self, address: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::Inet => address.is_ipv4(),
            Self::Inet6 => address.is_ipv6(),
        }
    }
}

/// What the words behind a command say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Where packets go.
    pub destination: Target,
    /// Of the prefix.
    pub length: u8,
    is_host: bool,
    /// Over whom.
    pub gateway: Option<String>,
    /// The gateway names an interface.
    pub is_interface: bool,
    /// The interface of addresses of a link.
    pub at: Option<String>,
    /// `RTF_*`.
    pub flags: u32,
    /// Of two routes of one prefix the lower counts.
    pub metric: u32,
}

impl Said {
    /// Errors: in words.
    pub fn parse(words: &[String]) -> Result<Self, String> {
        let (mut family, mut length, mut is_host, mut is_net) = (Family::Any, None, false, false);
        let (mut is_interface, mut at, mut flags, mut metric) = (false, None, 0, 0);
        let mut plain = Vec::new();
        let mut words = words.iter().map(String::as_str);
        while let Some(word) = words.next() {
            let mut next = || words.next().ok_or_else(|| format!("{word}: something is missing behind it"));
            match word {
                "-inet" => family = Family::Inet,
                "-inet6" => family = Family::Inet6,
                "-net" => is_net = true,
                "-host" => is_host = true,
                "-netmask" => length = Some(length_of_mask(next()?)?),
                "-prefixlen" => length = Some(next()?.parse().map_err(|_| "-prefixlen: no such length")?),
                "-interface" | "-iface" => is_interface = true,
                "-ifp" => at = Some(next()?.to_owned()),
                "-reject" => flags |= RTF_REJECT,
                "-blackhole" => flags |= RTF_BLACKHOLE,
                "-static" | "-n" => {}
                "-hopcount" | "-metric" => {
                    metric = next()?.parse().map_err(|_| "-hopcount: no such number")?
                }
                word if word.starts_with('-') => return Err(format!("{word}: there is no such word")),
                word => plain.push(word),
            }
        }
        let (destination, gateway) = match plain[..] {
            [destination] => (destination, None),
            [destination, gateway] => (destination, Some(gateway)),
            // As people wrote it before there were prefixes.
            [destination, gateway, mask] if length.is_none() => {
                length = Some(length_of_mask(mask)?);
                (destination, Some(gateway))
            }
            [] => return Err("no destination".into()),
            _ => return Err(format!("{}: too many words", plain.join(" "))),
        };
        if gateway.is_some_and(|gateway| !is_interface && gateway.parse::<Ipv6Addr>().is_ok())
            && family == Family::Any
        {
            family = Family::Inet6;
        }
        let (destination, own) = parse_destination(destination, family)?;
        let address = destination.address;
        let usual = if is_net { own.or_else(|| class_of(address)) } else { own };
        let length = if is_host { whole(address) } else { length.or(usual).unwrap_or(whole(address)) };
        if length > whole(address) {
            return Err(format!("{address} has no prefix of {length} bits"));
        }
        let is_host = length == whole(address);
        let gateway = gateway.map(str::to_owned);
        Ok(Self { destination, length, is_host, gateway, is_interface, at, flags, metric })
    }

    /// As it is written in what is said of it.
    pub fn title(&self) -> String {
        let (kind, address) = (if self.is_host { "host" } else { "net" }, self.destination.address);
        if self.length == 0 { format!("{kind} default") } else { format!("{kind} {address}") }
    }
}

/// A destination, and the length of its prefix if it says one. Errors: in words.
fn parse_destination(text: &str, family: Family) -> Result<(Target, Option<u8>), String> {
    if text == "default" {
        let any = match family {
            Family::Inet6 => IpAddr::from(Ipv6Addr::UNSPECIFIED),
            _ => Ipv4Addr::UNSPECIFIED.into(),
        };
        return Ok((any.to_string().parse()?, Some(0)));
    }
    let (address, length) =
        text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
    let target: Target = address.parse()?;
    if !family.has(target.address) {
        return Err(format!("{text} is of the other version of IP"));
    }
    let length = length.map(|length| length_of(length, target.address)).transpose()?;
    Ok((target, length))
}

/// How long the prefix of a network is when nobody said it (RFC 791).
fn class_of(address: IpAddr) -> Option<u8> {
    match address {
        IpAddr::V6(_) => Some(64),
        IpAddr::V4(address) => Some(match address.to_bits().leading_ones() {
            _ if address.is_unspecified() => 0,
            0 => 8,
            1 => 16,
            _ => 24,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(words: &str) -> Result<Said, String> {
        Said::parse(&words.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn destinations_have_the_prefix_that_people_mean() {
        for (words, address, length, gateway) in [
            ("default 10.0.0.1", "0.0.0.0", 0, Some("10.0.0.1")),
            ("-inet6 default fe80::1%if0", "::", 0, Some("fe80::1%if0")),
            ("default fd00::1", "::", 0, Some("fd00::1")),
            ("10.2.0.0/16 10.0.0.1", "10.2.0.0", 16, Some("10.0.0.1")),
            ("-net 10.2.0.0 10.0.0.1", "10.2.0.0", 8, Some("10.0.0.1")),
            ("-net 10.2.0.0 -netmask 255.255.0.0 10.0.0.1", "10.2.0.0", 16, Some("10.0.0.1")),
            ("10.2.0.0 10.0.0.1 255.255.0.0", "10.2.0.0", 16, Some("10.0.0.1")),
            ("10.2.0.9 10.0.0.1", "10.2.0.9", 32, Some("10.0.0.1")),
            ("-host 10.2.0.9", "10.2.0.9", 32, None),
            ("-inet6 -net fd01:: -prefixlen 48 fd00::1", "fd01::", 48, Some("fd00::1")),
            ("-net fd01:: -interface shmif0", "fd01::", 64, Some("shmif0")),
        ] {
            let said = said(words).unwrap();
            assert_eq!(said.destination.address.to_string(), address, "{words}");
            assert_eq!((said.length, said.gateway.as_deref()), (length, gateway), "{words}");
        }
    }

    #[test]
    fn words_that_make_no_sense_are_refused() {
        for words in [
            "",
            "-nett 10.0.0.0 10.0.0.1",
            "10.0.0.0/33 10.0.0.1",
            "host 10.0.0.1",
            "10.0.0.0 10.0.0.1 x",
            "1.2.3.4 5.6.7.8 255.0.0.0 x",
            "-netmask",
            "-inet6 10.0.0.0/8 fd00::1",
            "10.0.0.0 -prefixlen 64 10.0.0.1",
        ] {
            assert!(said(words).is_err(), "{words}");
        }
    }
}
