//! `librumpdev_disk`: partition tables of disks.

rump_capi::library!(
    rump_component_rumpdev_disk,
    "rumpdev_disk",
    needs[librumpdev::rump_component_rumpdev],
    |_| rumpdev_disk::components().into()
);
