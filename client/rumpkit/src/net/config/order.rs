//! Whether interfaces can be made, and in which order: what others are made of comes first.

use super::{Config, Dhcp, InterfaceConfig};
use std::collections::{BTreeMap, BTreeSet};

/// What is wrong with an interface, in words.
pub(super) struct Wrong {
    /// Which one, by its place in the list.
    pub at: usize,
    pub what: String,
}

impl InterfaceConfig {
    /// Interfaces that it is made of.
    fn needs(&self) -> impl Iterator<Item = &str> {
        let members =
            self.bridge.iter().flat_map(|bridge| &bridge.members).map(|member| member.name.as_str());
        members.chain(self.vlan.iter().map(|vlan| vlan.parent.as_str()))
    }

    /// Errors: what it is, is no one thing, or is not called as such things are.
    fn check(&self) -> Result<(), String> {
        let name = &self.name;
        let kinds = [self.link.is_some(), self.bridge.is_some(), self.vlan.is_some()];
        if kinds.into_iter().filter(|is_it| *is_it).count() > 1 {
            return Err(format!("interface {name} is one of link, bridge and vlan"));
        }
        for (is_it, word) in [(self.bridge.is_some(), "bridge"), (self.vlan.is_some(), "vlan")] {
            if is_it && name.strip_prefix(word).is_none_or(|unit| unit.parse::<u16>().is_err()) {
                return Err(format!("a {word} is called {word}0, {word}1 and so on, not {name}"));
            }
        }
        if self.lease.is_some() && self.dhcp == Dhcp::Off {
            return Err(format!("interface {name} has a file for a lease, and no dhcp = true"));
        }
        let Some(bridge) = &self.bridge else { return Ok(()) };
        let is_member = |name: &str| bridge.members.iter().any(|member| member.name == name);
        match bridge.statics.iter().find(|(_, member)| !is_member(member)) {
            Some((_, member)) => Err(format!("static: {member} is no member of {name}")),
            None => Ok(()),
        }
    }
}

impl Config {
    /// Interfaces in an order in which they can be made: as they are listed, but each after those that it is made of.
    ///
    /// Errors: one of them contradicts itself or another, or needs itself.
    pub(super) fn order(&self) -> Result<Vec<&InterfaceConfig>, Wrong> {
        for (at, interface) in self.interfaces.iter().enumerate() {
            interface.check().map_err(|what| Wrong { at, what })?;
        }
        self.check_pairs()?;
        let mut waiting: Vec<(usize, &InterfaceConfig)> = self.interfaces.iter().enumerate().collect();
        let mut missing: BTreeSet<&str> =
            waiting.iter().map(|(_, interface)| interface.name.as_str()).collect();
        let mut order = Vec::new();
        while let Some((at, _)) = waiting.first().copied() {
            let before = order.len();
            waiting.retain(|(_, interface)| {
                // What is not listed may be in the kernel.
                let waits = interface.needs().any(|name| missing.contains(name));
                if !waits {
                    missing.remove(interface.name.as_str());
                    order.push(*interface);
                }
                waits
            });
            if order.len() == before {
                let names: Vec<&str> = missing.into_iter().collect();
                return Err(Wrong { at, what: format!("interfaces need each other: {}", names.join(", ")) });
            }
        }
        Ok(order)
    }

    /// Errors: two interfaces have one name, one member or one network.
    fn check_pairs(&self) -> Result<(), Wrong> {
        let (mut names, mut bridges, mut networks) = (BTreeSet::new(), BTreeMap::new(), BTreeMap::new());
        for (at, InterfaceConfig { name, bridge, vlan, .. }) in self.interfaces.iter().enumerate() {
            let wrong = |what: String| Err(Wrong { at, what });
            if !names.insert(name) {
                return wrong(format!("interface {name} is there twice"));
            }
            for member in bridge.iter().flat_map(|bridge| &bridge.members) {
                if let Some(other) = bridges.insert(&member.name, name) {
                    return wrong(format!("{} is a member of {other} already", member.name));
                }
            }
            let Some(vlan) = vlan else { continue };
            if let Some(other) = networks.insert((&vlan.parent, vlan.id), name) {
                return wrong(format!("{other} is network {} of {} already", vlan.id, vlan.parent));
            }
        }
        Ok(())
    }
}
