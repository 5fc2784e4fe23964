//! The bytes on disk, with the names of Microsoft's "FAT: General Overview of On-Disk Format" 1.03. Nothing is
//! checked here.

mod boot;
mod dirent;
mod fsinfo;

pub use boot::{Bpb, Extended16, Extended32, STATE_DIRTY};
pub use dirent::{Attributes, DirEntry, LastLong, LongEntry};
pub use fsinfo::FsInfo;
