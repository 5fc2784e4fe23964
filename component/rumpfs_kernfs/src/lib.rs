//! `librumpfs_kernfs`: kernfs, facts of a kernel as files.

rump_capi::library!(
    rump_component_rumpfs_kernfs,
    "rumpfs_kernfs",
    needs[librumpvfs::rump_component_rumpvfs],
    |_| vec![rumpfs_kernfs::component()]
);
