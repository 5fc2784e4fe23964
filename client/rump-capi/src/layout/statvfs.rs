//! `struct statvfs`.

use rump_abi::MountFlags;
use rump_kern::MountedFs;

/// The host's structure of a mounted file system.
pub(crate) fn to_host(mounted: &MountedFs) -> libc::statvfs {
    let facts = &mounted.facts;
    // SAFETY: all zeros is one.
    let mut to: libc::statvfs = unsafe { std::mem::zeroed() };
    to.f_bsize = facts.block_size as _;
    to.f_frsize = facts.block_size as _;
    to.f_blocks = facts.blocks as _;
    to.f_bfree = facts.blocks_free as _;
    to.f_bavail = facts.blocks_available as _;
    to.f_files = facts.files as _;
    to.f_ffree = facts.files_free as _;
    to.f_favail = facts.files_free as _;
    to.f_fsid = mounted.id as _;
    to.f_namemax = facts.name_max as _;
    if mounted.info.flags.contains(MountFlags::RDONLY) {
        to.f_flag |= libc::ST_RDONLY;
    }
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if mounted.info.flags.contains(MountFlags::NOATIME) {
        to.f_flag |= libc::ST_NOATIME;
    }
    to
}
