//! Inodes that hold values of attributes. Such an inode keeps a hash of the value where others have their access time,
//! and counts who refers to it in the words of the change time and the version.

use super::FLAG_EA_INODE;
use super::stored::{Attribute, Value};
use crate::allocation::inodes;
use crate::cell::Cell;
use crate::error::{Error, Place};
use crate::inode::attr::{self, Clock};
use crate::inode::{Inode, inline, journaled};
use crate::namespace;
use crate::orphan;
use crate::transaction::Handle;
use crate::units::Ino;
use crate::volume::Volume;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_checksum::crc32c;
use rump_kpi::FileType;

const MODE: u16 = 0o100_600;

/// Blocks that the values in inodes of their own take, all of each cluster. They count as the owner's, and where
/// several own one, as each owner's.
pub fn blocks<'a>(volume: &Volume, attributes: impl Iterator<Item = &'a Attribute>) -> i64 {
    let ratio = volume.superblock().cluster_ratio_bits();
    let cluster = u64::from(volume.block_size()) << ratio;
    let lengths = attributes.filter_map(|attribute| match attribute.value {
        Value::Inode { len, .. } => Some(u64::from(len)),
        Value::Here(_) => None,
    });
    lengths.map(|len| (len.div_ceil(cluster) << ratio) as i64).sum()
}

/// Adds to the references of an inode.
pub fn count(references: &mut Vec<(Ino, i64)>, number: Ino, difference: i64) {
    match references.iter_mut().find(|(known, _)| *known == number) {
        Some((_, sum)) => *sum += difference,
        None => references.push((number, difference)),
    }
}

/// Makes an inode that holds a value, with one reference; answers its number and the hash of the value.
pub fn make(handle: &mut Handle<'_>, owner: &Arc<Cell>, value: &[u8]) -> Result<(Ino, u32), Error> {
    let volume = handle.volume();
    let number = inodes::allocate(handle, &owner.inode(), FileType::Regular)?;
    let hash = crc32c(volume.checksum_seed(), value);
    let (now, generation) = (handle.now(), namespace::generation(handle, number));
    let mut inode = Inode::blank(volume, number)?;
    let of_owner = attr::attr(volume, &owner.inode())?;
    attr::set_owners(volume, &mut inode, of_owner.uid, of_owner.gid)?;
    attr::set_time(volume, &mut inode, Clock::Modification, now);
    attr::set_time(volume, &mut inode, Clock::Birth, now);
    inline::end(volume, &mut inode);
    inode.edit(volume, |base, _| {
        base.i_mode.set(MODE);
        base.i_links_count.set(1);
        base.i_flags.set(base.i_flags.get() | FLAG_EA_INODE);
        base.i_generation.set(generation);
        base.i_atime.set(hash);
    });
    set_references(volume, &mut inode, 1);
    let cell = handle.store_new(inode)?;
    journaled::write(handle, &cell, value)?;
    volume.add_cell(&cell);
    Ok((number, hash))
}

fn references(inode: &Inode) -> u64 {
    u64::from(inode.base().i_ctime.get()) << 32 | u64::from(inode.base().i_osd1.get())
}

fn set_references(volume: &Volume, inode: &mut Inode, references: u64) {
    inode.edit(volume, |base, _| {
        base.i_ctime.set((references >> 32) as u32);
        base.i_osd1.set(references as u32);
    });
}

/// Changes how many refer to inodes of values. Answers those that nobody refers to any more, which are on the list of
/// orphans now.
pub fn refer(handle: &mut Handle<'_>, differences: Vec<(Ino, i64)>) -> Result<Vec<Arc<Cell>>, Error> {
    let volume = handle.volume();
    let mut orphans = Vec::new();
    for (number, difference) in differences.into_iter().filter(|(_, difference)| *difference != 0) {
        let cell = volume.cell(number)?;
        let inode = cell.inode();
        let left = references(&inode).checked_add_signed(difference);
        let in_use = inode.has_flag(FLAG_EA_INODE) && inode.base().i_links_count.get() > 0;
        let left = left.filter(|_| in_use).ok_or_else(|| {
            let why = format!("is referred to as a value, {} times", references(&inode));
            Error::corrupt("inode of a value", Place::Inode(number), 0, why)
        })?;
        handle.update(&cell, |inode| {
            set_references(volume, inode, left);
            if left == 0 {
                inode.edit(volume, |base, _| base.i_links_count.set(0));
            }
        })?;
        if left == 0 {
            orphan::add(handle, &cell);
            orphans.push(cell);
        }
    }
    Ok(orphans)
}
