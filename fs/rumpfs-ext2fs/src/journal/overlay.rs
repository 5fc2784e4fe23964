//! What replay found: blocks to lay over the volume, and the changes of fast commits.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

/// A change of a file's extents by a fast commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExtentChange {
    /// The file's blocks from `logical` on lie at `physical`, whatever was there before.
    Add {
        /// First block within the file.
        logical: u32,
        /// Length in blocks.
        len: u32,
        /// First block on the volume.
        physical: u64,
        /// Whether the blocks read as zeros.
        unwritten: bool,
    },
    /// The file has a hole here.
    Remove {
        /// First block within the file.
        logical: u32,
        /// Length in blocks.
        len: u32,
    },
}

/// A change of a directory by a fast commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DentryChange {
    /// The name stands for the inode; it may have done so before.
    Add {
        /// The name.
        name: Vec<u8>,
        /// The inode.
        ino: u32,
    },
    /// The name is gone; it may have been so before.
    Remove {
        /// The name.
        name: Vec<u8>,
    },
}

/// The changes that recovery would make to a volume.
#[derive(Debug, Default)]
pub struct Overlay {
    blocks: BTreeMap<u64, Box<[u8]>>,
    inodes: BTreeMap<u32, Box<[u8]>>,
    extents: BTreeMap<u32, Vec<ExtentChange>>,
    dentries: BTreeMap<u32, Vec<DentryChange>>,
    parents: BTreeMap<u32, u32>,
    notes: Vec<String>,
    next_sequence: u32,
}

impl Overlay {
    /// Whether recovery would change nothing.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
            && self.inodes.is_empty()
            && self.extents.is_empty()
            && self.dentries.is_empty()
    }

    /// Whether there are changes that are not whole blocks.
    pub fn has_fast_commits(&self) -> bool {
        !(self.inodes.is_empty() && self.extents.is_empty() && self.dentries.is_empty())
    }

    /// All blocks with their new contents, in order.
    pub fn blocks(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.blocks.iter().map(|(block, data)| (*block, &data[..]))
    }

    /// The number that the first transaction after those of the log has to have.
    pub fn next_sequence(&self) -> u32 {
        self.next_sequence
    }

    pub(super) fn set_next_sequence(&mut self, sequence: u32) {
        self.next_sequence = sequence;
    }

    /// The new contents of a block of the volume.
    pub fn find(&self, disk_block: u64) -> Option<&[u8]> {
        self.blocks.get(&disk_block).map(|data| &data[..])
    }

    /// The smallest overlaid block at or above `disk_block`.
    pub fn next_from(&self, disk_block: u64) -> Option<u64> {
        self.blocks.range(disk_block..).next().map(|(&block, _)| block)
    }

    /// What a person should know about the state of the log.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The inode as the last fast commit recorded it, between 128 bytes and the inode size long.
    ///
    /// Recovery takes all of it but `i_block` (bytes 40 to 99) of an inode that maps blocks: those
    /// come from the volume and [`Overlay::extents`]. Inline data is taken from here.
    pub fn inode(&self, ino: u32) -> Option<&[u8]> {
        self.inodes.get(&ino).map(|raw| &raw[..])
    }

    /// The changes of an inode's extents, in the order in which they apply.
    pub fn extents(&self, ino: u32) -> &[ExtentChange] {
        self.extents.get(&ino).map_or(&[], Vec::as_slice)
    }

    /// The changes of a directory, in the order in which they apply.
    pub fn dentries(&self, dir: u32) -> &[DentryChange] {
        self.dentries.get(&dir).map_or(&[], Vec::as_slice)
    }

    /// The directory in which a fast commit made the inode. A directory so made holds only "." and ".." before
    /// its own changes apply, and its blocks on the volume mean nothing.
    pub fn created_in(&self, ino: u32) -> Option<u32> {
        self.parents.get(&ino).copied()
    }

    pub(super) fn insert_created(&mut self, ino: u32, parent: u32) {
        self.parents.insert(ino, parent);
    }

    pub(super) fn insert_block(&mut self, disk_block: u64, data: Box<[u8]>) {
        self.blocks.insert(disk_block, data);
    }

    pub(super) fn insert_inode(&mut self, ino: u32, raw: &[u8]) {
        self.inodes.insert(ino, raw.into());
    }

    pub(super) fn push_extent(&mut self, ino: u32, change: ExtentChange) {
        self.extents.entry(ino).or_default().push(change);
    }

    pub(super) fn push_dentry(&mut self, dir: u32, change: DentryChange) {
        self.dentries.entry(dir).or_default().push(change);
    }

    /// Adds to the notes.
    pub fn note(&mut self, note: String) {
        self.notes.push(note);
    }
}
