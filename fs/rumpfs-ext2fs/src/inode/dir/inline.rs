//! Small directories inside the inode (kernel documentation, ext4 "Inline Directories").
//!
//! The first four bytes of `i_block` are the parent's inode number; entries follow, and go on in the attribute
//! `system.data`. `.` and `..` are not stored: their cursors are 0 and 1.

use super::{Entry, linear};
use crate::error::Error;
use crate::inode::{Inode, xattr};
use crate::units::{DiskBlock, Ino};
use crate::volume::Volume;
use core::cell::Cell;
use rump_kpi::FileType;

const HEAD: u64 = 4;
const DOT_DOT_CURSOR: u64 = 1;

/// Gives entries from `cursor` on; see [`super::read`].
pub fn read(
    volume: &Volume,
    inode: &Inode,
    cursor: u64,
    sink: &mut dyn FnMut(Entry<'_>) -> bool,
) -> Result<(), Error> {
    let head = &inode.base().i_block;
    let parent = Ino(u32::from_le_bytes([head[0], head[1], head[2], head[3]]));
    let file_type = Some(FileType::Directory);
    let going = Cell::new(true);
    if cursor < DOT_DOT_CURSOR {
        going.set(sink(Entry { name: b".", ino: inode.number(), file_type, next: DOT_DOT_CURSOR }));
    }
    if going.get() && cursor < HEAD {
        going.set(sink(Entry { name: b"..", ino: parent, file_type, next: HEAD }));
    }
    let mut kept = |entry: Entry<'_>| {
        going.set(going.get() && sink(entry));
        going.get()
    };
    // Errors name the block of attributes; zero stands for the inode itself.
    let first = linear::walk(volume, DiskBlock(0), &head[HEAD as usize..], HEAD, cursor, &mut kept);
    if !going.get() {
        return Ok(());
    }
    let Some(more) = xattr::inline_continuation(volume, inode)? else { return first };
    let second = linear::walk(volume, DiskBlock(0), &more, head.len() as u64, cursor, &mut kept);
    first.and(second)
}
