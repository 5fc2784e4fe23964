//! `librumpnet_tap`: `/dev/tap`: Ethernet interfaces whose other end is a program in the kernel.

rump_capi::library!(
    rump_component_rumpnet_tap,
    "rumpnet_tap",
    needs[librumpnet_net::rump_component_rumpnet_net],
    |_| rumpnet_tap::tap().into()
);
