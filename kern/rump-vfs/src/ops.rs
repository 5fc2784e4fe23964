//! Looking names up in directories, and changing directories: with the locks, checks and caches around the
//! driver's calls.
//!
//! Names are of one byte to as many as the file system takes, without `/` and NUL, and neither `.` nor `..`: the path
//! walk took care of the rest, these functions check the length.

use crate::{Credentials, Vnode, access};
use alloc::sync::Arc;
use rump_abi::{Errno, FileType, Ino, Stat};
use rump_kpi::{Capabilities, DirEntry, KError, KResult, NewNode};

/// Steps of the way up that a check for loops takes before it calls the tree damaged.
const DEPTH_MAX: u32 = 1 << 16;

/// What `name` names in `dir`, not crossing mounts. Errors: ENAMETOOLONG, those of the driver.
pub fn lookup(dir: &Arc<Vnode>, name: &[u8]) -> KResult<Option<Arc<Vnode>>> {
    if name.len() > dir.mount.name_max() {
        return Err(Errno::ENAMETOOLONG.into());
    }
    if dir.is_etfs() {
        return Ok(None);
    }
    if let Some(answer) = unlocked(dir, name, |ino| dir.mount.vnode(ino)) {
        return answer;
    }
    let _shared = dir.entries.read();
    lookup_locked(dir, name)
}

/// What `read` answers for the inode that the name cache has for `name`, without the lock of `dir`: the way of almost
/// all look-ups. `None` if nothing is known of the name, or if the directory changed before `read` was done.
fn unlocked<T>(dir: &Vnode, name: &[u8], read: impl FnOnce(Ino) -> KResult<T>) -> Option<KResult<Option<T>>> {
    let version = dir.version()?;
    let answer = match dir.mount.names.find(dir.ino, name)? {
        Some(ino) => read(ino).map(Some),
        None => Ok(None),
    };
    // Until here the name may have got another inode, and its inode another file.
    dir.is_version(version).then_some(answer)
}

/// As [`lookup`] for a caller who holds the lock of `dir`, so that what is known of a name stays true.
fn lookup_locked(dir: &Arc<Vnode>, name: &[u8]) -> KResult<Option<Arc<Vnode>>> {
    find(dir, name)?.map(|ino| dir.mount.vnode(ino)).transpose()
}

/// What `name` names in `dir`, by what is known or by the driver. The caller holds the lock of `dir`.
fn find(dir: &Arc<Vnode>, name: &[u8]) -> KResult<Option<Ino>> {
    if let Some(known) = dir.mount.names.find(dir.ino, name) {
        return Ok(known);
    }
    let found = match dir.node()?.lookup(name) {
        Ok(ino) => Some(ino),
        Err(error) if error.errno == Errno::ENOENT => None,
        Err(error) => return Err(error),
    };
    dir.mount.names.set(dir.ino, name, found);
    Ok(found)
}

/// Attributes of what `name` names in `dir`, not crossing mounts. No vnode is made for it: whoever only looks at
/// many files does not push out those in use. Errors: as [`lookup`].
pub fn stat(dir: &Arc<Vnode>, name: &[u8]) -> KResult<Option<Stat>> {
    if name.len() > dir.mount.name_max() {
        return Err(Errno::ENAMETOOLONG.into());
    }
    if let Some(answer) = unlocked(dir, name, |ino| dir.mount.stat(ino)) {
        return answer;
    }
    // With the lock, what is named stays in use.
    let _shared = dir.entries.read();
    find(dir, name)?.map(|ino| dir.mount.stat(ino)).transpose()
}

/// Which entries of a listing the name cache takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Remember {
    /// All: who lists names asks for their files next, and a lookup costs more than to remember.
    All,
    /// Those that may be entered or followed: whoever has the attributes too may never ask for a file. All where
    /// a lookup reads much of the directory.
    Entered,
}

/// Gives the entries of `dir` to `sink`, as [`Node::read_dir`](rump_kpi::Node::read_dir) does, and remembers
/// what they name. The lock of `dir` is held, so `sink` must not come back into the kernel.
pub(crate) fn read_dir(
    dir: &Arc<Vnode>,
    cursor: u64,
    remember: Remember,
    sink: &mut dyn FnMut(DirEntry<'_>) -> bool,
) -> KResult<()> {
    let _shared = dir.entries.read();
    let node = dir.node()?;
    let all = remember == Remember::All || node.lookup_scans();
    let remembers = |entry: &DirEntry<'_>| {
        let is_entered = all || entry.file_type != Some(FileType::Regular);
        is_entered && !matches!(entry.name, b"." | b"..") && entry.name.len() <= dir.mount.name_max()
    };
    node.read_dir(cursor, &mut |entry| {
        if remembers(&entry) && !dir.is_etfs() {
            dir.mount.names.note(dir.ino, entry.name, entry.ino);
        }
        sink(entry)
    })
}

/// The parent within the mount. Errors: those of the driver.
pub fn parent(dir: &Arc<Vnode>) -> KResult<Arc<Vnode>> {
    let _shared = dir.entries.read();
    let ino = dir.node()?.lookup(b"..")?;
    dir.mount.vnode(ino)
}

/// Checks that entries of `dir` may be added or removed. Errors: ENAMETOOLONG, EROFS, EACCES.
fn check_change(cred: &Credentials, dir: &Arc<Vnode>, name: &[u8]) -> KResult<()> {
    if name.len() > dir.mount.name_max() {
        return Err(Errno::ENAMETOOLONG.into());
    }
    if dir.is_etfs() {
        return Err(Errno::EROFS.into());
    }
    access::check(cred, dir, access::WRITE | access::EXEC)
}

/// Notes what `name` names in `dir` after a change. The caller holds the lock of `dir`.
fn note_change(dir: &Vnode, name: &[u8], answer: Option<Ino>) {
    if dir.mount.can(Capabilities::CASE_FOLDING) {
        dir.mount.names.begin_epoch(dir.ino);
    }
    dir.mount.names.set(dir.ino, name, answer);
}

/// Creates `name` in `dir`. Errors: ENAMETOOLONG, EROFS, EACCES, ENOENT (the directory was removed), EEXIST,
/// those of the driver.
pub fn create(cred: &Credentials, dir: &Arc<Vnode>, name: &[u8], new: NewNode<'_>) -> KResult<Arc<Vnode>> {
    check_change(cred, dir, name)?;
    let _alone = dir.change_entries();
    if dir.is_removed() {
        return Err(Errno::ENOENT.into());
    }
    if lookup_locked(dir, name)?.is_some() {
        return Err(Errno::EEXIST.into());
    }
    let ino = dir.node()?.create(name, new)?;
    note_change(dir, name, Some(ino));
    dir.mount.vnode(ino)
}

/// Adds `name` in `dir` for `target`. Errors: EXDEV, EPERM (a directory, or flags), ENAMETOOLONG, EROFS, EACCES, ENOENT,
/// EEXIST, those of the driver.
pub fn link(cred: &Credentials, dir: &Arc<Vnode>, name: &[u8], target: &Arc<Vnode>) -> KResult<()> {
    if !Arc::ptr_eq(&dir.mount, &target.mount) || target.is_etfs() {
        return Err(Errno::EXDEV.into());
    }
    if target.is_dir() {
        return Err(KError::new(Errno::EPERM, "hard links to directories are not made"));
    }
    access::check_not_fixed(target)?;
    check_change(cred, dir, name)?;
    let _alone = dir.change_entries();
    if dir.is_removed() || target.is_removed() {
        return Err(Errno::ENOENT.into());
    }
    if lookup_locked(dir, name)?.is_some() {
        return Err(Errno::EEXIST.into());
    }
    dir.node()?.link(name, target.ino)?;
    note_change(dir, name, Some(target.ino));
    Ok(())
}

/// Removes `name`, no directory, from `dir`. Errors: ENAMETOOLONG, EROFS, EACCES, ENOENT, EPERM (a directory,
/// not the owner in a sticky one, or flags), those of the driver.
pub fn unlink(cred: &Credentials, dir: &Arc<Vnode>, name: &[u8]) -> KResult<()> {
    check_change(cred, dir, name)?;
    let _alone = dir.change_entries();
    let victim = lookup_locked(dir, name)?.ok_or(Errno::ENOENT)?;
    if victim.is_dir() {
        return Err(KError::new(Errno::EPERM, "unlink of a directory"));
    }
    access::check_removal(cred, dir, &victim)?;
    dir.node()?.unlink(name)?;
    note_change(dir, name, None);
    discard_if_nameless(&victim)
}

/// A file without names lives as long as it is open.
fn discard_if_nameless(victim: &Arc<Vnode>) -> KResult<()> {
    if victim.is_dir() || victim.node()?.attr()?.nlink == 0 {
        victim.mount.discard(victim);
    }
    Ok(())
}

/// Removes the empty directory `name` from `dir`. Errors: ENAMETOOLONG, EROFS, EACCES, ENOENT, ENOTDIR, EPERM
/// (sticky), EBUSY (mounted over), ENOTEMPTY, those of the driver.
pub fn rmdir(cred: &Credentials, dir: &Arc<Vnode>, name: &[u8]) -> KResult<()> {
    check_change(cred, dir, name)?;
    let _tree = dir.mount.tree.lock();
    let _alone = dir.change_entries();
    let victim = lookup_locked(dir, name)?.ok_or(Errno::ENOENT)?;
    if !victim.is_dir() {
        return Err(Errno::ENOTDIR.into());
    }
    access::check_removal(cred, dir, &victim)?;
    if victim.is_covered() {
        return Err(Errno::EBUSY.into());
    }
    if victim.is(dir) {
        return Err(KError::new(Errno::EFTYPE, "a directory that contains itself"));
    }
    let _alone_in_victim = victim.change_entries();
    dir.node()?.rmdir(name)?;
    note_change(dir, name, None);
    discard_if_nameless(&victim)
}

/// What a rename does with a new name that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Moves over it.
    Replace,
    /// Fails with EEXIST.
    Refuse,
}

/// Moves `name` of `from` to `to_name` of `to`.
///
/// Errors: EXDEV, ENAMETOOLONG, EROFS, EACCES, ENOENT, EPERM (sticky, or flags), EEXIST ([`Taken::Refuse`]), EBUSY (a mount
/// point), EINVAL (into itself), ENOTDIR, EISDIR, ENOTEMPTY, those of the driver.
pub fn rename(
    cred: &Credentials,
    from: &Arc<Vnode>,
    name: &[u8],
    to: &Arc<Vnode>,
    to_name: &[u8],
    taken: Taken,
) -> KResult<()> {
    if !Arc::ptr_eq(&from.mount, &to.mount) {
        return Err(Errno::EXDEV.into());
    }
    check_change(cred, from, name)?;
    check_change(cred, to, to_name)?;
    let _tree = from.mount.tree.lock();
    let _alone_from = from.change_entries();
    let _alone_to = if from.is(to) { None } else { Some(to.change_entries()) };
    let source = lookup_locked(from, name)?.ok_or(Errno::ENOENT)?;
    let mut victim = lookup_locked(to, to_name)?;
    access::check_removal(cred, from, &source)?;
    if to.is_removed() {
        return Err(Errno::ENOENT.into());
    }
    if victim.is_some() && taken == Taken::Refuse {
        return Err(Errno::EEXIST.into());
    }
    if victim.as_ref().is_some_and(|victim| victim.is(&source)) {
        if name == to_name || !from.mount.can(Capabilities::CASE_FOLDING) {
            return Ok(());
        }
        // Maybe another spelling of the same entry: only the driver knows.
        victim = None;
    }
    if let Some(victim) = &victim {
        check_replace(cred, &source, to, victim)?;
    }
    if source.is_covered() {
        return Err(Errno::EBUSY.into());
    }
    if source.is_dir() && !from.is(to) {
        check_no_loop(cred, &source, from, to)?;
    }
    let lock_victim = victim.as_ref().filter(|victim| victim.is_dir() && !victim.is(from) && !victim.is(to));
    let _alone_in_victim = lock_victim.map(|victim| victim.change_entries());
    from.node()?.rename(name, to.ino, to_name)?;
    note_change(from, name, None);
    note_change(to, to_name, Some(source.ino));
    victim.as_ref().map_or(Ok(()), discard_if_nameless)
}

/// Lets `name` of `from` and `to_name` of `to` change places.
///
/// Errors: EXDEV, ENAMETOOLONG, EROFS, EACCES, ENOENT, EPERM (sticky, or flags), EBUSY (a mount point), EINVAL (one into
/// itself), ENOTSUP, those of the driver.
pub fn exchange(
    cred: &Credentials,
    from: &Arc<Vnode>,
    name: &[u8],
    to: &Arc<Vnode>,
    to_name: &[u8],
) -> KResult<()> {
    if !Arc::ptr_eq(&from.mount, &to.mount) {
        return Err(Errno::EXDEV.into());
    }
    check_change(cred, from, name)?;
    check_change(cred, to, to_name)?;
    let _tree = from.mount.tree.lock();
    let _alone_from = from.change_entries();
    let _alone_to = if from.is(to) { None } else { Some(to.change_entries()) };
    let source = lookup_locked(from, name)?.ok_or(Errno::ENOENT)?;
    let other = lookup_locked(to, to_name)?.ok_or(Errno::ENOENT)?;
    access::check_removal(cred, from, &source)?;
    access::check_removal(cred, to, &other)?;
    if source.is(&other) {
        return Ok(());
    }
    if source.is_covered() || other.is_covered() {
        return Err(Errno::EBUSY.into());
    }
    if !from.is(to) {
        if source.is_dir() {
            check_no_loop(cred, &source, from, to)?;
        }
        if other.is_dir() {
            check_no_loop(cred, &other, to, from)?;
        }
    }
    from.node()?.exchange(name, to.ino, to_name)?;
    note_change(from, name, Some(other.ino));
    note_change(to, to_name, Some(source.ino));
    Ok(())
}

/// Errors: EPERM (sticky, or flags), EISDIR, ENOTDIR, EBUSY, ENOTEMPTY (the directory moved from is in it).
fn check_replace(
    cred: &Credentials,
    source: &Arc<Vnode>,
    to: &Arc<Vnode>,
    victim: &Arc<Vnode>,
) -> KResult<()> {
    access::check_removal(cred, to, victim)?;
    match (source.is_dir(), victim.is_dir()) {
        (false, true) => return Err(Errno::EISDIR.into()),
        (true, false) => return Err(Errno::ENOTDIR.into()),
        _ => {}
    }
    if victim.is_covered() {
        return Err(Errno::EBUSY.into());
    }
    if victim.is_dir() && !is_empty(victim)? {
        return Err(Errno::ENOTEMPTY.into());
    }
    Ok(())
}

fn is_empty(dir: &Arc<Vnode>) -> KResult<bool> {
    let mut empty = true;
    dir.node()?.read_dir(0, &mut |entry| {
        empty = matches!(entry.name, b"." | b"..");
        empty
    })?;
    Ok(empty)
}

/// Checks that `to` is not below `source`, and that its `..` may be written. The tree lock is held, so nothing
/// moves meanwhile. Errors: EINVAL, EACCES, EFTYPE (the way up does not end).
fn check_no_loop(cred: &Credentials, source: &Arc<Vnode>, from: &Arc<Vnode>, to: &Arc<Vnode>) -> KResult<()> {
    let mut at = to.clone();
    for _ in 0..DEPTH_MAX {
        if at.is(source) {
            return Err(KError::new(Errno::EINVAL, "a directory cannot be moved into itself"));
        }
        if at.ino == at.mount.root_ino() {
            return access::check(cred, source, access::WRITE);
        }
        // The locks of `from` and `to` are held by this call, those of directories above are not needed.
        let above = at.node()?.lookup(b"..")?;
        at = if above == from.ino { from.clone() } else { at.mount.vnode(above)? };
    }
    Err(KError::new(Errno::EFTYPE, "the way from a directory up to the root does not end"))
}

/// Whether `file_type` can be made with `mknod`.
pub fn is_special(file_type: FileType) -> bool {
    matches!(file_type, FileType::Fifo | FileType::CharDevice | FileType::BlockDevice | FileType::Socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EmptyFileSystem, Mount, MountInfo};
    use alloc::vec::Vec;
    use rump_abi::MountFlags;

    #[test]
    fn what_is_found_counts_unless_the_directory_changes() {
        let info = MountInfo {
            fs_type: "empty",
            source: Vec::new(),
            target: Vec::new(),
            flags: MountFlags::empty(),
        };
        let mount = Mount::new(1, Arc::new(EmptyFileSystem), None, info, None, None);
        let dir = mount.root().unwrap();
        let find = |name| unlocked(&dir, name, Ok).map(Result::unwrap);
        assert_eq!(find(b"unknown"), None);
        mount.names.set(dir.ino, b"name", Some(Ino(7)));
        mount.names.set(dir.ino, b"gone", None);
        assert_eq!((find(b"name"), find(b"gone")), (Some(Some(Ino(7))), Some(None)));
        let meanwhile = unlocked(&dir, b"name", |ino| {
            drop(dir.change_entries());
            Ok(ino)
        });
        assert_eq!(meanwhile, None);
        let change = dir.change_entries();
        assert_eq!(find(b"name"), None);
        drop(change);
        assert_eq!(find(b"name"), Some(Some(Ino(7))));
    }
}
