//! Reading a directory by the hash of its names, so that a listing goes on where it stopped although entries come and
//! go meanwhile: a split moves entries to other blocks, and their hash stays.
//!
//! It is done where a directory has a hash tree, or may get one before the listing ends. A cursor is 1 and 2 behind
//! `.` and `..`, and else made of 60 bits of the hash. Names whose hashes agree in all of them are given in one go; who
//! stops between two such names does not get the second. No pair is known for the hashes that are made today.

use super::htree::{self, CONTINUED, Trail};
use super::{Entry, inline, is_indexed, linear};
use crate::error::Error;
use crate::features::Compat;
use crate::inode::{FLAG_CASEFOLD, FLAG_ENCRYPTED, Inode};
use crate::units::{FileBlock, Ino};
use crate::volume::Volume;
use alloc::vec::Vec;
use rump_kpi::FileType;

/// Set in cursors behind entries other than `.` and `..`.
const TAG: u64 = 1 << 61;
/// Leaves that are taken together because the names of one hash go on from one to the next.
const LEAVES_TOGETHER: usize = 64;

/// Entries with the cursor behind each; the names in one piece.
#[derive(Default)]
struct Gathered {
    names: Vec<u8>,
    entries: Vec<(u64, usize, usize, Ino, Option<FileType>)>,
}

impl Gathered {
    fn add(&mut self, cursor: u64, entry: &Entry<'_>) {
        self.entries.push((cursor, self.names.len(), entry.name.len(), entry.ino, entry.file_type));
        self.names.extend_from_slice(entry.name);
    }

    /// Gives what is behind `cursor`, in order. Answers whether more is wanted.
    fn give(&mut self, cursor: u64, sink: &mut dyn FnMut(Entry<'_>) -> bool) -> bool {
        self.entries.sort_by_key(|entry| entry.0);
        let wanted = self.entries.iter().filter(|entry| entry.0 > cursor);
        let mut give = |&(next, at, len, ino, file_type): &(u64, usize, usize, Ino, Option<FileType>)| {
            sink(Entry { name: &self.names[at..at + len], ino, file_type, next })
        };
        for entry in wanted {
            if !give(entry) {
                return false;
            }
        }
        true
    }
}

/// Whether a listing that stopped at `cursor` goes on by hashes.
pub fn is_wanted(volume: &Volume, inode: &Inode, cursor: u64) -> bool {
    let may_have_tree = is_indexed(volume, inode)
        || inode.is_inline(volume)
        || inode.size() <= u64::from(volume.block_size());
    volume.writer().is_some()
        && volume.features().compat.contains(Compat::DIR_INDEX)
        && !inode.has_flag(FLAG_CASEFOLD | FLAG_ENCRYPTED)
        && (cursor >= TAG || (cursor <= 2 && may_have_tree))
}

/// Gives entries from `cursor` on. Errors: EFTYPE (the tree is damaged), EIO.
pub fn read(
    volume: &Volume,
    inode: &Inode,
    cursor: u64,
    sink: &mut dyn FnMut(Entry<'_>) -> bool,
) -> Result<(), Error> {
    let indexed = is_indexed(volume, inode) && !inode.is_inline(volume);
    let mut gathered = Gathered::default();
    if !indexed {
        let version = volume.superblock().raw.s_def_hash_version;
        let read = if inode.is_inline(volume) { inline::read } else { linear::read };
        let result = read(volume, inode, 0, &mut |entry| {
            gathered.add(cursor_behind(volume, version, entry.name), &entry);
            true
        });
        gathered.give(cursor, sink);
        return result;
    }
    let from = (cursor.saturating_sub(TAG) >> 29) as u32;
    let mut trail = Trail::follow(volume, inode, |_| Some(from << 1))?;
    let version = trail.version;
    if cursor < 2 {
        add_leaf(volume, inode, FileBlock(0), version, &mut gathered)?;
    }
    loop {
        let mut leaves = 0;
        while let Some(leaf) = trail.leaf() {
            add_leaf(volume, inode, leaf, version, &mut gathered)?;
            leaves += 1;
            let goes_on = trail.next_hash().is_some_and(|hash| hash & CONTINUED != 0);
            if !goes_on || leaves >= LEAVES_TOGETHER || !trail.step(volume, inode)? {
                break;
            }
        }
        if !gathered.give(cursor, sink) || !trail.step(volume, inode)? {
            return Ok(());
        }
        gathered = Gathered::default();
    }
}

fn add_leaf(
    volume: &Volume,
    inode: &Inode,
    block: FileBlock,
    version: u8,
    gathered: &mut Gathered,
) -> Result<(), Error> {
    let Some((at, bytes)) = linear::read_leaf(volume, inode, block)? else {
        return Err(htree::hole(inode, block));
    };
    linear::walk(volume, at, &bytes, 0, 0, &mut |entry| {
        gathered.add(cursor_behind(volume, version, entry.name), &entry);
        true
    })
}

fn cursor_behind(volume: &Volume, version: u8, name: &[u8]) -> u64 {
    match name {
        b"." => 1,
        b".." => 2,
        _ => {
            let (major, minor) = htree::hash_name(volume, name, version).unwrap_or_default();
            TAG | u64::from(major >> 1) << 29 | u64::from(minor >> 3)
        }
    }
}
