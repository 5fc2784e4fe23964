//! `vfs`: file systems.

use super::SysctlValue::{Int, Text};
use super::{Entry, SysctlValue, fact, node};
use crate::Process;
use alloc::vec::Vec;
use rump_abi::sysctl::*;

pub(super) static TABLE: [Entry; 1] = [node(VFS_GENERIC, "generic", &GENERIC)];

static GENERIC: [Entry; 4] = [
    fact(VFS_MAXTYPENUM, "maxtypenum", |p| Ok(SysctlValue::int(names(p).len() as u64))),
    // The superuser alone mounts, and links are what they say.
    fact(VFS_USERMOUNT, "usermount", |_| Ok(Int(0))),
    fact(VFS_MAGICLINKS, "magiclinks", |_| Ok(Int(0))),
    fact(CREATE_BASE, "fstypes", |p| Ok(Text(names(p).join(" ").into_bytes()))),
];

/// The types of file systems that are linked.
fn names(process: &Process) -> Vec<&'static str> {
    process.shared().types().iter().map(|fs_type| fs_type.name()).collect()
}
