//! The buffer cache: a bounded cache of a volume's metadata blocks, and the place where they change.
//!
//! A driver has one for each volume. Blocks are spread over shards by number; each shard has its own lock, which is
//! held for a look-up or a change in memory and never during I/O. The oldest block of a full shard goes first, unless
//! it was used since. A pinned block stays: what it holds is not yet where the device keeps it.
//!
//! Whoever holds a [`Block`] keeps what it read: a change makes a new copy for those who read later.

use crate::Memory;
use crate::sync::Mutex;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Deref;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use hashbrown::HashMap;

const SHARDS: usize = 16;
/// Blocks of memory that are kept for the next copies.
const MOST_SPARE: usize = 64;

/// What is known of the records of a block that have a checksum each, such as inodes. Whoever changes one makes its
/// checksum at once, so a change leaves this as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Records {
    /// Nothing.
    #[default]
    Unknown,
    /// All checksums were right.
    Right,
    /// Some were not.
    Doubtful,
}

/// The content of a block at one moment.
#[derive(Clone)]
pub struct Block {
    bytes: Arc<[u8]>,
    checked: bool,
    mark: u32,
    records: Records,
}

impl Block {
    /// Whether its checksum was verified, or is not yet written because the block is being changed.
    pub fn is_checked(&self) -> bool {
        self.checked
    }

    /// What the driver noted of this content; zero for nothing.
    pub fn mark(&self) -> u32 {
        self.mark
    }

    /// What is known of its records.
    pub fn records(&self) -> Records {
        self.records
    }

    /// The bytes, shared.
    pub fn bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }
}

impl Deref for Block {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

#[derive(Default)]
struct Shard {
    blocks: HashMap<u64, Slot>,
    /// Candidates for eviction, the oldest first. A pinned block drops out, and comes back when it is unpinned.
    order: VecDeque<u64>,
    /// Counts changes, so that a block that was read before one is not kept after it.
    epoch: u64,
}

struct Slot {
    block: Block,
    used: bool,
    queued: bool,
    pins: u32,
}

fn per_shard(capacity_bytes: usize, block_size: usize) -> usize {
    (capacity_bytes / SHARDS / block_size).max(2)
}

/// The cache.
pub struct BlockCache {
    shards: [Mutex<Shard>; SHARDS],
    block_size: usize,
    blocks_per_shard: AtomicUsize,
    /// Memory that nobody looks at any more.
    spare: Mutex<Vec<Arc<[u8]>>>,
}

impl BlockCache {
    /// An empty cache of `capacity_bytes` for blocks of `block_size` bytes. Pinned blocks come on top.
    pub fn new(block_size: u32, capacity_bytes: usize) -> Self {
        Self {
            shards: core::array::from_fn(|_| Mutex::new(Shard::default())),
            block_size: block_size as usize,
            blocks_per_shard: AtomicUsize::new(per_shard(capacity_bytes, block_size as usize)),
            spare: Mutex::default(),
        }
    }

    /// Keeps to its part of the memory of a kernel from now on.
    pub fn limit(&self, memory: &Memory) {
        let usual = self.blocks_per_shard.load(Relaxed) * SHARDS * self.block_size;
        self.blocks_per_shard.store(per_shard(memory.of_cache(usual), self.block_size), Relaxed);
    }

    /// The block, if it is here.
    pub fn find(&self, block: u64) -> Option<Block> {
        let mut shard = self.shard(block).lock();
        let slot = shard.blocks.get_mut(&block)?;
        slot.used = true;
        Some(slot.block.clone())
    }

    /// To be asked for before a block is read from the device, see [`insert`](Self::insert).
    pub fn epoch(&self, block: u64) -> u64 {
        self.shard(block).lock().epoch
    }

    /// Keeps what was read from the device, unless the block is here by now; answers what is here. `None` if a
    /// change since `epoch` may have made what was read stale: read again.
    pub fn insert(&self, block: u64, bytes: Arc<[u8]>, epoch: u64) -> Option<Block> {
        let mut shard = self.shard(block).lock();
        if let Some(slot) = shard.blocks.get(&block) {
            return Some(slot.block.clone());
        }
        if shard.epoch != epoch {
            return None;
        }
        let fresh = Block { bytes, checked: false, mark: 0, records: Records::Unknown };
        shard.blocks.insert(block, Slot { block: fresh.clone(), used: false, queued: true, pins: 0 });
        shard.order.push_back(block);
        self.shrink(&mut shard);
        Some(fresh)
    }

    /// Notes that the checksum of `seen` was verified.
    pub fn set_checked(&self, block: u64, seen: &Block) {
        let mut shard = self.shard(block).lock();
        if let Some(slot) = shard.blocks.get_mut(&block) {
            if Arc::ptr_eq(&slot.block.bytes, &seen.bytes) {
                slot.block.checked = true;
            }
        }
    }

    /// Notes something of the content `seen` of a block, for those who find it until it changes.
    pub fn set_mark(&self, block: u64, seen: &Block, mark: u32) {
        let mut shard = self.shard(block).lock();
        if let Some(slot) = shard.blocks.get_mut(&block) {
            if Arc::ptr_eq(&slot.block.bytes, &seen.bytes) {
                slot.block.mark = mark;
            }
        }
    }

    /// Notes what is known of the records of `seen`.
    pub fn set_records(&self, block: u64, seen: &Block, records: Records) {
        let mut shard = self.shard(block).lock();
        if let Some(slot) = shard.blocks.get_mut(&block) {
            if Arc::ptr_eq(&slot.block.bytes, &seen.bytes) {
                slot.block.records = records;
            }
        }
    }

    /// Pins a block, whose content is about to change. Answers whether it is here.
    pub fn pin(&self, block: u64) -> bool {
        let mut shard = self.shard(block).lock();
        let Some(slot) = shard.blocks.get_mut(&block) else { return false };
        slot.pins += 1;
        shard.epoch += 1;
        true
    }

    /// Begins a change: pins the block and answers its content so far, for [`restore`](Self::restore). `None` if
    /// the block is not here.
    pub fn begin_change(&self, block: u64) -> Option<Block> {
        let mut shard = self.shard(block).lock();
        let slot = shard.blocks.get_mut(&block)?;
        slot.pins += 1;
        let before = slot.block.clone();
        shard.epoch += 1;
        Some(before)
    }

    /// Changes a block in place; `None` if it is not here. Its checksum counts as right until it is read anew.
    /// `change` must not come back into the cache.
    pub fn change<R>(&self, block: u64, change: impl FnOnce(&mut [u8]) -> R) -> Option<R> {
        let mut shard = self.shard(block).lock();
        let slot = shard.blocks.get_mut(&block)?;
        (slot.block.checked, slot.block.mark) = (true, 0);
        if Arc::get_mut(&mut slot.block.bytes).is_none() {
            slot.block.bytes = self.copy(&slot.block.bytes);
        }
        Arc::get_mut(&mut slot.block.bytes).map(change)
    }

    fn copy(&self, bytes: &[u8]) -> Arc<[u8]> {
        let mut spare = self.spare.lock().pop();
        match spare.as_mut().and_then(Arc::get_mut).filter(|memory| memory.len() == bytes.len()) {
            Some(memory) => memory.copy_from_slice(bytes),
            None => spare = None,
        }
        spare.unwrap_or_else(|| Arc::from(bytes))
    }

    /// Takes the memory of what [`begin_change`](Self::begin_change) answered, for the next copy.
    pub fn recycle(&self, mut before: Block) {
        let mut spare = self.spare.lock();
        if spare.len() < MOST_SPARE && Arc::get_mut(&mut before.bytes).is_some() {
            spare.push(before.bytes);
        }
    }

    /// Puts a block in that does not come from the device, over what was here, with one pin more.
    pub fn put(&self, block: u64, bytes: Arc<[u8]>) {
        let mut shard = self.shard(block).lock();
        shard.epoch += 1;
        let (queued, pins) = shard.blocks.get(&block).map_or((false, 0), |slot| (slot.queued, slot.pins));
        let fresh = Block { bytes, checked: true, mark: 0, records: Records::Unknown };
        shard.blocks.insert(block, Slot { block: fresh, used: true, queued, pins: pins + 1 });
    }

    /// Takes a change back.
    pub fn restore(&self, block: u64, before: Block) {
        let mut shard = self.shard(block).lock();
        if let Some(slot) = shard.blocks.get_mut(&block) {
            slot.block = before;
        }
    }

    /// Forgets a block, pinned or not: it is free now.
    pub fn discard(&self, block: u64) {
        let mut shard = self.shard(block).lock();
        shard.epoch += 1;
        shard.blocks.remove(&block);
    }

    /// The block, if it is here and pinned.
    pub fn find_pinned(&self, block: u64) -> Option<Block> {
        let shard = self.shard(block).lock();
        shard.blocks.get(&block).filter(|slot| slot.pins > 0).map(|slot| slot.block.clone())
    }

    /// Takes a pin away; with the last one the block goes.
    pub fn release(&self, block: u64) {
        let mut shard = self.shard(block).lock();
        let Some(slot) = shard.blocks.get_mut(&block) else { return };
        slot.pins = slot.pins.saturating_sub(1);
        if slot.pins == 0 {
            shard.epoch += 1;
            shard.blocks.remove(&block);
        }
    }

    /// Takes a pin away.
    pub fn unpin(&self, block: u64) {
        let mut shard = self.shard(block).lock();
        let Some(slot) = shard.blocks.get_mut(&block) else { return };
        slot.pins = slot.pins.saturating_sub(1);
        if slot.pins == 0 && !slot.queued {
            slot.queued = true;
            shard.order.push_back(block);
            self.shrink(&mut shard);
        }
    }

    fn shrink(&self, shard: &mut Shard) {
        while shard.order.len() > self.blocks_per_shard.load(Relaxed) {
            let Some(oldest) = shard.order.pop_front() else { break };
            match shard.blocks.get_mut(&oldest) {
                Some(slot) if slot.pins > 0 => slot.queued = false,
                Some(slot) if slot.used => {
                    slot.used = false;
                    shard.order.push_back(oldest);
                }
                _ => {
                    shard.blocks.remove(&oldest);
                }
            }
        }
    }

    fn shard(&self, block: u64) -> &Mutex<Shard> {
        &self.shards[(block % SHARDS as u64) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache() -> BlockCache {
        BlockCache::new(64 << 10, 4 << 20)
    }

    fn insert(cache: &BlockCache, block: u64) -> Option<Block> {
        cache.insert(block, Arc::from([0u8].as_slice()), cache.epoch(block))
    }

    #[test]
    fn the_cache_forgets_what_is_old_and_unused() {
        let cache = cache();
        for block in 0..1000u64 {
            insert(&cache, block * 16);
            cache.find(0);
        }
        assert!(cache.find(0).is_some());
        assert!(cache.find(16).is_none());
        assert!(cache.find(999 * 16).is_some());
    }

    #[test]
    fn a_pinned_block_stays_until_it_is_unpinned() {
        let cache = cache();
        insert(&cache, 0);
        cache.begin_change(0).unwrap();
        cache.change(0, |bytes| bytes[0] = 7).unwrap();
        (1..1000u64).for_each(|block| drop(insert(&cache, block * 16)));
        assert_eq!(cache.find(0).unwrap()[0], 7);
        cache.unpin(0);
        (1..1000u64).for_each(|block| drop(insert(&cache, block * 16)));
        assert!(cache.find(0).is_none());
    }

    #[test]
    fn a_released_block_goes_with_its_last_pin() {
        let cache = cache();
        cache.put(2, Arc::from([1u8].as_slice()));
        cache.begin_change(2).unwrap();
        cache.release(2);
        assert_eq!(cache.find_pinned(2).unwrap()[0], 1);
        cache.release(2);
        assert!(cache.find(2).is_none());
        insert(&cache, 2);
        assert!(cache.find_pinned(2).is_none());
    }

    #[test]
    fn what_was_read_before_a_change_is_not_kept_after_it() {
        let cache = cache();
        let epoch = cache.epoch(3);
        cache.put(3, Arc::from([1u8].as_slice()));
        cache.discard(3);
        assert!(cache.insert(3, Arc::from([0u8].as_slice()), epoch).is_none());
    }

    #[test]
    fn a_change_is_not_seen_by_earlier_readers_and_can_be_taken_back() {
        let cache = cache();
        let reader = insert(&cache, 5).unwrap();
        cache.set_mark(5, &cache.find(5).unwrap(), 9);
        let before = cache.begin_change(5).unwrap();
        cache.change(5, |bytes| bytes[0] = 1).unwrap();
        assert_eq!((reader[0], cache.find(5).unwrap()[0]), (0, 1));
        cache.set_mark(5, &reader, 7);
        assert_eq!(cache.find(5).unwrap().mark(), 0, "a mark is of one content");
        cache.restore(5, before);
        assert_eq!((cache.find(5).unwrap()[0], cache.find(5).unwrap().mark()), (0, 9));
    }
}
