//! The journal: what a volume that was not unmounted cleanly would look like after recovery.
//!
//! Reference: Documentation/filesystems/ext4/journal.rst ("Journal (jbd2)", "Fast commits").
//!
//! [`Journal`] writes it. [`replay`] reads the log and writes nothing: it returns an [`Overlay`] of the blocks that recovery
//! would write home, and of the inode, extent and directory changes of the fast commits behind them.
//! Readers of the volume look into the overlay first.
//!
//! Invariants: a transaction counts whole or not at all; the walk looks at each block of the log a
//! bounded number of times; the overlay holds each block of the volume at most once, so that its
//! memory is bounded by the length of the log.

mod fast_commit;
mod overlay;
mod scan;
mod superblock;
mod tag;
mod write;

pub use overlay::{DentryChange, ExtentChange, Overlay};
pub use superblock::emit_superblock;
pub use write::Journal;

use crate::error::{Error, Place};
use crate::units::DiskBlock;
use alloc::borrow::Cow;
use alloc::format;
use superblock::JournalSuperblock;

/// First word of every administrative block of the log.
const MAGIC: u32 = 0xc03b_3998;
/// Length of the header that opens every administrative block: magic, type, sequence.
const HEADER_LEN: usize = 12;

/// The blocks of a journal, whether they lie in a file of the volume or on a device of their own.
///
/// Block 0 holds the journal's superblock.
pub trait Log {
    /// Bytes in a block.
    fn block_size(&self) -> u32;
    /// Blocks in the log, its superblock included.
    fn block_count(&self) -> u32;
    /// Reads a whole block into `buf`, which has the length of a block.
    fn read(&self, log_block: u32, buf: &mut [u8]) -> Result<(), Error>;
    /// Where a block of the log lies on its device.
    fn disk_block(&self, log_block: u32) -> Result<u64, Error>;
}

/// What the journal must know of the volume it belongs to.
#[derive(Clone, Debug)]
pub struct ReplayConfig {
    /// The volume's UUID, which a journal shared by several volumes lists.
    pub uuid: [u8; 16],
    /// Bytes in an inode of the volume.
    pub inode_size: u16,
    /// Blocks of the volume: no block at or above it is replayed.
    pub volume_blocks: u64,
    /// Whether the volume uses fast commits.
    pub fast_commit_feature: bool,
}

/// Works out what recovery would change.
///
/// Fails if the journal's superblock is damaged or asks for features this driver does not know, or
/// if the log cannot be read. Damage further on ends the replay at the last sound transaction and is
/// told in [`Overlay::notes`].
pub fn replay(log: &dyn Log, config: &ReplayConfig) -> Result<Overlay, Error> {
    let superblock = JournalSuperblock::read(log, config)?;
    let mut overlay = Overlay::default();
    if superblock.error != 0 {
        overlay.note(format!("journal: the last user left error {}", superblock.error as i32));
    }
    overlay.set_next_sequence(superblock.sequence);
    if superblock.start == 0 {
        return Ok(overlay);
    }
    let end_sequence = scan::run(log, config, &superblock, &mut overlay)?;
    overlay.set_next_sequence(end_sequence);
    if let (Some(area), true) = (&superblock.fast_commit_area, config.fast_commit_feature) {
        fast_commit::run(log, config, area.clone(), end_sequence, &mut overlay)?;
    }
    Ok(overlay)
}

fn corrupt(log: &dyn Log, log_block: u32, offset: u64, why: impl Into<Cow<'static, str>>) -> Error {
    let place = log.disk_block(log_block).map_or(Place::Volume, |block| Place::Block(DiskBlock(block)));
    Error::corrupt("journal", place, offset, why)
}

fn be32(bytes: &[u8], offset: usize) -> Option<u32> {
    let field = bytes.get(offset..offset.checked_add(4)?)?;
    Some(u32::from_be_bytes(field.try_into().ok()?))
}

fn be64(bytes: &[u8], offset: usize) -> Option<u64> {
    let field = bytes.get(offset..offset.checked_add(8)?)?;
    Some(u64::from_be_bytes(field.try_into().ok()?))
}

#[cfg(test)]
mod tests;
