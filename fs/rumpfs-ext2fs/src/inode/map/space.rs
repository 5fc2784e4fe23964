//! `i_blocks`: the space that an inode has in use, its content, map and attributes together.

use crate::error::Error;
use crate::features::RoCompat;
use crate::inode::{FLAG_HUGE_FILE, Fields, Inode};
use crate::volume::Volume;
use rump_kpi::Errno;

/// Space in units of 512 bytes; with huge_file in 48 bits, and for some inodes in blocks.
pub fn sectors(volume: &Volume, inode: &Fields) -> u64 {
    let base = inode.base();
    let low = u64::from(base.i_blocks_lo.get());
    if !volume.features().ro_compat.contains(RoCompat::HUGE_FILE) {
        return low;
    }
    let all = low | u64::from(base.i_blocks_high.get()) << 32;
    if inode.has_flag(FLAG_HUGE_FILE) { all << (volume.superblock().block_bits - 9) } else { all }
}

/// Counts blocks of the volume that the inode got (or, below zero, gave back): with bigalloc all of each cluster.
/// Errors: EFBIG (more than the inode can count).
pub fn add_blocks(volume: &Volume, inode: &mut Inode, blocks: i64) -> Result<(), Error> {
    let shift = volume.superblock().block_bits - 9;
    let sectors = sectors(volume, inode).saturating_add_signed(blocks << shift);
    let huge = volume.features().ro_compat.contains(RoCompat::HUGE_FILE);
    let (stored, flag) = match sectors {
        0..=0xffff_ffff => (sectors, 0),
        _ if !huge => return Err(Error::Refused(Errno::EFBIG)),
        0x1_0000_0000..=0xffff_ffff_ffff => (sectors, 0),
        _ => (sectors >> shift, FLAG_HUGE_FILE),
    };
    inode.edit(volume, |base, _| {
        base.i_blocks_lo.set(stored as u32);
        if huge {
            base.i_blocks_high.set((stored >> 32) as u16);
            base.i_flags.set(base.i_flags.get() & !FLAG_HUGE_FILE | flag);
        }
    });
    Ok(())
}
