//! `rename`, and the end of a directory (rename(2), rmdir(2) of IEEE Std 1003.1-2024).
//!
//! Both directories stay locked for the whole step, so nobody sees the name in neither place or in both.

use crate::directory::Target;
use crate::inode::{Inode, State};
use crate::volume::{ROOT, Volume};
use alloc::sync::Arc;
use rump_kpi::{Errno, FileType, Ino, KResult, TimeSpec};

/// Marks an empty directory as removed: nothing can be added from here on. Errors: ENOTDIR, ENOTEMPTY.
/// The caller holds `Volume::tree`.
pub(crate) fn bury_directory(victim: &Inode, now: TimeSpec) -> KResult<()> {
    let mut state = victim.state.write();
    if !state.directory()?.is_empty() {
        return Err(Errno::ENOTEMPTY.into());
    }
    state.nlink = 0;
    state.ctime = now;
    Ok(())
}

/// Moves `name` of `from` to `to_name` in `to_dir`, over what is there. Errors: EROFS, ENOENT, EINVAL (a
/// directory into itself), ENOTDIR, EISDIR, ENOTEMPTY.
pub(crate) fn rename(from: &Inode, name: &[u8], to_dir: Ino, to_name: &[u8]) -> KResult<()> {
    let volume = from.writable()?;
    let _tree = volume.tree.lock();
    let moved = from.state.read().directory()?.find(name).ok_or(Errno::ENOENT)?;
    if moved.file_type == FileType::Directory {
        check_no_loop(&volume, moved.ino, to_dir)?;
    }
    let to = if to_dir == from.ino { None } else { Some(volume.inode(to_dir)?) };
    let mut from_state = from.state.write();
    let mut to_state = to.as_ref().map(|to| to.state.write());
    // The source is looked up again: before the locks it only served the check for loops.
    let moved =
        from_state.directory_mut()?.find(name).filter(|now| now.ino == moved.ino).ok_or(Errno::ENOENT)?;
    let target_state: &mut State = to_state.as_deref_mut().unwrap_or(&mut from_state);
    let old = target_state.directory_mut()?.find(to_name);
    if old.is_some_and(|old| old.ino == moved.ino) {
        return Ok(());
    }
    let now = volume.now();
    let victim = match old {
        Some(old) => Some(clear_place(&volume, moved, old, from.ino, now)?),
        None => None,
    };
    let target_state: &mut State = to_state.as_deref_mut().unwrap_or(&mut from_state);
    target_state.directory_mut()?.set(to_name, moved);
    let is_directory = moved.file_type == FileType::Directory;
    // A directory that is moved over another leaves the count of the target as it was.
    if is_directory && victim.is_none() {
        target_state.nlink += 1;
    }
    target_state.touch(now);
    from_state.directory_mut()?.remove(name);
    from_state.nlink -= u64::from(is_directory);
    from_state.touch(now);
    settle(&volume, moved, to_dir, now)?;
    drop((to_state, from_state));
    if let Some(victim) = victim {
        if is_directory { volume.drop_if_unused(&victim) } else { victim.drop_link(&volume, now) }
    }
    Ok(())
}

/// Lets `name` of `from` and `to_name` in `to_dir` change places. Errors: EROFS, ENOENT, EINVAL (a directory into
/// itself).
pub(crate) fn exchange(from: &Inode, name: &[u8], to_dir: Ino, to_name: &[u8]) -> KResult<()> {
    let volume = from.writable()?;
    let _tree = volume.tree.lock();
    let to = if to_dir == from.ino { None } else { Some(volume.inode(to_dir)?) };
    let one = from.state.read().directory()?.find(name).ok_or(Errno::ENOENT)?;
    let to_inode = to.as_deref().unwrap_or(from);
    let other = to_inode.state.read().directory()?.find(to_name).ok_or(Errno::ENOENT)?;
    if one.ino == other.ino {
        return Ok(());
    }
    for (moved, into) in [(one, to_dir), (other, from.ino)] {
        if moved.file_type == FileType::Directory {
            check_no_loop(&volume, moved.ino, into)?;
        }
    }
    let now = volume.now();
    {
        let mut from_state = from.state.write();
        let mut to_state = to.as_ref().map(|to| to.state.write());
        put(&mut from_state, name, one, other, now)?;
        put(to_state.as_deref_mut().unwrap_or(&mut from_state), to_name, other, one, now)?;
    }
    settle(&volume, one, to_dir, now)?;
    settle(&volume, other, from.ino, now)
}

/// Gives `name`, which names `old`, the target `new`. Errors: ENOENT (it names something else by now).
fn put(state: &mut State, name: &[u8], old: Target, new: Target, now: TimeSpec) -> KResult<()> {
    let directory = state.directory_mut()?;
    directory.find(name).filter(|found| found.ino == old.ino).ok_or(Errno::ENOENT)?;
    directory.set(name, new);
    state.nlink += u64::from(new.file_type == FileType::Directory);
    state.nlink -= u64::from(old.file_type == FileType::Directory);
    state.touch(now);
    Ok(())
}

/// Checks that `moved` may take the place of `old`; a directory there ends here.
fn clear_place(volume: &Volume, moved: Target, old: Target, from: Ino, now: TimeSpec) -> KResult<Arc<Inode>> {
    let victim = volume.inode(old.ino)?;
    match (moved.file_type == FileType::Directory, old.file_type == FileType::Directory) {
        (true, false) => return Err(Errno::ENOTDIR.into()),
        (false, true) => return Err(Errno::EISDIR.into()),
        // It holds the name that is moved; and its lock is held.
        (true, true) if old.ino == from => return Err(Errno::ENOTEMPTY.into()),
        (true, true) => bury_directory(&victim, now)?,
        (false, false) => {}
    }
    Ok(victim)
}

/// Gives the moved node its change time and, to a directory, its new parent.
fn settle(volume: &Volume, moved: Target, to_dir: Ino, now: TimeSpec) -> KResult<()> {
    let inode = volume.inode(moved.ino)?;
    let mut state = inode.state.write();
    state.ctime = now;
    if moved.file_type == FileType::Directory {
        state.directory_mut()?.parent = to_dir;
    }
    Ok(())
}

/// Walks from `to_dir` to the root; only renames change parents, and they hold `Volume::tree`.
fn check_no_loop(volume: &Volume, moved: Ino, to_dir: Ino) -> KResult<()> {
    let mut at = to_dir;
    loop {
        if at == moved {
            return Err(Errno::EINVAL.into());
        }
        if at == ROOT {
            return Ok(());
        }
        at = volume.inode(at)?.state.read().directory()?.parent;
    }
}
