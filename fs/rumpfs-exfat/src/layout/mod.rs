//! The bytes on disk, with the names of Microsoft's "exFAT file system specification". Nothing is checked here.

mod boot;
mod entries;

pub use boot::{BootSector, VolumeFlags};
pub use entries::{
    Attributes, BitmapEntry, ENTRY_BYTES, EntryType, FileEntry, LabelEntry, NameEntry, SecondaryEntry,
    SecondaryFlags, StreamEntry, UNITS_PER_ENTRY, UpcaseEntry,
};
