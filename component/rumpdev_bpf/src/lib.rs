//! `librumpdev_bpf`: `/dev/bpf`.

rump_capi::library!(
    rump_component_rumpdev_bpf,
    "rumpdev_bpf",
    needs [librumpdev::rump_component_rumpdev, librumpnet_net::rump_component_rumpnet_net],
    |_| vec![rumpdev_bpf::component()]
);
