//! `librumpnet_vlan`: virtual networks on one cable.

rump_capi::library!(
    rump_component_rumpnet_vlan,
    "rumpnet_vlan",
    needs[librumpnet_net::rump_component_rumpnet_net],
    |_| vec![rumpnet_vlan::component()]
);
