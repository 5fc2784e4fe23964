//! Which content goes through the journal.
//!
//! Reference: Documentation/filesystems/ext4/super.rst (`s_default_mount_opts`, `s_mount_opts`), mount options of ext4
//! (`data=`), chattr(1) (the attribute `j`).

use super::Writer;
use crate::inode::{FLAG_JOURNAL_DATA, Inode};
use crate::superblock::Superblock;

const DEFAULT_MODE: u32 = 0x60;
const DEFAULT_MODE_JOURNAL: u32 = 0x20;

/// How the content of files gets to the device; for files with the attribute `j` always as [`Journal`](Self::Journal),
/// if there is a journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DataMode {
    /// Straight to its place, before a map names that.
    #[default]
    Ordered,
    /// Through the journal, together with the map.
    Journal,
}

impl DataMode {
    /// The mode that the value of the option `data` names.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "ordered" => Some(Self::Ordered),
            "journal" => Some(Self::Journal),
            _ => None,
        }
    }

    /// The mode that a volume asks for: its mount options stand over its default ones. What is asked for besides (to
    /// write back in any order) is more than covered by [`Ordered`](Self::Ordered).
    pub fn asked_by(superblock: &Superblock) -> Self {
        let raw = &superblock.raw;
        let options = raw.s_mount_opts.split(|byte| *byte == 0).next().unwrap_or_default();
        let mut values =
            options.rsplit(|byte| *byte == b',').filter_map(|option| option.strip_prefix(b"data="));
        match values.next() {
            Some(value) if value == b"journal" => Self::Journal,
            None if raw.s_default_mount_opts.get() & DEFAULT_MODE == DEFAULT_MODE_JOURNAL => Self::Journal,
            _ => Self::Ordered,
        }
    }
}

impl Writer {
    /// Whether the content of a file goes through the journal.
    pub fn journals(&self, inode: &Inode) -> bool {
        self.has_journal && (self.data_mode == DataMode::Journal || inode.has_flag(FLAG_JOURNAL_DATA))
    }

    /// Blocks of content that enter a transaction at once: few of those it may hold, so that it becomes nearly full.
    pub fn most_content(&self) -> u64 {
        (self.most_blocks as u64 / 8).max(1)
    }
}
