//! The bytes of a packed file, from some place on.

use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use rump_kpi::{BlockDevice, KResult};

const PIECE: usize = 128 << 10;

/// Reads a range of a file, from its begin to its end.
pub struct Feed {
    file: Arc<dyn BlockDevice>,
    /// Where the next piece begins.
    next: u64,
    end: u64,
    piece: Vec<u8>,
    used: usize,
    len: usize,
}

impl Feed {
    /// The bytes `start..end`, which are in the file.
    pub fn new(file: Arc<dyn BlockDevice>, start: u64, end: u64) -> Self {
        let piece = vec![0; PIECE.min(end.saturating_sub(start) as usize)];
        Self { file, next: start, end, piece, used: 0, len: 0 }
    }

    /// What comes next; nothing at the end. Errors: EIO.
    pub fn fill(&mut self) -> KResult<&[u8]> {
        if self.used == self.len {
            let len = self.end.saturating_sub(self.next).min(self.piece.len() as u64) as usize;
            self.file.read_at(self.next, &mut self.piece[..len])?;
            (self.used, self.len) = (0, len);
            self.next += len as u64;
        }
        Ok(&self.piece[self.used..self.len])
    }

    /// Goes on by as much of what comes next.
    pub fn consume(&mut self, count: usize) {
        self.used = (self.used + count).min(self.len);
    }

    /// One byte, if there is another. Errors: EIO.
    pub fn byte(&mut self) -> KResult<Option<u8>> {
        let first = self.fill()?.first().copied();
        self.consume(1);
        Ok(first)
    }

    /// Where in the file it is.
    pub fn position(&self) -> u64 {
        self.next - (self.len - self.used) as u64
    }

    /// Whether nothing follows what [`Feed::fill`] gives.
    #[cfg(feature = "std")]
    pub fn is_last(&self) -> bool {
        self.next >= self.end
    }
}
