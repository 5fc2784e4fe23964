//! Interfaces that are made of others: bridges and virtual networks.

use super::file;

use crate::net::{Bridge, Interface, Vlan, errno};
use crate::{Errno, Kernel};
use serde::Deserialize;
use std::fmt::Display;
use std::io;
use std::time::Duration;

/// A bridge. What is not said is as the kernel has it.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct BridgeConfig {
    /// The interfaces that it joins.
    pub members: Vec<MemberConfig>,
    /// Whether it takes part in the spanning tree.
    pub stp: Option<bool>,
    /// The first part of its identifier: the least is the root.
    pub priority: Option<u16>,
    /// Between two messages of the root.
    #[serde(deserialize_with = "file::seconds")]
    pub hello_time: Option<Duration>,
    /// How long such a message counts.
    #[serde(deserialize_with = "file::seconds")]
    pub max_age: Option<Duration>,
    /// How long a member listens, and then learns.
    #[serde(deserialize_with = "file::seconds")]
    pub forward_delay: Option<Duration>,
    /// How long an address is known that nothing comes from.
    #[serde(deserialize_with = "file::seconds")]
    pub ageing: Option<Duration>,
    /// Most addresses that are learned.
    pub most_addresses: Option<usize>,
    /// Where addresses are that are said: at which members.
    #[serde(rename = "static", deserialize_with = "file::stations")]
    pub statics: Vec<([u8; 6], String)>,
}

/// A member of a bridge. What is not said is as the kernel has it. In a file it is a table, or its name alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemberConfig {
    /// The interface.
    pub name: String,
    /// Whether it takes part in the spanning tree, if the bridge does.
    pub stp: Option<bool>,
    /// Whether it is learned who is behind it.
    pub learn: Option<bool>,
    /// Whether frames to whom nobody knows go there.
    pub flood: Option<bool>,
    /// Whether frames of one such member never go to another.
    pub private: Option<bool>,
    /// The first part of its identifier.
    pub priority: Option<u8>,
    /// What a way over it costs.
    pub cost: Option<u32>,
}

/// A virtual network on the cable of another interface.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct VlanConfig {
    /// The interface.
    pub parent: String,
    /// Its number there.
    #[serde(deserialize_with = "file::network")]
    pub id: u16,
}

impl MemberConfig {
    /// One of which nothing else is said.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }
}

/// The interface of this name, which is made if it is not there.
pub(super) fn find_or_create(kernel: &Kernel, name: &str) -> io::Result<Interface> {
    let is_missing = |error: &io::Error| errno(error) == Some(Errno::ENXIO);
    match Interface::find(kernel, name) {
        Err(error) if is_missing(&error) => Interface::create(kernel, name),
        found => found,
    }
}

/// An error, with what it is about.
fn about(what: impl Display) -> impl FnOnce(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("{what}: {error}"))
}

impl BridgeConfig {
    /// Makes the bridge of this name what is said. Errors: what could not be done, and why.
    pub(super) fn apply(&self, kernel: &Kernel, name: &str) -> io::Result<()> {
        let bridge = Bridge::find(kernel, name)?;
        bridge
            .change(|settings| {
                set(&mut settings.spans, self.stp);
                set(&mut settings.priority, self.priority);
                set(&mut settings.hello_time, self.hello_time);
                set(&mut settings.max_age, self.max_age);
                set(&mut settings.forward_delay, self.forward_delay);
                set(&mut settings.ageing_time, self.ageing);
                set(&mut settings.most_addresses, self.most_addresses);
            })
            .map_err(about("times or numbers that the standard does not allow"))?;
        for member in &self.members {
            member.apply(&bridge).map_err(about(format!("member {}", member.name)))?;
        }
        for (address, member) in &self.statics {
            bridge.add_static(*address, member).map_err(about(format!("static at {member}")))?;
        }
        Ok(())
    }
}

impl MemberConfig {
    fn apply(&self, bridge: &Bridge) -> io::Result<()> {
        bridge.add(&self.name)?;
        bridge.change_member(&self.name, |settings| {
            set(&mut settings.spans, self.stp);
            set(&mut settings.learns, self.learn);
            set(&mut settings.floods, self.flood);
            set(&mut settings.is_isolated, self.private);
            set(&mut settings.priority, self.priority);
            set(&mut settings.path_cost, self.cost);
        })
    }
}

impl VlanConfig {
    /// Makes the virtual network of this name what is said. Errors: what could not be done, and why.
    pub(super) fn apply(&self, kernel: &Kernel, name: &str) -> io::Result<()> {
        let Self { parent, id } = self;
        Vlan::find(kernel, name)?.configure(parent, *id).map_err(about(format!("{id} of {parent}")))
    }
}

fn set<T>(value: &mut T, said: Option<T>) {
    if let Some(said) = said {
        *value = said;
    }
}
