//! How values are written in a file.

use super::{MemberConfig, RouteConfig, Way};
use crate::net::InterfaceAddress;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::time::Duration;

/// A text that means something.
struct Text<T>(T);

impl<'de, T: FromStr<Err: Display>> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(|error| D::Error::custom(format!("{text:?}: {error}")))
    }
}

/// One that may be missing.
pub(super) fn some_text<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    Text::deserialize(deserializer).map(|Text(value)| Some(value))
}

/// A list of such.
pub(super) fn texts<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    let all = Vec::<Text<T>>::deserialize(deserializer)?;
    Ok(all.into_iter().map(|Text(value)| value).collect())
}

/// A hardware address: six numbers in hexadecimal with colons between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hardware(pub [u8; 6]);

impl FromStr for Hardware {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "no hardware address, which looks like 02:00:00:00:00:01";
        let mut address = [0; 6];
        let mut parts = text.split(':');
        for byte in &mut address {
            let part = parts.next().filter(|part| (1..=2).contains(&part.len())).ok_or(wrong)?;
            let is_plain = part.bytes().all(|digit| digit.is_ascii_hexdigit());
            *byte = u8::from_str_radix(part, 16).ok().filter(|_| is_plain).ok_or(wrong)?;
        }
        if parts.next().is_some() {
            return Err(wrong);
        }
        if address[0] & 1 != 0 {
            return Err("the address of a group");
        }
        Ok(Self(address))
    }
}

pub(super) fn hardware<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<[u8; 6]>, D::Error> {
    some_text::<D, Hardware>(deserializer).map(|address| address.map(|Hardware(address)| address))
}

/// Hardware addresses, and the names of those who have them.
pub(super) fn stations<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<([u8; 6], String)>, D::Error> {
    let all = BTreeMap::<String, String>::deserialize(deserializer)?.into_iter();
    all.map(|(address, name)| {
        let Hardware(bytes) =
            address.parse().map_err(|error| D::Error::custom(format!("{address:?}: {error}")))?;
        Ok((bytes, name))
    })
    .collect()
}

/// A length of time in seconds, with or without a fraction.
pub(super) fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let number = f64::deserialize(deserializer)?;
    let time = Duration::try_from_secs_f64(number);
    time.map(Some).map_err(|_| D::Error::custom(format!("{number} is no number of seconds")))
}

/// The number of a virtual network.
pub(super) fn network<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    let number = u16::deserialize(deserializer)?;
    let is_one = (1..=4094).contains(&number);
    is_one.then_some(number).ok_or_else(|| D::Error::custom(format!("{number} is not from 1 to 4094")))
}

/// A member of a bridge as a table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, remote = "MemberConfig")]
struct MemberTable {
    name: String,
    #[serde(default)]
    stp: Option<bool>,
    #[serde(default)]
    learn: Option<bool>,
    #[serde(default)]
    flood: Option<bool>,
    #[serde(default)]
    private: Option<bool>,
    #[serde(default)]
    priority: Option<u8>,
    #[serde(default)]
    cost: Option<u32>,
}

struct MemberVisitor;

impl<'de> Visitor<'de> for MemberVisitor {
    type Value = MemberConfig;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of an interface, or a table with it")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<MemberConfig, E> {
        Ok(MemberConfig::new(name))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<MemberConfig, A::Error> {
        MemberTable::deserialize(MapAccessDeserializer::new(map))
    }
}

impl<'de> Deserialize<'de> for MemberConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MemberVisitor)
    }
}

/// A domain.
struct Domain(String);

impl FromStr for Domain {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        rump_domain_name::parse_text(text.as_bytes()).map(Self).ok_or("no name of a domain")
    }
}

pub(super) fn domains<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let all = texts::<D, Domain>(deserializer)?;
    Ok(all.into_iter().map(|Domain(name)| name).collect())
}

/// A value of a setting, or a table of those whose names begin alike: dots in a key of TOML make tables.
enum Setting {
    Number(i64),
    Group(Vec<(String, i64)>),
}

impl<'de> Deserialize<'de> for Setting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SettingVisitor)
    }
}

struct SettingVisitor;

impl<'de> Visitor<'de> for SettingVisitor {
    type Value = Setting;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, true or false")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Setting, E> {
        Ok(Setting::Number(number))
    }

    fn visit_bool<E: Error>(self, switch: bool) -> Result<Setting, E> {
        Ok(Setting::Number(switch.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Setting, A::Error> {
        let mut all = Vec::new();
        while let Some((name, setting)) = map.next_entry::<String, Setting>()? {
            match setting {
                Setting::Number(number) => all.push((name, number)),
                Setting::Group(inner) => {
                    all.extend(inner.into_iter().map(|(rest, number)| (format!("{name}.{rest}"), number)));
                }
            }
        }
        Ok(Setting::Group(all))
    }
}

pub(super) fn settings<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(String, i64)>, D::Error> {
    match Setting::deserialize(deserializer)? {
        Setting::Group(all) => Ok(all),
        Setting::Number(_) => Err(D::Error::custom("settings are a table")),
    }
}

/// A route as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Route {
    destination: String,
    #[serde(default, deserialize_with = "some_text")]
    gateway: Option<IpAddr>,
    #[serde(default)]
    interface: Option<String>,
    #[serde(default)]
    reject: bool,
    #[serde(default)]
    blackhole: bool,
    #[serde(default)]
    metric: u32,
}

impl TryFrom<Route> for RouteConfig {
    type Error = String;

    fn try_from(route: Route) -> Result<Self, String> {
        let Route { destination, gateway, interface, reject, blackhole, metric } = route;
        let ways = [
            gateway.map(Way::Router),
            interface.map(Way::Interface),
            reject.then_some(Way::Reject),
            blackhole.then_some(Way::Blackhole),
        ];
        let mut ways = ways.into_iter().flatten();
        let (Some(way), None) = (ways.next(), ways.next()) else {
            return Err("a route has one of gateway, interface, reject and blackhole".into());
        };
        let destination = match (destination.as_str(), &way) {
            ("default", Way::Router(IpAddr::V6(_))) => all_of(Ipv6Addr::UNSPECIFIED.into()),
            ("default", _) => all_of(Ipv4Addr::UNSPECIFIED.into()),
            (text, _) => {
                text.parse().map_err(|_| format!("destination {text:?} is no prefix such as 10.0.0.0/8"))?
            }
        };
        if matches!(way, Way::Router(router) if router.is_ipv4() != destination.address.is_ipv4()) {
            return Err("destination and gateway are of different versions of IP".into());
        }
        Ok(Self { destination, way, metric })
    }
}

fn all_of(address: IpAddr) -> InterfaceAddress {
    InterfaceAddress { address, prefix_length: 0 }
}
