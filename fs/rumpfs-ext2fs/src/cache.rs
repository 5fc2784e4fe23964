//! A bounded cache of metadata blocks.
//!
//! Blocks are spread over shards by number; each shard has its own lock, which is held for a look-up or an
//! insertion and never during I/O. The oldest block of a full shard goes first, unless it was used since.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use hashbrown::HashMap;
use rump_kpi::sync::Mutex;

const SHARDS: usize = 16;
const CAPACITY_BYTES: usize = 4 << 20;

#[derive(Default)]
struct Shard {
    blocks: HashMap<u64, Slot>,
    order: VecDeque<u64>,
}

struct Slot {
    bytes: Arc<[u8]>,
    used: bool,
}

/// The cache.
pub struct BlockCache {
    shards: [Mutex<Shard>; SHARDS],
    blocks_per_shard: usize,
}

impl BlockCache {
    /// An empty cache for blocks of `block_size` bytes.
    pub fn new(block_size: u32) -> Self {
        Self {
            shards: core::array::from_fn(|_| Mutex::new(Shard::default())),
            blocks_per_shard: (CAPACITY_BYTES / SHARDS / block_size as usize).max(2),
        }
    }

    /// The block, if it is here.
    pub fn find(&self, block: u64) -> Option<Arc<[u8]>> {
        let mut shard = self.shard(block).lock();
        let slot = shard.blocks.get_mut(&block)?;
        slot.used = true;
        Some(slot.bytes.clone())
    }

    /// Puts a block in, over an older copy.
    pub fn insert(&self, block: u64, bytes: Arc<[u8]>) {
        let mut shard = self.shard(block).lock();
        if shard.blocks.insert(block, Slot { bytes, used: false }).is_some() {
            return;
        }
        shard.order.push_back(block);
        while shard.order.len() > self.blocks_per_shard {
            let Some(oldest) = shard.order.pop_front() else { break };
            match shard.blocks.get_mut(&oldest) {
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

    #[test]
    fn the_cache_forgets_what_is_old_and_unused() {
        let cache = BlockCache::new(64 << 10);
        for block in 0..1000u64 {
            cache.insert(block * 16, Arc::from([0u8].as_slice()));
            cache.find(0);
        }
        assert!(cache.find(0).is_some());
        assert!(cache.find(16).is_none());
        assert!(cache.find(999 * 16).is_some());
    }
}
