//! Recovery: where the journal is, and its replay in memory.
//!
//! The journal is the file that the superblock names. Where that inode or its map is damaged, the copy of the map
//! in the superblock leads to the same blocks. Or it is a device of its own, which the option `journal_path` names:
//! a superblock with the feature journal_dev, in the next block the log's own superblock, and the log behind it.

use crate::error::{Error, Place};
use crate::features::{Compat, Incompat};
use crate::inode::map::{self, Mapping};
use crate::inode::{self, Fields, Inode, file};
use crate::journal::{self, Log, Overlay, ReplayConfig};
use crate::probe;
use crate::superblock::{self, PRIMARY_OFFSET, Superblock};
use crate::units::{FileBlock, Ino};
use crate::volume::Volume;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use rump_kpi::BlockDevice;

/// What recovery would change; `device` is that of an external journal. Errors: those of the journal and of the way
/// to it.
pub fn replay(volume: &Volume, device: Option<Arc<dyn BlockDevice>>) -> Result<Overlay, Error> {
    let superblock = volume.superblock();
    let number = Ino(superblock.raw.s_journal_inum.get());
    if number.0 == 0 {
        let Some(device) = device else {
            let uuid = superblock::uuid_text(&superblock.raw.s_journal_uuid);
            return Err(Error::unsupported(format!(
                "the journal is on another device (UUID {uuid}): name that with the option journal_path=DEVICE, \
                 or mount without it with the option noload"
            )));
        };
        return journal::replay(&JournalDevice::open(volume, device)?, &config(superblock));
    }
    let error = match volume.inode(number).and_then(|inode| replay_file(volume, inode)) {
        Err(error @ Error::Corrupt { .. }) => error,
        result => return result,
    };
    let Some(raw) = kept_inode(superblock) else { return Err(error) };
    let kept = Fields::from_journal(volume, number, &raw)
        .and_then(|fields| replay_file(volume, Inode::new(fields, &raw)));
    // What is wrong with the inode itself tells more than what is wrong with a copy that may be stale.
    let mut overlay = kept.map_err(|_| error.clone())?;
    overlay.note(format!("journal: found by the copy of its map in the superblock, as {error}"));
    Ok(overlay)
}

fn replay_file(volume: &Volume, inode: Inode) -> Result<Overlay, Error> {
    journal::replay(&JournalFile { volume, inode }, &config(volume.superblock()))
}

/// As [`replay`], for a volume that is going to be written: its journal has to be a file of its own, and sound.
pub fn replay_own(volume: &Volume) -> Result<Overlay, Error> {
    journal::replay(&journal_file(volume)?, &config(volume.superblock()))
}

/// The journal of a volume as a file of blocks. Errors: ENOTSUP (it is on another device), EFTYPE, EIO.
pub fn journal_file(volume: &Volume) -> Result<JournalFile<'_>, Error> {
    let number = Ino(volume.superblock().raw.s_journal_inum.get());
    if number.0 == 0 {
        return Err(Error::unsupported("writing with a journal on another device; mount read-only"));
    }
    Ok(JournalFile { volume, inode: volume.inode(number)? })
}

/// What the journal must know of the volume.
pub fn config(superblock: &Superblock) -> ReplayConfig {
    ReplayConfig {
        uuid: superblock.raw.s_uuid,
        inode_size: superblock.inode_size,
        volume_blocks: superblock.blocks,
        fast_commit_feature: superblock.features.compat.contains(Compat::FAST_COMMIT),
    }
}

/// The journal's inode as the superblock keeps it: the map, then both halves of the size.
fn kept_inode(superblock: &Superblock) -> Option<Vec<u8>> {
    const BACKUP_OF_BLOCKS: u8 = 1;
    const REGULAR: u16 = 0o100_600;
    const EXTENT_MAGIC: u32 = 0xF30A;

    let kept = superblock.raw.s_jnl_blocks;
    if superblock.raw.s_jnl_backup_type != BACKUP_OF_BLOCKS || kept[16].get() == 0 {
        return None;
    }
    let flags = if kept[0].get() & 0xffff == EXTENT_MAGIC { inode::FLAG_EXTENTS } else { 0 };
    let mut raw = vec![0; 128];
    raw[0..2].copy_from_slice(&REGULAR.to_le_bytes());
    raw[4..8].copy_from_slice(&kept[16].get().to_le_bytes());
    raw[26..28].copy_from_slice(&1u16.to_le_bytes());
    raw[32..36].copy_from_slice(&flags.to_le_bytes());
    for (word, bytes) in kept.iter().zip(raw[40..100].chunks_exact_mut(4)) {
        bytes.copy_from_slice(&word.get().to_le_bytes());
    }
    raw[108..112].copy_from_slice(&kept[15].get().to_le_bytes());
    Some(raw)
}

/// The journal of a volume as a file of blocks.
pub struct JournalFile<'a> {
    volume: &'a Volume,
    inode: Inode,
}

impl Log for JournalFile<'_> {
    fn block_size(&self) -> u32 {
        self.volume.block_size()
    }

    fn block_count(&self) -> u32 {
        let blocks = self.inode.size() >> self.volume.superblock().block_bits;
        u32::try_from(blocks.min(self.volume.readable_blocks())).unwrap_or(u32::MAX)
    }

    fn read(&self, log_block: u32, buf: &mut [u8]) -> Result<(), Error> {
        let offset = u64::from(log_block) << self.volume.superblock().block_bits;
        if file::read_at(self.volume, &self.inode, offset, buf)? == buf.len() {
            return Ok(());
        }
        Err(Error::corrupt("journal", Place::Inode(self.inode.number()), offset, "ends too early"))
    }

    fn disk_block(&self, log_block: u32) -> Result<u64, Error> {
        match map::find_run(self.volume, &self.inode, FileBlock(log_block.into()))?.mapping {
            Mapping::At(block) => Ok(block.0),
            _ => {
                let why = format!("file block {log_block} is a hole");
                Err(Error::corrupt("journal", Place::Inode(self.inode.number()), 0, why))
            }
        }
    }
}

/// A journal on a device of its own. Blocks of the log count from the first byte of the device, but for block 0,
/// which stands for the log's superblock.
struct JournalDevice {
    device: Arc<dyn BlockDevice>,
    block_bits: u32,
    blocks: u64,
}

impl JournalDevice {
    /// Checks that the device is the volume's journal.
    fn open(volume: &Volume, device: Arc<dyn BlockDevice>) -> Result<Self, Error> {
        let bad = |offset, why| Error::corrupt("journal device", Place::Volume, PRIMARY_OFFSET + offset, why);
        let (superblock, right) = probe::read(device.as_ref(), PRIMARY_OFFSET)?;
        if !superblock.features.incompat.contains(Incompat::JOURNAL_DEV) {
            return Err(bad(0x60, "it is no journal".into()));
        }
        if !right {
            return Err(bad(0x3fc, "wrong checksum".into()));
        }
        if superblock.raw.s_uuid != volume.superblock().raw.s_journal_uuid {
            return Err(bad(
                0x68,
                format!("it is the journal {}, not that of the volume", superblock.uuid()),
            ));
        }
        let block_bits = superblock.block_bits;
        if block_bits != volume.superblock().block_bits {
            return Err(bad(0x18, format!("blocks of {} bytes", superblock.block_size())));
        }
        let blocks = superblock.blocks.min(device.size_bytes() >> block_bits);
        Ok(Self { device, block_bits, blocks })
    }
}

impl Log for JournalDevice {
    fn block_size(&self) -> u32 {
        1 << self.block_bits
    }

    fn block_count(&self) -> u32 {
        u32::try_from(self.blocks).unwrap_or(u32::MAX)
    }

    fn read(&self, log_block: u32, buf: &mut [u8]) -> Result<(), Error> {
        let block = self.disk_block(log_block)?;
        if block >= self.blocks {
            let why = format!("block {block} of {}", self.blocks);
            return Err(Error::corrupt("journal device", Place::Volume, block << self.block_bits, why));
        }
        Ok(self.device.read_at(block << self.block_bits, buf)?)
    }

    fn disk_block(&self, log_block: u32) -> Result<u64, Error> {
        let behind_superblock = (PRIMARY_OFFSET >> self.block_bits) + 1;
        Ok(if log_block == 0 { behind_superblock } else { log_block.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::superblock::tests::image;

    #[test]
    fn the_kept_map_becomes_an_inode() {
        let mut bytes = image();
        assert!(kept_inode(&Superblock::parse(&bytes).unwrap()).is_none());
        bytes[0xfd] = 1;
        bytes[0x10c..0x110].copy_from_slice(&0x0001_F30Au32.to_le_bytes());
        bytes[0x14c..0x150].copy_from_slice(&(4u32 << 20).to_le_bytes());
        let raw = kept_inode(&Superblock::parse(&bytes).unwrap()).unwrap();
        assert_eq!(raw[4..8], (4u32 << 20).to_le_bytes());
        assert_eq!(raw[32..36], inode::FLAG_EXTENTS.to_le_bytes());
        assert_eq!(raw[40..44], 0x0001_F30Au32.to_le_bytes());
    }
}
