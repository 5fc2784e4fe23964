//! `librumpnet_net`: interfaces and routes, which come with the first protocols.

rump_capi::library!(
    rump_component_rumpnet_net,
    "rumpnet_net",
    needs[librumpnet::rump_component_rumpnet],
    |_| vec![]
);
