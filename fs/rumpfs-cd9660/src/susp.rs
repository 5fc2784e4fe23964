//! System use entries (IEEE P1281), in a record and in the areas that continue it.
//!
//! Invariant: at most [`MOST_AREAS`] areas of at most [`AREA`] bytes are read for a record, so that a chain that
//! leads back ends.

use crate::error::Error;
use crate::layout::{Continuation, SECTOR};
use crate::record::Record;
use crate::volume::Volume;
use alloc::format;
use zerocopy::FromBytes;

const MOST_AREAS: usize = 32;
/// An area lies within a sector.
const AREA: usize = SECTOR as usize;

/// An entry.
pub struct Entry<'a> {
    /// What it is.
    pub signature: [u8; 2],
    /// Version of its layout.
    pub version: u8,
    /// What follows.
    pub data: &'a [u8],
}

/// Shows every entry of a record to `visit`. Errors: EFTYPE, EIO.
pub fn each(volume: &Volume, record: &Record<'_>, visit: &mut dyn FnMut(Entry<'_>)) -> Result<(), Error> {
    let skipped = volume.skipped();
    let skipped = if record.at == volume.root().0 { skipped.root } else { skipped.others };
    let mut next = each_in(record.system_use.get(skipped..).unwrap_or_default(), visit);
    if next.is_none() {
        return Ok(());
    }
    let mut area = [0; AREA];
    for _ in 0..MOST_AREAS {
        let Some(found) = next else { return Ok(()) };
        let (at, length) = place(volume, record, &found)?;
        let bytes = &mut area[..length];
        volume.read_metadata(at, bytes)?;
        next = each_in(bytes, visit);
    }
    Err(Error::corrupt("system use field", record.at, format!("more than {MOST_AREAS} continuation areas")))
}

/// Where an area is. Errors: EFTYPE.
fn place(volume: &Volume, record: &Record<'_>, next: &Continuation) -> Result<(u64, usize), Error> {
    let length = next.length.get();
    let length = usize::try_from(length).ok().filter(|&length| length <= AREA).ok_or_else(|| {
        Error::corrupt("system use field", record.at, format!("a continuation area of {length} bytes"))
    })?;
    Ok((volume.byte_of(next.block.get().into()) + u64::from(next.offset.get()), length))
}

/// Shows the entries of one area; answers where they go on. What is no entry, padding for example, ends the area.
fn each_in(mut bytes: &[u8], visit: &mut dyn FnMut(Entry<'_>)) -> Option<Continuation> {
    let mut next = None;
    while let Some((entry, rest)) = split(bytes) {
        match &entry.signature {
            b"CE" => next = Continuation::read_from_prefix(entry.data).ok().map(|(found, _)| found),
            b"ST" => break,
            _ => visit(entry),
        }
        bytes = rest;
    }
    next
}

fn split(bytes: &[u8]) -> Option<(Entry<'_>, &[u8])> {
    let &[first, second, length, version, ..] = bytes else { return None };
    let data = bytes.get(4..usize::from(length))?;
    let is_entry = first.is_ascii_alphanumeric() && second.is_ascii_alphanumeric();
    let entry = Entry { signature: [first, second], version, data };
    is_entry.then(|| (entry, &bytes[usize::from(length)..]))
}
