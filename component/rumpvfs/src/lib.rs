//! `librumpvfs`: the faction of file systems, with `/dev/null` and `/dev/zero`. The VFS itself is in `librump`.

rump_capi::library!(rump_component_rumpvfs, "rumpvfs", needs [], |_| vec![rumpdev_mem::memory()]);
