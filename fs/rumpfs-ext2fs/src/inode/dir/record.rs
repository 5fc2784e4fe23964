//! Records of directory entries: the algebra of one chain of them.
//!
//! A chain covers its bytes without a gap: each record says where the next begins. A record may be longer than its
//! name needs, which is where a further entry finds room; a record of inode 0 holds none. The chain of a block with
//! a checksum ends before the tail.

use crate::error::{Error, Place};
use crate::features::Incompat;
use crate::units::Ino;
use crate::volume::Volume;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;
use rump_kpi::FileType;

/// Length of the record at the end of a block that holds its checksum.
pub const TAIL: usize = 12;
/// Type of that record.
pub const TAIL_TYPE: u8 = 0xde;
const HEAD: usize = 8;

/// How this volume writes records.
#[derive(Clone, Copy)]
pub struct Form {
    /// Size of a block.
    pub block_size: usize,
    /// Whether records say the type.
    pub typed: bool,
    /// Whether blocks have a tail.
    pub tail: bool,
}

impl Form {
    /// The form of a volume.
    pub fn of(volume: &Volume) -> Self {
        Self {
            block_size: volume.block_size() as usize,
            typed: volume.features().incompat.contains(Incompat::FILETYPE),
            tail: volume.features().has_metadata_checksums(),
        }
    }

    /// Bytes of a block that hold records.
    pub fn chain(&self) -> usize {
        self.block_size - if self.tail { TAIL } else { 0 }
    }
}

/// One record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// The inode it names; zero for none.
    pub ino: u32,
    /// From its first byte to the next record.
    pub length: usize,
    /// The name.
    pub name: &'a [u8],
    /// The type's code; zero where it is not stored.
    pub code: u8,
}

/// An entry to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewEntry<'a> {
    /// The inode it names.
    pub ino: Ino,
    /// The type's code.
    pub code: u8,
    /// The name.
    pub name: &'a [u8],
}

impl<'a> NewEntry<'a> {
    /// An entry; where the volume does not store types it has none.
    #[allow(clippy::self_named_constructors)]
    pub fn new(form: Form, name: &'a [u8], ino: Ino, file_type: FileType) -> Self {
        Self { ino, code: if form.typed { code_of(file_type) } else { 0 }, name }
    }
}

/// Bytes that a record needs for a name of this length.
pub fn needed(name_len: usize) -> usize {
    (HEAD + name_len).next_multiple_of(4)
}

/// What a record says before its name, in one word: a change of a large directory reads some hundred of them.
#[derive(Clone, Copy)]
struct Head(u64);

impl Head {
    /// Reads the head of the record at `offset` of a chain; `None` if it breaks the chain.
    #[inline]
    fn read(chain: &[u8], offset: usize, form: Form) -> Option<Self> {
        let rest = chain.get(offset..)?;
        let head = Self(u64::from_le_bytes(*rest.first_chunk()?));
        let length = head.length(form);
        (length >= HEAD + head.name_len() && length % 4 == 0 && length <= rest.len()).then_some(head)
    }

    fn ino(self) -> u32 {
        self.0 as u32
    }

    #[inline]
    fn length(self, form: Form) -> usize {
        record_length(((self.0 >> 32) as u16).to_le_bytes(), form.block_size)
    }

    fn name_len(self) -> usize {
        (self.0 >> 48) as usize & 0xff
    }

    fn code(self) -> u8 {
        (self.0 >> 56) as u8
    }

    /// The bytes that it does not need.
    #[inline]
    fn spare(self, form: Form) -> usize {
        // What was read fits.
        self.length(form) - if self.ino() == 0 { 0 } else { needed(self.name_len()).min(self.length(form)) }
    }
}

/// Reads the record at the start of `bytes`, the rest of a chain.
pub fn parse(bytes: &[u8], form: Form) -> Result<Record<'_>, String> {
    let Some(head) = Head::read(bytes, 0, form) else { return Err(breach(bytes, form)) };
    let name = &bytes[HEAD..HEAD + head.name_len()];
    let code = if form.typed { head.code() } else { 0 };
    Ok(Record { ino: head.ino(), length: head.length(form), name, code })
}

/// How the record at the start of `bytes` breaks the chain.
#[cold]
fn breach(bytes: &[u8], form: Form) -> String {
    let Some(head) = bytes.get(..HEAD) else { return format!("{} bytes are left", bytes.len()) };
    let length = record_length([head[4], head[5]], form.block_size);
    if length < HEAD || length % 4 != 0 || length > bytes.len() {
        return format!("record length {length} with {} bytes left", bytes.len());
    }
    format!("name of {} bytes in a record of {length}", head[6])
}

#[cold]
fn broken(chain: &[u8], offset: usize, form: Form, place: Place) -> Error {
    damaged(place, offset, breach(&chain[offset..], form))
}

/// The records of a chain with their offsets. It ends after the first that breaks the chain.
pub fn each(chain: &[u8], form: Form) -> impl Iterator<Item = Result<(usize, Record<'_>), (usize, String)>> {
    let mut offset = 0;
    core::iter::from_fn(move || {
        let rest = chain.get(offset..).filter(|rest| !rest.is_empty())?;
        let at = offset;
        match parse(rest, form) {
            Ok(record) => {
                offset += record.length;
                Some(Ok((at, record)))
            }
            Err(why) => {
                offset = chain.len();
                Some(Err((at, why)))
            }
        }
    })
}

/// As [`each`], for a chain that must be whole: damage is named with its place.
pub fn all(chain: &[u8], form: Form, place: Place) -> Result<Vec<(usize, Record<'_>)>, Error> {
    each(chain, form).map(|record| record.map_err(|(offset, why)| damaged(place, offset, why))).collect()
}

/// The first entry of this name and its offset, in a chain that is whole up to it.
pub fn find<'a>(
    chain: &'a [u8],
    name: &[u8],
    form: Form,
    place: Place,
) -> Result<Option<(usize, Record<'a>)>, Error> {
    let mut offset = 0;
    while offset < chain.len() {
        let Some(head) = Head::read(chain, offset, form) else {
            return Err(broken(chain, offset, form, place));
        };
        // Names of one directory often differ in their last byte.
        if head.name_len() == name.len()
            && chain.get(offset + HEAD + name.len() - 1) == name.last()
            && head.ino() != 0
            && chain[offset + HEAD..].starts_with(name)
        {
            return Ok(parse(&chain[offset..], form).ok().map(|record| (offset, record)));
        }
        offset += head.length(form);
    }
    Ok(None)
}

/// Whether a chain that is whole can hold a name: its last bytes are at one of the places where they would be. To follow
/// the chain is to wait for each record to say where the next begins; this is one look at all of it.
pub fn may_hold(chain: &[u8], name: &[u8]) -> bool {
    let Some(last) = name.last_chunk() else { return true };
    let last = u32::from_ne_bytes(*last);
    // Records, and so names, begin at multiples of four.
    let places = chain.get(name.len() % 4..).unwrap_or_default().chunks_exact(4);
    let words = places.map(|place| u32::from_ne_bytes([place[0], place[1], place[2], place[3]]));
    words.fold(false, |found, word| found | (word == last))
}

/// The first record, of those that begin at `from` or behind it, that has room for a name of this length.
pub fn find_room(
    chain: &[u8],
    from: usize,
    name_len: usize,
    form: Form,
    place: Place,
) -> Result<Option<Range<usize>>, Error> {
    let (wanted, mut offset) = (needed(name_len), from);
    while offset < chain.len() {
        let Some(head) = Head::read(chain, offset, form) else {
            return Err(broken(chain, offset, form, place));
        };
        if head.spare(form) >= wanted {
            return Ok(Some(offset..offset + head.length(form)));
        }
        offset += head.length(form);
    }
    Ok(None)
}

/// Stores an entry in the spare bytes of a record, which [`find_room`] found.
pub fn insert(record: &mut [u8], new: &NewEntry<'_>, form: Form) {
    let Some(head) = Head::read(record, 0, form) else { return };
    let spare = head.spare(form);
    let kept = head.length(form) - spare;
    if kept > 0 {
        put_length(record, kept, form);
    }
    put(&mut record[kept..], spare, new, form);
}

/// Removes the entry of this name. Answers whether it was there.
pub fn remove(chain: &mut [u8], name: &[u8], form: Form) -> bool {
    let Ok(Some((offset, record))) = find(chain, name, form, Place::Volume) else { return false };
    let length = record.length;
    let before = before(chain, offset, form);
    // The bytes of what is gone do not stay behind.
    chain[offset..offset + length].fill(0);
    match before {
        Some((before, before_length)) => put_length(&mut chain[before..], before_length + length, form),
        None => put_length(&mut chain[offset..], length, form),
    }
    true
}

/// The bytes that removing a name changes: its record, and the one before.
pub fn part_of(chain: &[u8], name: &[u8], form: Form, place: Place) -> Result<Option<Range<usize>>, Error> {
    let Some((offset, record)) = find(chain, name, form, place)? else { return Ok(None) };
    let from = before(chain, offset, form).map_or(offset, |(before, _)| before);
    Ok(Some(from..offset + record.length))
}

/// The record that ends at `offset`, with its length.
fn before(chain: &[u8], offset: usize, form: Form) -> Option<(usize, usize)> {
    let (mut at, mut found) = (0, None);
    while at < offset {
        let length = Head::read(chain, at, form)?.length(form);
        found = Some((at, length));
        at += length;
    }
    found
}

/// Lets the entry of this name name another inode. Answers whether it was there.
pub fn replace(chain: &mut [u8], new: &NewEntry<'_>, form: Form) -> bool {
    let Ok(Some((offset, _))) = find(chain, new.name, form, Place::Volume) else { return false };
    chain[offset..offset + 4].copy_from_slice(&new.ino.0.to_le_bytes());
    if form.typed {
        chain[offset + 7] = new.code;
    }
    true
}

/// Writes a chain of these entries, packed; the last record takes what is left. They must fit.
pub fn fill<'a>(chain: &mut [u8], entries: impl Iterator<Item = NewEntry<'a>>, form: Form) {
    chain.fill(0);
    let (mut at, mut last) = (0, None);
    for new in entries {
        let length = needed(new.name.len());
        put(&mut chain[at..], length, &new, form);
        last = Some(at);
        at += length;
    }
    let last = last.unwrap_or(0);
    let length = chain.len() - last;
    put_length(&mut chain[last..], length, form);
}

/// Writes a whole block of these entries, with its tail if the volume wants one.
pub fn fill_block<'a>(block: &mut [u8], entries: impl Iterator<Item = NewEntry<'a>>, form: Form) {
    let (chain, tail) = block.split_at_mut(form.chain());
    fill(chain, entries, form);
    if form.tail {
        tail.fill(0);
        tail[4] = TAIL as u8;
        tail[7] = TAIL_TYPE;
    }
}

/// Writes the length of the record at the start of `record`.
pub fn put_length(record: &mut [u8], length: usize, form: Form) {
    // A block of 64 KiB in one record does not fit into the field: it is written as all ones. All other lengths are
    // multiples of four below 64 KiB.
    let field = if length >= 1 << 16 { u16::MAX } else { length as u16 };
    debug_assert!(length <= form.block_size);
    record[4..6].copy_from_slice(&field.to_le_bytes());
}

fn put(record: &mut [u8], length: usize, new: &NewEntry<'_>, form: Form) {
    record[..needed(new.name.len())].fill(0);
    record[..4].copy_from_slice(&new.ino.0.to_le_bytes());
    put_length(record, length, form);
    record[6] = new.name.len() as u8;
    record[7] = new.code;
    record[HEAD..HEAD + new.name.len()].copy_from_slice(new.name);
}

/// A record length; blocks of 64 KiB need one more bit than the field has.
pub fn record_length(field: [u8; 2], block_size: usize) -> usize {
    let value = usize::from(u16::from_le_bytes(field));
    if block_size < 1 << 16 {
        return value;
    }
    if value == 0xffff || value == 0 { block_size } else { (value & 0xfffc) | (value & 3) << 16 }
}

/// The type that a code names.
pub fn type_of(code: u8) -> Option<FileType> {
    Some(match code & 0xf {
        1 => FileType::Regular,
        2 => FileType::Directory,
        3 => FileType::CharDevice,
        4 => FileType::BlockDevice,
        5 => FileType::Fifo,
        6 => FileType::Socket,
        7 => FileType::Symlink,
        _ => return None,
    })
}

fn code_of(file_type: FileType) -> u8 {
    match file_type {
        FileType::Regular => 1,
        FileType::Directory => 2,
        FileType::CharDevice => 3,
        FileType::BlockDevice => 4,
        FileType::Fifo => 5,
        FileType::Socket => 6,
        FileType::Symlink => 7,
    }
}

fn damaged(place: Place, offset: usize, why: String) -> Error {
    Error::corrupt("directory entry", place, offset as u64, why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;
    use alloc::string::ToString;
    use alloc::vec;

    const FORM: Form = Form { block_size: 1024, typed: true, tail: false };

    fn new(name: &[u8], ino: u32) -> NewEntry<'_> {
        NewEntry { ino: Ino(ino), code: 1, name }
    }

    fn list(chain: &[u8], form: Form) -> BTreeMap<Vec<u8>, u32> {
        let records = all(chain, form, Place::Volume).unwrap();
        records.iter().filter(|(_, r)| r.ino != 0).map(|(_, r)| (r.name.to_vec(), r.ino)).collect()
    }

    #[test]
    fn a_record_must_hold_its_name() {
        let mut bytes = [0u8; 16];
        bytes[0] = 12;
        bytes[4] = 12;
        bytes[6] = 4;
        bytes[7] = 2;
        bytes[8..12].copy_from_slice(b"name");
        let record = parse(&bytes, FORM).unwrap();
        assert_eq!((record.name, type_of(record.code)), (b"name".as_slice(), Some(FileType::Directory)));
        bytes[6] = 5;
        assert!(parse(&bytes, FORM).is_err());
        bytes[4] = 20;
        assert!(parse(&bytes, FORM).is_err());
        bytes[4] = 0;
        assert!(parse(&bytes, FORM).is_err());
    }

    #[test]
    fn records_of_64_kib_are_read_and_written() {
        assert_eq!(record_length([0xff, 0xff], 1 << 16), 1 << 16);
        assert_eq!(record_length([0, 0], 1 << 16), 1 << 16);
        assert_eq!(record_length([12, 0], 1 << 16), 12);
        let form = Form { block_size: 1 << 16, typed: true, tail: false };
        let mut block = vec![0; 1 << 16];
        fill_block(&mut block, core::iter::empty(), form);
        assert_eq!(parse(&block, form).unwrap().length, 1 << 16);
        let at = find_room(&block, 0, 5, form, Place::Volume).unwrap().unwrap();
        insert(&mut block[at], &new(b"first", 12), form);
        let at = find_room(&block, 0, 6, form, Place::Volume).unwrap().unwrap();
        insert(&mut block[at], &new(b"second", 13), form);
        assert_eq!(list(&block, form).len(), 2);
        assert!(remove(&mut block, b"second", form) && remove(&mut block, b"first", form));
        assert_eq!(parse(&block, form).unwrap().length, 1 << 16);
    }

    #[test]
    fn the_tail_is_not_given_out() {
        let form = Form { tail: true, ..FORM };
        let mut block = vec![0; 1024];
        fill_block(&mut block, core::iter::empty(), form);
        let mut count = 0;
        while let Some(at) = find_room(&block[..form.chain()], 0, 1, form, Place::Volume).unwrap() {
            insert(&mut block[at], &new(b"x", 12), form);
            count += 1;
        }
        assert_eq!(count, (1024 - TAIL) / 12);
        assert_eq!(block[form.chain()..], [0, 0, 0, 0, 12, 0, 0, TAIL_TYPE, 0, 0, 0, 0]);
    }

    #[test]
    fn any_order_of_changes_agrees_with_a_map() {
        let mut chain = vec![0; 1012];
        fill(&mut chain, core::iter::empty(), FORM);
        let mut model: BTreeMap<Vec<u8>, u32> = BTreeMap::new();
        let mut state = 11u64;
        let (mut full, mut removed) = (0, 0);
        for step in 0..5000u32 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let mut name = (state >> 33 & 63).to_string().into_bytes();
            name.resize(name.len() + (name[0] % 7) as usize * 9, b'.');
            let known = model.contains_key(&name);
            match (state >> 60, known) {
                (0..=9, false) => match find_room(&chain, 0, name.len(), FORM, Place::Volume).unwrap() {
                    Some(at) => {
                        insert(&mut chain[at], &new(&name, step + 1), FORM);
                        model.insert(name, step + 1);
                    }
                    None => full += 1,
                },
                (0..=9, true) => {
                    assert!(replace(&mut chain, &new(&name, step + 1), FORM));
                    model.insert(name, step + 1);
                }
                _ => {
                    let part = part_of(&chain, &name, FORM, Place::Volume).unwrap();
                    let done = part.is_some_and(|part| remove(&mut chain[part], &name, FORM));
                    assert_eq!(done, model.remove(&name).is_some());
                    removed += usize::from(known);
                }
            }
            assert_eq!(list(&chain, FORM), model);
            assert!(model.keys().all(|name| may_hold(&chain, name)));
        }
        assert!(full > 100 && removed > 100);
        assert!(!may_hold(&chain, b"absent") && may_hold(&chain, b"abc"));
    }
}
