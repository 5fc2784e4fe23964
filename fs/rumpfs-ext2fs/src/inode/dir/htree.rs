//! Hash trees (kernel documentation, ext4 "Hash Tree Directories"): look-up of a name by its hash.
//!
//! The tree has at most three levels below the root, and the leaves that are looked at after the first are
//! those whose hash goes on from the last; both bound the work.

use super::change::Slot;
use super::{check_node, linear};
use crate::error::{Error, Place};
use crate::features::Incompat;
use crate::inode::Inode;
use crate::inode::map::{self, Mapping};
use crate::units::{DiskBlock, FileBlock, Ino};
use crate::volume::Volume;
use alloc::format;
use alloc::vec::Vec;
use rump_checksum::dirhash;
use rump_kpi::cache::Block;

/// Where the root describes the tree.
pub const ROOT_INFO: usize = 0x18;
/// Where the records of the root begin.
pub const ROOT_RECORDS: usize = 0x20;
/// Where the records of other nodes begin.
pub const NODE_RECORDS: usize = 8;
const FLAG_UNSIGNED: u32 = 2;
/// Set in a record's hash when its first name has the hash of the leaf before it.
pub const CONTINUED: u32 = 1;

/// A node and the record that was followed.
pub struct Frame {
    /// Where the node is.
    pub at: DiskBlock,
    /// The node.
    pub bytes: Block,
    /// Where its records begin.
    pub records: usize,
    /// Records that there is room for.
    pub limit: usize,
    /// Records.
    pub count: usize,
    /// The record that was followed.
    pub index: usize,
}

impl Frame {
    fn word(&self, at: usize) -> u32 {
        let bytes = self.bytes.get(at..at + 4).unwrap_or(&[0; 4]);
        u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
    }

    /// Hash from which a record answers; the first has none and answers from zero.
    pub fn hash(&self, index: usize) -> u32 {
        if index == 0 { 0 } else { self.word(self.records + index * 8) }
    }

    fn block(&self) -> FileBlock {
        FileBlock((self.word(self.records + self.index * 8 + 4) & 0x0fff_ffff).into())
    }

    /// Follows the last record whose hash is not beyond `hash`.
    fn seek(&mut self, hash: u32) {
        let (mut low, mut high) = (1, self.count);
        while low < high {
            let middle = (low + high) / 2;
            if self.hash(middle) > hash { high = middle } else { low = middle + 1 }
        }
        self.index = low - 1;
    }
}

/// The way from the root to a leaf.
pub struct Trail {
    /// The nodes, the root first.
    pub frames: Vec<Frame>,
    /// Levels of nodes below the root.
    pub levels: usize,
    /// The version of the hash.
    pub version: u8,
    hash: u32,
}

/// Most levels of nodes below the root.
pub fn most_levels(volume: &Volume) -> usize {
    if volume.features().incompat.contains(Incompat::LARGE_DIR) { 2 } else { 1 }
}

impl Trail {
    /// Follows the hash of a name. An error means that the tree, not the directory, is damaged.
    pub fn find(volume: &Volume, inode: &Inode, name: &[u8]) -> Result<Self, Error> {
        Self::follow(volume, inode, |version| hash_name(volume, name, version).map(|(major, _)| major))
    }

    /// Follows the hash that the tree's version gives. Errors: as [`Trail::find`].
    pub fn follow(
        volume: &Volume,
        inode: &Inode,
        hash: impl FnOnce(u8) -> Option<u32>,
    ) -> Result<Self, Error> {
        let (at, root) = read_block(volume, inode, FileBlock(0))?;
        let damaged =
            |offset: usize, why| Error::corrupt("hash tree root", Place::Block(at), offset as u64, why);
        let (version, info_length, levels) =
            (root[ROOT_INFO + 4], root[ROOT_INFO + 5], root[ROOT_INFO + 6].into());
        if info_length != 8 || levels > most_levels(volume) {
            return Err(damaged(ROOT_INFO + 5, format!("info length {info_length}, {levels} levels")));
        }
        let hash = hash(version).ok_or_else(|| damaged(ROOT_INFO + 4, format!("hash version {version}")))?;
        let mut frames = Vec::with_capacity(3);
        frames.push(frame(volume, inode, at, root, ROOT_RECORDS, hash)?);
        let mut trail = Self { frames, levels, version, hash };
        trail.descend(volume, inode)?;
        Ok(trail)
    }

    /// The leaf at its end.
    pub fn leaf(&self) -> Option<FileBlock> {
        self.frames.last().map(Frame::block)
    }

    /// Reads nodes until there is one for every level.
    fn descend(&mut self, volume: &Volume, inode: &Inode) -> Result<(), Error> {
        while self.frames.len() <= self.levels {
            let Some(block) = self.frames.last().map(Frame::block) else { break };
            let (at, bytes) = read_block(volume, inode, block)?;
            self.frames.push(frame(volume, inode, at, bytes, NODE_RECORDS, self.hash)?);
        }
        Ok(())
    }

    /// The hash from which the next leaf answers; `None` behind the last.
    pub fn next_hash(&self) -> Option<u32> {
        let frame = self.frames.iter().rev().find(|frame| frame.index + 1 < frame.count)?;
        Some(frame.hash(frame.index + 1))
    }

    /// Goes on to the next leaf. Answers whether there is one.
    pub fn step(&mut self, volume: &Volume, inode: &Inode) -> Result<bool, Error> {
        while let Some(last) = self.frames.last_mut() {
            last.index += 1;
            if last.index >= last.count {
                self.frames.pop();
                continue;
            }
            let depth = self.frames.len();
            self.descend(volume, inode)?;
            // Whatever is below the record that was stepped to begins with its first.
            self.frames.iter_mut().skip(depth).for_each(|frame| frame.index = 0);
            return Ok(true);
        }
        Ok(false)
    }

    /// Goes on to the next leaf if it continues the names of this hash.
    fn advance(&mut self, volume: &Volume, inode: &Inode) -> Result<bool, Error> {
        if self.next_hash() != Some(self.hash | CONTINUED) {
            return Ok(false);
        }
        self.step(volume, inode)
    }
}

/// Finds a name: its inode and where its entry is. An error means that the tree, not the directory, is damaged.
pub fn lookup(volume: &Volume, inode: &Inode, name: &[u8]) -> Result<Option<(Ino, Slot)>, Error> {
    let mut trail = Trail::find(volume, inode, name)?;
    loop {
        let Some(leaf) = trail.leaf() else { return Ok(None) };
        if let Some(found) = find_in_leaf(volume, inode, leaf, name)? {
            return Ok(Some(found));
        }
        if !trail.advance(volume, inode)? {
            return Ok(None);
        }
    }
}

fn frame(
    volume: &Volume,
    inode: &Inode,
    at: DiskBlock,
    bytes: Block,
    records: usize,
    hash: u32,
) -> Result<Frame, Error> {
    volume.verify(at, &bytes, |bytes| check_node(volume, inode, at, bytes, records))?;
    let limit = usize::from(u16::from_le_bytes([bytes[records], bytes[records + 1]]));
    let count = usize::from(u16::from_le_bytes([bytes[records + 2], bytes[records + 3]]));
    if count == 0 || count > limit || records + limit * 8 > bytes.len() {
        let why = format!("{count} of {limit} records");
        return Err(Error::corrupt("hash tree node", Place::Block(at), records as u64, why));
    }
    let mut frame = Frame { at, bytes, records, limit, count, index: 0 };
    frame.seek(hash);
    Ok(frame)
}

fn find_in_leaf(
    volume: &Volume,
    inode: &Inode,
    block: FileBlock,
    name: &[u8],
) -> Result<Option<(Ino, Slot)>, Error> {
    let Some((at, bytes)) = linear::read_leaf(volume, inode, block)? else { return Err(hole(inode, block)) };
    let found = linear::find(volume, at, &bytes, name)?;
    Ok(found.map(|ino| (ino, Slot::Block(block, at))))
}

fn read_block(volume: &Volume, inode: &Inode, block: FileBlock) -> Result<(DiskBlock, Block), Error> {
    match map::find_run(volume, inode, block)?.mapping {
        Mapping::At(at) => Ok((at, volume.read_block(at)?)),
        _ => Err(hole(inode, block)),
    }
}

/// What a hole in a tree is.
pub fn hole(inode: &Inode, block: FileBlock) -> Error {
    Error::corrupt("hash tree", Place::Inode(inode.number()), 0, format!("{block} is a hole"))
}

/// The two words of a name's hash in a tree of this version: that by which the tree is ordered, and another.
pub fn hash_name(volume: &Volume, name: &[u8], version: u8) -> Option<(u32, u32)> {
    let raw = &volume.superblock().raw;
    let seed = raw.s_hash_seed.map(|word| word.get());
    let signed = version < 3 && raw.s_flags.get() & FLAG_UNSIGNED == 0;
    let (major, minor) = match version % 3 {
        _ if version > 5 => return None,
        0 => dirhash::legacy(name, &seed, signed),
        1 => dirhash::half_md4(name, &seed, signed),
        _ => dirhash::tea(name, &seed, signed),
    };
    Some((major & !CONTINUED, minor))
}
