//! `librumpfs_msdos`: FAT12, FAT16 and FAT32.

rump_capi::library!(
    rump_component_rumpfs_msdos,
    "rumpfs_msdos",
    needs[librumpvfs::rump_component_rumpvfs],
    |_| vec![rumpfs_msdos::component()]
);
