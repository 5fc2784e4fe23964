//! Targets of symbolic links: short ones in `i_block`, inline ones there and in an attribute, long ones in a
//! block.

use super::{FLAG_EXTENTS, Inode, file};
use crate::error::{Error, Place};
use crate::volume::Volume;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

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
    } else {
        let mut target = vec![0; size as usize];
        let len = file::read_at(volume, inode, 0, &mut target)?;
        target.truncate(len);
        target
    };
    if let Some(end) = target.iter().position(|byte| *byte == 0) {
        target.truncate(end);
    }
    Ok(target)
}

/// Whether the target is in `i_block`: short, and no block is in use but one of attributes.
fn is_fast(volume: &Volume, inode: &Inode) -> bool {
    if inode.size() >= 60 || inode.has_flag(FLAG_EXTENTS) || inode.is_inline(volume) {
        return false;
    }
    let cluster = volume.superblock().block_bits + volume.superblock().cluster_ratio_bits();
    let attributes = if inode.file_acl() == 0 { 0 } else { 1u64 << (cluster - 9) };
    u64::from(inode.base().i_blocks_lo.get()) <= attributes
}
