//! Directories: linear blocks, hash trees over them, and small ones inside the inode.

mod casefold;
pub mod change;
mod htree;
mod inline;
mod linear;
mod ordered;
pub mod record;
mod tree;

use super::{FLAG_CASEFOLD, FLAG_ENCRYPTED, FLAG_INDEX, Inode};
use crate::error::{Error, Place};
use crate::features::Compat;
use crate::journal::DentryChange;
use crate::units::{DiskBlock, Ino};
use crate::volume::Volume;
use casefold::Wanted;
use change::Slot;
use rump_checksum::crc32c;
use rump_kpi::FileType;

/// One entry as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The name.
    pub name: &'a [u8],
    /// The inode it names.
    pub ino: Ino,
    /// Type, where it is stored.
    pub file_type: Option<FileType>,
    /// Where reading goes on after it.
    pub next: u64,
}

/// Finds a name.
pub fn lookup(volume: &Volume, inode: &Inode, name: &[u8]) -> Result<Option<Ino>, Error> {
    let wanted = Wanted::new(volume, inode, name);
    for change in changes(volume, inode).iter().rev() {
        match change {
            DentryChange::Add { name: added, ino, .. } if wanted.is(added) => {
                return Ok(Some(Ino(*ino)));
            }
            DentryChange::Remove { name: removed } if wanted.is(removed) => return Ok(None),
            _ => {}
        }
    }
    if is_found_by_hash(volume, inode, name) {
        match htree::lookup(volume, inode, name) {
            Err(Error::Io(error)) => return Err(Error::Io(error)),
            Err(_) => {} // The linear blocks may be sound although the tree is not.
            found => return Ok(found?.map(|(ino, _)| ino)),
        }
    }
    if wanted.is_exact() && !inode.is_inline(volume) && created_in(volume, inode).is_none() {
        match linear::locate(volume, inode, name) {
            Err(Error::Io(error)) => return Err(Error::Io(error)),
            Err(_) => {} // What a damaged block seems to hold is found all the same.
            found => return Ok(found?.map(|(ino, _)| ino)),
        }
    }
    let mut found = None;
    let result = read_stored(volume, inode, 0, &mut |entry| {
        if wanted.is(entry.name) {
            found = Some(entry.ino);
        }
        found.is_none()
    });
    match found {
        Some(ino) => Ok(Some(ino)),
        None => result.map(|()| None),
    }
}

/// Finds a name and the place of its entry, on a volume that is written. Errors: EFTYPE, EIO.
pub fn locate(volume: &Volume, inode: &Inode, name: &[u8]) -> Result<Option<(Ino, Slot)>, Error> {
    if inode.is_inline(volume) {
        return inline::locate(volume, inode, name);
    }
    if is_found_by_hash(volume, inode, name) {
        return htree::lookup(volume, inode, name);
    }
    linear::locate(volume, inode, name)
}

/// Whether a directory holds nothing but `.` and `..`. Errors: EFTYPE, EIO.
pub fn is_empty(volume: &Volume, inode: &Inode) -> Result<bool, Error> {
    let mut empty = true;
    let result = read_stored(volume, inode, 0, &mut |entry| {
        empty = matches!(entry.name, b"." | b"..");
        empty
    });
    if empty { result.map(|()| true) } else { Ok(false) }
}

/// Whether names are found through a hash tree.
pub fn is_looked_up_by_hash(volume: &Volume, inode: &Inode) -> bool {
    is_indexed(volume, inode)
        && created_in(volume, inode).is_none()
        && !inode.is_inline(volume)
        && !inode.has_flag(FLAG_CASEFOLD | FLAG_ENCRYPTED)
}

fn is_found_by_hash(volume: &Volume, inode: &Inode, name: &[u8]) -> bool {
    is_looked_up_by_hash(volume, inode) && !matches!(name, b"." | b"..")
}

/// Gives entries from `cursor` on to `sink` until it answers false. Damaged blocks are left out, and reported
/// once all others were given.
pub fn read(
    volume: &Volume,
    inode: &Inode,
    cursor: u64,
    sink: &mut dyn FnMut(Entry<'_>) -> bool,
) -> Result<(), Error> {
    if ordered::is_wanted(volume, inode, cursor) {
        let mut given = false;
        let result = ordered::read(volume, inode, cursor, &mut |entry| {
            given = true;
            sink(entry)
        });
        match result {
            // The linear blocks may be sound although the tree is not.
            Err(Error::Corrupt { .. }) if !given && cursor == 0 => {}
            result => return result,
        }
    }
    let changes = changes(volume, inode);
    let mut going = true;
    let mut kept = |entry: Entry<'_>| {
        if !changes.iter().any(|change| changed_name(change) == entry.name) {
            going = sink(entry);
        }
        going
    };
    let result = read_stored(volume, inode, cursor, &mut kept);
    if !going {
        return Ok(());
    }
    let first = cursor.saturating_sub(OVERLAY_CURSOR) as usize;
    for (index, change) in changes.iter().enumerate().skip(first) {
        let DentryChange::Add { name, ino, .. } = change else { continue };
        let last = changes.iter().rposition(|other| changed_name(other) == name.as_slice()) == Some(index);
        let next = OVERLAY_CURSOR + index as u64 + 1;
        if last && !sink(Entry { name, ino: Ino(*ino), file_type: None, next }) {
            return Ok(());
        }
    }
    result
}

/// Gives the entries as of the last full commit, or those that a directory begins with which a fast commit made.
fn read_stored(
    volume: &Volume,
    inode: &Inode,
    cursor: u64,
    sink: &mut dyn FnMut(Entry<'_>) -> bool,
) -> Result<(), Error> {
    let Some(parent) = created_in(volume, inode) else {
        let read = if inode.is_inline(volume) { inline::read } else { linear::read };
        return read(volume, inode, cursor, sink);
    };
    let entry = |name, ino, next| Entry { name, ino, file_type: Some(FileType::Directory), next };
    let dots = [entry(b".".as_slice(), inode.number(), 1), entry(b"..", parent, OVERLAY_CURSOR)];
    let _ = dots.into_iter().filter(|dot| dot.next > cursor).all(sink);
    Ok(())
}

/// Cursors from here on are entries of fast commits, behind any block of a directory.
const OVERLAY_CURSOR: u64 = 1 << 62;

fn changed_name(change: &DentryChange) -> &[u8] {
    match change {
        DentryChange::Add { name, .. } | DentryChange::Remove { name } => name,
    }
}

fn changes<'a>(volume: &'a Volume, inode: &Inode) -> &'a [DentryChange] {
    volume.overlay().map_or(&[], |overlay| overlay.dentries(inode.number().0))
}

/// The parent of a directory that a fast commit made.
fn created_in(volume: &Volume, inode: &Inode) -> Option<Ino> {
    volume.overlay()?.created_in(inode.number().0).map(Ino)
}

fn is_indexed(volume: &Volume, inode: &Inode) -> bool {
    inode.has_flag(FLAG_INDEX) && volume.features().compat.contains(Compat::DIR_INDEX)
}

/// Verifies the checksum of a node of a hash tree whose records begin at `records`.
fn check_node(
    volume: &Volume,
    inode: &Inode,
    at: DiskBlock,
    bytes: &[u8],
    records: usize,
) -> Result<(), Error> {
    if !volume.features().has_metadata_checksums() {
        return Ok(());
    }
    let word =
        |at: usize| bytes.get(at..at + 2).map(|word| usize::from(u16::from_le_bytes([word[0], word[1]])));
    let right = (|| {
        let (limit, count) = (word(records)?, word(records + 2)?);
        let tail = bytes.get(records + limit * 8..records + limit * 8 + 8)?;
        let body = bytes.get(..records + count * 8).filter(|_| count <= limit)?;
        let sum = crc32c(inode.checksum_seed(volume), body);
        let sum = crc32c(crc32c(sum, &tail[..4]), &[0; 4]);
        Some(sum == u32::from_le_bytes([tail[4], tail[5], tail[6], tail[7]]))
    })();
    if right == Some(true) {
        return Ok(());
    }
    Err(Error::corrupt("hash tree node", Place::Block(at), records as u64, "wrong checksum"))
}
