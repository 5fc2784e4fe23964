//! ext2, ext3 and ext4.
//!
//! Supported: revisions 0 and 1, blocks of 1 to 64 KiB, block maps and extents, 64bit, flex_bg, meta_bg,
//! sparse_super and sparse_super2, bigalloc, inline data, hash trees, large directories, casefold, checksums of
//! all metadata (verified), extended attributes, and the replay of the journal in memory, be it in the volume or on
//! a device of its own. The content of encrypted and compressed files is refused.
//!
//! Reference: the Linux kernel's documentation, "ext4 Data Structures and Algorithms".
//!
//! Memory that writing takes: up to 64 MiB of content that waits for its place (option `dirty=MIB`), and what one
//! transaction and those before it that are not yet at home hold (64 MiB). A write beyond that flushes first.
//!
//! Damage is reported where it is met: a volume with a damaged group, inode or directory block can be mounted
//! and its other parts read. Locks (the shards of the block cache, an inode's map, the table of groups) are
//! leaves: none is held while another is taken, nor during I/O.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod allocation;
mod backup;
mod cell;
mod error;
mod features;
mod group;
mod inode;
mod journal;
mod layout;
pub mod mkfs;
mod mount;
mod namespace;
mod ops;
mod orphan;
mod probe;
mod recovery;
mod superblock;
mod transaction;
mod units;
mod volume;
mod writing;

use rump_kpi::Component;

/// The component to list when a kernel is built.
pub fn component() -> Component {
    Component::FileSystem(&ops::Ext2Fs)
}
