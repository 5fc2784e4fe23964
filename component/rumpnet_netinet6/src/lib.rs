//! `librumpnet_netinet6`: IPv6, in the stack that has IPv4.

rump_capi::library!(
    rump_component_rumpnet_netinet6,
    "rumpnet_netinet6",
    needs[librumpnet_netinet::rump_component_rumpnet_netinet],
    |_| vec![rumpnet_inet::component_v6()]
);
