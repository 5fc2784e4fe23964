//! The bitmap of clusters in use (specification, section 7.1): a bit for each, the first one in the lowest bit.
//!
//! For each sector of it the number of free clusters is remembered once it was counted, so that nobody looks where
//! there are none.
//!
//! Locks: the counts are a leaf.

mod allocate;
mod free;

pub use allocate::allocate;
pub use free::{Freed, free, release};

use crate::disk::Disk;
use crate::fat;
use crate::geometry::FIRST_CLUSTER;
use crate::set::Extent;
use crate::transaction::Operation;
use alloc::vec;
use alloc::vec::Vec;
use rump_dosfs::chain::{Chain, Run};
use rump_dosfs::transaction::Kind;
use rump_dosfs::{Error, Place};
use rump_kpi::cache::Block;
use rump_kpi::sync::Mutex;

/// A count that nobody made. A sector has at most 2^15 bits.
const UNKNOWN: u16 = u16::MAX;

/// Where the bitmap is.
pub struct Bitmap {
    chain: Chain,
    /// For each sector of it the free clusters.
    free_in: Mutex<Vec<u16>>,
}

/// What a cluster is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nobody has it.
    Free,
    /// Somebody has it.
    Taken,
}

impl Bitmap {
    /// Finds the sectors of the bitmap. Errors: EFTYPE (it is too short for the clusters), EIO.
    pub fn open(disk: &Disk, content: Extent) -> Result<Self, Error> {
        let bytes = u64::from(disk.geometry.clusters).div_ceil(8);
        if content.bytes < bytes {
            let why = alloc::format!("{} bytes are too few for the clusters", content.bytes);
            return Err(Error::corrupt("bitmap", Place::Cluster(content.first), why));
        }
        let mut chain = Chain::default();
        fat::load(disk, Extent { bytes, ..content }, &mut chain, u32::MAX)?;
        let sectors = bytes.div_ceil(disk.sectors.size()) as usize;
        Ok(Self { chain, free_in: Mutex::new(vec![UNKNOWN; sectors]) })
    }

    /// Nothing is remembered any more.
    pub fn forget(&self) {
        self.free_in.lock().fill(UNKNOWN);
    }

    /// The sector of the volume with a part of the bitmap.
    fn sector(&self, disk: &Disk, part: u32) -> Result<u64, Error> {
        let mut sector = 0;
        fat::for_runs(disk, &self.chain, u64::from(part) * disk.sectors.size(), 1, |byte, _, _| {
            sector = disk.sectors.position(byte).0;
            Ok(())
        })?;
        Ok(sector)
    }

    /// Counts the free clusters. Errors: EFTYPE, EIO.
    pub fn count_free(&self, disk: &Disk) -> Result<u32, Error> {
        let mut cursor = Cursor::new(disk, self);
        let parts = disk.geometry.clusters.div_ceil(cursor.bits);
        (0..parts).map(|part| Ok(u32::from(cursor.free_in(part)?))).sum()
    }

    fn note(&self, part: u32, change: impl FnOnce(u16) -> u16) {
        if let Some(count) = self.free_in.lock().get_mut(part as usize).filter(|count| **count != UNKNOWN) {
            *count = change(*count);
        }
    }
}

/// Reads the bitmap. What it saw stays as it was: it is for one look.
struct Cursor<'a> {
    disk: &'a Disk,
    bitmap: &'a Bitmap,
    /// Bits of a part.
    bits: u32,
    held: Option<(u32, Block)>,
}

impl<'a> Cursor<'a> {
    fn new(disk: &'a Disk, bitmap: &'a Bitmap) -> Self {
        Self { disk, bitmap, bits: disk.geometry.sector_size * 8, held: None }
    }

    fn load(&mut self, part: u32) -> Result<&Block, Error> {
        let held = match self.held.take() {
            Some(held) if held.0 == part => held,
            _ => (part, self.disk.sector(self.bitmap.sector(self.disk, part)?)?),
        };
        Ok(&self.held.insert(held).1)
    }

    /// How many clusters of a part are free.
    fn free_in(&mut self, part: u32) -> Result<u16, Error> {
        let known = self.bitmap.free_in.lock().get(part as usize).copied();
        if let Some(count) = known.filter(|count| *count != UNKNOWN) {
            return Ok(count);
        }
        let (bits, clusters) = (self.bits, self.disk.geometry.clusters);
        let block = self.load(part)?;
        let valid = bits.min(clusters.saturating_sub(part * bits));
        let mut taken = 0;
        for (byte, first) in block.iter().zip((0..valid).step_by(8)) {
            let outside = if valid - first >= 8 { 0 } else { 0xff << (valid - first) as u8 };
            taken += (byte & !outside).count_ones();
        }
        let count = (valid - taken) as u16;
        if let Some(place) = self.bitmap.free_in.lock().get_mut(part as usize) {
            *place = count;
        }
        Ok(count)
    }

    /// The first cluster from `at` on that is in this state, or `end`. Errors: EFTYPE, EIO.
    fn next(&mut self, at: u32, end: u32, state: State) -> Result<u32, Error> {
        let (mut index, end_index) = (at - FIRST_CLUSTER, end - FIRST_CLUSTER);
        while index < end_index {
            let (part, within) = (index / self.bits, index % self.bits);
            let skipped = state == State::Free && self.free_in(part)? == 0;
            let found = if skipped { None } else { first_bit(self.load(part)?, within, state) };
            match found {
                Some(bit) => return Ok((part * self.bits + bit).min(end_index) + FIRST_CLUSTER),
                None => index = (part * self.bits).saturating_add(self.bits),
            }
        }
        Ok(end)
    }
}

/// The first bit from `from` on in this state.
fn first_bit(block: &[u8], from: u32, state: State) -> Option<u32> {
    let other = if state == State::Free { 0xff } else { 0 };
    let skip = (from / 8) as usize;
    let mut mask = 0xff << (from % 8);
    for (byte, at) in block.get(skip..)?.iter().zip(skip as u32..) {
        let bits = (byte ^ other) & mask;
        if bits != 0 {
            return Some(at * 8 + bits.trailing_zeros());
        }
        mask = 0xff;
    }
    None
}

/// Puts clusters that are there into a state. Answers how many were not in it. Errors: EFTYPE, EIO.
fn set(operation: &mut Operation<'_>, run: Run, state: State) -> Result<u32, Error> {
    let volume = operation.volume;
    let bits = volume.disk.geometry.sector_size * 8;
    let mut index = run.start - FIRST_CLUSTER;
    let end = run.end() - FIRST_CLUSTER;
    let mut all = 0;
    while index < end {
        let part = index / bits;
        let range = index % bits..(end - part * bits).min(bits);
        index = part * bits + range.end;
        let sector = volume.bitmap.sector(&volume.disk, part)?;
        let mut changed = 0;
        operation.change(sector, Kind::Table, |block| changed = set_bits(block, range, state))?;
        volume.bitmap.note(part, |count| match state {
            State::Free => count.saturating_add(changed as u16),
            State::Taken => count.saturating_sub(changed as u16),
        });
        all += changed;
    }
    Ok(all)
}

fn set_bits(block: &mut [u8], range: core::ops::Range<u32>, state: State) -> u32 {
    let mut changed = 0;
    let mut at = range.start;
    while at < range.end {
        let count = (8 - at % 8).min(range.end - at);
        let mask = (((1u16 << count) - 1) << (at % 8)) as u8;
        if let Some(byte) = block.get_mut((at / 8) as usize) {
            let before = *byte;
            *byte = if state == State::Taken { before | mask } else { before & !mask };
            changed += (before ^ *byte).count_ones();
        }
        at += count;
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_set_and_found() {
        let mut block = [0u8; 64];
        assert_eq!(set_bits(&mut block, 3..21, State::Taken), 18);
        assert_eq!(set_bits(&mut block, 20..22, State::Taken), 1);
        assert_eq!((block[0], block[1], block[2], block[3]), (0xf8, 0xff, 0x3f, 0));
        assert_eq!(first_bit(&block, 3, State::Free), Some(22));
        assert_eq!(first_bit(&block, 0, State::Taken), Some(3));
        assert_eq!(first_bit(&block, 22, State::Taken), None);
        assert_eq!(set_bits(&mut block, 8..16, State::Free), 8);
        assert_eq!(first_bit(&block, 3, State::Free), Some(8));
        set_bits(&mut block, 0..512, State::Taken);
        assert_eq!(first_bit(&block, 0, State::Free), None);
    }
}
