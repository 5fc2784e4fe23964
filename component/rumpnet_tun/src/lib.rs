//! `librumpnet_tun`: `/dev/tun`: interfaces of packets whose other end is a program in the kernel.

rump_capi::library!(
    rump_component_rumpnet_tun,
    "rumpnet_tun",
    needs[librumpnet_net::rump_component_rumpnet_net],
    |_| rumpnet_tap::tun().into()
);
