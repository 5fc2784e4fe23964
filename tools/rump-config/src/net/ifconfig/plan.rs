//! What the words behind an interface ask for.

use super::super::target::{length_of, length_of_mask, whole};
use crate::session::{Failure, of};
use rump_client::kpi::KResult;
use rump_client::network::RemoteNetwork;
use std::net::{IpAddr, Ipv4Addr};

/// What becomes of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// It takes the place of the first one.
    First,
    /// It is one more.
    Alias,
    /// It goes.
    Gone,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Create,
    Destroy,
    Up,
    Down,
    Mtu(u32),
    Link(Option<String>),
    Address(IpAddr, Option<u8>, Place),
}

/// What the words ask for, in their order.
#[derive(Debug, PartialEq, Eq)]
pub struct Plan(Vec<Step>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Any,
    Inet,
    Inet6,
}

impl Plan {
    /// Errors: in words.
    pub fn parse(words: &[String]) -> Result<Self, String> {
        let (mut steps, mut family) = (Vec::new(), Family::Any);
        let mut words = words.iter().map(String::as_str).peekable();
        while let Some(word) = words.next() {
            let mut next = |what: &str| words.next().ok_or_else(|| format!("{word}: {what} is missing"));
            match word {
                "create" => steps.push(Step::Create),
                "destroy" => steps.push(Step::Destroy),
                "up" => steps.push(Step::Up),
                "down" => steps.push(Step::Down),
                "mtu" => {
                    let mtu = next("a number")?;
                    steps.push(Step::Mtu(mtu.parse().map_err(|_| format!("mtu: {mtu:?} is no number"))?));
                }
                "linkstr" => steps.push(Step::Link(Some(next("a text")?.into()))),
                "-linkstr" => steps.push(Step::Link(None)),
                "inet" => family = Family::Inet,
                "inet6" => family = Family::Inet6,
                "netmask" => set_length(&mut steps, word, length_of_mask(next("a mask")?)?)?,
                "prefixlen" => {
                    let (length, whole) = (next("a length")?, whole(address(&mut steps, word)?.0));
                    let length = length.parse().ok().filter(|length| *length <= whole);
                    set_length(&mut steps, word, length.ok_or("prefixlen: no such length")?)?;
                }
                "broadcast" => {
                    let all = next("an address")?;
                    let is_one = all.parse::<Ipv4Addr>().is_ok();
                    is_one.then_some(()).ok_or_else(|| format!("broadcast: {all:?} is no address"))?;
                }
                "alias" | "add" => *address(&mut steps, word)?.2 = Place::Alias,
                "-alias" | "delete" => *address(&mut steps, word)?.2 = Place::Gone,
                "media" | "-link" | "link" => return Err(format!("{word}: it cannot be chosen here")),
                other => steps.push(parse_address(other, family)?),
            }
        }
        Ok(Self(steps))
    }

    /// Takes all steps at an interface. Errors: the first step that fails, in words.
    pub fn apply(&self, network: &RemoteNetwork, name: &str) -> Result<(), Failure> {
        let is_told = self.0.iter().any(|step| matches!(step, Step::Up | Step::Down | Step::Destroy));
        self.0.iter().try_for_each(|step| step.apply(network, name))?;
        let gets_one = |step: &Step| matches!(step, Step::Address(_, _, place) if *place != Place::Gone);
        if self.0.iter().any(gets_one) && !is_told {
            network.set_up(name, true).map_err(of(format!("{name}: up")))?;
        }
        Ok(())
    }
}

/// The address that words behind it belong to. Errors: in words, that there is none.
fn address<'a>(
    steps: &'a mut [Step],
    word: &str,
) -> Result<(IpAddr, &'a mut Option<u8>, &'a mut Place), String> {
    match steps.last_mut() {
        Some(Step::Address(address, length, place)) => Ok((*address, length, place)),
        _ => Err(format!("{word}: there is no address before it")),
    }
}

fn set_length(steps: &mut [Step], word: &str, length: u8) -> Result<(), String> {
    let (address, place, _) = address(steps, word)?;
    if length > whole(address) {
        return Err(format!("{word}: {address} has no such mask"));
    }
    *place = Some(length);
    Ok(())
}

/// Errors: in words.
fn parse_address(text: &str, family: Family) -> Result<Step, String> {
    let (address, length) =
        text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
    let address: IpAddr = address.parse().map_err(|_| format!("{text:?} is no word and no address"))?;
    let fits = match family {
        Family::Any => true,
        Family::Inet => address.is_ipv4(),
        Family::Inet6 => address.is_ipv6(),
    };
    if !fits {
        return Err(format!("{text} is of the other version of IP"));
    }
    let length = length.map(|length| length_of(length, address)).transpose()?;
    Ok(Step::Address(address, length, Place::First))
}

/// How long a prefix is when nobody said it: of IPv4 by the class of the address (RFC 791).
fn usual_length(address: IpAddr) -> u8 {
    match address {
        IpAddr::V6(_) => 64,
        IpAddr::V4(address) => match address.to_bits().leading_ones() {
            0 => 8,
            1 => 16,
            _ => 24,
        },
    }
}

impl Step {
    fn apply(&self, network: &RemoteNetwork, name: &str) -> Result<(), Failure> {
        let done = match self {
            Self::Create => network.create(name),
            Self::Destroy => network.destroy(name),
            Self::Up => network.set_up(name, true),
            Self::Down => network.set_up(name, false),
            Self::Mtu(mtu) => network.set_mtu(name, *mtu),
            Self::Link(link) => network.set_link_string(name, link.as_deref()),
            Self::Address(address, _, Place::Gone) => network.remove_address(name, *address),
            Self::Address(address, length, place) => {
                return add(network, name, *address, *length, *place).map_err(of(format!("{name}: {self}")));
            }
        };
        done.map_err(of(format!("{name}: {self}")))
    }
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Create => f.write_str("create"),
            Self::Destroy => f.write_str("destroy"),
            Self::Up => f.write_str("up"),
            Self::Down => f.write_str("down"),
            Self::Mtu(mtu) => write!(f, "mtu {mtu}"),
            Self::Link(Some(link)) => write!(f, "linkstr {link}"),
            Self::Link(None) => f.write_str("-linkstr"),
            Self::Address(address, ..) => write!(f, "{address}"),
        }
    }
}

fn add(
    network: &RemoteNetwork,
    name: &str,
    address: IpAddr,
    length: Option<u8>,
    place: Place,
) -> KResult<()> {
    let length = length.unwrap_or_else(|| usual_length(address));
    if place == Place::First && address.is_ipv4() {
        let all = network.interfaces()?;
        let own = all.iter().find(|one| one.info.name == name);
        let first = own.and_then(|one| one.info.addresses.iter().find(|(own, _)| own.is_ipv4()));
        match first {
            Some(&before) if before == (address, length) => return Ok(()),
            Some((before, _)) => network.remove_address(name, *before)?,
            None => {}
        }
    }
    network.add_address(name, address, length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(words: &str) -> Result<Vec<Step>, String> {
        let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        Plan::parse(&words).map(|plan| plan.0)
    }

    #[test]
    fn words_are_steps_in_their_order() {
        let one: IpAddr = "10.0.0.1".parse().unwrap();
        let address = |length, place| Step::Address(one, length, place);
        for (words, expected) in [
            ("create", vec![Step::Create]),
            ("inet 10.0.0.1/24", vec![address(Some(24), Place::First)]),
            (
                "10.0.0.1 netmask 0xffff0000 broadcast 10.0.255.255 up",
                vec![address(Some(16), Place::First), Step::Up],
            ),
            (
                "inet 10.0.0.1 prefixlen 31 alias mtu 1400",
                vec![address(Some(31), Place::Alias), Step::Mtu(1400)],
            ),
            ("inet 10.0.0.1 delete down", vec![address(None, Place::Gone), Step::Down]),
            ("linkstr bus -linkstr", vec![Step::Link(Some("bus".into())), Step::Link(None)]),
        ] {
            assert_eq!(plan(words), Ok(expected), "{words}");
        }
    }

    #[test]
    fn words_that_make_no_sense_are_named() {
        for (words, named) in [
            ("upp", "upp"),
            ("mtu", "mtu"),
            ("mtu x", "mtu"),
            ("inet6 10.0.0.1", "10.0.0.1"),
            ("inet fd00::1", "fd00::1"),
            ("10.0.0.1/33", "33"),
            ("netmask 255.0.0.0", "netmask"),
            ("up alias", "alias"),
            ("10.0.0.1 netmask ffff:ffff:ffff::", "netmask"),
            ("10.0.0.1 prefixlen 40", "prefixlen"),
            ("media autoselect", "media"),
        ] {
            let error = plan(words).unwrap_err();
            assert!(error.contains(named), "{words}: {error}");
        }
    }
}
