//! The name cache of a mount: what a name in a directory names, or that it names nothing.
//!
//! Bounded by two generations: a full young one becomes the old one, and what was not asked for again until
//! then is forgotten. Entries are written while the directory's lock is held, so they never contradict it.
//!
//! Where case folds, a change of one name may change what others name, in a way that only the driver knows. So
//! each entry bears the epoch of its directory, and [`NameCache::begin_epoch`] makes those of earlier epochs
//! worthless. Directories share a fixed number of counters: two that share one only forget more than they must.

use alloc::boxed::Box;
use core::hash::{Hash, Hasher};
use core::sync::atomic::{AtomicU64, Ordering};
use hashbrown::{Equivalent, HashMap};
use rump_abi::Ino;
use rump_kpi::sync::Mutex;

const SHARDS: usize = 8;
/// Entries in one generation of a shard: a directory of 100,000 names still fits, at about 100 bytes a name.
const GENERATION: usize = 16 * 1024;
/// Counters of epochs.
const EPOCHS: usize = 64;

#[derive(PartialEq, Eq)]
struct Key {
    dir: Ino,
    name: Box<[u8]>,
}

struct Query<'a> {
    dir: Ino,
    name: &'a [u8],
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Query { dir: self.dir, name: &self.name }.hash(state);
    }
}

impl Hash for Query<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.dir.0);
        state.write(self.name);
    }
}

impl Equivalent<Key> for Query<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.dir == key.dir && self.name == &*key.name
    }
}

/// A cached answer: the inode, or that there is none of that name.
pub(crate) type Answer = Option<Ino>;

/// An answer, and the epoch of its directory.
#[derive(Clone, Copy)]
struct Entry {
    answer: Answer,
    epoch: u64,
}

#[derive(Default)]
struct Shard {
    young: HashMap<Key, Entry>,
    old: HashMap<Key, Entry>,
}

impl Shard {
    fn find(&mut self, query: &Query<'_>) -> Option<Entry> {
        if let Some(entry) = self.young.get(query) {
            return Some(*entry);
        }
        let (key, entry) = self.old.remove_entry(query)?;
        self.keep(key, entry);
        Some(entry)
    }

    fn keep(&mut self, key: Key, entry: Entry) {
        if self.young.len() >= GENERATION {
            self.old = core::mem::take(&mut self.young);
        }
        self.young.insert(key, entry);
    }
}

/// The name cache of one mount.
pub(crate) struct NameCache {
    shards: [Mutex<Shard>; SHARDS],
    epochs: [AtomicU64; EPOCHS],
}

impl Default for NameCache {
    fn default() -> Self {
        Self { shards: Default::default(), epochs: [const { AtomicU64::new(0) }; EPOCHS] }
    }
}

impl NameCache {
    /// The cached answer, if any.
    pub(crate) fn find(&self, dir: Ino, name: &[u8]) -> Option<Answer> {
        let found = self.shard(dir, name).lock().find(&Query { dir, name });
        found.filter(|entry| entry.epoch == self.epoch(dir).load(Ordering::Acquire)).map(|entry| entry.answer)
    }

    /// Makes all that is known of `dir` worthless. The caller holds the lock of `dir` for a change.
    pub(crate) fn begin_epoch(&self, dir: Ino) {
        self.epoch(dir).fetch_add(1, Ordering::AcqRel);
    }

    /// Notes an answer in place of an earlier one. The caller holds the lock of `dir`.
    pub(crate) fn set(&self, dir: Ino, name: &[u8], answer: Answer) {
        let entry = Entry { answer, epoch: self.epoch(dir).load(Ordering::Acquire) };
        let mut shard = self.shard(dir, name).lock();
        let query = Query { dir, name };
        if let Some(known) = shard.young.get_mut(&query) {
            *known = entry;
            return;
        }
        shard.old.remove(&query);
        shard.keep(Key { dir, name: name.into() }, entry);
    }

    /// Notes what a directory listing says of `name`, unless something is known. The caller holds the lock of
    /// `dir`.
    pub(crate) fn note(&self, dir: Ino, name: &[u8], ino: Ino) {
        let entry = Entry { answer: Some(ino), epoch: self.epoch(dir).load(Ordering::Acquire) };
        let mut shard = self.shard(dir, name).lock();
        let query = Query { dir, name };
        let known = shard.young.get(&query).or_else(|| shard.old.get(&query));
        if known.is_none_or(|known| known.epoch != entry.epoch) {
            shard.keep(Key { dir, name: name.into() }, entry);
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        for shard in &self.shards {
            *shard.lock() = Shard::default();
        }
    }

    fn epoch(&self, dir: Ino) -> &AtomicU64 {
        &self.epochs[(dir.0 % EPOCHS as u64) as usize]
    }

    fn shard(&self, dir: Ino, name: &[u8]) -> &Mutex<Shard> {
        let last = name.last().copied().unwrap_or(0);
        let mixed = dir.0.wrapping_mul(31).wrapping_add(u64::from(last));
        &self.shards[(mixed % SHARDS as u64) as usize]
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
                s.young.len() + s.old.len()
            })
            .sum();
        assert!(kept <= 2 * SHARDS * GENERATION);
    }
}
