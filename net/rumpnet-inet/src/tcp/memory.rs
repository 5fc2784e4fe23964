//! Memory for what programs send: blocks that are lent to contents and come back when nobody has these any more.
//!
//! A general allocator gives large pieces that are freed back to its host, and each page of the next one costs more when it
//! is touched than the copy into it. Blocks stay: the one that came back last is lent first, since caches still have it.
//!
//! Locks: one, a leaf.

use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;
use rump_kpi::sync::Mutex;

/// Bytes of a block.
pub const BLOCK: usize = 64 << 10;
/// Blocks that wait to be lent, at most: as much as a connection has of both its ends.
const MOST: usize = 160;

/// See the module. Clones lend the same blocks.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Mutex<Vec<Vec<u8>>>>);

/// A block that somebody has.
struct Lent {
    content: Vec<u8>,
    home: Memory,
}

impl Memory {
    /// A copy of bytes, no more than [`BLOCK`].
    pub fn copy(&self, bytes: &[u8]) -> Bytes {
        let free = self.0.lock().pop();
        let mut content = free.unwrap_or_else(|| Vec::with_capacity(BLOCK));
        content.extend_from_slice(bytes);
        Bytes::from_owner(Lent { content, home: self.clone() })
    }
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.content
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut content = core::mem::take(&mut self.content);
        content.clear();
        let mut free = self.home.0.lock();
        if free.len() < MOST {
            free.push(content);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_comes_back_with_the_last_who_has_of_it() {
        let memory = Memory::default();
        let first = memory.copy(b"first");
        let place = first.as_ptr();
        let part = first.slice(1..3);
        drop(first);
        let second = memory.copy(b"second");
        assert_ne!(second.as_ptr(), place);
        assert_eq!(part, "ir");
        drop(part);
        let third = memory.copy(b"3");
        assert_eq!((third.as_ptr(), &third[..], &second[..]), (place, &b"3"[..], &b"second"[..]));
    }

    #[test]
    fn few_blocks_wait() {
        let memory = Memory::default();
        let lent: Vec<Bytes> = (0..MOST + 10).map(|_| memory.copy(&[7; BLOCK])).collect();
        drop(lent);
        let free = memory.0.lock();
        assert_eq!(free.len(), MOST);
        assert!(free.iter().all(|block| block.is_empty() && block.capacity() == BLOCK));
    }
}
