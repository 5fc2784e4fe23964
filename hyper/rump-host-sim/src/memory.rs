//! Files of the simulated host as memory.
//!
//! What a file holds when it is first opened so is what the memory begins with; from then on the two are apart.

use crate::event::Time;
use crate::{SimHost, lock};
use rump_abi::Errno;
use rump_hyper::{Access, Claim, HostError, HostFs, HostMemory, HostResult, Lock, SharedMemory, Watch};
use std::collections::BTreeSet;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

/// Memory for anybody in the process. `watchers` and `claimed` are leaves among locks.
pub(crate) struct Memory {
    path: Vec<u8>,
    size: u64,
    words: Vec<AtomicU64>,
    /// How often somebody was woken.
    wakes: AtomicU64,
    time: Arc<Time>,
    watchers: Mutex<Vec<Weak<AtomicBool>>>,
    claimed: Arc<Mutex<BTreeSet<u32>>>,
}

impl HostMemory for SimHost {
    fn shared_memory(&self, path: &[u8], size_if_new: u64) -> HostResult<Arc<dyn SharedMemory>> {
        if let Some(memory) = lock(&self.memories).get(path) {
            return Ok(memory.clone());
        }
        let content = self.content(path)?;
        let size = if content.is_empty() { size_if_new } else { content.len() as u64 };
        let memory = Arc::new(Memory::new(path, size, self.time.clone())?);
        memory.write(0, &content)?;
        let mut memories = lock(&self.memories);
        Ok(memories.entry(path.into()).or_insert(memory).clone())
    }
}

impl SimHost {
    /// What a file holds; nothing if it is not there. Errors: those of opening it, EBUSY (locked), EINVAL.
    fn content(&self, path: &[u8]) -> HostResult<Vec<u8>> {
        match self.open(path, Access::Read, Lock::Advisory) {
            Ok(io) => {
                let size = usize::try_from(io.size_bytes()).map_err(|_| HostError::from(Errno::EINVAL))?;
                let mut content = vec![0; size];
                io.read_at(0, &mut content)?;
                Ok(content)
            }
            Err(error) if error.errno == Errno::ENOENT => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }
}

impl Memory {
    fn new(path: &[u8], size: u64, time: Arc<Time>) -> HostResult<Self> {
        let count = usize::try_from(size.div_ceil(8)).map_err(|_| HostError::from(Errno::ENOMEM))?;
        let mut words = Vec::new();
        words.resize_with(count, AtomicU64::default);
        let (watchers, claimed) = (Mutex::default(), Arc::default());
        Ok(Self { path: path.into(), size, words, wakes: AtomicU64::new(0), time, watchers, claimed })
    }

    fn error(&self, errno: Errno) -> HostError {
        HostError { errno, what: format!("{}: {}", String::from_utf8_lossy(&self.path), errno.text()) }
    }

    fn check_range(&self, offset: u64, length: usize) -> HostResult<()> {
        let end = offset.checked_add(length as u64).filter(|end| *end <= self.size);
        end.map(drop).ok_or_else(|| self.error(Errno::EINVAL))
    }

    /// The word that a byte is in, and where in it.
    fn word_of(&self, offset: u64) -> (&AtomicU64, usize) {
        (&self.words[(offset / 8) as usize], (offset % 8) as usize)
    }

    /// The long word that a word is in, and how to take that out of it and put it in.
    fn u32_at(&self, offset: u64) -> (&AtomicU64, impl Fn(u64) -> u32, impl Fn(u64, u32) -> u64) {
        assert!(offset % 4 == 0 && offset + 4 <= self.size, "a word at {offset}");
        let (word, at) = self.word_of(offset);
        let take = move |long: u64| {
            let bytes = long.to_ne_bytes();
            u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let put = move |long: u64, value: u32| {
            let mut bytes = long.to_ne_bytes();
            bytes[at..at + 4].copy_from_slice(&value.to_ne_bytes());
            u64::from_ne_bytes(bytes)
        };
        (word, take, put)
    }

    fn u64_at(&self, offset: u64) -> &AtomicU64 {
        assert!(offset % 8 == 0 && offset + 8 <= self.size, "a long word at {offset}");
        self.word_of(offset).0
    }
}

impl SharedMemory for Memory {
    fn size_bytes(&self) -> u64 {
        self.size
    }

    fn read(&self, offset: u64, buf: &mut [u8]) -> HostResult<()> {
        self.check_range(offset, buf.len())?;
        for (byte, offset) in buf.iter_mut().zip(offset..) {
            let (word, at) = self.word_of(offset);
            *byte = word.load(Relaxed).to_ne_bytes()[at];
        }
        Ok(())
    }

    fn append_to(&self, to: &mut Vec<u8>, offset: u64, length: usize) -> HostResult<()> {
        self.check_range(offset, length)?;
        let filled = to.len();
        to.resize(filled + length, 0);
        self.read(offset, &mut to[filled..])
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> HostResult<()> {
        self.check_range(offset, bytes.len())?;
        for (byte, offset) in bytes.iter().zip(offset..) {
            let (word, at) = self.word_of(offset);
            let put = |long: u64| {
                let mut bytes = long.to_ne_bytes();
                bytes[at] = *byte;
                Some(u64::from_ne_bytes(bytes))
            };
            let _ = word.fetch_update(Relaxed, Relaxed, put);
        }
        Ok(())
    }

    fn load_u32(&self, offset: u64) -> u32 {
        let (word, take, _) = self.u32_at(offset);
        take(word.load(Acquire))
    }

    fn store_u32(&self, offset: u64, value: u32) {
        let (word, _, put) = self.u32_at(offset);
        let _ = word.fetch_update(AcqRel, Relaxed, |long| Some(put(long, value)));
    }

    fn replace_u32(&self, offset: u64, current: u32, new: u32) -> bool {
        let (word, take, put) = self.u32_at(offset);
        word.fetch_update(AcqRel, Relaxed, |long| (take(long) == current).then(|| put(long, new))).is_ok()
    }

    fn load_u64(&self, offset: u64) -> u64 {
        self.u64_at(offset).load(Acquire)
    }

    fn store_u64(&self, offset: u64, value: u64) {
        self.u64_at(offset).store(value, Release);
    }

    fn wait(&self, offset: u64, expected: u32, timeout: Duration) {
        let before = self.wakes.load(SeqCst);
        let is_over = || self.wakes.load(SeqCst) != before || self.load_u32(offset) != expected;
        self.time.wait(Some(timeout), is_over);
    }

    fn wake(&self, _offset: u64) {
        self.time.change(|| {
            self.wakes.fetch_add(1, SeqCst);
        });
    }

    fn notify(&self, offset: u64, value: u32) -> HostResult<()> {
        self.store_u32(offset, value);
        let mut watchers = lock(&self.watchers);
        watchers.retain(|watcher| watcher.strong_count() > 0);
        let told: Vec<_> = watchers.iter().filter_map(Weak::upgrade).collect();
        drop(watchers);
        self.time.change(|| told.iter().for_each(|watcher| watcher.store(true, Release)));
        Ok(())
    }

    fn watch(&self) -> HostResult<Box<dyn Watch>> {
        let told = Arc::new(AtomicBool::new(false));
        lock(&self.watchers).push(Arc::downgrade(&told));
        Ok(Box::new(Watcher { told, time: self.time.clone() }))
    }

    fn claim(&self, number: u32) -> HostResult<Box<dyn Claim>> {
        if !lock(&self.claimed).insert(number) {
            return Err(self.error(Errno::EBUSY));
        }
        Ok(Box::new(Claimed { number, among: self.claimed.clone() }))
    }
}

struct Watcher {
    told: Arc<AtomicBool>,
    time: Arc<Time>,
}

impl Watch for Watcher {
    fn wait(&self, timeout: Duration) {
        self.time.wait(Some(timeout), || self.told.swap(false, AcqRel));
    }
}

struct Claimed {
    number: u32,
    among: Arc<Mutex<BTreeSet<u32>>>,
}

impl Claim for Claimed {}

impl Drop for Claimed {
    fn drop(&mut self) {
        lock(&self.among).remove(&self.number);
    }
}
