//! FAT12, FAT16 and FAT32.
//!
//! Supported: sectors of 512 to 4,096 bytes, clusters to 128 sectors, any number of tables (all are written, or the one
//! that FAT32 names), long names of 255 UTF-16 units with all code points, short names as Windows makes them, files to
//! 4 GiB − 1, directories to 65,536 entries.
//! Options of `mount`: `uid=N`, `gid=N`, `umask=OCTAL`, `dmask=OCTAL`, `fmask=OCTAL` (022 if not given), `tz=UTC` or
//! `tz=±HH:MM` or `time_offset=MINUTES` (how much the stamps are ahead of UTC), `codepage=437|850|852|1252`, `quiet`.
//! Owners, modes and times: see `file/attr`.
//!
//! Reference: Microsoft, "FAT: General Overview of On-Disk Format", version 1.03 (fatgen103); the Linux kernel's
//! documentation, "VFAT".
//!
//! # Writing
//! Content goes to the device at once; what leads to it changes in memory and is committed by `fsync`, `sync`, the
//! unmount, or 5 seconds later, in the order that [`rump_dosfs::transaction`] gives. What a crash leaves: clusters that
//! nobody has (fsck.fat collects them), chains longer than their files, and the mark that says so. No file is longer
//! than its chain, and none shows what another held.
//!
//! A rename within a sector of 512 bytes or more is done at once or not at all. Any other gives the file its new name
//! before the old one goes, and a crash between the two leaves both: fsck.fat finds clusters that two names share, and
//! empties one. An entry of FAT12 that lies in two sectors is not written at once either: a crash between its parts
//! may lead a chain that grew astray behind the end of its file.
//!
//! # Locks
//! A file's `chain`, then the transaction (`committing`, `state`), then the leaves: a cell's slot, the tables of
//! numbers, the shards of the cache. A directory's `chain` is a leaf as well.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod dir;
mod fat;
mod file;
mod geometry;
mod layout;
pub mod mkfs;
mod mount;
mod names;
mod namespace;
mod nodes;
mod ops;
mod options;
mod probe;
mod transaction;
mod volume;

use rump_kpi::Component;

/// The component to list when a kernel is built.
pub fn component() -> Component {
    Component::FileSystem(&ops::Msdos)
}
