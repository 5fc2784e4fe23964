//! Reading a directory in order: each file with its name, whatever entries it takes.

use super::slots::Slots;
use crate::disk::Disk;
use crate::fat::{Cursor, Link};
use crate::layout::{ENTRY_BYTES, EntryType};
use crate::names;
use crate::set::{Entry, EntrySet};
use alloc::vec::Vec;
use core::ops::ControlFlow;
use rump_dosfs::{Error, Place};
use rump_kpi::Errno;

/// A file of a directory.
#[derive(Clone, Copy)]
pub struct File<'a> {
    /// Index of its first entry.
    pub first: u32,
    /// Its entries.
    pub set: &'a EntrySet,
    /// Its name.
    pub name: &'a [u16],
}

/// What a scan meets.
pub enum Visit<'a> {
    /// A file or directory.
    File(File<'a>),
    /// An entry that may be passed over by whoever does not know it.
    Other(&'a Entry),
    /// An entry that may not.
    Unknown,
    /// A file whose entries break a rule.
    Damaged(Error),
}

/// Shows all that begins at `start` or behind to `look`, until that breaks off. Free entries are not shown. Answers the
/// index of the entry behind which there is nothing, if there is one. Errors: EFTYPE, EIO, those of `look`.
pub fn scan(
    slots: &Slots<'_>,
    start: u32,
    look: &mut dyn FnMut(Visit<'_>) -> Result<ControlFlow<()>, Error>,
) -> Result<Option<u32>, Error> {
    let (mut bytes, mut name) = (Vec::new(), Vec::new());
    let mut index = start;
    while let Some(entry) = slots.read(index)? {
        if entry[0] == EntryType::END {
            return Ok(Some(index));
        }
        let first = index;
        index += 1;
        let visit = match kind(&entry) {
            Kind::Free => continue,
            Kind::Other => Visit::Other(&entry),
            Kind::Unknown => Visit::Unknown,
            Kind::File => match set_at(slots, first, &entry, &mut bytes)? {
                Ok(set) => {
                    set.name(&mut name);
                    let flow = if names::is_presentable(&name) {
                        index = first + set.len();
                        look(Visit::File(File { first, set: &set, name: &name }))?
                    } else {
                        look(Visit::Damaged(damaged(slots, first, "a name that cannot be")))?
                    };
                    if flow.is_break() {
                        return Ok(None);
                    }
                    continue;
                }
                Err(why) => Visit::Damaged(damaged(slots, first, why)),
            },
        };
        if look(visit)?.is_break() {
            return Ok(None);
        }
    }
    Ok(None)
}

enum Kind {
    Free,
    File,
    Other,
    Unknown,
}

/// Secondary entries that are met alone are what is left of a file.
fn kind(entry: &Entry) -> Kind {
    match entry[0] {
        kind if kind & EntryType::IN_USE == 0 => Kind::Free,
        EntryType::FILE => Kind::File,
        EntryType::ALLOCATION_BITMAP | EntryType::UPCASE_TABLE | EntryType::VOLUME_LABEL => Kind::Other,
        kind if kind & (EntryType::SECONDARY | EntryType::BENIGN) != 0 => Kind::Other,
        _ => Kind::Unknown,
    }
}

fn damaged(slots: &Slots<'_>, index: u32, why: &'static str) -> Error {
    let byte = slots.place(index).unwrap_or(0) * ENTRY_BYTES as u64;
    Error::corrupt("directory", Place::Byte(byte), why)
}

/// The set that begins with `entry`, or the rule that it breaks. Errors: EFTYPE, EIO.
fn set_at(
    slots: &Slots<'_>,
    first: u32,
    entry: &Entry,
    bytes: &mut Vec<u8>,
) -> Result<Result<EntrySet, &'static str>, Error> {
    bytes.clear();
    bytes.extend_from_slice(entry);
    for index in (first + 1..).take(entry[1].into()) {
        let Some(entry) = slots.read(index)? else { return Ok(Err("a set is cut short")) };
        bytes.extend_from_slice(&entry);
    }
    Ok(EntrySet::parse(bytes))
}

/// The file whose primary entry has this index, if there is one. Errors: EFTYPE, EIO.
pub fn file_at(slots: &Slots<'_>, index: u32) -> Result<Option<EntrySet>, Error> {
    match slots.read(index)? {
        Some(entry) if entry[0] == EntryType::FILE => Ok(set_at(slots, index, &entry, &mut Vec::new())?.ok()),
        _ => Ok(None),
    }
}

/// Whether a directory has no files, nor what may be some. Errors: EFTYPE, EIO.
pub fn is_empty(slots: &Slots<'_>) -> Result<bool, Error> {
    let mut is_empty = true;
    scan(slots, 0, &mut |visit| {
        is_empty = matches!(visit, Visit::Other(_));
        Ok(if is_empty { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })?;
    Ok(is_empty)
}

/// The file whose primary entry is at a place, without its directory, and where its first two entries are. If they
/// reach into another cluster, that is the next one, or the one that the table leads to: the sum of the set decides.
///
/// Errors: ESTALE (there is none), EFTYPE, EIO.
pub fn read_set(disk: &Disk, place: u64) -> Result<(EntrySet, [u64; 2]), Error> {
    let byte = place.checked_mul(ENTRY_BYTES as u64).ok_or(Errno::ESTALE)?;
    let (cluster, bytes) = disk.geometry.cluster_at(byte).ok_or(Errno::ESTALE)?;
    let entry = read_entry(disk, byte)?;
    if entry[0] != EntryType::FILE {
        return Err(Errno::ESTALE.into());
    }
    let per_cluster = (disk.geometry.cluster_size() / ENTRY_BYTES as u64) as u32;
    let at = ((byte - bytes.start) / ENTRY_BYTES as u64) as u32;
    let mut why = Error::corrupt("directory", Place::Byte(byte), "a set is cut short");
    for linked in [false, true] {
        match gather(disk, cluster, at, per_cluster, u32::from(entry[1]) + 1, linked) {
            Ok((bytes, places)) => match EntrySet::parse(&bytes) {
                Ok(set) => return Ok((set, places)),
                Err(broken) => why = Error::corrupt("directory", Place::Byte(byte), broken),
            },
            Err(error) => why = error,
        }
    }
    Err(why)
}

/// The bytes of `count` entries from number `at` of a cluster on, and the places of the first two.
fn gather(
    disk: &Disk,
    cluster: u32,
    at: u32,
    per_cluster: u32,
    count: u32,
    linked: bool,
) -> Result<(Vec<u8>, [u64; 2]), Error> {
    let (mut cluster, mut at) = (cluster, at);
    let mut cursor = Cursor::new(disk);
    let (mut bytes, mut places) = (Vec::new(), [0; 2]);
    for number in 0..count as usize {
        if at == per_cluster {
            cluster = match cursor.link(cluster) {
                _ if !linked => cluster.saturating_add(1),
                Ok(Link::Next(next)) => next,
                Ok(Link::End) => return Err(Errno::ESTALE.into()),
                Err(error) => return Err(error),
            };
            at = 0;
        }
        let byte = disk.cluster_offset(cluster)? + u64::from(at) * ENTRY_BYTES as u64;
        if let Some(place) = places.get_mut(number) {
            *place = byte / ENTRY_BYTES as u64;
        }
        bytes.extend_from_slice(&read_entry(disk, byte)?);
        at += 1;
    }
    Ok((bytes, places))
}

fn read_entry(disk: &Disk, byte: u64) -> Result<Entry, Error> {
    let (sector, within) = disk.sectors.position(byte);
    let block = disk.sector(sector)?;
    let entry = block.get(within..within + ENTRY_BYTES).and_then(|bytes| bytes.try_into().ok());
    entry.ok_or_else(|| Error::corrupt("directory", Place::Byte(byte), "cut short"))
}
