//! Who may do what: owner, group and others, with the superuser's override.
//!
//! Reference: POSIX.1-2017 4.5 (file access permissions). Exactly one of the three classes decides. Where a file
//! has an access control list, that decides in place of the classes of group and others (POSIX.1e draft 17,
//! 23.1.5); the owner's bits are the same in both.

use crate::Vnode;
use alloc::vec::Vec;
use rump_abi::{Errno, FileType, Mode};
use rump_kpi::acl::{self, Subject};
use rump_kpi::{Attr, Capabilities, KResult};

/// Permission to read.
pub const READ: u32 = 4;
/// Permission to write.
pub const WRITE: u32 = 2;
/// Permission to execute, or to search a directory.
pub const EXEC: u32 = 1;

/// For whom a process acts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Credentials {
    /// User; zero is the superuser.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
}

impl Credentials {
    /// The superuser.
    pub fn root() -> Self {
        Self::default()
    }

    /// Whether permission checks are overridden.
    pub fn is_root(&self) -> bool {
        self.uid == 0
    }

    /// Whether `gid` is the group or one of the supplementary groups.
    pub fn in_group(&self, gid: u32) -> bool {
        self.gid == gid || self.groups.contains(&gid)
    }

    /// Whether this is the owner or the superuser.
    pub fn owns(&self, attr: &Attr) -> bool {
        self.is_root() || self.uid == attr.uid
    }
}

/// Checks that all bits of `wanted` are granted by the mode. Errors: EACCES.
fn check_mode(cred: &Credentials, attr: &Attr, wanted: u32) -> KResult<()> {
    let mode = attr.mode.bits();
    let granted = if cred.is_root() {
        let runs = attr.file_type == FileType::Directory || mode & 0o111 != 0;
        READ | WRITE | if runs { EXEC } else { 0 }
    } else if cred.uid == attr.uid {
        mode >> 6
    } else if cred.in_group(attr.gid) {
        mode >> 3
    } else {
        mode
    };
    if wanted & !granted & 7 == 0 { Ok(()) } else { Err(Errno::EACCES.into()) }
}

/// Checks that all bits of `wanted` are granted by the access control list, or by the mode of a file without one.
/// Errors: EACCES, EFTYPE (a damaged list), EIO.
pub fn check_granted(cred: &Credentials, vnode: &Vnode, attr: &Attr, wanted: u32) -> KResult<()> {
    let needs_list = !cred.is_root() && cred.uid != attr.uid && vnode.mount().can(Capabilities::ACLS);
    let Some(list) = (if needs_list { vnode.node()?.acl(acl::ACCESS)? } else { None }) else {
        return check_mode(cred, attr, wanted);
    };
    let subject = Subject { uid: cred.uid, in_group: &|gid| cred.in_group(gid) };
    if list.grants(subject, attr.uid, attr.gid, wanted) { Ok(()) } else { Err(Errno::EACCES.into()) }
}

/// As [`check_granted`], and writing asks for a mount that takes it and a file that is not immutable. Device files may
/// be written on any mount. Errors: EROFS, EPERM (immutable), EACCES, those of `attr`.
pub fn check(cred: &Credentials, vnode: &Vnode, wanted: u32) -> KResult<()> {
    if wanted & WRITE != 0 && matches!(vnode.file_type(), FileType::Regular | FileType::Directory) {
        vnode.check_writable()?;
        if vnode.flags()?.is_immutable() {
            return Err(Errno::EPERM.into());
        }
    }
    if cred.is_root() && (wanted & EXEC == 0 || vnode.is_dir()) {
        return Ok(());
    }
    check_granted(cred, vnode, &vnode.node()?.attr()?, wanted)
}

/// Checks that name and attributes of a file may change. Errors: EPERM (immutable or append-only), those of `attr`.
pub fn check_not_fixed(vnode: &Vnode) -> KResult<()> {
    if vnode.flags()?.is_fixed() { Err(Errno::EPERM.into()) } else { Ok(()) }
}

/// Checks the right to take `victim` out of `dir`: what is immutable or append-only stays, and all in a directory that
/// is append-only; in a sticky one only owners may. Errors: EPERM.
pub fn check_removal(cred: &Credentials, dir: &Vnode, victim: &Vnode) -> KResult<()> {
    if dir.flags()?.is_append_only() {
        return Err(Errno::EPERM.into());
    }
    check_not_fixed(victim)?;
    if cred.is_root() {
        return Ok(());
    }
    let of_dir = dir.node()?.attr()?;
    if of_dir.mode.bits() & Mode::STICKY == 0 || of_dir.uid == cred.uid {
        return Ok(());
    }
    if victim.node()?.attr()?.uid == cred.uid { Ok(()) } else { Err(Errno::EPERM.into()) }
}

/// The mode after a change by someone who is not the superuser: programs lose their set-id bits.
pub fn without_set_id(attr: &Attr) -> Option<Mode> {
    let mode = attr.mode.bits();
    let mut lost = mode & Mode::SUID;
    if mode & 0o010 != 0 {
        lost |= mode & Mode::SGID;
    }
    (attr.file_type == FileType::Regular && lost != 0).then(|| Mode::new(mode & !lost))
}

/// Checks the right to search `dir`. Errors: ENOTDIR, EACCES.
pub fn check_search(cred: &Credentials, dir: &Vnode) -> KResult<()> {
    if !dir.is_dir() {
        return Err(Errno::ENOTDIR.into());
    }
    check(cred, dir, EXEC)
}
