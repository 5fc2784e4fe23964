//! The block of attributes of an inode. One that several inodes share is not changed: who wants to change it takes a
//! copy.

use super::stored::{self, Attribute};
use super::{le32, read_block};
use crate::allocation::blocks;
use crate::cell::Cell;
use crate::error::Error;
use crate::inode::Inode;
use crate::inode::map::space;
use crate::transaction::{Handle, Kind};
use crate::units::{DiskBlock, Extent};
use crate::volume::Volume;
use alloc::sync::Arc;

const REFERENCES_AT: usize = 4;

/// Whether the block of attributes belongs to other inodes as well.
pub fn is_shared(volume: &Volume, inode: &Inode) -> Result<bool, Error> {
    if inode.file_acl() == 0 {
        return Ok(false);
    }
    let (_, block) = read_block(volume, inode)?;
    Ok(le32(&block, REFERENCES_AT).is_some_and(|references| references > 1))
}

/// Makes a block of these attributes the inode's, in the place of the one that it has.
pub fn store(handle: &mut Handle<'_>, cell: &Arc<Cell>, attributes: &[Attribute]) -> Result<(), Error> {
    let volume = handle.volume();
    let inode = cell.inode();
    let (has, alone) = (inode.file_acl() != 0, !is_shared(volume, &inode)?);
    if has && alone && !attributes.is_empty() {
        let block = DiskBlock(inode.file_acl());
        return handle.modify(block, Kind::Xattrs, |bytes| stored::store_in_block(bytes, attributes));
    }
    if has {
        release(handle, cell)?;
    }
    if attributes.is_empty() {
        return Ok(());
    }
    let goal = volume.inode_place(cell.number())?.0;
    let new = blocks::allocate(handle, goal, 1)?;
    handle.create(new.start, Kind::Xattrs, |bytes| stored::store_in_block(bytes, attributes));
    set_block(handle, cell, new.start.0, new.len as i64)
}

/// Takes the block of attributes from an inode; the last who has it frees it.
pub fn release(handle: &mut Handle<'_>, cell: &Arc<Cell>) -> Result<(), Error> {
    let volume = handle.volume();
    let inode = cell.inode();
    let (block, bytes) = read_block(volume, &inode)?;
    let references = le32(&bytes, REFERENCES_AT).unwrap_or(0);
    let cluster = 1u64 << volume.superblock().cluster_ratio_bits();
    if references > 1 {
        handle.modify(block, Kind::Xattrs, |bytes| {
            bytes[REFERENCES_AT..REFERENCES_AT + 4].copy_from_slice(&(references - 1).to_le_bytes());
        })?;
    } else {
        blocks::free(handle, Extent { start: block, len: 1 })?;
        handle.forget(block);
    }
    set_block(handle, cell, 0, -(cluster as i64))
}

fn set_block(handle: &mut Handle<'_>, cell: &Arc<Cell>, block: u64, blocks: i64) -> Result<(), Error> {
    let volume = handle.volume();
    handle.update(cell, |inode| {
        inode.edit(volume, |base, _| {
            base.i_file_acl_lo.set(block as u32);
            base.i_file_acl_high.set((block >> 32) as u16);
        });
        space::add_blocks(volume, inode, blocks)
    })?
}
