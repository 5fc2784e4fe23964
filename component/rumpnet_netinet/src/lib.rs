//! `librumpnet_netinet`: IPv4, ICMP, UDP and TCP.

rump_capi::library!(
    rump_component_rumpnet_netinet,
    "rumpnet_netinet",
    needs[librumpnet_net::rump_component_rumpnet_net],
    |_| vec![rumpnet_inet::component_v4()]
);
