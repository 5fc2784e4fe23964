//! What the drivers of FAT and exFAT share: both keep files in chains of clusters, which a table and directories of
//! 32-byte entries lead to, have names in UTF-16 and times in local time, and no inodes.
//!
//! Nothing here knows how a chain, an entry or free space is stored; what [`transaction`] needs of that it asks for by
//! [`transaction::Transactional`].
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod chain;
mod error;
pub mod fresh;
pub mod nodes;
mod options;
mod sectors;
pub mod time;
pub mod transaction;
pub mod utf16;

pub use error::{Error, Place};
pub use options::Options;
pub use sectors::Sectors;

/// Bytes of an entry of a directory: slots, since a file has several.
pub const SLOT_BYTES: usize = 32;
