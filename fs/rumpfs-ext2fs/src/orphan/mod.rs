//! Inodes without names: in use until they are forgotten, freed by whoever mounts next if that never comes. Also
//! listed: files that are being cut, which takes more than one operation.
//!
//! On the device they are a list: the superblock names the first, and each names the next where others have the time
//! of their deletion. In memory the running transaction knows both neighbours of each, so that any can be taken off
//! at once. What becomes an orphan is listed by the commit, since most are freed before that.

mod recovery;

use crate::allocation::inodes;
use crate::cell::Cell;
use crate::error::{Error, Place};
use crate::inode::{FLAG_INLINE_DATA, Inode, attr, file, map, symlink, xattr};
use crate::layout;
use crate::superblock;
use crate::transaction::{Handle, Kind, Orphan};
use crate::units::{FileBlock, Ino};
use crate::volume::Volume;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use rump_kpi::FileType;
use zerocopy::FromBytes;

pub use recovery::recover;

/// Blocks that an operation must have room for to end a release.
const ROOM_TO_END: usize = 32;
/// No file has a block behind this one.
const END_OF_FILE: u64 = 1 << 32;

/// Makes an inode an orphan: it lost its last name, or is being cut.
pub fn add(handle: &mut Handle<'_>, cell: &Arc<Cell>) {
    if !handle.is_orphan(cell.number()) {
        handle.add_new_orphan(cell);
    }
}

/// Puts those on the list that became orphans since the last commit. They and the superblock are part of the
/// transaction. Errors: EFTYPE, EIO.
pub fn list(handle: &mut Handle<'_>) -> Result<(), Error> {
    for cell in handle.new_orphans() {
        handle.forget_new_orphan(cell.number());
        put_first(handle, &cell)?;
    }
    Ok(())
}

fn put_first(handle: &mut Handle<'_>, cell: &Arc<Cell>) -> Result<(), Error> {
    let after = first(handle)?;
    set_next(handle, cell, after)?;
    set_first(handle, Some(cell.number()))?;
    if let Some((next, orphan)) = after.and_then(|next| Some((next, handle.orphan(next)?))) {
        handle.set_orphan(next, Some(Orphan { before: Some(cell.number()), ..orphan }));
    }
    handle.set_orphan(cell.number(), Some(Orphan { cell: cell.clone(), before: None, after }));
    Ok(())
}

/// An inode is no orphan, or no longer. Errors: EFTYPE, EIO.
pub fn remove(handle: &mut Handle<'_>, cell: &Arc<Cell>) -> Result<(), Error> {
    if handle.forget_new_orphan(cell.number()) {
        return Ok(());
    }
    let Some(Orphan { before, after, .. }) = handle.orphan(cell.number()) else { return Ok(()) };
    match before.and_then(|before| Some((before, handle.orphan(before)?))) {
        Some((number, orphan)) => {
            set_next(handle, &orphan.cell, after)?;
            handle.set_orphan(number, Some(Orphan { after, ..orphan }));
        }
        None => set_first(handle, after)?,
    }
    if let Some((next, orphan)) = after.and_then(|next| Some((next, handle.orphan(next)?))) {
        handle.set_orphan(next, Some(Orphan { before, ..orphan }));
    }
    handle.set_orphan(cell.number(), None);
    set_next(handle, cell, None)
}

fn set_next(handle: &mut Handle<'_>, cell: &Arc<Cell>, next: Option<Ino>) -> Result<(), Error> {
    let volume = handle.volume();
    handle.update(cell, |inode| inode.edit(volume, |base, _| base.i_dtime.set(next.map_or(0, |ino| ino.0))))
}

fn first(handle: &Handle<'_>) -> Result<Option<Ino>, Error> {
    let volume = handle.volume();
    let block = volume.read_block(volume.superblock().primary_block())?;
    let at = superblock::offset_in_block(volume.superblock());
    let raw = block.get(at..at + superblock::SIZE).map(layout::Superblock::ref_from_bytes);
    Ok(raw.and_then(Result::ok).map(|raw| Ino(raw.s_last_orphan.get())).filter(|ino| ino.0 != 0))
}

fn set_first(handle: &mut Handle<'_>, first: Option<Ino>) -> Result<(), Error> {
    change_superblock(handle, |raw| raw.s_last_orphan.set(first.map_or(0, |ino| ino.0)))
}

fn change_superblock(
    handle: &mut Handle<'_>,
    change: impl FnOnce(&mut layout::Superblock),
) -> Result<(), Error> {
    let superblock = handle.volume().superblock();
    let at = superblock::offset_in_block(superblock);
    let part = at..at + superblock::SIZE;
    handle.modify_part(superblock.primary_block(), Kind::Superblock, part, |bytes| {
        if let Ok(raw) = layout::Superblock::mut_from_bytes(bytes) {
            change(raw);
        }
    })
}

/// Frees the content, the attributes and the number of an inode without names that nobody uses, and the inodes of
/// values that only it referred to. Errors: EFTYPE, EIO.
pub fn release(volume: &Volume, cell: &Arc<Cell>) -> Result<(), Error> {
    // Each inode of a value lost its last reference when it came here, so there are no more than inodes.
    let mut waiting = vec![cell.clone()];
    while let Some(cell) = waiting.pop() {
        waiting.extend(release_one(volume, &cell)?);
    }
    Ok(())
}

fn release_one(volume: &Volume, cell: &Arc<Cell>) -> Result<Vec<Arc<Cell>>, Error> {
    file::write::discard(volume, cell);
    let _alone = cell.content.write();
    if cell.inode().base().i_links_count.get() != 0 {
        // It has got a name since.
        return Ok(Vec::new());
    }
    cut(volume, cell, 0, end)
}

/// Frees the blocks from `start` on in as many operations as it takes, and does `last` in the last of them.
fn cut<R>(
    volume: &Volume,
    cell: &Arc<Cell>,
    start: u64,
    last: impl FnOnce(&mut Handle<'_>, &Arc<Cell>) -> Result<R, Error>,
) -> Result<R, Error> {
    let mut left = if has_map(volume, &cell.inode())? { END_OF_FILE } else { start };
    loop {
        let mut handle = volume.begin()?;
        let before = left;
        if left > start {
            left = map::write::remove(&mut handle, cell, FileBlock(start), left)?;
        }
        if left <= start && handle.room() >= ROOM_TO_END {
            let answer = last(&mut handle, cell)?;
            handle.finish();
            return Ok(answer);
        }
        handle.finish();
        if left > start && left >= before {
            let why = format!("nothing could be freed below block {left}");
            return Err(Error::corrupt("block map", Place::Inode(cell.number()), 0, why));
        }
        // The room was taken by operations before; the next transaction has it.
        volume.commit()?;
    }
}

/// Whether an inode has blocks of content.
fn has_map(volume: &Volume, inode: &Inode) -> Result<bool, Error> {
    Ok(match attr::file_type(inode)? {
        FileType::Regular | FileType::Directory => !inode.has_flag(FLAG_INLINE_DATA),
        FileType::Symlink => !inode.has_flag(FLAG_INLINE_DATA) && !symlink::is_fast(volume, inode),
        _ => false,
    })
}

/// Frees what is left of an inode without content.
fn end(handle: &mut Handle<'_>, cell: &Arc<Cell>) -> Result<Vec<Arc<Cell>>, Error> {
    let volume = handle.volume();
    let lost = xattr::write::release(handle, cell)?;
    remove(handle, cell)?;
    let (now, file_type) = (handle.now(), attr::file_type(&cell.inode())?);
    handle.update(cell, |inode| {
        inode.edit(volume, |base, _| {
            // Zero would say that it is in use.
            base.i_dtime.set((now.sec as u32).max(1));
            base.i_size_lo.set(0);
            base.i_size_high.set(0);
        });
    })?;
    inodes::free(handle, cell.number(), file_type)?;
    Ok(lost)
}
