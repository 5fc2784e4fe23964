//! ISO 9660, for reading.
//!
//! Supported: levels 1 to 3 with files of several extents, the names of ISO 9660:1999 (enhanced), Joliet, Rock Ridge
//! with relocated directories, attributes and lists as libisofs stores them (AAIP), zisofs of both versions, several sessions, and images that are cut short.
//! Interleaved files and the sparse files of Rock Ridge are listed, and their content is refused.
//!
//! References: ECMA-119 4th edition (ISO 9660 with its amendment of 1999); IEEE P1281 (SUSP 1.12) and P1282 (RRIP
//! 1.12), drafts; the Joliet specification, version 1; libburnia's descriptions of zisofs and zisofs2.
//!
//! An inode number is a place: of a directory, the byte of its own first record (`.`), so that a directory has one
//! number however many records lead to it; of a file, the byte of the first record that names it. Files with several
//! names share a number that is made of what they share, see `links`.
//!
//! Where a value is stored in both byte orders, the little-endian one counts. Every range is checked against the
//! device when it is read. Locks (the shards of the cache, the table of links, the unpacked blocks, the place of the
//! record asked for last) are leaves, and none is held during I/O.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod aaip;
mod content;
mod descriptor;
mod directory;
mod error;
mod inode;
mod layout;
mod links;
mod mount;
mod name;
mod ops;
mod options;
mod probe;
mod record;
mod rock_ridge;
mod session;
mod susp;
mod time;
mod volume;
mod zisofs;

use rump_kpi::Component;

/// The component to list when a kernel is built.
pub fn component() -> Component {
    Component::FileSystem(&ops::Cd9660)
}
