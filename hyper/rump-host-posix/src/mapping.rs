//! The mapping of a file into memory, shared with whoever else maps it.
//!
//! Other processes change the bytes whenever they like, which Rust's memory model knows as other threads at most. So
//! nothing here is ever a `&[u8]`: every access is an atomic one, relaxed for bytes, which the compiler neither doubles nor
//! leaves out, and which is no data race whatever the others do. Bytes that lie together are accessed eight at a time;
//! that others access the same ones with another width is beyond what the model describes, and harmless on the machines
//! that Rust has 64-bit atomics for: each byte read is one that somebody wrote.
//!
//! What remains: if the file is cut while it is mapped, the host has no memory to give and sends SIGBUS. Nobody of ours
//! cuts a file that it shares, and the lock on it keeps our other tools away; all of its blocks are allocated when it is
//! opened, so that a full disk cannot be the cause.
#![allow(unsafe_code)]

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use std::fs::File;
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64};

/// A file in memory.
pub struct Mapping {
    start: NonNull<AtomicU8>,
    length: usize,
}

// SAFETY: it is atomics in memory that belongs to nobody, mapped as long as this value lives.
unsafe impl Send for Mapping {}
// SAFETY: as above; atomics may be used by several threads.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps the first `length` bytes of a file that has so many; there is at least one.
    pub fn new(file: &File, length: usize) -> rustix::io::Result<Self> {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the host chooses an address where nothing of ours is.
        let start = unsafe { mmap(std::ptr::null_mut(), length, protection, MapFlags::SHARED, file, 0) }?;
        let start = NonNull::new(start.cast()).ok_or(rustix::io::Errno::NOMEM)?;
        Ok(Self { start, length })
    }

    /// All of it.
    fn bytes(&self) -> &[AtomicU8] {
        // SAFETY: so many bytes are mapped until `self` is dropped, for reading and writing; any value is one of AtomicU8.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }

    /// The bytes from `at` on as what is before the first long word, long words, and the rest; none if they reach
    /// beyond the end.
    fn words(&self, at: usize, length: usize) -> Option<(&[AtomicU8], &[AtomicU64], &[AtomicU8])> {
        let bytes = self.bytes().get(at..)?.get(..length)?;
        // SAFETY: eight bytes of any value are an AtomicU64, and both allow change through shared references.
        Some(unsafe { bytes.align_to::<AtomicU64>() })
    }

    /// Fills `to` from `at` on; answers whether so many bytes are there.
    pub fn read(&self, at: usize, to: &mut [u8]) -> bool {
        // SAFETY: initialized bytes are valid as MaybeUninit, and `copy_out` writes initialized ones only.
        let to = unsafe { &mut *(std::ptr::from_mut(to) as *mut [MaybeUninit<u8>]) };
        self.copy_out(at, to)
    }

    /// Appends `length` bytes from `at` on, for which there is room; answers whether so many are there.
    pub fn append_to(&self, to: &mut Vec<u8>, at: usize, length: usize) -> bool {
        let filled = to.len();
        let Some(spare) = to.spare_capacity_mut().get_mut(..length) else { return false };
        let is_there = self.copy_out(at, spare);
        if is_there {
            // SAFETY: `copy_out` has initialized all of `spare`, which is the `length` bytes after those filled before.
            unsafe { to.set_len(filled + length) };
        }
        is_there
    }

    /// Initializes all of `to` if it answers true.
    fn copy_out(&self, at: usize, to: &mut [MaybeUninit<u8>]) -> bool {
        let Some((before, words, after)) = self.words(at, to.len()) else { return false };
        let (to_before, rest) = to.split_at_mut(before.len());
        let (to_words, to_after) = rest.split_at_mut(words.len() * 8);
        for (byte, to) in before.iter().zip(to_before).chain(after.iter().zip(to_after)) {
            to.write(byte.load(Relaxed));
        }
        for (word, to) in words.iter().zip(to_words.chunks_exact_mut(8)) {
            to.copy_from_slice(&word.load(Relaxed).to_ne_bytes().map(MaybeUninit::new));
        }
        true
    }

    /// Stores bytes from `at` on; answers whether there are so many.
    pub fn write(&self, at: usize, from: &[u8]) -> bool {
        let Some((before, words, after)) = self.words(at, from.len()) else { return false };
        let (from_before, rest) = from.split_at(before.len());
        let (from_words, from_after) = rest.split_at(words.len() * 8);
        for (byte, from) in before.iter().zip(from_before).chain(after.iter().zip(from_after)) {
            byte.store(*from, Relaxed);
        }
        for (word, from) in words.iter().zip(from_words.chunks_exact(8)) {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(from);
            word.store(u64::from_ne_bytes(bytes), Relaxed);
        }
        true
    }

    /// A word. Panics if none begins there.
    pub fn u32_at(&self, at: u64) -> &AtomicU32 {
        let place = self.place::<AtomicU32>(at);
        // SAFETY: it is aligned and within the mapping, and any value is one of AtomicU32.
        unsafe { &*place }
    }

    /// A long word. Panics if none begins there.
    pub fn u64_at(&self, at: u64) -> &AtomicU64 {
        let place = self.place::<AtomicU64>(at);
        // SAFETY: it is aligned and within the mapping, and any value is one of AtomicU64.
        unsafe { &*place }
    }

    /// Where something lies that is aligned as long as it is; mappings begin at a page.
    fn place<T>(&self, at: u64) -> *const T {
        let at = usize::try_from(at).expect("an offset of a word");
        let size = size_of::<T>();
        assert!(at % size == 0, "the offset of a word, {at}, is a multiple of {size}");
        self.bytes()[at..][..size].as_ptr().cast()
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: it was mapped by `new`, and all references into it borrow from `self`.
        let unmapped = unsafe { munmap(self.start.as_ptr().cast(), self.length) };
        debug_assert!(unmapped.is_ok());
    }
}
