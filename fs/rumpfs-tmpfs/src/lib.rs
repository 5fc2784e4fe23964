//! A file system in memory, with the whole behaviour of POSIX files (IEEE Std 1003.1-2024, XBD 4 and XSH).
//!
//! Supported: regular files with holes, directories, symbolic and hard links, device files, fifos, sockets,
//! extended attributes (`user.`, `trusted.`, `security.`), access control lists, times in nanoseconds, space
//! reserved and freed (fallocate).
//! Options of `mount`: `size=BYTES[k|m|g]`, `nr_inodes=N`, `mode=OCTAL`, `noatime`. No limit is set by
//! default, but for the memory of the kernel, which all of them share.
//!
//! # Locks
//! In this order: `Volume::tree`, `Inode::state`, then the leaves `Volume::table` and `Inode::atime`. A thread
//! that holds two `Inode::state` locks at once also holds `Volume::tree`, so inodes need no order among them.
//! No lock is held while a caller's `sink` runs.
//!
//! # Life of an inode
//! The table owns inodes; directories hold numbers only. An inode leaves the table when it has no link and the
//! kernel does not hold it; its space returns when the last holder lets go.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod acl;
mod directory;
mod inode;
mod ops;
mod options;
mod pages;
mod rename;
mod space;
#[cfg(test)]
mod tests;
mod volume;
mod xattrs;

use alloc::sync::Arc;
use rump_kpi::{BlockDevice, Component, Environment, FileSystem, FileSystemInfo, FileSystemType, KResult};

struct Tmpfs;

impl FileSystemType for Tmpfs {
    fn name(&self) -> &'static str {
        "tmpfs"
    }

    fn probe(&self, _device: &Arc<dyn BlockDevice>) -> KResult<Option<FileSystemInfo>> {
        Ok(None)
    }

    fn mount(
        &self,
        _device: Option<Arc<dyn BlockDevice>>,
        read_only: bool,
        options: &str,
        environment: &Environment,
    ) -> KResult<Arc<dyn FileSystem>> {
        let options = options::Options::parse(options)?;
        Ok(volume::Volume::new(&options, read_only, environment))
    }
}

/// The component to list when a kernel is built.
pub fn component() -> Component {
    Component::FileSystem(&Tmpfs)
}
