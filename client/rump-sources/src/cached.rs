//! A cache of blocks before a source that is slow to answer.
//!
//! Blocks that are missing are fetched in runs, without a lock; who wants a block that is on its way waits for it. A reader that
//! goes on where a run ended gets one twice as long, up to [`Shape::run_blocks`]. The block that was used longest ago makes room.
//! One lock, a leaf: it is held for looks at the table, never while the source is asked.

use crate::{Ranges, check_range};
use rump_kpi::{BlockDevice, Errno, KResult};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// The sizes of a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Length of a block in bytes.
    pub block_bytes: usize,
    /// How many blocks are kept; at least two runs.
    pub blocks: usize,
    /// How many blocks are fetched at once, at most.
    pub run_blocks: u64,
}

impl Shape {
    /// For a source of `size_bytes`, in so much memory: blocks of 64 KiB to 1 MiB, and runs of up to 4 MiB.
    pub fn of(size_bytes: u64, memory_bytes: usize) -> Self {
        let block_bytes = (size_bytes >> 14).clamp(64 << 10, 1 << 20).next_power_of_two() as usize;
        let run_blocks = (4 << 20) / block_bytes;
        let blocks = (memory_bytes / block_bytes).max(2 * run_blocks);
        Self { block_bytes, blocks, run_blocks: run_blocks as u64 }
    }
}

/// How many readers that go on are told apart.
const READERS: usize = 8;

/// A source behind a cache, as a block device that is only read.
pub struct Cached<R> {
    source: R,
    shape: Shape,
    state: Mutex<State>,
    fetched: Condvar,
}

#[derive(Default)]
struct State {
    blocks: HashMap<u64, Entry>,
    /// Block by the time of its last use, which is a count.
    by_use: BTreeMap<u64, u64>,
    uses: u64,
    /// Where a reader is going to miss next, and how many blocks it then gets. The newest is last.
    readers: Vec<(u64, u64)>,
}

enum Entry {
    /// Somebody fetches it.
    Awaited,
    Here {
        bytes: Arc<[u8]>,
        used: u64,
    },
}

impl State {
    fn use_of(&mut self, block: u64) -> Option<Arc<[u8]>> {
        let Some(Entry::Here { bytes, used }) = self.blocks.get_mut(&block) else { return None };
        self.uses += 1;
        self.by_use.remove(used);
        self.by_use.insert(self.uses, block);
        *used = self.uses;
        Some(bytes.clone())
    }

    fn keep(&mut self, block: u64, bytes: Arc<[u8]>, most: usize) {
        self.uses += 1;
        while self.by_use.len() >= most {
            let Some((_, oldest)) = self.by_use.pop_first() else { break };
            self.blocks.remove(&oldest);
        }
        self.by_use.insert(self.uses, block);
        self.blocks.insert(block, Entry::Here { bytes, used: self.uses });
    }

    /// How many blocks to fetch at `block`, where `wanted` are asked for and one is missing.
    fn run_at(&mut self, block: u64, wanted: u64, end: u64, most: u64) -> u64 {
        let known = self.readers.iter().position(|(next, _)| *next == block);
        let ahead = known.map_or(1, |at| self.readers.remove(at).1);
        let most = ahead.max(wanted).min(most).min(end - block);
        let run = (1..most).find(|at| self.blocks.contains_key(&(block + at))).unwrap_or(most);
        if self.readers.len() == READERS {
            self.readers.remove(0);
        }
        self.readers.push((block + run, run.saturating_mul(2)));
        run
    }
}

impl<R: Ranges> Cached<R> {
    /// Puts a cache before `source`, whose first bytes may be known already.
    pub fn new(source: R, shape: Shape, begin: &[u8]) -> Self {
        let cached = Self { source, shape, state: Mutex::default(), fetched: Condvar::new() };
        let first = cached.len_of(0, 1);
        if first > 0 {
            if let Some(first) = begin.get(..first) {
                cached.state().keep(0, first.into(), shape.blocks);
            }
        }
        cached
    }

    /// Takes the lock. What a panic interrupted is a look at the table, which is whole after each step.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Length in bytes of `count` blocks from `block`, of which the last one of all may be short.
    fn len_of(&self, block: u64, count: u64) -> usize {
        let unit = self.shape.block_bytes as u64;
        let (begin, end) = (block * unit, ((block + count) * unit).min(self.source.size_bytes()));
        end.saturating_sub(begin) as usize
    }

    /// A block, of which `wanted` in a row are asked for.
    fn block(&self, block: u64, wanted: u64) -> KResult<Arc<[u8]>> {
        let mut state = self.state();
        loop {
            if let Some(bytes) = state.use_of(block) {
                return Ok(bytes);
            }
            if !state.blocks.contains_key(&block) {
                break;
            }
            state = self.fetched.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let end = self.source.size_bytes().div_ceil(self.shape.block_bytes as u64);
        let run = state.run_at(block, wanted, end, self.shape.run_blocks);
        (block..block + run).for_each(|block| drop(state.blocks.insert(block, Entry::Awaited)));
        drop(state);
        self.fetch(block, run)
    }

    /// Fetches a run that is awaited, and answers its first block.
    fn fetch(&self, block: u64, run: u64) -> KResult<Arc<[u8]>> {
        let awaited = Awaited { cached: self, block, run };
        let mut bytes = vec![0; self.len_of(block, run)];
        self.source.read(block * self.shape.block_bytes as u64, &mut bytes)?;
        let blocks: Vec<Arc<[u8]>> = bytes.chunks(self.shape.block_bytes).map(Arc::from).collect();
        let first = blocks.first().cloned().ok_or(Errno::EINVAL)?;
        let mut state = self.state();
        (block..).zip(blocks).for_each(|(block, bytes)| state.keep(block, bytes, self.shape.blocks));
        drop(state);
        drop(awaited);
        Ok(first)
    }
}

/// A run that is being fetched. Its end wakes those who wait, who fetch themselves what is not there.
struct Awaited<'a, R: Ranges> {
    cached: &'a Cached<R>,
    block: u64,
    run: u64,
}

impl<R: Ranges> Drop for Awaited<'_, R> {
    fn drop(&mut self) {
        let mut state = self.cached.state();
        for block in self.block..self.block + self.run {
            if matches!(state.blocks.get(&block), Some(Entry::Awaited)) {
                state.blocks.remove(&block);
            }
        }
        drop(state);
        self.cached.fetched.notify_all();
    }
}

impl<R: Ranges> BlockDevice for Cached<R> {
    fn size_bytes(&self) -> u64 {
        self.source.size_bytes()
    }

    fn is_read_only(&self) -> bool {
        true
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> KResult<()> {
        check_range(self.size_bytes(), offset, buf.len())?;
        let unit = self.shape.block_bytes as u64;
        let mut done = 0;
        while done < buf.len() {
            let at = offset + done as u64;
            let wanted = (offset + buf.len() as u64).div_ceil(unit) - at / unit;
            let block = self.block(at / unit, wanted)?;
            let from = block.get((at % unit) as usize..).unwrap_or_default();
            let len = from.len().min(buf.len() - done);
            if len == 0 {
                return Err(Errno::EIO.into());
            }
            buf[done..][..len].copy_from_slice(&from[..len]);
            done += len;
        }
        Ok(())
    }

    fn write_at(&self, _offset: u64, _buf: &[u8]) -> KResult<()> {
        Err(Errno::EROFS.into())
    }

    fn flush(&self) -> KResult<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;
    use std::time::Duration;

    /// Bytes that follow from their offset; notes what is asked of it.
    struct Source {
        size: u64,
        asked: Arc<Mutex<Vec<(u64, usize)>>>,
        fails: Arc<AtomicBool>,
        delay: Duration,
    }

    fn byte(offset: u64) -> u8 {
        (offset.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8
    }

    impl Ranges for Source {
        fn size_bytes(&self) -> u64 {
            self.size
        }

        fn read(&self, offset: u64, buf: &mut [u8]) -> KResult<()> {
            self.asked.lock().unwrap().push((offset, buf.len()));
            thread::sleep(self.delay);
            if self.fails.load(Ordering::Relaxed) {
                return Err(Errno::EIO.into());
            }
            (offset..).zip(buf).for_each(|(offset, it)| *it = byte(offset));
            Ok(())
        }
    }

    const SHAPE: Shape = Shape { block_bytes: 100, blocks: 20, run_blocks: 8 };

    fn cached(size: u64, delay: Duration) -> Cached<Source> {
        let (asked, fails) = (Arc::default(), Arc::default());
        Cached::new(Source { size, asked, fails, delay }, SHAPE, &[])
    }

    fn check(device: &Cached<Source>, offset: u64, len: usize) {
        let mut buf = vec![0; len];
        device.read_at(offset, &mut buf).unwrap();
        assert!((offset..).zip(&buf).all(|(offset, it)| *it == byte(offset)), "{offset} {len}");
    }

    fn asked(device: &Cached<Source>) -> Vec<(u64, usize)> {
        std::mem::take(&mut device.source.asked.lock().unwrap())
    }

    #[test]
    fn who_reads_on_gets_runs_that_double() {
        let device = cached(5030, Duration::ZERO);
        (0..5030).step_by(10).for_each(|at| check(&device, at, 10));
        let lens: Vec<usize> = asked(&device).iter().map(|(_, len)| *len).collect();
        assert_eq!(lens, [100, 200, 400, 800, 800, 800, 800, 800, 330]);
    }

    #[test]
    fn one_who_jumps_gets_what_it_asks_for() {
        let device = cached(100_000, Duration::ZERO);
        [90_000, 10_050, 50_020, 0].iter().for_each(|at| check(&device, *at, 60));
        assert_eq!(asked(&device), [(90_000, 100), (10_000, 200), (50_000, 100), (0, 100)]);
        check(&device, 99_990, 10);
        assert!(
            device.read_at(99_991, &mut [0; 10]).is_err() && device.read_at(u64::MAX, &mut [0; 10]).is_err()
        );
    }

    #[test]
    fn what_was_used_longest_ago_makes_room() {
        let device = cached(1 << 20, Duration::ZERO);
        for at in 0..40 {
            check(&device, at * 1000, 10);
            check(&device, 5, 10);
        }
        assert_eq!(asked(&device).len(), 40, "the first block stays");
        assert!(device.state().blocks.len() <= SHAPE.blocks);
        check(&device, 1000, 10);
        assert_eq!(asked(&device), [(1000, 100)]);
    }

    #[test]
    fn readers_of_a_block_wait_for_one_fetch() {
        let device = cached(10_000, Duration::from_millis(50));
        let together = Barrier::new(8);
        thread::scope(|scope| {
            for at in 0..8 {
                let (device, together) = (&device, &together);
                scope.spawn(move || {
                    together.wait();
                    check(device, 500 + at, 10);
                });
            }
        });
        assert_eq!(asked(&device), [(500, 100)]);
    }

    #[test]
    fn what_failed_is_asked_for_again() {
        let device = cached(10_000, Duration::ZERO);
        device.source.fails.store(true, Ordering::Relaxed);
        assert_eq!(device.read_at(0, &mut [0; 10]).unwrap_err().errno, Errno::EIO);
        device.source.fails.store(false, Ordering::Relaxed);
        check(&device, 0, 10);
    }

    #[test]
    fn random_reads_of_several_threads_are_right() {
        let device = cached(9_777, Duration::ZERO);
        thread::scope(|scope| {
            for thread in 0..4_u64 {
                let device = &device;
                scope.spawn(move || {
                    for step in 0..2000_u64 {
                        let random = (step * 4 + thread).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                        let len = (random % 1500) as usize;
                        check(device, (random >> 32) % (9_777 - len as u64), len);
                    }
                });
            }
        });
        assert!(device.state().by_use.len() <= SHAPE.blocks);
    }

    #[test]
    fn shapes_are_bounded() {
        for size in [0, 1, 1 << 20, 1 << 34, u64::MAX] {
            let shape = Shape::of(size, 64 << 20);
            assert!((64 << 10..=1 << 20).contains(&shape.block_bytes), "{size}");
            assert_eq!(shape.block_bytes * shape.blocks, 64 << 20);
            assert_eq!(shape.block_bytes as u64 * shape.run_blocks, 4 << 20);
        }
    }
}
