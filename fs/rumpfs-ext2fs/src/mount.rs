//! Mounting: options, the superblock, and the replay of the journal in memory.

use crate::error::{Error, Place};
use crate::features::{Compat, Incompat};
use crate::probe;
use crate::recovery;
use crate::transaction::DataMode;
use crate::volume::Volume;
use crate::writing;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use rump_kpi::{Access, BlockDevice, Environment, Errno, KError};

/// Options of a mount.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Leave the journal alone.
    pub noload: bool,
    /// Where the superblock is, in KiB.
    pub superblock_kib: Option<u64>,
    /// The path of the device that holds the journal.
    pub journal_path: Option<String>,
    /// How much content may be in memory that is not yet on the device, in MiB.
    pub dirty_mib: Option<u32>,
    /// How content gets to the device, if not as the superblock has it. Nothing where the mount is for reading.
    pub data_mode: Option<DataMode>,
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
                ("journal_path", path) if !path.is_empty() => options.journal_path = Some(path.to_string()),
                ("dirty", mib) => {
                    options.dirty_mib = Some(mib.parse().map_err(|_| invalid(option))?);
                }
                ("data", mode) => {
                    options.data_mode = Some(DataMode::named(mode).ok_or_else(|| invalid(option))?);
                }
                ("ro", "") => {}
                _ => return Err(invalid(option)),
            }
        }
        Ok(options)
    }
}

fn invalid(option: &str) -> KError {
    let known = "noload, sb=KIB, journal_path=DEVICE, dirty=MIB, data=ordered and data=journal";
    KError::new(Errno::EINVAL, format!("ext2fs: unknown option {option}; known are {known}"))
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
        None => probe::find(&device)?,
    };
    found.superblock.features.check_readable()?;
    let note = |text: &str| (environment.log)(&format!("ext2fs: {text}"));
    found.notes.iter().for_each(|text| note(text));
    let from_backup = found.block != found.superblock.primary_block();
    let features = found.superblock.features;
    let has_journal = features.compat.contains(Compat::HAS_JOURNAL);
    let dirty = features.incompat.contains(Incompat::RECOVER);
    let volume = Volume::new(device, found.superblock, found.block, environment.log.clone());
    if dirty && !has_journal && !options.noload {
        let why = "recovery is needed but there is no journal";
        return Err(Error::corrupt("superblock", Place::Volume, 0x60, why));
    }
    if access == Access::ReadWrite {
        if options.noload && has_journal {
            return Err(Error::unsupported("writing with the option noload; mount read-only"));
        }
        let volume = writing::open(volume, options.data_mode, environment)?;
        if let (Some(mib), Some(writer)) = (options.dirty_mib, volume.writer()) {
            let bytes = u64::from(mib) << 20;
            writer.dirty().set_limit(usize::try_from(bytes).unwrap_or(usize::MAX));
        }
        return Ok(volume);
    }
    // Only the primary superblock is marked while the journal is in use.
    if options.noload || !has_journal || !(dirty || from_backup) {
        return Ok(volume);
    }
    let journal = options.journal_path.map(|path| (environment.find_device)(&path)).transpose()?;
    let overlay = match recovery::replay(&volume, journal) {
        Err(error) if !dirty => {
            note(&format!("the journal is not replayed, although it may be dirty: {error}"));
            return Ok(volume);
        }
        overlay => overlay?,
    };
    overlay.notes().iter().for_each(|text| note(text));
    if overlay.is_empty() {
        return Ok(volume);
    }
    Ok(volume.with_overlay(overlay))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_known_or_refused() {
        let options = Options::parse("ro,noload,sb=32768,journal_path=/dev/j,dirty=8,data=journal").unwrap();
        let journal_path = Some("/dev/j".to_string());
        let expected = Options {
            noload: true,
            superblock_kib: Some(32768),
            journal_path,
            dirty_mib: Some(8),
            data_mode: Some(DataMode::Journal),
        };
        assert_eq!(options, expected);
        assert!(Options::parse("journal_path=").is_err());
        assert_eq!(Options::parse("data=ordered").unwrap().data_mode, Some(DataMode::Ordered));
        assert_eq!(Options::parse("data=writeback").unwrap_err().errno, Errno::EINVAL);
        assert_eq!(Options::parse("sb=x").unwrap_err().errno, Errno::EINVAL);
        assert_eq!(Options::parse("colour").unwrap_err().errno, Errno::EINVAL);
    }
}
