//! The network of a kernel, described by a file in TOML.
//!
//! ```toml
//! [[interface]]
//! name = "eth0"
//! link = "shmif:/tmp/bus"            # or tap:tap0, stream:unix:/path, pcap:file.pcapng: see `Link`;
//!                                    # without one, an interface such as lo1 is made
//! mac = "02:00:00:00:00:01"
//! mtu = 1400
//! addresses = ["192.0.2.2/24", "2001:db8::2/64"]
//! dhcp = true                        # IPv4 by DHCP
//! lease = "/var/lib/eth0.lease"      # where the lease is kept for the next start; without one, nowhere
//! autoconf = false                   # what routers of IPv6 tell is not followed
//! up = true                          # as it is if nothing is said
//!
//! [[interface]]
//! name = "bridge0"                   # a bridge, which has no link
//! [interface.bridge]
//! members = ["eth0", { name = "vlan0", cost = 19 }]
//! stp = true
//!
//! [[interface]]
//! name = "vlan0"                     # a virtual network, nor has it
//! vlan = { parent = "eth1", id = 7 }
//!
//! [[route]]
//! destination = "default"            # or a prefix
//! gateway = "192.0.2.1"              # or interface = "eth0", reject = true, blackhole = true
//! metric = 10
//!
//! [settings]                         # by the names that sysctl has for them
//! net.inet.ip.forwarding = true
//!
//! [dns]
//! servers = ["192.0.2.53"]
//! search = ["example.org"]
//! ```
//!
//! ```
//! # use rumpkit::PosixHost;
//! use rumpkit::net::{Config, interfaces};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let kernel = rumpkit::kernel(PosixHost::new())?;
//! let text = "[[interface]]\nname = 'lo1'\naddresses = ['192.0.2.1/32']";
//! let network = Config::parse("example.toml", text)?.apply(&kernel)?;
//! assert_eq!(interfaces(&kernel)?.len(), 2);
//! # drop(network);
//! let wrong = Config::parse("example.toml", "[[interface]]\nname = 'lo1'\nadresses = []").unwrap_err();
//! assert!(wrong.to_string().starts_with("example.toml:3: adresses: unknown field"));
//! # Ok(())
//! # }
//! ```

mod apply;
mod file;
mod joined;
mod order;
mod place;

pub use apply::Applied;
pub use file::Hardware;
pub use joined::{BridgeConfig, MemberConfig, VlanConfig};

use super::InterfaceAddress;
use super::link::Link;
use serde::Deserialize;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// See the module.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Interfaces, in the order in which they are made; those that others are made of come first.
    #[serde(rename = "interface")]
    pub interfaces: Vec<InterfaceConfig>,
    /// Routes, in the order in which they are added.
    #[serde(rename = "route")]
    pub routes: Vec<RouteConfig>,
    /// Settings by their names.
    #[serde(deserialize_with = "file::settings")]
    pub settings: Vec<(String, i64)>,
    /// Who resolves names, besides those that networks tell of.
    pub dns: Dns,
    /// The name of the file, for errors; empty if there is none.
    #[serde(skip)]
    pub file: String,
}

/// An interface.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct InterfaceConfig {
    /// What it is called.
    pub name: String,
    /// Where it is.
    #[serde(default, deserialize_with = "file::some_text")]
    pub link: Option<Link>,
    /// Which others it joins.
    #[serde(default)]
    pub bridge: Option<BridgeConfig>,
    /// Which network on which other it is.
    #[serde(default)]
    pub vlan: Option<VlanConfig>,
    /// Its hardware address, if it is to be another than its device has.
    #[serde(default, deserialize_with = "file::hardware")]
    pub mac: Option<[u8; 6]>,
    /// Most bytes of a packet, if it is to be fewer than its device takes.
    #[serde(default)]
    pub mtu: Option<u32>,
    /// Its addresses.
    #[serde(default, deserialize_with = "file::texts")]
    pub addresses: Vec<InterfaceAddress>,
    /// Whether it asks for more of them.
    #[serde(default)]
    pub dhcp: Dhcp,
    /// Where its lease is kept for the next start: a file of the host. The lease is of use to the same hardware address alone.
    #[serde(default)]
    pub lease: Option<PathBuf>,
    /// Whether it follows what routers of IPv6 tell.
    #[serde(default = "yes")]
    pub autoconf: bool,
    /// Whether packets pass.
    #[serde(default = "yes")]
    pub up: bool,
}

fn yes() -> bool {
    true
}

/// Whether an interface has a client of DHCP.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(from = "bool")]
pub enum Dhcp {
    /// It has none.
    #[default]
    Off,
    /// It has one, which asks others for the address that it gets.
    On,
    /// It has one, which believes the server, and so is faster.
    Trusting,
}

impl From<bool> for Dhcp {
    fn from(is_on: bool) -> Self {
        if is_on { Self::On } else { Self::Off }
    }
}

impl InterfaceConfig {
    /// One that is up, with nothing else said.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            link: None,
            bridge: None,
            vlan: None,
            mac: None,
            mtu: None,
            addresses: Vec::new(),
            dhcp: Dhcp::Off,
            lease: None,
            autoconf: true,
            up: true,
        }
    }
}

/// A route.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "file::Route")]
pub struct RouteConfig {
    /// The prefix.
    pub destination: InterfaceAddress,
    /// Where its packets go.
    pub way: Way,
    /// The lower of two counts.
    pub metric: u32,
}

/// Where packets of a route go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// To the destination itself, on the link of the interface of this name.
    Interface(String),
    /// To a router on a link.
    Router(IpAddr),
    /// Nowhere, and the sender is told.
    Reject,
    /// Nowhere.
    Blackhole,
}

/// Who resolves names.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct Dns {
    /// Name servers, the preferred first.
    #[serde(deserialize_with = "file::texts")]
    pub servers: Vec<IpAddr>,
    /// Domains that a name without dots may be in.
    #[serde(deserialize_with = "file::domains")]
    pub search: Vec<String>,
}

/// What is wrong with a file, or could not be done, in words: the file, the line and the key where they are known.
#[derive(Debug)]
pub struct ConfigError {
    text: String,
    kind: io::ErrorKind,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for ConfigError {}

impl From<ConfigError> for io::Error {
    fn from(error: ConfigError) -> Self {
        Self::new(error.kind, error.text)
    }
}

impl Config {
    /// Reads a file of the host. Errors: it cannot be read, or is wrong.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let name = path.as_ref().display().to_string();
        let text = std::fs::read_to_string(path.as_ref())
            .map_err(|error| ConfigError { text: format!("{name}: {error}"), kind: error.kind() })?;
        Self::parse(&name, &text)
    }

    /// Reads a text; `name` is for errors. Errors: it is wrong.
    pub fn parse(name: &str, text: &str) -> Result<Self, ConfigError> {
        let wrong = |at: Option<usize>, what: &str| ConfigError {
            text: place::tell(name, text, at, what),
            kind: io::ErrorKind::InvalidInput,
        };
        let mut config: Self = toml::from_str(text)
            .map_err(|error| wrong(error.span().map(|span| span.start), error.message()))?;
        config.file = name.into();
        if let Err(order::Wrong { at, what }) = config.order() {
            return Err(wrong(place::of_table(text, "[[interface]]", at), &what));
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests;
