//! How long files can be.

use crate::error::Error;
use crate::features::{Incompat, RoCompat};
use crate::inode::map::{extent, indirect};
use crate::inode::{FLAG_EXTENTS, Inode};
use crate::layout;
use crate::superblock;
use crate::transaction::{Handle, Kind};
use crate::volume::Volume;
use rump_kpi::Errno;
use zerocopy::FromBytes;

/// The longest that needs no feature.
const SMALL: u64 = (1 << 31) - 1;

/// The greatest length: what the map reaches, and what `i_blocks` can count with every block in use.
pub fn most_bytes(volume: &Volume, inode: &Inode) -> u64 {
    let bits = volume.superblock().block_bits;
    if volume.superblock().raw.s_rev_level.get() == 0 {
        // Revision 0 has no features, so none that says that files may be longer.
        return SMALL;
    }
    // Content that leaves its inode is mapped by extents where there are such.
    let becomes_extents = inode.is_inline(volume) && volume.features().incompat.contains(Incompat::EXTENTS);
    if inode.has_flag(FLAG_EXTENTS) || becomes_extents {
        return extent::END << bits;
    }
    let per_block_bits = indirect::per_block_bits(volume);
    let mut blocks = indirect::reach(per_block_bits);
    if !volume.features().ro_compat.contains(RoCompat::HUGE_FILE) {
        let countable = u64::from(u32::MAX) >> (bits - 9);
        let pointers: u64 = (1..=3).map(|level| (countable >> (per_block_bits * level)) + 1).sum();
        blocks = blocks.min(countable - pointers);
    }
    blocks << bits
}

/// Sets the length of an inode; says in the superblock that there are large files once there is one. Errors: EIO.
pub fn set_size(handle: &mut Handle<'_>, inode: &mut Inode, size: u64) -> Result<(), Error> {
    let volume = handle.volume();
    inode.edit(volume, |base, _| {
        base.i_size_lo.set(size as u32);
        base.i_size_high.set((size >> 32) as u32);
    });
    if size > SMALL { require_large_file(handle) } else { Ok(()) }
}

fn require_large_file(handle: &mut Handle<'_>) -> Result<(), Error> {
    let volume = handle.volume();
    let home = volume.superblock().primary_block();
    let at = superblock::offset_in_block(volume.superblock());
    let flag = RoCompat::LARGE_FILE.bits();
    let raw = |bytes: &[u8]| {
        bytes.get(at..).and_then(|bytes| layout::Superblock::read_from_prefix(bytes).ok()).map(|(raw, _)| raw)
    };
    let missing = raw(&volume.read_block(home)?).is_some_and(|raw| raw.s_feature_ro_compat.get() & flag == 0);
    if !missing {
        return Ok(());
    }
    handle.modify(home, Kind::Superblock, |bytes| {
        if let Some(Ok((raw, _))) = bytes.get_mut(at..).map(layout::Superblock::mut_from_prefix) {
            raw.s_feature_ro_compat.set(raw.s_feature_ro_compat.get() | flag);
        }
    })
}

/// Refuses lengths beyond [`most_bytes`]. Errors: EFBIG.
pub fn check(volume: &Volume, inode: &Inode, size: Option<u64>) -> Result<u64, Error> {
    size.filter(|size| *size <= most_bytes(volume, inode)).ok_or(Error::Refused(Errno::EFBIG))
}
