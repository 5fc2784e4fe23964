//! `librumpfs_tmpfs`: tmpfs, which can be mounted with it; the root is one in any case.

rump_capi::library!(
    rump_component_rumpfs_tmpfs,
    "rumpfs_tmpfs",
    needs[librumpvfs::rump_component_rumpvfs],
    |_| vec![rumpfs_tmpfs::component()]
);
