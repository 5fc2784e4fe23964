//! Directories: records one after another, none across the end of a sector (6.8.1).
//!
//! A sector without records ends a directory, whatever length it claims: the standard puts one at the beginning of
//! each. A file of several extents has a record for each, one after the other, with the same identifier.

use crate::error::Error;
use crate::inode::{self, Body, Directory};
use crate::layout::{SECTOR, flag};
use crate::name::{Name, Naming};
use crate::record::{MOST, Record, Role};
use crate::rock_ridge::RockRidge;
use crate::volume::{Metadata, Volume};
use alloc::format;
use rump_kpi::{FileType, Ino};

/// Cursors of the two entries that every directory has; behind them, a cursor is the offset of a record.
const DOT: u64 = 0;
const DOT_DOT: u64 = 1;
const FIRST: u64 = 2;

/// An entry.
pub struct Entry<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// Number of what it names.
    pub ino: Ino,
    /// Type of what it names.
    pub file_type: FileType,
    /// Where the next call goes on after it.
    pub next: u64,
}

/// The records of a range of the device.
pub struct Records<'a> {
    metadata: Metadata<'a>,
    block_size: u64,
    at: u64,
    end: u64,
    /// Bytes of blocks without a record that were passed in a row.
    empty: u64,
}

impl<'a> Records<'a> {
    /// Records from byte `at` to byte `end`.
    pub fn new(volume: &'a Volume, at: u64, end: u64) -> Self {
        let block_size = volume.block_size().into();
        Self { metadata: volume.metadata(), block_size, at, end, empty: 0 }
    }

    /// The next record, stored in `bytes`. Errors: EFTYPE, EIO.
    pub fn next<'b>(&mut self, bytes: &'b mut [u8; MOST]) -> Result<Option<Record<'b>>, Error> {
        while self.at < self.end {
            let (at, left) = (self.at, self.end - self.at);
            self.metadata.read(at, &mut bytes[..1])?;
            let length = usize::from(bytes[0]);
            if length == 0 {
                self.empty += if at % self.block_size == 0 { self.block_size } else { 0 };
                if self.empty >= SECTOR {
                    break;
                }
                self.at = (at / self.block_size + 1) * self.block_size;
                continue;
            }
            if length as u64 > left {
                return Err(Error::corrupt("directory record", at, format!("length {length}, {left} left")));
            }
            self.metadata.read(at, &mut bytes[..length])?;
            (self.at, self.empty) = (at + length as u64, 0);
            return Record::parse(at, &bytes[..length]).map(Some);
        }
        Ok(None)
    }

    /// Shows the further records of the file that `first`, the one before, begins. Answers whether the last was
    /// there. Errors: EFTYPE, EIO.
    pub fn parts(
        &mut self,
        first: &Record<'_>,
        visit: &mut dyn FnMut(&Record<'_>) -> Result<(), Error>,
    ) -> Result<bool, Error> {
        let mut bytes = [0; MOST];
        let mut goes_on = first.has(flag::MULTI_EXTENT);
        while goes_on {
            let before = self.at;
            match self.next(&mut bytes)? {
                Some(part) if is_part(first, &part) => {
                    goes_on = part.has(flag::MULTI_EXTENT);
                    visit(&part)?;
                }
                _ => {
                    self.at = before;
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}

fn is_part(first: &Record<'_>, other: &Record<'_>) -> bool {
    first.identifier == other.identifier && first.has(flag::ASSOCIATED) == other.has(flag::ASSOCIATED)
}

/// Gives the entries from `cursor` on to `sink` until it answers false. Errors: EFTYPE, EIO.
pub fn read(
    volume: &Volume,
    directory: &Directory,
    cursor: u64,
    sink: &mut dyn FnMut(Entry<'_>) -> bool,
) -> Result<(), Error> {
    let file_type = FileType::Directory;
    if cursor == DOT && !sink(Entry { name: b".", ino: directory.ino(), file_type, next: DOT_DOT }) {
        return Ok(());
    }
    if cursor <= DOT_DOT {
        let ino = parent(volume, directory)?;
        if !sink(Entry { name: b"..", ino, file_type, next: FIRST }) {
            return Ok(());
        }
    }
    let offset = if cursor <= FIRST { 0 } else { cursor };
    let mut records = Records::new(volume, directory.start.saturating_add(offset), directory.end());
    let (mut bytes, mut name) = ([0; MOST], Name::new());
    let may_hold_moved = may_hold_moved(volume, directory);
    while let Some(record) = records.next(&mut bytes)? {
        records.parts(&record, &mut |_| Ok(()))?;
        let next = records.at - directory.start;
        if let Some((ino, file_type)) = entry(volume, &record, &mut name) {
            if may_hold_moved && record.is_directory() && is_moved(volume, directory, ino) {
                continue;
            }
            if !sink(Entry { name: name.bytes(), ino, file_type, next }) {
                break;
            }
        }
    }
    Ok(())
}

/// What a record shows, if anything; its name goes into `name`.
fn entry(volume: &Volume, record: &Record<'_>, name: &mut Name) -> Option<(Ino, FileType)> {
    let options = volume.options();
    let is_left_out = record.role() != Role::Entry
        || (record.has(flag::ASSOCIATED) && !options.shows_associated)
        || (record.has(flag::EXISTENCE) && options.hides);
    if is_left_out {
        return None;
    }
    let mut said = RockRidge::default();
    match volume.naming() {
        Naming::RockRidge => {
            // Damage is told when the attributes are asked for: the entry is there.
            said = RockRidge::read_entry(volume, record, name).unwrap_or_default();
            if name.is_empty() {
                name.set_plain(record.identifier, options.map);
            }
        }
        Naming::Joliet => name.set_joliet(record.identifier),
        Naming::Enhanced => name.set_enhanced(record.identifier),
        Naming::Plain => name.set_plain(record.identifier, options.map),
    }
    if said.is_relocated {
        return None;
    }
    name.make_usable();
    let directory = match said.child {
        Some(block) => Some(block.into()),
        None => record.is_directory().then(|| record.block()),
    };
    Some(match directory {
        Some(block) => (Ino(volume.byte_of(block)), FileType::Directory),
        None => (volume.links.number(record, said.posix.as_ref()), said.file_type()),
    })
}

/// The inode that `name` names. Errors: EFTYPE, EIO.
pub fn lookup(volume: &Volume, directory: &Directory, name: &[u8]) -> Result<Option<Ino>, Error> {
    if name == b".." {
        return parent(volume, directory).map(Some);
    }
    let mut found = None;
    read(volume, directory, FIRST, &mut |entry| {
        if entry.name == name {
            found = Some(entry.ino);
        }
        found.is_none()
    })?;
    Ok(found)
}

/// Shows the record at this place. Errors: EFTYPE, EIO, those of `show`.
pub fn record_at(
    volume: &Volume,
    at: u64,
    show: &mut dyn FnMut(&Record<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut bytes = [0; MOST];
    let record = Records::new(volume, at, u64::MAX).next(&mut bytes)?;
    record.map_or(Ok(()), |record| show(&record))
}

/// Shows the record by which its parent names a directory. Errors: EFTYPE, EIO, those of `show`.
pub fn naming_record(
    volume: &Volume,
    directory: &Directory,
    show: &mut dyn FnMut(&Record<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let Body::Directory(parent) = inode::load(volume, parent(volume, directory)?)?.body else {
        return Ok(());
    };
    let (last_parent, last) = *volume.named_last.lock();
    let begin = if last_parent == parent.ino() { last } else { parent.start };
    for (from, to) in [(begin, parent.end()), (parent.start, begin)] {
        let mut records = Records::new(volume, from, to);
        let mut bytes = [0; MOST];
        while let Some(record) = records.next(&mut bytes)? {
            let block = match record.role() {
                Role::Entry if record.is_directory() => Some(record.block()),
                Role::Entry => RockRidge::read(volume, &record)?.child.map(u64::from),
                Role::Own | Role::Parent => None,
            };
            if block.is_some_and(|block| volume.byte_of(block) == directory.start) {
                *volume.named_last.lock() = (parent.ino(), record.at);
                return show(&record);
            }
        }
    }
    Ok(())
}

/// The parent: what Rock Ridge says for a directory that was relocated, else what the second record names.
fn parent(volume: &Volume, directory: &Directory) -> Result<Ino, Error> {
    if directory.ino() == volume.root() {
        return Ok(volume.root());
    }
    let (named, linked) = parents(volume, directory)?;
    Ok(linked.unwrap_or(named))
}

/// The parent that the second record names, and the one that Rock Ridge says besides. Errors: EFTYPE, EIO.
fn parents(volume: &Volume, directory: &Directory) -> Result<(Ino, Option<Ino>), Error> {
    let mut records = Records::new(volume, directory.start, directory.end());
    let mut bytes = [0; MOST];
    records.next(&mut bytes)?;
    let Some(record) = records.next(&mut bytes)?.filter(|record| record.role() == Role::Parent) else {
        return Err(Error::corrupt("directory", directory.start, "no record of the parent"));
    };
    let linked = match volume.naming() {
        Naming::RockRidge => RockRidge::read(volume, &record)?.parent,
        _ => None,
    };
    let ino = |block| Ino(volume.byte_of(block));
    Ok((ino(record.block()), linked.map(|block| ino(block.into()))))
}

/// Whether directories that lie too deep may be kept in this one: it is in the root.
fn may_hold_moved(volume: &Volume, directory: &Directory) -> bool {
    let is_candidate = volume.naming() == Naming::RockRidge && directory.ino() != volume.root();
    is_candidate && parent(volume, directory).is_ok_and(|parent| parent == volume.root())
}

/// Whether a directory is kept in this one and belongs elsewhere, as it says itself. Its record here should say so, too
/// (RE), and then is no entry; NetBSD's makefs leaves that out.
fn is_moved(volume: &Volume, here: &Directory, ino: Ino) -> bool {
    let directory = Directory { start: ino.0, length: SECTOR };
    let linked = parents(volume, &directory).ok().and_then(|(_, linked)| linked);
    linked.is_some_and(|parent| parent != here.ino())
}
