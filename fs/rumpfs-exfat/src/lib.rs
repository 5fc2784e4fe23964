//! exFAT.
//!
//! Supported: sectors of 512 to 4,096 bytes, clusters to 32 MiB, contents in consecutive clusters or by the table,
//! files of more bytes than are valid, the volume's own table of upper case, names of 255 UTF-16 units with all code
//! points, directories to 256 MiB, entries that others added to a file. Volumes with two tables (TexFAT) are read.
//! Options of `mount`: `uid=N`, `gid=N`, `umask=OCTAL`, `dmask=OCTAL`, `fmask=OCTAL` (022 if not given), `tz=UTC` or
//! `tz=±HH:MM` or `time_offset=MINUTES` (how much stamps that do not say so are ahead of UTC, and what new ones say),
//! `quiet`. Owners, modes and times: see `file/attr`.
//!
//! Reference: Microsoft, "exFAT file system specification".
//!
//! # Writing
//! Content goes to the device at once; what leads to it changes in memory and is committed by `fsync`, `sync`, the
//! unmount, or 5 seconds later, in the order that [`rump_dosfs::transaction`] gives: the table and the bitmap, then the
//! directories, and only then are clusters free that the directories do not lead to any more. What a crash leaves:
//! clusters that nobody has, chains in the table that are longer than their files (fsck.exfat collects and cuts them),
//! and the flag that says so. No file is longer than its clusters, and none shows what another held.
//!
//! A file whose clusters are consecutive needs no table. It gets one when it goes on elsewhere: the table is durable
//! before the directory says that it counts.
//!
//! A rename within a sector of 512 bytes is done at once or not at all. Any other gives the file its new name before
//! the old one goes, and a crash between the two leaves both. Sets of entries that this driver makes are in one such
//! sector, or, of names of more than 210 units, their first two are. A set that is in two is not written at once: a
//! crash while such a name is made, moved or removed may leave a part of it, and one while a file is changed whose
//! first two entries others put into different sectors a wrong sum. The directory takes new names again once
//! fsck.exfat was there.
//!
//! # Locks
//! A file's `chain`, then `transaction` (`committing`, `state`), then the leaves: a cell's slot, the tables of
//! `nodes`, the counts of the bitmap, the shards of the cache. A directory's `index` and its `chain` come after the
//! transaction, too.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod bitmap;
mod boot;
mod dir;
mod disk;
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
mod probe;
mod set;
mod stamps;
mod sums;
mod system;
mod transaction;
mod upcase;
mod volume;

use rump_kpi::Component;

/// The component to list when a kernel is built.
pub fn component() -> Component {
    Component::FileSystem(&ops::Exfat)
}
