//! `librumpfs_exfat`: exFAT.

rump_capi::library!(
    rump_component_rumpfs_exfat,
    "rumpfs_exfat",
    needs[librumpvfs::rump_component_rumpvfs],
    |_| vec![rumpfs_exfat::component()]
);
