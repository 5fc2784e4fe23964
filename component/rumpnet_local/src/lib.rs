//! `librumpnet_local`: `PF_LOCAL`.

rump_capi::library!(
    rump_component_rumpnet_local,
    "rumpnet_local",
    needs[librumpnet_net::rump_component_rumpnet_net],
    |_| vec![rumpnet_local::component()]
);
