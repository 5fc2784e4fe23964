//! FAT12, FAT16 and FAT32.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod chain;
mod dir;
mod error;
mod fat;
mod file;
mod geometry;
mod layout;
mod mount;
mod names;
mod namespace;
mod nodes;
mod ops;
mod options;
mod probe;
mod time;
mod transaction;
mod volume;

use rump_kpi::Component;

/// The component to list when a kernel is built.
pub fn component() -> Component {
    Component::FileSystem(&ops::Msdos)
}
