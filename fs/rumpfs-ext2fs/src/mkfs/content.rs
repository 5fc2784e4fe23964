//! The bytes of new inodes and of blocks of directories and of the orphan file.

use super::Options;
use super::files::File;
use super::superblock::EXTRA_ISIZE;
use crate::features::Incompat;
use crate::inode::dir::record::{self, Form, NewEntry};
use crate::inode::{self, attr};
use crate::layout::{InodeBase, InodeExtra};
use crate::superblock::Superblock;
use crate::units::{DiskBlock, Ino};
use alloc::vec;
use alloc::vec::Vec;
use rump_checksum::crc32c;
use rump_kpi::FileType;
use zerocopy::{FromZeros, IntoBytes};

const ORPHAN_MAGIC: u32 = 0x0b10_ca04;

/// The seed of checksums of blocks that belong to a new inode, whose generation is zero.
pub fn seed(superblock: &Superblock, ino: Ino) -> u32 {
    crc32c(crc32c(superblock.checksum_seed, &ino.0.to_le_bytes()), &[0; 4])
}

/// The inode of a file.
pub fn inode(superblock: &Superblock, options: &Options, file: &File) -> Vec<u8> {
    let (seconds, extra_time) = attr::stored_time(options.now, superblock.inode_size > 128);
    let mut base = InodeBase::new_zeroed();
    base.i_mode.set(file.mode);
    base.i_uid.set(file.uid as u16);
    base.i_uid_high.set((file.uid >> 16) as u16);
    base.i_gid.set(file.gid as u16);
    base.i_gid_high.set((file.gid >> 16) as u16);
    base.i_size_lo.set(file.size as u32);
    base.i_size_high.set((file.size >> 32) as u32);
    for time in [&mut base.i_atime, &mut base.i_ctime, &mut base.i_mtime] {
        time.set(seconds);
    }
    base.i_links_count.set(file.links);
    let sectors = file.clusters << superblock.cluster_ratio_bits() << (superblock.block_bits - 9);
    base.i_blocks_lo.set(sectors as u32);
    base.i_blocks_high.set((sectors >> 32) as u16);
    base.i_flags.set(file.flags);
    base.i_block = file.map;
    let mut raw = vec![0; usize::from(superblock.inode_size)];
    let (head, rest) = raw.split_at_mut(size_of::<InodeBase>());
    head.copy_from_slice(base.as_bytes());
    if let Some(place) = rest.get_mut(..size_of::<InodeExtra>()) {
        let mut extra = InodeExtra::new_zeroed();
        extra.i_extra_isize.set(EXTRA_ISIZE);
        extra.i_crtime.set(seconds);
        let extras = [
            &mut extra.i_atime_extra,
            &mut extra.i_ctime_extra,
            &mut extra.i_mtime_extra,
            &mut extra.i_crtime_extra,
        ];
        for time in extras {
            time.set(extra_time);
        }
        place.copy_from_slice(extra.as_bytes());
    }
    if superblock.features.has_metadata_checksums() {
        inode::seal_raw(seed(superblock, file.ino), &mut raw);
    }
    raw
}

/// A block of a directory that holds names of directories, or none.
pub fn directory_block(superblock: &Superblock, ino: Ino, names: &[(&[u8], Ino)]) -> Vec<u8> {
    let form = Form {
        block_size: superblock.block_size() as usize,
        typed: superblock.features.incompat.contains(Incompat::FILETYPE),
        tail: superblock.features.has_metadata_checksums(),
    };
    let mut block = vec![0; form.block_size];
    let entries = names.iter().map(|(name, target)| NewEntry::new(form, name, *target, FileType::Directory));
    record::fill_block(&mut block, entries, form);
    if form.tail {
        let sum = crc32c(seed(superblock, ino), &block[..form.chain()]);
        block[form.block_size - 4..].copy_from_slice(&sum.to_le_bytes());
    }
    block
}

/// An empty block of the orphan file.
pub fn orphan_block(superblock: &Superblock, ino: Ino, at: DiskBlock) -> Vec<u8> {
    let mut block = vec![0; superblock.block_size() as usize];
    let (body, tail) = block.split_at_mut(superblock.block_size() as usize - 8);
    tail[..4].copy_from_slice(&ORPHAN_MAGIC.to_le_bytes());
    if superblock.features.has_metadata_checksums() {
        let sum = crc32c(crc32c(seed(superblock, ino), &at.0.to_le_bytes()), body);
        tail[4..].copy_from_slice(&sum.to_le_bytes());
    }
    block
}
