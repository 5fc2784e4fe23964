//! IPv4 and IPv6, with what belongs to them: ICMP, ARP, neighbour discovery, groups; UDP and TCP.
//!
//! [`stack`] is pure: packets, calls and time go in, packets and wake-ups come out. What `ops` adds is the lock, the
//! devices, and the translation to rump-kpi.
//!
//! # Locks
//! One lock for a stack, under which that of what waits for devices is taken, and those of routing sockets (`ops::routing`).
//! None is held while a device sends or while somebody is woken.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod address;
pub mod destination;
pub mod interface;
pub mod multicast;
pub mod neighbour;
mod ops;
pub mod own_address;
mod reassembly;
pub mod resolver;
pub mod route;
pub mod routers;
pub mod selection;
pub mod sockets;
pub mod stack;
pub mod tcp;
pub mod time;
mod waiting;
pub mod wire;

use alloc::sync::Arc;
use rump_kpi::{AddressFamily, Component};

/// The component to list when a kernel is built.
pub fn component() -> Component {
    const FAMILIES: &[AddressFamily] = &[AddressFamily::Inet, AddressFamily::Inet6, AddressFamily::Route];
    Component::Protocols(Arc::new(ops::Inet { families: FAMILIES }))
}

/// The same without sockets of IPv6, which [`component_v6`] may add at any time.
pub fn component_v4() -> Component {
    Component::Protocols(Arc::new(ops::Inet { families: &[AddressFamily::Inet, AddressFamily::Route] }))
}

/// Sockets of IPv6 in the stack of [`component_v4`]; without that, there are none.
pub fn component_v6() -> Component {
    Component::Protocols(Arc::new(ops::Inet6))
}
