//! `librumpfs_cd9660`: ISO 9660 with Rock Ridge and Joliet.

rump_capi::library!(
    rump_component_rumpfs_cd9660,
    "rumpfs_cd9660",
    needs[librumpvfs::rump_component_rumpvfs],
    |_| vec![rumpfs_cd9660::component()]
);
