//! What the drivers of FAT and exFAT share: both keep files in chains of clusters, which a table and directories of
//! 32-byte entries lead to, have names in UTF-16 and times in local time, and no inodes.
//!
//! Nothing here knows how a chain, an entry or free space is stored.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod chain;
mod error;
pub mod time;
pub mod utf16;

pub use error::{Error, Place};
