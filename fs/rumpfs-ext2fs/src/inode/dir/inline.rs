//! Small directories inside the inode (kernel documentation, ext4 "Inline Directories").
//!
//! The first four bytes of `i_block` are the parent's inode number; entries follow, and go on in the attribute
//! `system.data`. `.` and `..` are not stored: their cursors are 0 and 1.

use super::change::Slot;
use super::record::{self, Form, NewEntry};
use super::{Entry, change, linear};
use crate::cell::Cell;
use crate::error::{Error, Place};
use crate::inode::{Inode, file, inline, xattr};
use crate::transaction::{Handle, Kind};
use crate::units::{DiskBlock, Ino};
use crate::volume::Volume;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::cell::Cell as Flag;
use rump_kpi::FileType;

const HEAD: u64 = 4;
/// Bytes of `i_block`.
const HEAD_BYTES: usize = 60;
const DOT_DOT_CURSOR: u64 = 1;

/// Gives entries from `cursor` on; see [`super::read`].
pub fn read(
    volume: &Volume,
    inode: &Inode,
    cursor: u64,
    sink: &mut dyn FnMut(Entry<'_>) -> bool,
) -> Result<(), Error> {
    let head = &inode.base().i_block;
    let parent = Ino(u32::from_le_bytes([head[0], head[1], head[2], head[3]]));
    let file_type = Some(FileType::Directory);
    let going = Flag::new(true);
    if cursor < DOT_DOT_CURSOR {
        going.set(sink(Entry { name: b".", ino: inode.number(), file_type, next: DOT_DOT_CURSOR }));
    }
    if going.get() && cursor < HEAD {
        going.set(sink(Entry { name: b"..", ino: parent, file_type, next: HEAD }));
    }
    let mut kept = |entry: Entry<'_>| {
        going.set(going.get() && sink(entry));
        going.get()
    };
    // Errors name the block of attributes; zero stands for the inode itself.
    let first = linear::walk(volume, DiskBlock(0), &head[HEAD as usize..], HEAD, cursor, &mut kept);
    if !going.get() {
        return Ok(());
    }
    let Some(more) = xattr::inline_continuation(volume, inode)? else { return first };
    let second = linear::walk(volume, DiskBlock(0), &more, head.len() as u64, cursor, &mut kept);
    first.and(second)
}

/// Which of the two chains of an inline directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// In `i_block`.
    Head,
    /// In the attribute.
    Rest,
}

/// Makes a new directory empty, in its inode. Errors: EFTYPE, EIO.
pub fn start(handle: &mut Handle<'_>, dir: &Arc<Cell>, parent: Ino) -> Result<(), Error> {
    let form = Form::of(handle.volume());
    let mut content = vec![0; HEAD_BYTES];
    content[..4].copy_from_slice(&parent.0.to_le_bytes());
    record::fill(&mut content[4..], core::iter::empty(), form);
    store(handle, dir, &content)
}

/// Finds a name. Errors: EFTYPE, EIO.
pub fn locate(volume: &Volume, inode: &Inode, name: &[u8]) -> Result<Option<(Ino, Slot)>, Error> {
    let form = Form::of(volume);
    let content = file::inline_content(volume, inode)?;
    let (head, rest) = content.split_at(HEAD_BYTES);
    for (part, chain) in [(Part::Head, &head[4..]), (Part::Rest, rest)] {
        for (_, record) in record::all(chain, form, Place::Inode(inode.number()))? {
            if record.ino != 0 && record.name == name {
                return Ok(Some((Ino(record.ino), Slot::Inline(part))));
            }
        }
    }
    Ok(None)
}

/// Changes one of the chains. Errors: EFTYPE, EIO.
pub fn edit<R>(
    handle: &mut Handle<'_>,
    dir: &Arc<Cell>,
    part: Part,
    change: impl FnOnce(&mut [u8]) -> R,
) -> Result<R, Error> {
    let mut content = file::inline_content(handle.volume(), &dir.inode())?;
    let answer = change(match part {
        Part::Head => &mut content[4..HEAD_BYTES],
        Part::Rest => &mut content[HEAD_BYTES..],
    });
    store(handle, dir, &content)?;
    Ok(answer)
}

/// Changes what `..` names. Errors: EFTYPE, EIO.
pub fn set_parent(handle: &mut Handle<'_>, dir: &Arc<Cell>, parent: Ino) -> Result<(), Error> {
    let mut content = file::inline_content(handle.volume(), &dir.inode())?;
    content[..4].copy_from_slice(&parent.0.to_le_bytes());
    store(handle, dir, &content)
}

/// Inserts an entry if the inode has room. Errors: EFTYPE, EIO.
pub fn insert(handle: &mut Handle<'_>, dir: &Arc<Cell>, new: &NewEntry<'_>) -> Result<bool, Error> {
    let volume = handle.volume();
    let (form, inode) = (Form::of(volume), dir.inode());
    let place = Place::Inode(inode.number());
    let mut content = file::inline_content(volume, &inode)?;
    let insert = |chain: &mut [u8]| {
        let at = record::find_room(chain, 0, new.name.len(), form, place)?;
        Ok::<_, Error>(at.map(|at| record::insert(&mut chain[at], new, form)).is_some())
    };
    if !insert(&mut content[4..HEAD_BYTES])? && !insert(&mut content[HEAD_BYTES..])? {
        // The attribute takes all the room that there is, so that this happens once.
        let most = inline::capacity(&inode)? & !3;
        if most < content.len() + record::needed(1) {
            return Ok(false);
        }
        lengthen(&mut content, most, form, place)?;
        if !insert(&mut content[HEAD_BYTES..])? {
            return Ok(false);
        }
    }
    store(handle, dir, &content)?;
    Ok(true)
}

/// Lets the last record of the second chain end where `content` is to end.
fn lengthen(content: &mut Vec<u8>, end: usize, form: Form, place: Place) -> Result<(), Error> {
    let last = record::all(&content[HEAD_BYTES..], form, place)?.last().map_or(0, |(offset, _)| *offset);
    content.resize(end, 0);
    record::put_length(&mut content[HEAD_BYTES + last..], end - HEAD_BYTES - last, form);
    Ok(())
}

/// Makes a directory in a block of one in the inode. Errors: ENOSPC, EFTYPE, EIO.
pub fn move_to_block(handle: &mut Handle<'_>, dir: &Arc<Cell>) -> Result<(), Error> {
    let volume = handle.volume();
    let form = Form::of(volume);
    let content = inline::to_blocks(handle, dir)?;
    handle.update(dir, |inode| inode.edit(volume, |base, _| base.i_size_lo.set(0)))?;
    let inode = dir.inode();
    let place = Place::Inode(inode.number());
    let (head, rest) = content.split_at_checked(HEAD_BYTES).ok_or_else(|| cut_short(&inode))?;
    let parent = Ino(u32::from_le_bytes([head[0], head[1], head[2], head[3]]));
    let mut records = record::all(&head[4..], form, place)?;
    records.extend(record::all(rest, form, place)?);
    let records = records.iter().map(|(_, record)| record).filter(|record| record.ino != 0);
    let entries =
        records.map(|record| NewEntry { ino: Ino(record.ino), code: record.code, name: record.name });
    let entries: Vec<NewEntry<'_>> =
        change::dots(form, inode.number(), parent).into_iter().chain(entries).collect();
    let used: usize = entries.iter().map(|entry| record::needed(entry.name.len())).sum();
    if used > form.chain() {
        return Err(cut_short(&inode));
    }
    change::append(handle, dir, Kind::DirLeaf(inode.checksum_seed(volume)), |block| {
        record::fill_block(block, entries.into_iter(), form);
    })?;
    Ok(())
}

fn store(handle: &mut Handle<'_>, dir: &Arc<Cell>, content: &[u8]) -> Result<(), Error> {
    if inline::store(handle, dir, content)? { Ok(()) } else { Err(cut_short(&dir.inode())) }
}

fn cut_short(inode: &Inode) -> Error {
    Error::corrupt("inline directory", Place::Inode(inode.number()), 0, "does not fit where it was found")
}
