//! Mounting: options, the superblock, and the replay of the journal in memory.

use crate::error::{Error, Place};
use crate::features::{Compat, Incompat};
use crate::inode::map::{self, Mapping};
use crate::inode::{Inode, file};
use crate::journal::{self, Log, Overlay, ReplayConfig};
use crate::probe;
use crate::recovery;
use crate::units::{FileBlock, Ino};
use crate::volume::Volume;
use alloc::format;
use alloc::sync::Arc;
use rump_kpi::{BlockDevice, Environment, Errno, KError};

/// Options of a mount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Leave the journal alone.
    pub noload: bool,
    /// Where the superblock is, in KiB.
    pub superblock_kib: Option<u64>,
}

impl Options {
    /// Parses `key[=value],...`. Errors: EINVAL.
    pub fn parse(text: &str) -> Result<Self, KError> {
        let mut options = Self::default();
        for option in text.split(',').filter(|option| !option.is_empty()) {
            let (key, value) = option.split_once('=').unwrap_or((option, ""));
            match (key, value) {
                ("noload" | "norecovery", "") => options.noload = true,
                ("sb", kib) => {
                    let kib = kib.parse().ok().filter(|kib| *kib > 0);
                    options.superblock_kib = Some(kib.ok_or_else(|| invalid(option))?);
                }
                ("ro", "") => {}
                _ => return Err(invalid(option)),
            }
        }
        Ok(options)
    }
}

fn invalid(option: &str) -> KError {
    KError::new(Errno::EINVAL, format!("ext2fs: unknown option {option}; known are noload and sb=KIB"))
}

/// How a volume is mounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Not one write reaches the device.
    Read,
    /// Changes are taken.
    ReadWrite,
}

/// Mounts.
pub fn mount(
    device: Arc<dyn BlockDevice>,
    access: Access,
    options: Options,
    environment: &Environment,
) -> Result<Volume, Error> {
    let found = match options.superblock_kib {
        Some(kib) => probe::find_at(device.as_ref(), kib)?,
        None => probe::find(device.as_ref())?,
    };
    found.superblock.features.check_readable()?;
    for note in &found.notes {
        (environment.log)(&format!("ext2fs: {note}"));
    }
    let features = found.superblock.features;
    let volume = Volume::new(device, found.superblock, found.block);
    let recovers = features.incompat.contains(Incompat::RECOVER) && !options.noload;
    if recovers && !features.compat.contains(Compat::HAS_JOURNAL) {
        return Err(Error::corrupt(
            "superblock",
            Place::Volume,
            0x60,
            "recovery is needed but there is no journal",
        ));
    }
    if access == Access::ReadWrite && options.noload && features.compat.contains(Compat::HAS_JOURNAL) {
        return Err(Error::unsupported("writing with the option noload; mount read-only"));
    }
    // Who writes has to know where the log ends even if it is empty.
    let writes = access == Access::ReadWrite && features.compat.contains(Compat::HAS_JOURNAL);
    let overlay = match (recovers, writes) {
        (true, _) => Some(replay(&volume)?),
        (false, true) => Some(replay(&volume)?.without_changes()),
        (false, false) => None,
    };
    for note in overlay.iter().flat_map(Overlay::notes) {
        (environment.log)(&format!("ext2fs: {note}"));
    }
    if access == Access::ReadWrite {
        return recovery::open(volume, overlay, environment);
    }
    Ok(match overlay {
        Some(overlay) if !overlay.is_empty() => volume.with_overlay(overlay),
        _ => volume,
    })
}

fn replay(volume: &Volume) -> Result<Overlay, Error> {
    journal::replay(&journal_file(volume)?, &replay_config(volume))
}

/// What the journal must know of the volume.
pub fn replay_config(volume: &Volume) -> ReplayConfig {
    let superblock = volume.superblock();
    ReplayConfig {
        uuid: superblock.raw.s_uuid,
        inode_size: superblock.inode_size,
        volume_blocks: superblock.blocks,
        fast_commit_feature: superblock.features.compat.contains(Compat::FAST_COMMIT),
    }
}

/// The journal of a volume. Errors: ENOTSUP (an external one), EFTYPE, EIO.
pub fn journal_file(volume: &Volume) -> Result<JournalFile<'_>, Error> {
    let number = Ino(volume.superblock().raw.s_journal_inum.get());
    if number.0 == 0 {
        return Err(Error::unsupported(
            "external journal: not replayed; the option noload mounts without it",
        ));
    }
    Ok(JournalFile { volume, inode: volume.inode(number)? })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_known_or_refused() {
        let options = Options::parse("ro,noload,sb=32768").unwrap();
        assert_eq!(options, Options { noload: true, superblock_kib: Some(32768) });
        assert_eq!(Options::parse("sb=x").unwrap_err().errno, Errno::EINVAL);
        assert_eq!(Options::parse("colour").unwrap_err().errno, Errno::EINVAL);
    }
}
