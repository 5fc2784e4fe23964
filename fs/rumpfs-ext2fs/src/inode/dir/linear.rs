//! Blocks of directory entries (kernel documentation, ext4 "Linear (Classic) Directories").
//!
//! A cursor is the byte offset in the directory. Nodes of a hash tree look like one unused entry and give
//! nothing. The blocks of a directory are no more than those of the volume, which bounds every walk.

use super::change::Slot;
use super::record::{self, Form, TAIL, TAIL_TYPE};
use super::{Entry, check_node, is_indexed};
use crate::error::{Error, Place};
use crate::inode::Inode;
use crate::inode::map::{self, Mapping};
use crate::layout::DirTail;
use crate::units::{DiskBlock, FileBlock, Ino};
use crate::volume::Volume;
use alloc::format;
use rump_checksum::crc32c;
use rump_kpi::cache::Block;
use zerocopy::FromBytes;

/// Gives entries from `cursor` on; see [`super::read`].
pub fn read(
    volume: &Volume,
    inode: &Inode,
    cursor: u64,
    sink: &mut dyn FnMut(Entry<'_>) -> bool,
) -> Result<(), Error> {
    let bits = volume.superblock().block_bits;
    let mut first_error = Ok(());
    let each = each_block(volume, inode, FileBlock(cursor >> bits), &mut |block, at, bytes| {
        let mut going = true;
        // What a block with a wrong checksum seems to hold is given all the same, and the damage reported.
        let sound = volume.verify(at, bytes, |bytes| check_leaf(volume, inode, block, at, bytes));
        let walked = walk(volume, at, bytes, block.0 << bits, cursor, &mut |entry| {
            going = sink(entry);
            going
        });
        let result = core::mem::replace(&mut first_error, Ok(()));
        first_error = if going { result.and(sound).and(walked) } else { Ok(()) };
        going
    });
    first_error.and(each)
}

/// Gives the blocks from `first` on that are no holes to `sink`, until it answers false. Errors: EFTYPE (longer than
/// the volume), EIO.
fn each_block(
    volume: &Volume,
    inode: &Inode,
    first: FileBlock,
    sink: &mut dyn FnMut(FileBlock, DiskBlock, &Block) -> bool,
) -> Result<(), Error> {
    let blocks = inode.size().div_ceil(volume.block_size().into());
    let mut block = first.0;
    while block < blocks {
        if block >= volume.readable_blocks() {
            let why = format!("{} bytes are more than the volume holds", inode.size());
            return Err(Error::corrupt("directory", Place::Inode(inode.number()), 4, why));
        }
        let run = map::find_run(volume, inode, FileBlock(block))?;
        let Mapping::At(at) = run.mapping else {
            block = run.end();
            continue;
        };
        if !sink(FileBlock(block), at, &volume.read_block_ahead(at, run.len)?) {
            break;
        }
        block += 1;
    }
    Ok(())
}

/// Finds a name and the place of its entry. A damaged block is an error only if no other has the name. Errors:
/// EFTYPE, EIO.
pub fn locate(volume: &Volume, inode: &Inode, name: &[u8]) -> Result<Option<(Ino, Slot)>, Error> {
    let (mut found, mut first_error) = (None, Ok(()));
    let each = each_block(volume, inode, FileBlock(0), &mut |block, at, bytes| {
        let sound = volume.verify(at, bytes, |bytes| check_leaf(volume, inode, block, at, bytes));
        match sound.and_then(|()| find(volume, at, bytes, name)) {
            Ok(ino) => found = ino.map(|ino| (ino, Slot::Block(block, at))),
            Err(error) => {
                let earlier = core::mem::replace(&mut first_error, Ok(()));
                first_error = earlier.and(Err(error));
            }
        }
        found.is_none()
    });
    if found.is_some() { Ok(found) } else { first_error.and(each).map(|()| None) }
}

/// What is noted of a block of entries in the cache.
#[derive(Clone, Copy)]
pub struct Mark {
    /// The record that gave room to the last name that was added.
    pub last_room: usize,
    /// The records are known to be a chain to the end of the block.
    pub is_whole: bool,
}

impl Mark {
    /// The mark of a block.
    pub fn of(block: &Block) -> Self {
        Self { last_room: (block.mark() & !3) as usize, is_whole: block.mark() & 1 != 0 }
    }

    /// Marks a block.
    pub fn set(self, volume: &Volume, at: DiskBlock, block: &Block) {
        volume.cache().set_mark(at.0, block, self.last_room as u32 | u32::from(self.is_whole));
    }
}

/// Finds a name in a block of entries. Errors: EFTYPE (the chain is broken before the name).
pub fn find(volume: &Volume, at: DiskBlock, block: &Block, name: &[u8]) -> Result<Option<Ino>, Error> {
    let mark = Mark::of(block);
    if mark.is_whole && !record::may_hold(block, name) {
        return Ok(None);
    }
    let found = record::find(block, name, Form::of(volume), Place::Block(at))?;
    if found.is_none() && !mark.is_whole {
        Mark { is_whole: true, ..mark }.set(volume, at, block);
    }
    Ok(found.map(|(_, record)| Ino(record.ino)))
}

/// Reads a block with entries whose checksum is right; `None` for a hole.
pub fn read_leaf(
    volume: &Volume,
    inode: &Inode,
    block: FileBlock,
) -> Result<Option<(DiskBlock, Block)>, Error> {
    let Mapping::At(at) = map::find_run(volume, inode, block)?.mapping else { return Ok(None) };
    let bytes = volume.read_block(at)?;
    volume.verify(at, &bytes, |bytes| check_leaf(volume, inode, block, at, bytes))?;
    Ok(Some((at, bytes)))
}

/// Verifies the checksum of a block of a directory, of any kind.
pub fn check_leaf(
    volume: &Volume,
    inode: &Inode,
    block: FileBlock,
    at: DiskBlock,
    bytes: &[u8],
) -> Result<(), Error> {
    if !volume.features().has_metadata_checksums() {
        return Ok(());
    }
    let whole = record::record_length([bytes[4], bytes[5]], bytes.len()) == bytes.len();
    if is_indexed(volume, inode) && block.0 == 0 {
        return check_node(volume, inode, at, bytes, 0x20);
    }
    if is_indexed(volume, inode) && whole && bytes[..4] == [0; 4] {
        return check_node(volume, inode, at, bytes, 8);
    }
    let body = bytes.len() - TAIL;
    let right = DirTail::ref_from_bytes(&bytes[body..]).is_ok_and(|tail| {
        tail.det_rec_len.get() == 12
            && tail.det_reserved_ft == TAIL_TYPE
            && tail.det_checksum.get() == crc32c(inode.checksum_seed(volume), &bytes[..body])
    });
    if right {
        return Ok(());
    }
    Err(Error::corrupt("directory block", Place::Block(at), body as u64, "wrong checksum"))
}

/// Gives the entries of one chain that begin at or after `cursor`; `base` is the chain's offset in the directory.
pub fn walk(
    volume: &Volume,
    at: DiskBlock,
    bytes: &[u8],
    base: u64,
    cursor: u64,
    sink: &mut dyn FnMut(Entry<'_>) -> bool,
) -> Result<(), Error> {
    let mut bad_name = Ok(());
    for record in record::each(bytes, Form::of(volume)) {
        let (offset, record) = record.map_err(|(offset, why)| {
            Error::corrupt("directory entry", Place::Block(at), offset as u64, why)
        })?;
        if record.ino == 0 || base + (offset as u64) < cursor {
            continue;
        }
        let next = base + (offset + record.length) as u64;
        let file_type = record::type_of(record.code);
        if record.name.is_empty() || record.name.iter().any(|byte| matches!(byte, 0 | b'/')) {
            let error = Error::corrupt("directory entry", Place::Block(at), offset as u64, "impossible name");
            bad_name = bad_name.and(Err(error));
        } else if !sink(Entry { name: record.name, ino: Ino(record.ino), file_type, next }) {
            return Ok(());
        }
    }
    bad_name
}
