//! Tables in files, by pieces of at most 4 KiB in a cache of bounded size.
//!
//! A table of an image that is written is changed in the cache; whoever owns it decides when the changes go to the file,
//! since the order of that is what a crash sees. Changed pieces are never dropped.

use crate::bytes::read_padded;
use crate::damaged;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use rump_kpi::sync::Mutex;
use rump_kpi::{BlockDevice, Errno, KResult};

/// The largest piece, in bytes.
const PIECE: usize = 4096;

struct Piece {
    bytes: Vec<u8>,
    is_dirty: bool,
    used: u64,
}

#[derive(Default)]
struct Pieces {
    by_offset: BTreeMap<u64, Piece>,
    clock: u64,
    dirty: usize,
}

/// See the module. The lock is a leaf, held during I/O of the file.
pub struct TableCache {
    file: Arc<dyn BlockDevice>,
    piece_bytes: u64,
    most: usize,
    pieces: Mutex<Pieces>,
}

impl TableCache {
    /// Keeps at most `most` pieces that are not changed, each of `unit` bytes, a power of two, or 4 KiB if that is less.
    pub fn new(file: Arc<dyn BlockDevice>, unit: u64, most: usize) -> Self {
        let piece_bytes = unit.min(PIECE as u64);
        Self { file, piece_bytes, most, pieces: Mutex::default() }
    }

    /// The entry of `N` bytes at `offset`, a multiple of `N`. Errors: EFTYPE (it is not, or lies beyond the end), EIO.
    pub fn entry<const N: usize>(&self, offset: u64) -> KResult<[u8; N]> {
        let mut entry = [0; N];
        let start = self.start_of::<N>(offset)?;
        let mut pieces = self.pieces.lock();
        let piece = self.piece(&mut pieces, start)?;
        entry.copy_from_slice(&piece.bytes[(offset - start) as usize..][..N]);
        Ok(entry)
    }

    /// Changes an entry. Errors: as [`TableCache::entry`].
    pub fn put<const N: usize>(&self, offset: u64, entry: [u8; N]) -> KResult<()> {
        let start = self.start_of::<N>(offset)?;
        let mut pieces = self.pieces.lock();
        let piece = self.piece(&mut pieces, start)?;
        piece.bytes[(offset - start) as usize..][..N].copy_from_slice(&entry);
        let was_dirty = core::mem::replace(&mut piece.is_dirty, true);
        pieces.dirty += usize::from(!was_dirty);
        Ok(())
    }

    /// Where the piece begins that has an entry.
    fn start_of<const N: usize>(&self, offset: u64) -> KResult<u64> {
        if offset % N as u64 != 0 || offset >= self.file.size_bytes() {
            return Err(damaged(format!("a table's entry is at {offset}, where none can be")));
        }
        Ok(offset - offset % self.piece_bytes)
    }

    fn piece<'a>(&self, pieces: &'a mut Pieces, start: u64) -> KResult<&'a mut Piece> {
        pieces.clock += 1;
        if !pieces.by_offset.contains_key(&start) {
            let mut bytes = vec![0; self.piece_bytes as usize];
            read_padded(&*self.file, start, &mut bytes)?;
            pieces.make_room(self.most);
            pieces.by_offset.insert(start, Piece { bytes, is_dirty: false, used: 0 });
        }
        let piece = pieces.by_offset.get_mut(&start).ok_or(Errno::EIO)?;
        piece.used = pieces.clock;
        Ok(piece)
    }

    /// How many pieces wait to be written.
    pub fn dirty(&self) -> usize {
        self.pieces.lock().dirty
    }

    /// Writes what was changed. Answers whether anything was. Errors: ENOSPC, EIO.
    pub fn write(&self) -> KResult<bool> {
        let mut pieces = self.pieces.lock();
        let any = pieces.dirty > 0;
        for (offset, piece) in pieces.by_offset.iter_mut().filter(|(_, piece)| piece.is_dirty) {
            write_growing(&*self.file, *offset, &piece.bytes)?;
            piece.is_dirty = false;
        }
        pieces.dirty = 0;
        pieces.make_room(self.most + 1);
        Ok(any)
    }

    /// Forgets what it knows of a range that becomes something else.
    pub fn forget(&self, offset: u64, len: u64) {
        let mut pieces = self.pieces.lock();
        pieces.by_offset.retain(|start, _| *start < offset || *start >= offset.saturating_add(len));
        pieces.dirty = pieces.by_offset.values().filter(|piece| piece.is_dirty).count();
    }
}

impl Pieces {
    /// Drops those that were not used for longest, until there is room for another among `most`.
    fn make_room(&mut self, most: usize) {
        while self.by_offset.len() - self.dirty >= most {
            let clean = self.by_offset.iter().filter(|(_, piece)| !piece.is_dirty);
            let Some((&oldest, _)) = clean.min_by_key(|(_, piece)| piece.used) else { return };
            self.by_offset.remove(&oldest);
        }
    }
}

/// Writes, and makes the file longer where that is needed. Errors: ENOSPC, EIO.
pub fn write_growing(file: &dyn BlockDevice, offset: u64, bytes: &[u8]) -> KResult<()> {
    let end = offset.checked_add(bytes.len() as u64).ok_or_else(|| damaged("a place beyond all files"))?;
    if end > file.size_bytes() {
        file.grow(end)?;
    }
    file.write_at(offset, bytes)
}
