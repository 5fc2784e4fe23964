//! A file as its directory has it: a primary entry, one of the stream, those of the name, and those that others
//! added, under one sum (specification, sections 6.3 and 7.4).
//!
//! What changes while a file is used is in the first two; the rest is kept as it is.

use crate::layout::{
    Attributes, ENTRY_BYTES, EntryType, FileEntry, NameEntry, SecondaryEntry, SecondaryFlags, StreamEntry,
    UNITS_PER_ENTRY,
};
use crate::sums;
use crate::upcase::Upcase;
use alloc::sync::Arc;
use alloc::vec::Vec;
use zerocopy::little_endian::U16;
use zerocopy::{FromBytes, FromZeros, IntoBytes};

/// The bytes of an entry.
pub type Entry = [u8; ENTRY_BYTES];

/// Entries of the longest name.
const MOST_NAME_ENTRIES: usize = 17;

/// The set of a file or directory.
#[derive(Clone, Debug)]
pub struct EntrySet {
    /// The primary entry.
    pub file: FileEntry,
    /// The second: where the content is.
    pub stream: StreamEntry,
    /// All others.
    rest: Arc<[u8]>,
}

/// Clusters that an entry leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The first cluster, zero if there is none.
    pub first: u32,
    /// Bytes that are in them.
    pub bytes: u64,
    /// They are consecutive, and the table says nothing of them.
    pub is_contiguous: bool,
}

impl EntrySet {
    /// A set for the root directory, which has none; it is stored nowhere.
    pub fn root(first: u32) -> Self {
        let mut file = FileEntry::new_zeroed();
        file.file_attributes.set(Attributes::DIRECTORY);
        let mut stream = StreamEntry::new_zeroed();
        stream.first_cluster.set(first);
        Self { file, stream, rest: Arc::default() }
    }

    /// A new set with this name.
    pub fn new(file: FileEntry, stream: StreamEntry, name: &[u16], upcase: &Upcase) -> Self {
        Self { file, stream, rest: Arc::default() }.renamed(name, upcase)
    }

    /// The same file with another name. What others added stays.
    pub fn renamed(&self, name: &[u16], upcase: &Upcase) -> Self {
        let mut rest = Vec::new();
        for part in name.chunks(UNITS_PER_ENTRY) {
            let unit = |at: usize| U16::new(part.get(at).copied().unwrap_or(0));
            let entry = NameEntry {
                entry_type: EntryType::FILE_NAME,
                general_secondary_flags: 0,
                file_name: core::array::from_fn(unit),
            };
            rest.extend_from_slice(entry.as_bytes());
        }
        rest.extend(self.added().flatten().copied());
        let mut set = Self { rest: rest.into(), ..self.clone() };
        set.file.entry_type = EntryType::FILE;
        set.file.secondary_count = (set.rest.len() / ENTRY_BYTES + 1) as u8;
        set.stream.entry_type = EntryType::STREAM_EXTENSION;
        set.stream.name_length = name.len() as u8;
        set.stream.name_hash.set(upcase.hash(name));
        set
    }

    /// The same file without content.
    pub fn emptied(&self) -> Self {
        let mut set = Self { rest: Arc::default(), ..self.clone() };
        set.stream.set_content(Extent { first: 0, bytes: 0, is_contiguous: false });
        set.stream.valid_data_length.set(0);
        set
    }

    /// Checks the entries of a set, as many as the first one says. Errors: the rule that is broken.
    pub fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        let (file, rest) = FileEntry::read_from_prefix(bytes).map_err(|_| "a set is cut short")?;
        let (stream, rest) = StreamEntry::read_from_prefix(rest).map_err(|_| "a set of one entry")?;
        if stream.entry_type != EntryType::STREAM_EXTENSION {
            return Err("a set without the entry of its content");
        }
        let set = Self { file, stream, rest: rest.into() };
        if set.sum() != file.set_checksum.get() {
            return Err("the sum of a set is wrong");
        }
        let names = set.name_entries();
        let kinds = || rest.chunks_exact(ENTRY_BYTES).map(|entry| entry[0]);
        if !(1..=MOST_NAME_ENTRIES).contains(&names)
            || kinds().take_while(|kind| *kind == EntryType::FILE_NAME).count() != names
        {
            return Err("a set has more or fewer entries of its name than that is long");
        }
        let is_foreign = |kind: u8| {
            let bits = EntryType::IN_USE | EntryType::SECONDARY | EntryType::BENIGN;
            kind & bits == bits
        };
        if !kinds().skip(names).all(is_foreign) {
            return Err("a set has entries that must be known to be used");
        }
        if stream.valid_data_length.get() > stream.data_length.get() {
            return Err("more of a file is valid than there is");
        }
        Ok(set)
    }

    fn name_entries(&self) -> usize {
        usize::from(self.stream.name_length).div_ceil(UNITS_PER_ENTRY)
    }

    /// How many entries there are.
    pub fn len(&self) -> u32 {
        (self.rest.len() / ENTRY_BYTES) as u32 + 2
    }

    /// The units of the name are put in place of what is in `name`.
    pub fn name(&self, name: &mut Vec<u16>) {
        name.clear();
        for entry in self.rest.chunks_exact(ENTRY_BYTES).take(self.name_entries()) {
            name.extend(entry[2..].chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]])));
        }
        name.truncate(self.stream.name_length.into());
    }

    /// What others added to the set.
    fn added(&self) -> impl Iterator<Item = &[u8]> {
        self.rest.chunks_exact(ENTRY_BYTES).skip_while(|entry| entry[0] == EntryType::FILE_NAME)
    }

    /// Clusters of what others added.
    pub fn added_extents(&self) -> impl Iterator<Item = Extent> {
        self.added().filter_map(|entry| {
            let entry = SecondaryEntry::ref_from_bytes(entry).ok()?;
            let flags = entry.general_secondary_flags;
            (flags & SecondaryFlags::ALLOCATION_POSSIBLE != 0)
                .then(|| extent(flags, entry.first_cluster.get(), entry.data_length.get()))
        })
    }

    /// Whether others added something.
    pub fn has_additions(&self) -> bool {
        self.added().next().is_some()
    }

    /// The sum of the set as it is now.
    fn sum(&self) -> u16 {
        let file = self.file.as_bytes();
        let sum = sums::of_set(sums::of_set(0, &file[..2]), &file[4..]);
        sums::of_set(sums::of_set(sum, self.stream.as_bytes()), &self.rest)
    }

    /// The first two entries as they are to be stored.
    pub fn head(&self) -> [Entry; 2] {
        let mut file = self.file;
        file.set_checksum.set(self.sum());
        [zerocopy::transmute!(file), zerocopy::transmute!(self.stream)]
    }

    /// All entries as they are to be stored.
    pub fn entries(&self) -> impl Iterator<Item = Entry> {
        let rest = self.rest.chunks_exact(ENTRY_BYTES).filter_map(|entry| entry.try_into().ok());
        self.head().into_iter().chain(rest)
    }

    /// Whether it is a directory.
    pub fn is_directory(&self) -> bool {
        self.file.file_attributes.get() & Attributes::DIRECTORY != 0
    }

    /// Where the content is.
    pub fn content(&self) -> Extent {
        let stream = &self.stream;
        extent(stream.general_secondary_flags, stream.first_cluster.get(), stream.data_length.get())
    }
}

impl StreamEntry {
    /// Sets where the content is.
    pub fn set_content(&mut self, content: Extent) {
        let contiguous = if content.is_contiguous { SecondaryFlags::NO_FAT_CHAIN } else { 0 };
        self.general_secondary_flags = SecondaryFlags::ALLOCATION_POSSIBLE | contiguous;
        self.first_cluster.set(content.first);
        self.data_length.set(content.bytes);
    }
}

/// A length of zero has no clusters, whatever else the entry says.
fn extent(flags: u8, first: u32, bytes: u64) -> Extent {
    let is_contiguous = flags & SecondaryFlags::NO_FAT_CHAIN != 0;
    Extent { first: if bytes == 0 { 0 } else { first }, bytes, is_contiguous }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    fn upcase() -> Upcase {
        let bytes: Vec<u8> = (0..0x80u16).flat_map(|unit| unit.to_le_bytes()).collect();
        Upcase::parse(&bytes, sums::of_table(0, &bytes)).unwrap_or_else(|why| panic!("{why}"))
    }

    fn named(name: &str) -> EntrySet {
        let units: Vec<u16> = name.encode_utf16().collect();
        let mut stream = StreamEntry::new_zeroed();
        stream.set_content(Extent { first: 7, bytes: 100, is_contiguous: true });
        EntrySet::new(FileEntry::new_zeroed(), stream, &units, &upcase())
    }

    fn bytes(set: &EntrySet) -> Vec<u8> {
        set.entries().flatten().collect()
    }

    /// With an entry more, and the right sum.
    fn with(set: &EntrySet, kind: u8) -> Vec<u8> {
        let mut bytes = bytes(set);
        bytes.extend([kind; 1].into_iter().chain([0; ENTRY_BYTES - 1]));
        bytes[1] += 1;
        let sum = sums::of_set(sums::of_set(0, &bytes[..2]), &bytes[4..]);
        bytes[2..4].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    #[test]
    fn names_of_every_length_come_back() {
        for length in 1..=255 {
            let name: String = ('a'..='z').cycle().take(length).collect();
            let set = EntrySet::parse(&bytes(&named(&name))).unwrap_or_else(|why| panic!("{length}: {why}"));
            let mut units = Vec::new();
            set.name(&mut units);
            assert_eq!(String::from_utf16_lossy(&units), name);
            assert_eq!(set.len() as usize, 2 + length.div_ceil(15));
            assert_eq!(set.content(), Extent { first: 7, bytes: 100, is_contiguous: true });
        }
    }

    #[test]
    fn what_others_added_stays_with_another_name() {
        let set = EntrySet::parse(&with(&named("short"), 0xe0)).unwrap_or_else(|why| panic!("{why}"));
        let longer: Vec<u16> = "a name of more entries than one".encode_utf16().collect();
        let renamed =
            EntrySet::parse(&bytes(&set.renamed(&longer, &upcase()))).unwrap_or_else(|why| panic!("{why}"));
        assert_eq!((set.len(), renamed.len()), (4, 6));
        assert!(renamed.has_additions() && !named("short").has_additions());
    }

    #[test]
    fn sets_that_break_rules_are_none() {
        let whole = bytes(&named("a name of two entries"));
        for at in [0, 1, 5, 32, 35, 64, 70, 96] {
            let mut broken = whole.clone();
            broken[at] ^= 0x10;
            assert!(EntrySet::parse(&broken).is_err(), "byte {at}");
        }
        assert!(EntrySet::parse(&whole[..96]).is_err() && EntrySet::parse(&whole[..32]).is_err());
        for kind in [0xc1, 0xc2, 0x85, 0x05, 0x00] {
            assert!(EntrySet::parse(&with(&named("short"), kind)).is_err(), "{kind:#x}");
        }
    }
}
