//! Changing hash trees: entries go to the leaf of their hash; what is full is split.
//!
//! One change of shape is made at a time, and the way to the leaf is looked for anew after it: a full leaf is split
//! if its node has room, else the lowest full node below one with room, else a level is put under the root. So few
//! changes lead to room, and none needs to know of the others.

use super::htree::{self, CONTINUED, Frame, NODE_RECORDS, ROOT_INFO, ROOT_RECORDS, Trail};
use super::record::{self, Form, NewEntry};
use super::{change, linear};
use crate::cell::Cell;
use crate::error::{Error, Place};
use crate::features::Compat;
use crate::inode::{FLAG_INDEX, Inode};
use crate::transaction::{Handle, Kind};
use crate::units::{FileBlock, Ino};
use crate::volume::Volume;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_kpi::Errno;

/// A level under the root, a split on each of two levels and of the leaf, and the packing of the leaf.
const MOST_CHANGES: usize = 6;
/// Versions of the hash that new trees may have.
const KNOWN_VERSIONS: core::ops::RangeInclusive<u8> = 0..=2;
const BYTES_PER_RECORD: usize = 8;
/// Behind the records of a node with a checksum.
const NODE_TAIL: usize = 8;

/// Inserts an entry. Errors: ENOSPC (of the volume, or the tree is as high and full as it may be), EFTYPE, EIO.
pub fn insert(handle: &mut Handle<'_>, dir: &Arc<Cell>, new: &NewEntry<'_>) -> Result<(), Error> {
    let volume = handle.volume();
    for _ in 0..=MOST_CHANGES {
        let inode = dir.inode();
        let trail = Trail::find(volume, &inode, new.name)?;
        check_limits(volume, &trail)?;
        let leaf = trail.leaf().ok_or_else(|| damaged(&inode, "no leaf"))?;
        if change::put(handle, &inode, leaf, new)? {
            return Ok(());
        }
        match trail.frames.iter().rposition(|frame| frame.count < frame.limit) {
            Some(depth) if depth == trail.levels => {
                split_leaf(handle, dir, &trail.frames[depth], leaf, trail.version, new)?;
            }
            Some(depth) => split_node(handle, dir, &trail.frames[depth], &trail.frames[depth + 1])?,
            None => add_level(handle, dir, &trail)?,
        }
    }
    Err(damaged(&dir.inode(), "no split leads to room"))
}

/// Whether a directory that outgrows its first block may get a tree on this volume.
pub fn is_wanted(volume: &Volume) -> bool {
    volume.features().compat.contains(Compat::DIR_INDEX)
        && KNOWN_VERSIONS.contains(&volume.superblock().raw.s_def_hash_version)
}

/// Makes the only block of a directory the root of a tree: its entries go to the first leaf.
pub fn plant(handle: &mut Handle<'_>, dir: &Arc<Cell>) -> Result<(), Error> {
    let volume = handle.volume();
    let (form, inode) = (Form::of(volume), dir.inode());
    let Some((at, bytes)) = linear::read_leaf(volume, &inode, FileBlock(0))? else {
        return Err(htree::hole(&inode, FileBlock(0)));
    };
    let records = record::all(&bytes[..form.chain()], form, Place::Block(at))?;
    let parent = records.iter().find(|(_, record)| record.name == b"..");
    let parent = parent.ok_or_else(|| damaged(&inode, "no entry for the parent"))?.1.ino;
    let named = records.iter().map(|(_, record)| record).filter(|record| record.ino != 0);
    let entries = named.filter(|record| record.name != b"." && record.name != b"..");
    let entries =
        entries.map(|record| NewEntry { ino: Ino(record.ino), code: record.code, name: record.name });
    let seed = inode.checksum_seed(volume);
    let leaf = change::append(handle, dir, Kind::DirLeaf(seed), |block| {
        record::fill_block(block, entries, form);
    })?;
    let version = volume.superblock().raw.s_def_hash_version;
    handle.modify(at, Kind::DirNode(seed, ROOT_RECORDS as u16), |block| {
        let dots = change::dots(form, inode.number(), Ino(parent));
        record::fill(block, dots.into_iter(), form);
        block[ROOT_INFO..].fill(0);
        block[ROOT_INFO + 4] = version;
        block[ROOT_INFO + 5] = (ROOT_RECORDS - ROOT_INFO) as u8;
        put_counts(block, ROOT_RECORDS, limit_of(form, ROOT_RECORDS), 1);
        put_block(block, ROOT_RECORDS, 0, leaf);
    })?;
    handle.update(dir, |inode| {
        inode.edit(volume, |base, _| base.i_flags.set(base.i_flags.get() | FLAG_INDEX));
    })
}

/// The tree must have the shape that its readers expect, or what is moved would go astray.
fn check_limits(volume: &Volume, trail: &Trail) -> Result<(), Error> {
    for frame in &trail.frames {
        if frame.limit != limit_of(Form::of(volume), frame.records) {
            let why = format!("room for {} records", frame.limit);
            return Err(Error::corrupt("hash tree node", Place::Block(frame.at), frame.records as u64, why));
        }
    }
    Ok(())
}

fn limit_of(form: Form, records: usize) -> usize {
    (form.block_size - records - if form.tail { NODE_TAIL } else { 0 }) / BYTES_PER_RECORD
}

/// Puts the records of a full root into a node of their own.
fn add_level(handle: &mut Handle<'_>, dir: &Arc<Cell>, trail: &Trail) -> Result<(), Error> {
    let volume = handle.volume();
    if trail.levels >= htree::most_levels(volume) {
        return Err(Error::Refused(Errno::ENOSPC));
    }
    let Some(root) = trail.frames.first() else { return Err(damaged(&dir.inode(), "no root")) };
    let node = append_node(handle, dir, &root.bytes[root.records..], root.count)?;
    let kind = Kind::DirNode(dir.inode().checksum_seed(volume), ROOT_RECORDS as u16);
    handle.modify(root.at, kind, |block| {
        block[ROOT_INFO + 6] += 1;
        put_counts(block, ROOT_RECORDS, root.limit, 1);
        put_block(block, ROOT_RECORDS, 0, node);
    })
}

/// Moves the upper half of a full node's records to a new one behind it.
fn split_node(handle: &mut Handle<'_>, dir: &Arc<Cell>, parent: &Frame, node: &Frame) -> Result<(), Error> {
    let kept = node.count / 2;
    let moved = &node.bytes[node.records + kept * BYTES_PER_RECORD..];
    let new = append_node(handle, dir, moved, node.count - kept)?;
    let kind = Kind::DirNode(dir.inode().checksum_seed(handle.volume()), node.records as u16);
    handle.modify(node.at, kind, |block| put_counts(block, node.records, node.limit, kept))?;
    insert_record(handle, dir, parent, node.hash(kept), new)
}

/// Adds a node with the first `count` of these records.
fn append_node(
    handle: &mut Handle<'_>,
    dir: &Arc<Cell>,
    records: &[u8],
    count: usize,
) -> Result<FileBlock, Error> {
    let form = Form::of(handle.volume());
    let kind = Kind::DirNode(dir.inode().checksum_seed(handle.volume()), NODE_RECORDS as u16);
    change::append(handle, dir, kind, |block| {
        record::put_length(block, form.block_size, form);
        let end = count * BYTES_PER_RECORD;
        block[NODE_RECORDS..NODE_RECORDS + end].copy_from_slice(&records[..end]);
        put_counts(block, NODE_RECORDS, limit_of(form, NODE_RECORDS), count);
    })
}

/// Moves the names with the higher hashes of a full leaf to a new one behind it, or only packs the leaf if that
/// makes enough room.
fn split_leaf(
    handle: &mut Handle<'_>,
    dir: &Arc<Cell>,
    parent: &Frame,
    leaf: FileBlock,
    version: u8,
    new: &NewEntry<'_>,
) -> Result<(), Error> {
    let volume = handle.volume();
    let (form, inode) = (Form::of(volume), dir.inode());
    let Some((at, bytes)) = linear::read_leaf(volume, &inode, leaf)? else {
        return Err(htree::hole(&inode, leaf));
    };
    let mut entries = Vec::new();
    for (_, record) in record::all(&bytes[..form.chain()], form, Place::Block(at))? {
        if record.ino != 0 {
            let (hash, _) = htree::hash_name(volume, record.name, version).unwrap_or_default();
            entries.push((hash, NewEntry { ino: Ino(record.ino), code: record.code, name: record.name }));
        }
    }
    let kind = Kind::DirLeaf(inode.checksum_seed(volume));
    let used: usize = entries.iter().map(|(_, entry)| record::needed(entry.name.len())).sum();
    if used + record::needed(new.name.len()) <= form.chain() {
        let packed = entries.iter().map(|(_, entry)| *entry);
        return handle.modify(at, kind, |block| record::fill_block(block, packed, form));
    }
    entries.sort_by_key(|(hash, _)| *hash);
    let split = middle(entries.iter().map(|(_, entry)| record::needed(entry.name.len())), used);
    let (lower, upper) = entries.split_at(split);
    let (Some((below, _)), Some((hash, _))) = (lower.last(), upper.first()) else {
        return Err(damaged(&inode, "a full leaf of one name"));
    };
    let second = change::append(handle, dir, kind, |block| {
        record::fill_block(block, upper.iter().map(|(_, entry)| *entry), form);
    })?;
    handle.modify(at, kind, |block| {
        record::fill_block(block, lower.iter().map(|(_, entry)| *entry), form);
    })?;
    let continued = if hash == below { CONTINUED } else { 0 };
    insert_record(handle, dir, parent, hash | continued, second)
}

/// How many of these lengths come nearest to half of `sum`.
fn middle(lengths: impl Iterator<Item = usize>, sum: usize) -> usize {
    let (mut before, mut count) = (0, 0);
    for length in lengths {
        // More of it would be beyond the middle than before it.
        if (before + length / 2) * 2 >= sum {
            break;
        }
        before += length;
        count += 1;
    }
    count
}

fn insert_record(
    handle: &mut Handle<'_>,
    dir: &Arc<Cell>,
    parent: &Frame,
    hash: u32,
    block: FileBlock,
) -> Result<(), Error> {
    let kind = Kind::DirNode(dir.inode().checksum_seed(handle.volume()), parent.records as u16);
    let place = parent.index + 1;
    handle.modify(parent.at, kind, |bytes| {
        let from = parent.records + place * BYTES_PER_RECORD;
        let end = parent.records + parent.count * BYTES_PER_RECORD;
        bytes.copy_within(from..end, from + BYTES_PER_RECORD);
        bytes[from..from + 4].copy_from_slice(&hash.to_le_bytes());
        put_block(bytes, parent.records, place, block);
        put_counts(bytes, parent.records, parent.limit, parent.count + 1);
    })
}

/// The first record has the counts where others have their hash.
fn put_counts(block: &mut [u8], records: usize, limit: usize, count: usize) {
    block[records..records + 2].copy_from_slice(&(limit as u16).to_le_bytes());
    block[records + 2..records + 4].copy_from_slice(&(count as u16).to_le_bytes());
}

fn put_block(block: &mut [u8], records: usize, index: usize, number: FileBlock) {
    let at = records + index * BYTES_PER_RECORD + 4;
    block[at..at + 4].copy_from_slice(&(number.0 as u32).to_le_bytes());
}

fn damaged(inode: &Inode, why: &'static str) -> Error {
    Error::corrupt("hash tree", Place::Inode(inode.number()), 0, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leaf_is_split_near_its_middle_and_never_at_an_end() {
        let split = |lengths: &[usize]| middle(lengths.iter().copied(), lengths.iter().sum());
        assert_eq!(split(&[12; 10]), 5);
        assert_eq!(split(&[264, 12, 12]), 1);
        assert_eq!(split(&[12, 12, 264]), 2);
        assert_eq!(split(&[264, 264]), 1);
    }

    #[test]
    fn nodes_take_as_many_records_as_fit() {
        let form = |block_size, tail| Form { block_size, typed: true, tail };
        assert_eq!(limit_of(form(1024, false), ROOT_RECORDS), 124);
        assert_eq!(limit_of(form(4096, true), ROOT_RECORDS), 507);
        assert_eq!(limit_of(form(4096, true), NODE_RECORDS), 510);
        assert_eq!(limit_of(form(1 << 16, true), NODE_RECORDS), 8190);
    }
}
