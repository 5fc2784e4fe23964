//! `librumpdev_rnd`: `/dev/random` and `/dev/urandom`.

rump_capi::library!(
    rump_component_rumpdev_rnd,
    "rumpdev_rnd",
    needs[librumpdev::rump_component_rumpdev],
    |_| vec![rumpdev_mem::random()]
);
