//! The name cache of a mount: what a name in a directory names, or that it names nothing.
//!
//! Bounded by two generations: a full young one becomes the old one, and what was not asked for again until
//! then is forgotten. Entries are written while the directory's lock is held, so they never contradict it.
//!
//! Where case folds, a change of one name may change what others name, in a way that only the driver knows. So
//! each entry bears the epoch of its directory, and [`NameCache::begin_epoch`] makes those of earlier epochs
//! worthless. Directories share a fixed number of counters: two that share one only forget more than they must.

use alloc::vec::Vec;
use core::hash::{BuildHasher, Hasher};
use core::sync::atomic::{AtomicU64, Ordering};
use hashbrown::{DefaultHashBuilder, HashTable};
use rump_abi::Ino;
use rump_kpi::sync::Mutex;

const SHARDS: usize = 8;
/// Entries in one generation of a shard: a directory of 100,000 names still fits, at about 70 bytes a name.
const GENERATION: usize = 16 * 1024;
/// Counters of epochs.
const EPOCHS: usize = 64;

/// A cached answer: the inode, or that there is none of that name.
pub(crate) type Answer = Option<Ino>;

/// An answer, and the epoch of its directory.
#[derive(Clone, Copy)]
struct Known {
    answer: Answer,
    epoch: u64,
}

/// What is asked for: a name in a directory, with the hash of both.
#[derive(Clone, Copy)]
struct Query<'a> {
    hash: u64,
    dir: Ino,
    name: &'a [u8],
}

/// All that a look-up reads of a name that is not long: one line of the processor's cache.
#[repr(align(64))]
struct Entry {
    dir: Ino,
    known: Known,
    hash: u32,
    name: Name,
}

const _: () = assert!(size_of::<Entry>() == 64);

/// Most names are short.
const SHORT: usize = 26;

enum Name {
    Short {
        length: u8,
        bytes: [u8; SHORT],
    },
    /// Where it is among those of the generation.
    Long {
        start: u32,
        length: u16,
    },
}

/// Entries that are forgotten together, in the order in which they came: whoever asks for the names of a directory
/// in the order in which they were made or listed goes through memory from front to back. Noting many allocates, and
/// forgetting them frees, next to nothing.
#[derive(Default)]
struct Generation {
    /// Places in `entries`, by hash.
    places: HashTable<u16>,
    entries: Vec<Entry>,
    long_names: Vec<u8>,
}

const _: () = assert!(GENERATION <= 1 << 16);

impl Generation {
    fn find(&mut self, query: Query<'_>) -> Option<&mut Known> {
        let Self { places, entries, long_names } = self;
        let place =
            *places.find(query.hash, |place| is_entry(&entries[usize::from(*place)], long_names, query))?;
        Some(&mut entries[usize::from(place)].known)
    }

    /// The entry stays, but nothing leads there any more.
    fn take(&mut self, query: Query<'_>) -> Option<Known> {
        let Self { places, entries, long_names } = self;
        let is_it = |place: &u16| is_entry(&entries[usize::from(*place)], long_names, query);
        let (place, _) = places.find_entry(query.hash, is_it).ok()?.remove();
        Some(entries[usize::from(place)].known)
    }

    fn is_full(&self) -> bool {
        self.entries.len() >= GENERATION
    }

    /// The name is not there yet, and there is room.
    fn insert(&mut self, query: Query<'_>, known: Known) {
        let name = match query.name.len() {
            length @ 0..=SHORT => {
                let mut bytes = [0; SHORT];
                bytes[..length].copy_from_slice(query.name);
                Name::Short { length: length as u8, bytes }
            }
            length => {
                let start = self.long_names.len() as u32;
                self.long_names.extend_from_slice(query.name);
                Name::Long { start, length: length as u16 }
            }
        };
        let entries = &mut self.entries;
        let place = entries.len() as u16;
        entries.push(Entry { dir: query.dir, known, hash: query.hash as u32, name });
        self.places.insert_unique(query.hash, place, |place| spread(entries[usize::from(*place)].hash));
    }
}

/// The hash that the tables see: they use the lowest and the highest bits, and an entry keeps half of them.
fn spread(half: u32) -> u64 {
    u64::from(half) << 32 | u64::from(half)
}

fn is_entry(entry: &Entry, long_names: &[u8], query: Query<'_>) -> bool {
    let name = match &entry.name {
        Name::Short { length, bytes } => &bytes[..usize::from(*length)],
        Name::Long { start, length } => &long_names[*start as usize..][..usize::from(*length)],
    };
    entry.hash == query.hash as u32 && entry.dir == query.dir && name == query.name
}

#[derive(Default)]
struct Shard {
    young: Generation,
    old: Generation,
}

impl Shard {
    fn find(&mut self, query: Query<'_>) -> Option<Known> {
        if let Some(known) = self.young.find(query) {
            return Some(*known);
        }
        let known = self.old.take(query)?;
        self.keep(query, known);
        Some(known)
    }

    fn set(&mut self, query: Query<'_>, known: Known) {
        if let Some(earlier) = self.young.find(query) {
            *earlier = known;
            return;
        }
        self.old.take(query);
        self.keep(query, known);
    }

    /// The name is in neither generation.
    fn keep(&mut self, query: Query<'_>, known: Known) {
        if self.young.is_full() {
            self.old = core::mem::take(&mut self.young);
        }
        self.young.insert(query, known);
    }
}

/// The name cache of one mount. Names are shorter than 64 KiB.
pub(crate) struct NameCache {
    hasher: DefaultHashBuilder,
    shards: [Mutex<Shard>; SHARDS],
    epochs: [AtomicU64; EPOCHS],
}

impl Default for NameCache {
    fn default() -> Self {
        let epochs = [const { AtomicU64::new(0) }; EPOCHS];
        Self { hasher: DefaultHashBuilder::default(), shards: Default::default(), epochs }
    }
}

impl NameCache {
    /// The cached answer, if any.
    pub(crate) fn find(&self, dir: Ino, name: &[u8]) -> Option<Answer> {
        let query = self.query(dir, name);
        let found = self.shard(query).lock().find(query);
        found.filter(|known| known.epoch == self.epoch(dir).load(Ordering::Acquire)).map(|known| known.answer)
    }

    /// Makes all that is known of `dir` worthless. The caller holds the lock of `dir` for a change.
    pub(crate) fn begin_epoch(&self, dir: Ino) {
        self.epoch(dir).fetch_add(1, Ordering::AcqRel);
    }

    /// Notes an answer in place of an earlier one. The caller holds the lock of `dir`.
    pub(crate) fn set(&self, dir: Ino, name: &[u8], answer: Answer) {
        let query = self.query(dir, name);
        let known = Known { answer, epoch: self.epoch(dir).load(Ordering::Acquire) };
        self.shard(query).lock().set(query, known);
    }

    /// Notes what a directory listing says of `name`, unless something is known. The caller holds the lock of
    /// `dir`.
    pub(crate) fn note(&self, dir: Ino, name: &[u8], ino: Ino) {
        let query = self.query(dir, name);
        let known = Known { answer: Some(ino), epoch: self.epoch(dir).load(Ordering::Acquire) };
        let mut shard = self.shard(query).lock();
        let Shard { young, old } = &mut *shard;
        let earlier = young.find(query).or_else(|| old.find(query));
        if earlier.is_none_or(|earlier| earlier.epoch != known.epoch) {
            shard.set(query, known);
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        for shard in &self.shards {
            *shard.lock() = Shard::default();
        }
    }

    fn query<'a>(&self, dir: Ino, name: &'a [u8]) -> Query<'a> {
        let mut hasher = self.hasher.build_hasher();
        hasher.write_u64(dir.0);
        hasher.write(name);
        Query { hash: spread(hasher.finish() as u32), dir, name }
    }

    fn epoch(&self, dir: Ino) -> &AtomicU64 {
        &self.epochs[(dir.0 % EPOCHS as u64) as usize]
    }

    /// The tables use the lowest bits of the hash and the highest seven.
    fn shard(&self, query: Query<'_>) -> &Mutex<Shard> {
        &self.shards[(query.hash >> 20) as usize % SHARDS]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn a_name_is_found_until_it_changes() {
        let cache = NameCache::default();
        assert_eq!(cache.find(Ino(1), b"a"), None);
        cache.set(Ino(1), b"a", Some(Ino(2)));
        assert_eq!(cache.find(Ino(1), b"a"), Some(Some(Ino(2))));
        cache.set(Ino(1), b"a", None);
        assert_eq!(cache.find(Ino(1), b"a"), Some(None));
        assert_eq!(cache.find(Ino(2), b"a"), None);
    }

    #[test]
    fn names_of_all_lengths_are_told_apart() {
        let cache = NameCache::default();
        let name = |length: u64| vec![b'n'; length as usize];
        for length in 1..=255 {
            cache.set(Ino(1), &name(length), Some(Ino(length)));
        }
        for length in 1..=255 {
            assert_eq!(cache.find(Ino(1), &name(length)), Some(Some(Ino(length))));
        }
        let mut other = name(100);
        other[99] = b'm';
        assert_eq!(cache.find(Ino(1), &other), None);
    }

    #[test]
    fn a_new_epoch_forgets_the_directory() {
        let cache = NameCache::default();
        cache.set(Ino(1), b"a", Some(Ino(3)));
        cache.set(Ino(1), b"b", None);
        cache.set(Ino(2), b"a", Some(Ino(4)));
        cache.begin_epoch(Ino(1));
        assert_eq!((cache.find(Ino(1), b"a"), cache.find(Ino(1), b"b")), (None, None));
        assert_eq!(cache.find(Ino(2), b"a"), Some(Some(Ino(4))));
        cache.note(Ino(1), b"a", Ino(5));
        assert_eq!(cache.find(Ino(1), b"a"), Some(Some(Ino(5))));
    }

    #[test]
    fn a_listing_does_not_contradict_what_is_known() {
        let cache = NameCache::default();
        cache.set(Ino(1), b"gone", None);
        cache.note(Ino(1), b"gone", Ino(2));
        assert_eq!(cache.find(Ino(1), b"gone"), Some(None));
        cache.note(Ino(1), b"new", Ino(3));
        cache.set(Ino(1), b"new", Some(Ino(4)));
        assert_eq!(cache.find(Ino(1), b"new"), Some(Some(Ino(4))));
    }

    #[test]
    fn an_answer_is_the_latest_whatever_generation_it_is_in() {
        let cache = NameCache::default();
        let name = |number: u64| number.to_le_bytes();
        for round in 0..2 {
            for number in 0..(SHARDS * GENERATION) as u64 {
                cache.set(Ino(9), &name(number), Some(Ino(number + round)));
                let earlier = number / 2;
                if let Some(answer) = cache.find(Ino(9), &name(earlier)) {
                    assert_eq!(answer, Some(Ino(earlier + round)));
                }
            }
        }
    }

    #[test]
    fn a_million_names_leave_a_bounded_cache() {
        let cache = NameCache::default();
        for number in 0..1_000_000_u64 {
            cache.set(Ino(number), b"name", Some(Ino(number)));
        }
        let kept: usize = cache
            .shards
            .iter()
            .map(|s| {
                let s = s.lock();
                s.young.entries.len().max(s.young.places.len()) + s.old.entries.len()
            })
            .sum();
        assert!(kept <= 2 * SHARDS * GENERATION);
    }
}
