//! Bridges: interfaces `bridge0`, `bridge1` and so on, which join others to one network (IEEE 802.1D-1998, clauses 7 to 9).
//!
//! Supported: learning with a bound, ageing, addresses that are said; the spanning tree; members that do not learn, are not
//! flooded, or are isolated from each other. Tags of virtual networks pass untouched, and addresses are learned without
//! regard to them. There is no rapid spanning tree: neighbours that speak it fall back to this one.
//!
//! [`switch`] and [`tree`] are pure: headers, messages and time go in, places and messages come out. The device adds the
//! lock, the ports of members, and what members' devices do not do: `fit` makes checksums, cuts, and drops what is too long.
//! A frame for many is one content that all copies share.
//!
//! A bridge takes whatever a stack leaves to a device, since it does that itself where a member's does not: what goes over
//! members that do it too, or to a stack of the same kernel, stays whole.
//!
//! A member passes frames whether its interface is up or not; that is a matter of its own stack. Its MTU is that of its
//! device, and the bridge's is the least of them.
//!
//! # Locks
//! `Bridge::core`; no other lock is taken, and nobody is called, while it is held. `Bridge::attached` is a leaf.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod configure;
mod device;
mod fit;
pub mod frame;
pub mod switch;
pub mod table;
pub mod tree;

use alloc::sync::Arc;
use rump_kpi::device::NetworkDevice;
use rump_kpi::link::InterfaceKind;
use rump_kpi::socket::NetEnvironment;
use rump_kpi::{Component, KResult};

/// A moment by the monotonic clock.
pub type Instant = core::time::Duration;

/// The kind of interfaces.
struct Bridges;

impl InterfaceKind for Bridges {
    fn name(&self) -> &'static str {
        "bridge"
    }

    fn create(&self, environment: &NetEnvironment, _unit: u16) -> KResult<Arc<dyn NetworkDevice>> {
        Ok(device::Bridge::new(environment))
    }
}

/// The component to list when a kernel is built.
pub fn component() -> Component {
    Component::Interfaces(&Bridges)
}
