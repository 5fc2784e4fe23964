//! `librumpnet_sockin`: `PF_INET` and `PF_INET6` by the sockets of the host.

rump_capi::library!(
    rump_component_rumpnet_sockin,
    "rumpnet_sockin",
    needs[librumpnet_net::rump_component_rumpnet_net],
    |host| host.sockets().map(rumpnet_sockin::component).into_iter().collect()
);
