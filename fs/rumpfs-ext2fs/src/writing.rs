//! From a volume that is read to one that is written, and back.
//!
//! Before the first change: what the journal holds is written home, the journal is opened empty, and the superblock
//! says that a recovery is needed (or, without a journal, that the volume is in use). After the last change: the
//! journal is empty, and the superblock says so. Each step is flushed before the next.

use crate::allocation::{RangeSet, Space, bitmap};
use crate::error::{Error, Place};
use crate::features::{Compat, Incompat};
use crate::group;
use crate::journal::{Journal, Overlay};
use crate::layout;
use crate::recovery;
use crate::superblock;
use crate::transaction::{DataMode, Log, Writer};
use crate::units::GroupNo;
use crate::volume::Volume;
use alloc::vec;
use rump_kpi::{Environment, Errno, KError};
use zerocopy::FromBytes;

const STATE_CLEAN: u16 = 1;

/// Makes a volume ready for writing; what its journal holds is brought home first. `data_mode` stands over what the
/// superblock asks for. Errors: EROFS (the device), ENOTSUP (a feature that is not written, a journal elsewhere), EINVAL
/// (no journal for `data_mode`), EFTYPE (damaged), EIO.
pub fn open(
    mut volume: Volume,
    data_mode: Option<DataMode>,
    environment: &Environment,
) -> Result<Volume, Error> {
    check(&volume)?;
    let has_journal = volume.features().compat.contains(Compat::HAS_JOURNAL);
    if data_mode == Some(DataMode::Journal) && !has_journal {
        let why = "ext2fs: data=journal needs a journal, and this volume has none";
        return Err(KError::new(Errno::EINVAL, why).into());
    }
    let mut journal = None;
    if has_journal {
        let dirty = volume.features().incompat.contains(Incompat::RECOVER);
        // Where the log ends has to be known even if what is in it does not count.
        let overlay = recovery::replay_own(&volume)?;
        overlay.notes().iter().for_each(|note| (environment.log)(&alloc::format!("ext2fs: {note}")));
        if dirty {
            bring_home(&volume, &overlay)?;
            volume = volume.reread()?;
            check(&volume)?;
        }
        let log = recovery::journal_file(&volume)?;
        let config = recovery::config(volume.superblock());
        let next = overlay.next_sequence();
        journal = Some(Journal::open(volume.device(), &log, &config, next, volume.features())?);
    }
    let number = journal.as_ref().map_or(1, Journal::next);
    let data_mode = data_mode.unwrap_or_else(|| DataMode::asked_by(volume.superblock()));
    let log = Log::new(&volume, journal);
    let writer = Writer::new(log, number, count(&volume)?, data_mode, environment.clone());
    let volume = volume.with_writer(writer);
    // The superblock stays in memory as long as the mount.
    let home = volume.superblock().primary_block();
    volume.read_block(home)?;
    volume.cache().begin_change(home.0);
    let now = (environment.now)().sec as u32;
    store_state(&volume, |raw, has_journal| {
        raw.s_mnt_count.set(raw.s_mnt_count.get().saturating_add(1));
        raw.s_mtime.set(now);
        if has_journal {
            raw.s_feature_incompat.set(raw.s_feature_incompat.get() | Incompat::RECOVER.bits());
        } else {
            raw.s_state.set(raw.s_state.get() & !STATE_CLEAN);
        }
    })?;
    Ok(volume)
}

/// Ends writing: everything is durable and at home, and nothing is left to recover. Errors: EIO.
pub fn close(volume: &Volume) -> Result<(), Error> {
    volume.settle_and_close()?;
    store_state(volume, |raw, has_journal| {
        if has_journal {
            raw.s_feature_incompat.set(raw.s_feature_incompat.get() & !Incompat::RECOVER.bits());
        } else {
            // What was not in order before the mount is still not.
            raw.s_state.set(raw.s_state.get() | volume.superblock().raw.s_state.get() & STATE_CLEAN);
        }
    })?;
    if let Some(writer) = volume.writer() {
        writer.stop();
    }
    Ok(())
}

fn check(volume: &Volume) -> Result<(), Error> {
    if volume.device().is_read_only() {
        return Err(KError::new(Errno::EROFS, "ext2fs: the device is read-only; mount read-only").into());
    }
    volume.features().check_writable()?;
    let superblock = volume.superblock();
    if volume.descriptor_base() != superblock.primary_block() {
        return Err(Error::unsupported("writing with a damaged superblock; let e2fsck repair it first"));
    }
    if volume.readable_blocks() < superblock.blocks {
        let why = alloc::format!("{} of {} blocks are there", volume.readable_blocks(), superblock.blocks);
        return Err(Error::corrupt("volume", Place::Volume, 0, why));
    }
    Ok(())
}

/// Writes the blocks of committed transactions to their places.
fn bring_home(volume: &Volume, overlay: &Overlay) -> Result<(), Error> {
    if overlay.has_fast_commits() {
        return Err(Error::unsupported(
            "writing with fast commits to replay; mount read-only, or let Linux or e2fsck replay them first",
        ));
    }
    for (block, data) in overlay.blocks() {
        volume.device().write_at(block << volume.superblock().block_bits, data)?;
    }
    Ok(volume.device().flush()?)
}

/// Adds up what the descriptors say is free, and which blocks are the volume's own.
fn count(volume: &Volume) -> Result<Space, Error> {
    let superblock = volume.superblock();
    let (mut clusters, mut inodes) = (0u64, 0u64);
    let mut system = RangeSet::default();
    system.insert(0, u64::from(superblock.raw.s_first_data_block.get()) + 1);
    for group in (0..superblock.groups).map(GroupNo) {
        let descriptor = group::read(volume, group)?;
        clusters += u64::from(descriptor.free_clusters);
        inodes += u64::from(descriptor.free_inodes);
        let start = superblock.group_start(group);
        system.insert(start, start + bitmap::base_blocks(superblock, group));
        let table = descriptor.inode_table.0;
        system.insert(table, table + bitmap::inode_table_blocks(superblock));
        for block in [descriptor.block_bitmap.0, descriptor.inode_bitmap.0] {
            system.insert(block, block + 1);
        }
    }
    Ok(Space::new(clusters, inodes, system))
}

/// Changes the superblock on the device and in the cache at once; nothing else is going on.
fn store_state(volume: &Volume, change: impl FnOnce(&mut layout::Superblock, bool)) -> Result<(), Error> {
    let home = volume.superblock().primary_block();
    let at = superblock::offset_in_block(volume.superblock());
    let has_journal = volume.features().compat.contains(Compat::HAS_JOURNAL);
    let mut copy = vec![0; superblock::SIZE];
    let done = volume.cache().change(home.0, |bytes| {
        let place = bytes.get_mut(at..at + superblock::SIZE)?;
        let raw = layout::Superblock::mut_from_bytes(place).ok()?;
        change(raw, has_journal);
        superblock::seal(volume.features(), place);
        copy.copy_from_slice(place);
        Some(())
    });
    if done.flatten().is_none() {
        return Err(Error::corrupt("superblock", Place::Block(home), 0, "not in the cache"));
    }
    volume.device().write_at(superblock::PRIMARY_OFFSET, &copy)?;
    Ok(volume.device().flush()?)
}
