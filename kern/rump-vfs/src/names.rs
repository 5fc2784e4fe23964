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
/// Entries in one generation of a shard: a directory of 100,000 names still fits, at about 60 bytes a name.
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

struct Entry {
    hash: u64,
    dir: Ino,
    known: Known,
    /// Where the name is among those of the generation.
    start: u32,
    length: u16,
}

/// Entries that are forgotten together. Their names are in one piece of memory, so that noting a directory of many
/// allocates, and forgetting it frees, next to nothing.
#[derive(Default)]
struct Generation {
    entries: HashTable<Entry>,
    names: Vec<u8>,
}

impl Generation {
    fn find(&mut self, query: Query<'_>) -> Option<&mut Known> {
        let names = &self.names;
        let found = self.entries.find_mut(query.hash, |entry| is_entry(names, entry, query))?;
        Some(&mut found.known)
    }

    fn take(&mut self, query: Query<'_>) -> Option<Known> {
        let names = &self.names;
        let found = self.entries.find_entry(query.hash, |entry| is_entry(names, entry, query)).ok()?;
        Some(found.remove().0.known)
    }

    /// The name is not there yet.
    fn insert(&mut self, query: Query<'_>, known: Known) {
        let Query { hash, dir, name } = query;
        let (start, length) = (self.names.len() as u32, name.len() as u16);
        self.names.extend_from_slice(name);
        self.entries.insert_unique(hash, Entry { hash, dir, known, start, length }, |entry| entry.hash);
    }
}

fn is_entry(names: &[u8], entry: &Entry, query: Query<'_>) -> bool {
    let start = entry.start as usize;
    let name = &names[start..start + usize::from(entry.length)];
    entry.hash == query.hash && entry.dir == query.dir && name == query.name
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
        if self.young.entries.len() >= GENERATION {
            self.old = core::mem::take(&mut self.young);
        }
        self.young.insert(query, known);
    }
}

/// The name cache of one mount. Names are no longer than 255 bytes.
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
        Query { hash: hasher.finish(), dir, name }
    }

    fn epoch(&self, dir: Ino) -> &AtomicU64 {
        &self.epochs[(dir.0 % EPOCHS as u64) as usize]
    }

    /// The tables use the low and the highest bits of the hash.
    fn shard(&self, query: Query<'_>) -> &Mutex<Shard> {
        &self.shards[(query.hash >> 40) as usize % SHARDS]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
                s.young.entries.len() + s.old.entries.len()
            })
            .sum();
        assert!(kept <= 2 * SHARDS * GENERATION);
    }
}
