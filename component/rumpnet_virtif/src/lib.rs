//! `librumpnet_virtif`: interfaces whose other end is a tap of the host.

rump_capi::library!(
    rump_component_rumpnet_virtif,
    "rumpnet_virtif",
    needs[librumpnet_net::rump_component_rumpnet_net],
    |_| vec![]
);
