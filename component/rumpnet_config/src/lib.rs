//! `librumpnet_config`: the configuration of networks, with the calls of `rump/netconfig.h`.
//!
//! # Unsafe
//! As in `rump_capi`: pointers come from C, and what they point to is the caller's promise.

mod calls;
mod links;

pub use links::configuration;

rump_capi::library!(
    rump_component_rumpnet_config,
    "rumpnet_config",
    needs[librumpnet_net::rump_component_rumpnet_net],
    |_| vec![]
);
