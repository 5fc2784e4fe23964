//! Inodes: a file's near its directory, a directory's where there is room for what it will hold.
//!
//! Directories below the root are spread over the volume, others stay near their parent (the idea of Orlov's
//! allocator): so trees that are used together lie together, and do not fill each other's groups.

use super::bitmap::{self, all_are, clear_range, find, set_range};
use crate::error::{Error, Place};
use crate::group::{self, BLOCK_UNINIT, Bitmap, Descriptor};
use crate::inode::Inode;
use crate::transaction::{Handle, Kind};
use crate::units::{DiskBlock, GroupNo, Ino};
use alloc::format;
use rump_kpi::{Errno, FileType};

/// Groups that are compared for a directory.
const GROUPS_COMPARED: u64 = 512;

/// Takes a free inode near its parent directory. What the table holds there is old and to be overwritten. Errors:
/// ENOSPC, EFTYPE, EIO.
pub fn allocate(handle: &mut Handle<'_>, parent: &Inode, file_type: FileType) -> Result<Ino, Error> {
    let superblock = handle.volume().superblock();
    let groups = superblock.groups;
    let home = superblock.locate_inode(parent.number()).map_or(GroupNo(0), |(group, _)| group);
    let start = match file_type {
        FileType::Directory => group_for_directory(handle, parent, home),
        _ => home,
    };
    for step in 0..groups {
        let group = GroupNo((start.0 + step) % groups);
        match allocate_in(handle, group, file_type) {
            Ok(Some(ino)) => return Ok(ino),
            Err(Error::Io(error)) => return Err(Error::Io(error)),
            // A group without free inodes, or a damaged one: others may have some.
            Ok(None) | Err(_) => {}
        }
    }
    Err(Error::Refused(Errno::ENOSPC))
}

/// Where to begin the search for a directory's inode.
fn group_for_directory(handle: &mut Handle<'_>, parent: &Inode, home: GroupNo) -> GroupNo {
    let volume = handle.volume();
    let groups = volume.superblock().groups;
    let average = |total: u64| total / groups;
    let (inodes, clusters) = (average(handle.space().free_inodes()), average(handle.space().free_clusters()));
    let is_top = parent.number() == Ino::ROOT;
    let candidates = (0..groups.min(GROUPS_COMPARED)).map(|step| GroupNo((home.0 + step) % groups));
    let mut best: Option<(u32, GroupNo)> = None;
    for group in candidates {
        let Ok(Descriptor { free_inodes, free_clusters, used_dirs, .. }) = group::read(volume, group) else {
            continue;
        };
        if free_inodes == 0 || u64::from(free_inodes) < inodes || u64::from(free_clusters) < clusters {
            continue;
        }
        if !is_top {
            return group;
        }
        if best.is_none_or(|(dirs, _)| used_dirs < dirs) {
            best = Some((used_dirs, group));
        }
    }
    best.map_or(home, |(_, group)| group)
}

fn allocate_in(handle: &mut Handle<'_>, group: GroupNo, file_type: FileType) -> Result<Option<Ino>, Error> {
    let volume = handle.volume();
    if group::read(volume, group)?.free_inodes == 0 {
        return Ok(None);
    }
    let (descriptor, at) = bitmap::load(handle, group, Bitmap::Inodes)?;
    if descriptor.flags & BLOCK_UNINIT != 0 {
        // A group that holds inodes has a block bitmap.
        bitmap::load(handle, group, Bitmap::Blocks)?;
    }
    let superblock = volume.superblock();
    let per_group = superblock.raw.s_inodes_per_group.get();
    let bytes = volume.read_block(at)?;
    // The first inodes of the volume are for itself.
    let first = if group.0 == 0 { superblock.first_inode().saturating_sub(1) } else { 0 };
    let Some(bit) = find(&bytes, first, per_group, false) else { return Ok(None) };
    let number = group.0 * u64::from(per_group) + u64::from(bit) + 1;
    let Some(number) = u32::try_from(number).ok().filter(|n| *n <= superblock.raw.s_inodes_count.get())
    else {
        return Ok(None);
    };
    clear_table_block(handle, &descriptor, bit, &bytes)?;
    // Who still looks at a block while it changes makes that a copy.
    drop(bytes);
    let (byte, bit_in_byte) = (bit as usize / 8, bit % 8);
    handle.modify_part(at, bitmap::kind(group, Bitmap::Inodes), byte..byte + 1, |bytes| {
        set_range(bytes, bit_in_byte, bit_in_byte + 1);
    })?;
    group::update(handle, group, |descriptor| {
        descriptor.free_inodes = descriptor.free_inodes.saturating_sub(1);
        descriptor.used_dirs += u32::from(file_type == FileType::Directory);
        descriptor.unused_inodes = descriptor.unused_inodes.min(per_group - (bit + 1));
    })?;
    handle.count_inodes(-1);
    Ok(Some(Ino(number)))
}

/// A block of the table in which no inode is in use may never have been written: it begins as zeros.
fn clear_table_block(
    handle: &mut Handle<'_>,
    descriptor: &Descriptor,
    bit: u32,
    bitmap: &[u8],
) -> Result<(), Error> {
    let superblock = handle.volume().superblock();
    let per_block = superblock.block_size() / u32::from(superblock.inode_size);
    let first = bit / per_block * per_block;
    if all_are(bitmap, first, (first + per_block).min(superblock.raw.s_inodes_per_group.get()), false) {
        handle.create(DiskBlock(descriptor.inode_table.0 + u64::from(bit / per_block)), Kind::Plain, |_| ());
    }
    Ok(())
}

/// Marks an inode as free. Errors: EFTYPE (not in use), EIO.
pub fn free(handle: &mut Handle<'_>, ino: Ino, file_type: FileType) -> Result<(), Error> {
    let wrong = |why| Error::corrupt("inode bitmap", Place::Inode(ino), 0, why);
    let superblock = handle.volume().superblock();
    let (group, bit) = superblock.locate_inode(ino).ok_or_else(|| wrong(format!("no {ino}")))?;
    if ino.0 < superblock.first_inode() {
        return Err(wrong(format!("{ino} belongs to the volume itself")));
    }
    let (_, at) = bitmap::load(handle, group, Bitmap::Inodes)?;
    let (byte, bit) = (bit as usize / 8, bit % 8);
    let was_used = handle.modify_part(at, bitmap::kind(group, Bitmap::Inodes), byte..byte + 1, |bytes| {
        let used = all_are(bytes, bit, bit + 1, true);
        clear_range(bytes, bit, bit + 1);
        used
    })?;
    if !was_used {
        return Err(wrong(format!("{ino} is free already")));
    }
    group::update(handle, group, |descriptor| {
        descriptor.free_inodes = descriptor.free_inodes.saturating_add(1);
        descriptor.used_dirs =
            descriptor.used_dirs.saturating_sub(u32::from(file_type == FileType::Directory));
    })?;
    handle.count_inodes(1);
    Ok(())
}
