//! `librumpnet_config`: the calls of `rump/netconfig.h`, which are in `librump`.

rump_capi::library!(
    rump_component_rumpnet_config,
    "rumpnet_config",
    needs[librumpnet_net::rump_component_rumpnet_net],
    |_| vec![]
);
