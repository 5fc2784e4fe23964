//! Content that is kept as metadata: targets of symbolic links, values of attributes in inodes of their own. It goes
//! through the block cache and the journal, and is written once.

use super::Inode;
use super::map::{self, Mapping};
use crate::cell::Cell;
use crate::error::{Error, Place};
use crate::transaction::{Handle, Kind};
use crate::units::FileBlock;
use crate::volume::Volume;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

/// Reads the first `len` bytes; the caller has bounded it. Errors: EFTYPE, EIO.
pub fn read(volume: &Volume, inode: &Inode, len: usize) -> Result<Vec<u8>, Error> {
    let mut content = vec![0; len];
    for (index, piece) in (0..).zip(content.chunks_mut(volume.block_size() as usize)) {
        if let Mapping::At(block) = map::find_run(volume, inode, FileBlock(index))?.mapping {
            let bytes = volume.read_block(block)?;
            let bytes = bytes.get(..piece.len()).ok_or_else(|| {
                Error::corrupt("content", Place::Block(block), 0, "a block that is shorter than blocks are")
            })?;
            piece.copy_from_slice(bytes);
        }
    }
    Ok(content)
}

/// Writes the content of a new inode, and its size. Errors: ENOSPC, EFTYPE, EIO.
pub fn write(handle: &mut Handle<'_>, cell: &Arc<Cell>, content: &[u8]) -> Result<(), Error> {
    let volume = handle.volume();
    for (index, piece) in (0..).zip(content.chunks(volume.block_size() as usize)) {
        map::write::grow(handle, cell, FileBlock(index), Kind::Plain, |bytes| {
            bytes[..piece.len()].copy_from_slice(piece);
        })?;
    }
    handle.update(cell, |inode| {
        inode.edit(volume, |base, _| base.i_size_lo.set(content.len() as u32));
    })
}
