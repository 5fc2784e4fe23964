//! `librumpfs_ext2fs`: ext2, ext3 and ext4.

rump_capi::library!(
    rump_component_rumpfs_ext2fs,
    "rumpfs_ext2fs",
    needs[librumpvfs::rump_component_rumpvfs],
    |_| vec![rumpfs_ext2fs::component()]
);
