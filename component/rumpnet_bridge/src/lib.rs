//! `librumpnet_bridge`: bridges.

rump_capi::library!(
    rump_component_rumpnet_bridge,
    "rumpnet_bridge",
    needs[librumpnet_net::rump_component_rumpnet_net],
    |_| vec![rumpnet_bridge::component()]
);
