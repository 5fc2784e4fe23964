//! Reading a directory in order: each file with its name, whatever slots it takes.

use super::slots::Slots;
use crate::layout::{Attributes, DirEntry};
use crate::names::long::{self, Gatherer};
use crate::names::{MOST_ALIAS, fold, short};
use alloc::vec::Vec;
use core::ops::ControlFlow;
use rump_dosfs::Error;
use rump_dosfs::SLOT_BYTES;
use zerocopy::FromBytes;

/// First byte of a slot that nobody has.
pub const DELETED: u8 = 0xe5;
/// First byte of a slot behind which there is nothing.
pub const NOTHING_FOLLOWS: u8 = 0;

/// A file of a directory.
#[derive(Clone, Copy)]
pub struct File<'a> {
    /// Index of its first slot.
    pub first: u32,
    /// Index of the slot with the short name.
    pub last: u32,
    /// Where on the volume that is.
    pub place: u64,
    /// That slot.
    pub entry: &'a DirEntry,
    /// Its name.
    pub name: &'a [u16],
}

/// What a scan meets.
pub enum Visit<'a> {
    /// A file or directory.
    File(File<'a>),
    /// A slot that nobody has.
    Free(u32),
    /// Nobody has this slot or any behind it. Not shown where all slots are taken.
    End(u32),
    /// A label, or the two names that every directory has.
    Other(&'a DirEntry),
}

/// Shows all slots from `start` on to `look`, until that breaks off. A name that begins before `start` is shown as the
/// short one. Errors: EFTYPE, EIO, those of `look`.
pub fn scan(
    slots: &Slots<'_>,
    start: u32,
    look: &mut dyn FnMut(Visit<'_>) -> Result<ControlFlow<()>, Error>,
) -> Result<(), Error> {
    let mut gatherer = Gatherer::default();
    let mut first = None;
    let mut shown = Vec::new();
    let page = slots.volume.options().page;
    for index in start..slots.count() {
        let Some(slot) = slots.read(index)? else { break };
        if slot[0] == NOTHING_FOLLOWS {
            return look(Visit::End(index)).map(drop);
        }
        if slot[0] == DELETED {
            gatherer.reset();
            if look(Visit::Free(index))?.is_break() {
                return Ok(());
            }
            continue;
        }
        if let Some(part) = long::parse(&slot) {
            if gatherer.take(part) {
                first = Some(index);
            }
            continue;
        }
        let Ok(entry) = DirEntry::ref_from_bytes(&slot) else { break };
        let name = gatherer.finish(&entry.name).filter(|name| is_presentable(name));
        let visit = if is_file(entry) {
            if name.is_none() {
                short::shown(&entry.name, entry.ntres, page, &mut shown);
            }
            let first = first.filter(|_| name.is_some()).unwrap_or(index);
            let place = slots.place(index).unwrap_or(0);
            Visit::File(File { first, last: index, place, entry, name: name.unwrap_or(&shown) })
        } else {
            Visit::Other(entry)
        };
        if look(visit)?.is_break() {
            return Ok(());
        }
        first = None;
    }
    Ok(())
}

/// Whether somebody has a slot.
pub fn is_taken(slot: &[u8; SLOT_BYTES]) -> bool {
    !matches!(slot[0], DELETED | NOTHING_FOLLOWS)
}

/// Whether a slot that somebody has is that of a file or directory with a name of its own.
pub fn is_file(entry: &DirEntry) -> bool {
    entry.attr & Attributes::VOLUME_ID == 0 && !is_dots(&entry.name)
}

fn is_dots(name: &[u8; 11]) -> bool {
    matches!(name, b".          " | b"..         ")
}

/// Whether the kernel can take a name that is on the disk.
fn is_presentable(name: &[u16]) -> bool {
    let dot = u16::from(b'.');
    !name.contains(&b'/'.into()) && name != [dot] && name != [dot, dot]
}

/// What a name was found to stand for.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    /// Index of its first slot.
    pub first: u32,
    /// Index of the slot with the short name.
    pub last: u32,
    /// Where on the volume that is.
    pub place: u64,
    /// That slot.
    pub entry: DirEntry,
}

/// The file of this name, long or short, in any case. Errors: EFTYPE, EIO.
pub fn find(slots: &Slots<'_>, name: &[u16]) -> Result<Option<Found>, Error> {
    let mut alias = Vec::new();
    // A long name comes before a short one of another file.
    for first in slots.index(|index| index.candidates(name))? {
        let mut found = None;
        scan(slots, first, &mut |visit| {
            let Visit::File(file) = visit else { return Ok(ControlFlow::Break(())) };
            short::shown(&file.entry.name, 0, slots.volume.options().page, &mut alias);
            let has_alias = file.first < file.last && name.len() <= MOST_ALIAS;
            if fold::is_same(file.name, name) || (has_alias && fold::is_same(&alias, name)) {
                found = Some(Found::from(&file));
            }
            Ok(ControlFlow::Break(()))
        })?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

impl From<&File<'_>> for Found {
    fn from(file: &File<'_>) -> Self {
        Self { first: file.first, last: file.last, place: file.place, entry: *file.entry }
    }
}
