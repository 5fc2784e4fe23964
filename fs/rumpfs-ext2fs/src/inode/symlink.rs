//! Targets of symbolic links: short ones in `i_block`, inline ones there and in an attribute, long ones in a
//! block.

use super::{FLAG_EXTENTS, Inode, file, inline, journaled};
use crate::cell::Cell;
use crate::error::{Error, Place};
use crate::features::Incompat;
use crate::transaction::Handle;
use crate::volume::Volume;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_kpi::Errno;

/// Bytes of `i_block`, which holds shorter targets with a NUL behind them.
const FAST: usize = 60;

/// Reads the target, which ends at the first NUL as it does for Linux.
pub fn read(volume: &Volume, inode: &Inode) -> Result<Vec<u8>, Error> {
    file::check_plain(inode)?;
    let size = inode.size();
    if size == 0 || size > u64::from(volume.block_size()) {
        let why = format!("target of {size} bytes");
        return Err(Error::corrupt("symbolic link", Place::Inode(inode.number()), 4, why));
    }
    let mut target = if is_fast(volume, inode) {
        inode.base().i_block[..size as usize].to_vec()
    } else if inode.is_inline(volume) {
        let mut target = file::inline_content(volume, inode)?;
        target.truncate(size as usize);
        target
    } else {
        journaled::read(volume, inode, size as usize)?
    };
    if let Some(end) = target.iter().position(|byte| *byte == 0) {
        target.truncate(end);
    }
    Ok(target)
}

/// Whether this volume can hold a target. Errors: ENOENT (an empty one), ENAMETOOLONG.
pub fn check(volume: &Volume, target: &[u8]) -> Result<(), Error> {
    match target.len() {
        0 => Err(Error::Refused(Errno::ENOENT)),
        len if len >= volume.block_size() as usize => Err(Error::Refused(Errno::ENAMETOOLONG)),
        _ => Ok(()),
    }
}

/// Gives a new link its target: in `i_block`, in the rest of the inode, or in a block. Errors: ENOSPC, EIO.
pub fn write(handle: &mut Handle<'_>, cell: &Arc<Cell>, target: &[u8]) -> Result<(), Error> {
    let volume = handle.volume();
    if target.len() < FAST {
        return handle.update(cell, |inode| {
            inode.edit(volume, |base, _| {
                base.i_flags.set(base.i_flags.get() & !FLAG_EXTENTS);
                base.i_block.fill(0);
                base.i_block[..target.len()].copy_from_slice(target);
                base.i_size_lo.set(target.len() as u32);
            });
        });
    }
    let inline = handle.update(cell, |inode| inline::begin(volume, inode))??;
    if inline {
        if inline::store(handle, cell, target)? {
            return Ok(());
        }
        inline::to_blocks(handle, cell)?;
    }
    journaled::write(handle, cell, target)
}

/// Whether the target is in `i_block`: short, and no block is in use but one of attributes.
pub fn is_fast(volume: &Volume, inode: &Inode) -> bool {
    if inode.size() >= FAST as u64 || inode.has_flag(FLAG_EXTENTS) || inode.is_inline(volume) {
        return false;
    }
    if volume.features().incompat.contains(Incompat::EA_INODE) {
        // Values of attributes in inodes of their own count as blocks as well.
        return true;
    }
    let cluster = volume.superblock().block_bits + volume.superblock().cluster_ratio_bits();
    let attributes = if inode.file_acl() == 0 { 0 } else { 1u64 << (cluster - 9) };
    u64::from(inode.base().i_blocks_lo.get()) <= attributes
}
