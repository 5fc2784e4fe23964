//! Changing directories: one way in for all their shapes.
//!
//! The callers have the directory for themselves and know that a name is there, or is not. Blocks are verified
//! before they change, so that damage is not sealed with a fresh checksum.

use super::htree::ROOT_RECORDS;
use super::linear::Mark;
use super::record::{self, Form, NewEntry};
use super::{inline, is_indexed, linear, tree};
use crate::cell::Cell;
use crate::error::{Error, Place};
use crate::features::Incompat;
use crate::inode::map::{self, Mapping};
use crate::inode::{FLAG_CASEFOLD, FLAG_ENCRYPTED, FLAG_INDEX, Inode};
use crate::transaction::{Handle, Kind};
use crate::units::{DiskBlock, FileBlock, Ino};
use crate::volume::Volume;
use alloc::format;
use alloc::sync::Arc;
use core::sync::atomic::Ordering;
use rump_kpi::{Errno, FileType};

/// Longest directory whose size has only its lower half.
const MOST_BYTES: u64 = i32::MAX as u64;
/// A hash tree names blocks with this many bits.
const MOST_BLOCKS: u64 = 1 << 28;

/// Where an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// In this block of the directory, which is here.
    Block(FileBlock, DiskBlock),
    /// In the inode: in `i_block`, or in the attribute that continues it.
    Inline(inline::Part),
}

/// Refuses what cannot be changed here: names that only their key or their folding could place. Errors: ENOTSUP.
pub fn check(inode: &Inode) -> Result<(), Error> {
    for (flag, what) in [(FLAG_ENCRYPTED, "encrypted"), (FLAG_CASEFOLD, "case-insensitive")] {
        if inode.has_flag(flag) {
            let why = format!("changing {}, a directory that is {what}", inode.number());
            return Err(Error::unsupported(why));
        }
    }
    Ok(())
}

/// The entries that every directory in blocks begins with.
pub fn dots(form: Form, own: Ino, parent: Ino) -> [NewEntry<'static>; 2] {
    let new = |name, ino| NewEntry::new(form, name, ino, FileType::Directory);
    [new(b".", own), new(b"..", parent)]
}

/// Gives a new directory what it begins with; its inode says whether it is to be inline. Errors: ENOSPC, EIO.
pub fn start(handle: &mut Handle<'_>, dir: &Arc<Cell>, parent: Ino) -> Result<(), Error> {
    let volume = handle.volume();
    if dir.inode().is_inline(volume) {
        return inline::start(handle, dir, parent);
    }
    let (form, inode) = (Form::of(volume), dir.inode());
    let kind = Kind::DirLeaf(inode.checksum_seed(volume));
    append(handle, dir, kind, |block| {
        record::fill_block(block, dots(form, inode.number(), parent).into_iter(), form);
    })?;
    Ok(())
}

/// Inserts a name that is not there. Errors: ENOSPC, EFTYPE, EIO, ENOTSUP (encrypted, case-insensitive).
pub fn insert(
    handle: &mut Handle<'_>,
    dir: &Arc<Cell>,
    name: &[u8],
    ino: Ino,
    file_type: FileType,
) -> Result<(), Error> {
    let volume = handle.volume();
    check(&dir.inode())?;
    let new = NewEntry::new(Form::of(volume), name, ino, file_type);
    if dir.inode().is_inline(volume) {
        if inline::insert(handle, dir, &new)? {
            return Ok(());
        }
        inline::move_to_block(handle, dir)?;
    }
    if is_indexed(volume, &dir.inode()) {
        return tree::insert(handle, dir, &new);
    }
    insert_linear(handle, dir, &new)
}

fn insert_linear(handle: &mut Handle<'_>, dir: &Arc<Cell>, new: &NewEntry<'_>) -> Result<(), Error> {
    let volume = handle.volume();
    let inode = dir.inode();
    forget_index(handle, dir)?;
    let blocks = blocks_of(volume, &inode)?;
    let mut block = dir.first_with_room.load(Ordering::Relaxed).min(blocks);
    while block < blocks {
        if put(handle, &inode, FileBlock(block), new)? {
            dir.first_with_room.store(block, Ordering::Relaxed);
            return Ok(());
        }
        block = match map::find_run(volume, &inode, FileBlock(block))? {
            run if matches!(run.mapping, Mapping::At(_)) => block + 1,
            hole => hole.end(),
        };
    }
    if blocks == 1 && tree::is_wanted(volume) {
        tree::plant(handle, dir)?;
        return tree::insert(handle, dir, new);
    }
    let form = Form::of(volume);
    let kind = Kind::DirLeaf(inode.checksum_seed(volume));
    append(handle, dir, kind, |bytes| record::fill_block(bytes, core::iter::once(*new), form))?;
    dir.first_with_room.store(blocks, Ordering::Relaxed);
    Ok(())
}

/// Where the volume has no hash trees, the mark of one that was there would be wrong after the next change.
fn forget_index(handle: &mut Handle<'_>, dir: &Arc<Cell>) -> Result<(), Error> {
    if !dir.inode().has_flag(FLAG_INDEX) {
        return Ok(());
    }
    let volume = handle.volume();
    handle.update(dir, |inode| {
        inode.edit(volume, |base, _| base.i_flags.set(base.i_flags.get() & !FLAG_INDEX));
    })
}

/// Stores an entry in a block of entries, if there is room. Errors: EFTYPE, EIO.
pub fn put(
    handle: &mut Handle<'_>,
    inode: &Inode,
    block: FileBlock,
    new: &NewEntry<'_>,
) -> Result<bool, Error> {
    let volume = handle.volume();
    let form = Form::of(volume);
    let Some((at, bytes)) = linear::read_leaf(volume, inode, block)? else { return Ok(false) };
    let find = |from| record::find_room(&bytes[..form.chain()], from, new.name.len(), form, Place::Block(at));
    let mark = Mark::of(&bytes);
    // Before the record that gave room last there is little.
    let mut room = find(mark.last_room)?;
    if room.is_none() && mark.last_room > 0 {
        room = find(0)?;
    }
    let Some(room) = room else { return Ok(false) };
    // Who still looks at a block while it changes makes that a copy.
    drop(bytes);
    let mark = Mark { last_room: room.start, ..mark };
    handle.modify_part(at, Kind::DirLeaf(inode.checksum_seed(volume)), room, |record| {
        record::insert(record, new, form);
    })?;
    if let Some(changed) = volume.cache().find(at.0) {
        mark.set(volume, at, &changed);
    }
    Ok(true)
}

/// Adds a block at the end of a directory. Errors: ENOSPC (also: the directory is as long as it may be), EIO.
pub fn append(
    handle: &mut Handle<'_>,
    dir: &Arc<Cell>,
    kind: Kind,
    fill: impl FnOnce(&mut [u8]),
) -> Result<FileBlock, Error> {
    let volume = handle.volume();
    let blocks = blocks_of(volume, &dir.inode())?;
    let size = (blocks + 1) << volume.superblock().block_bits;
    let long = volume.features().incompat.contains(Incompat::LARGE_DIR);
    if blocks >= MOST_BLOCKS || (size > MOST_BYTES && !long) {
        return Err(Error::Refused(Errno::ENOSPC));
    }
    map::write::grow(handle, dir, FileBlock(blocks), kind, fill)?;
    handle.update(dir, |inode| {
        inode.edit(volume, |base, _| {
            base.i_size_lo.set(size as u32);
            base.i_size_high.set((size >> 32) as u32);
        });
    })?;
    Ok(FileBlock(blocks))
}

fn blocks_of(volume: &Volume, inode: &Inode) -> Result<u64, Error> {
    let size = inode.size();
    let blocks = size >> volume.superblock().block_bits;
    if size % u64::from(volume.block_size()) != 0 || blocks > volume.readable_blocks() {
        let why = format!("{size} bytes");
        return Err(Error::corrupt("directory", Place::Inode(inode.number()), 4, why));
    }
    Ok(blocks)
}

/// Removes the entry of a name from where [`super::locate`] found it. Errors: EFTYPE, EIO, ENOTSUP.
pub fn remove(handle: &mut Handle<'_>, dir: &Arc<Cell>, name: &[u8], slot: Slot) -> Result<(), Error> {
    let volume = handle.volume();
    check(&dir.inode())?;
    let form = Form::of(volume);
    let done = match slot {
        Slot::Inline(part) => inline::edit(handle, dir, part, |chain| record::remove(chain, name, form))?,
        Slot::Block(block, at) => {
            dir.first_with_room.fetch_min(block.0, Ordering::Relaxed);
            let kind = Kind::DirLeaf(dir.inode().checksum_seed(volume));
            let part =
                record::part_of(&volume.read_block(at)?[..form.chain()], name, form, Place::Block(at))?;
            match part {
                Some(part) => handle.modify_part(at, kind, part, |part| record::remove(part, name, form))?,
                None => false,
            }
        }
    };
    if done { Ok(()) } else { Err(lost(dir)) }
}

/// Lets the entry of a name, at the place where [`super::locate`] found it, name another inode. Errors: EFTYPE, EIO,
/// ENOTSUP.
pub fn replace(
    handle: &mut Handle<'_>,
    dir: &Arc<Cell>,
    name: &[u8],
    slot: Slot,
    ino: Ino,
    file_type: FileType,
) -> Result<(), Error> {
    let volume = handle.volume();
    check(&dir.inode())?;
    let form = Form::of(volume);
    let new = NewEntry::new(form, name, ino, file_type);
    let done = match slot {
        Slot::Inline(part) => inline::edit(handle, dir, part, |chain| record::replace(chain, &new, form))?,
        Slot::Block(_, at) => {
            let kind = Kind::DirLeaf(dir.inode().checksum_seed(volume));
            handle.modify(at, kind, |bytes| record::replace(&mut bytes[..form.chain()], &new, form))?
        }
    };
    if done { Ok(()) } else { Err(lost(dir)) }
}

/// Changes what `..` names. Errors: EFTYPE, EIO, ENOTSUP.
pub fn set_parent(handle: &mut Handle<'_>, dir: &Arc<Cell>, parent: Ino) -> Result<(), Error> {
    let volume = handle.volume();
    let inode = dir.inode();
    check(&inode)?;
    if inode.is_inline(volume) {
        return inline::set_parent(handle, dir, parent);
    }
    let form = Form::of(volume);
    let Some((at, _)) = linear::read_leaf(volume, &inode, FileBlock(0))? else { return Err(lost(dir)) };
    let seed = inode.checksum_seed(volume);
    let kind = if is_indexed(volume, &inode) {
        Kind::DirNode(seed, ROOT_RECORDS as u16)
    } else {
        Kind::DirLeaf(seed)
    };
    let [_, new] = dots(form, inode.number(), parent);
    let done = handle.modify(at, kind, |bytes| record::replace(bytes, &new, form))?;
    if done { Ok(()) } else { Err(lost(dir)) }
}

fn lost(dir: &Arc<Cell>) -> Error {
    Error::corrupt("directory", Place::Inode(dir.number()), 0, "an entry is not where it was found")
}
