//! The bytes of one node, in place. Whoever calls has had the header checked ([`super::read::parse_node`]).

use super::super::write::State;
use crate::layout::{Extent, ExtentHeader, ExtentIndex};
use crate::units::DiskBlock;
use zerocopy::{FromBytes, IntoBytes};

/// Signature of a node.
pub const MAGIC: u16 = 0xF30A;
/// Levels below a root at most.
pub const MAX_DEPTH: u16 = 5;
/// Size of the header and of each record.
pub const RECORD: usize = 12;
/// Blocks of one written extent at most. Stored lengths beyond this mean: not written, and shorter by this.
pub const LONGEST_WRITTEN: u64 = 32768;
/// Blocks of one unwritten extent at most.
pub const LONGEST_UNWRITTEN: u64 = LONGEST_WRITTEN - 1;

/// A record, of either kind.
pub type Record = [u8; RECORD];

/// A record of a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    pub first: u64,
    pub len: u64,
    pub block: u64,
    pub state: State,
}

impl Leaf {
    pub fn end(&self) -> u64 {
        self.first + self.len
    }

    /// The part `from..to`.
    pub fn part(&self, from: u64, to: u64) -> Self {
        Self { first: from, len: to - from, block: self.block + (from - self.first), state: self.state }
    }

    /// Whether `next` goes on where this ends, in the file and on the device.
    pub fn touches(&self, next: &Self) -> bool {
        self.end() == next.first && self.block + self.len == next.block && self.state == next.state
    }

    /// Blocks of an extent in this state at most.
    pub fn longest(&self) -> u64 {
        match self.state {
            State::Written => LONGEST_WRITTEN,
            State::Unwritten => LONGEST_UNWRITTEN,
        }
    }

    fn parse(record: &[u8]) -> Option<Self> {
        let record = Extent::ref_from_bytes(record).ok()?;
        let (len, state) = match u64::from(record.ee_len.get()) {
            len if len <= LONGEST_WRITTEN => (len, State::Written),
            len => (len - LONGEST_WRITTEN, State::Unwritten),
        };
        let block = u64::from(record.ee_start_lo.get()) | u64::from(record.ee_start_hi.get()) << 32;
        Some(Self { first: record.ee_block.get().into(), len, block, state })
    }

    /// The bytes.
    pub fn emit(&self) -> Record {
        let stored = match self.state {
            State::Written => self.len,
            State::Unwritten => self.len + LONGEST_WRITTEN,
        };
        let record = Extent {
            ee_block: (self.first as u32).into(),
            ee_len: (stored as u16).into(),
            ee_start_hi: ((self.block >> 32) as u16).into(),
            ee_start_lo: (self.block as u32).into(),
        };
        let mut bytes = [0; RECORD];
        bytes.copy_from_slice(record.as_bytes());
        bytes
    }
}

/// A record of an interior node.
pub fn index_record(key: u64, child: DiskBlock) -> Record {
    let record = ExtentIndex {
        ei_block: (key as u32).into(),
        ei_leaf_lo: (child.0 as u32).into(),
        ei_leaf_hi: ((child.0 >> 32) as u16).into(),
        ei_unused: 0.into(),
    };
    let mut bytes = [0; RECORD];
    bytes.copy_from_slice(record.as_bytes());
    bytes
}

/// Records that fit into a node of this many bytes; a checksum still fits behind them.
pub fn capacity(node_bytes: usize) -> usize {
    node_bytes / RECORD - 1
}

/// Makes a node of these records.
pub fn init(bytes: &mut [u8], depth: u16, records: &[u8]) {
    let header = ExtentHeader {
        eh_magic: MAGIC.into(),
        eh_entries: ((records.len() / RECORD) as u16).into(),
        eh_max: (capacity(bytes.len()) as u16).into(),
        eh_depth: depth.into(),
        eh_generation: 0.into(),
    };
    bytes.fill(0);
    bytes[..RECORD].copy_from_slice(header.as_bytes());
    bytes[RECORD..RECORD + records.len()].copy_from_slice(records);
}

fn word(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).map_or(0, |word| u16::from_le_bytes([word[0], word[1]]))
}

/// Records in use.
pub fn entries(bytes: &[u8]) -> usize {
    word(bytes, 2).into()
}

/// Whether no further record fits.
pub fn is_full(bytes: &[u8]) -> bool {
    word(bytes, 2) >= word(bytes, 4)
}

/// Levels below.
pub fn depth(bytes: &[u8]) -> u16 {
    word(bytes, 6)
}

fn set_entries(bytes: &mut [u8], entries: usize) {
    bytes[2..4].copy_from_slice(&(entries as u16).to_le_bytes());
}

fn record(bytes: &[u8], index: usize) -> &[u8] {
    bytes.get((index + 1) * RECORD..(index + 2) * RECORD).unwrap_or(&[])
}

/// The records from `index` on.
pub fn records_from(bytes: &[u8], index: usize) -> &[u8] {
    bytes.get((index + 1) * RECORD..(entries(bytes) + 1) * RECORD).unwrap_or(&[])
}

/// The first file block of a record of either kind.
pub fn key(bytes: &[u8], index: usize) -> u64 {
    record(bytes, index).first_chunk().map_or(0, |key| u32::from_le_bytes(*key).into())
}

/// Changes the key of an index record.
pub fn set_key(bytes: &mut [u8], index: usize, key: u64) {
    if let Some(place) = bytes.get_mut((index + 1) * RECORD..(index + 1) * RECORD + 4) {
        place.copy_from_slice(&(key as u32).to_le_bytes());
    }
}

/// How many records begin at or before `target`.
pub fn position(bytes: &[u8], target: u64) -> usize {
    let (mut from, mut to) = (0, entries(bytes));
    while from < to {
        let middle = from + (to - from) / 2;
        if key(bytes, middle) <= target { from = middle + 1 } else { to = middle }
    }
    from
}

/// A record of a leaf.
pub fn leaf(bytes: &[u8], index: usize) -> Option<Leaf> {
    (index < entries(bytes)).then(|| Leaf::parse(record(bytes, index))).flatten()
}

/// Where an index record leads.
pub fn child(bytes: &[u8], index: usize) -> Option<DiskBlock> {
    let record = ExtentIndex::ref_from_bytes(record(bytes, index)).ok()?;
    let block = u64::from(record.ei_leaf_lo.get()) | u64::from(record.ei_leaf_hi.get()) << 32;
    (index < entries(bytes)).then_some(DiskBlock(block))
}

/// Changes a record of a leaf.
pub fn set_leaf(bytes: &mut [u8], index: usize, leaf: &Leaf) {
    if let Some(place) = bytes.get_mut((index + 1) * RECORD..(index + 2) * RECORD) {
        place.copy_from_slice(&leaf.emit());
    }
}

/// Inserts a record before `index`; the node is not full.
pub fn insert_record(bytes: &mut [u8], index: usize, record: &Record) {
    let (at, end) = ((index + 1) * RECORD, (entries(bytes) + 1) * RECORD);
    if index <= entries(bytes) && end + RECORD <= bytes.len() {
        bytes.copy_within(at..end, at + RECORD);
        bytes[at..at + RECORD].copy_from_slice(record);
        set_entries(bytes, entries(bytes) + 1);
    }
}

/// Removes a record.
pub fn remove_record(bytes: &mut [u8], index: usize) {
    let (at, end) = ((index + 1) * RECORD, (entries(bytes) + 1) * RECORD);
    if index < entries(bytes) && end <= bytes.len() {
        bytes.copy_within(at + RECORD..end, at);
        set_entries(bytes, entries(bytes) - 1);
    }
}

/// Keeps the first `count` records.
pub fn truncate(bytes: &mut [u8], count: usize) {
    set_entries(bytes, entries(bytes).min(count));
}

/// What became of [`put`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// This many blocks are mapped now. If the first record of the node changed, with its key.
    Done(u64, Option<u64>),
    /// There is no room for a record.
    Full,
    /// It is no hole.
    Taken,
}

/// Maps as much of `new` as one record takes, before position `at` of a leaf that ends before file block `end`;
/// joins it to its neighbours where they touch.
pub fn put(bytes: &mut [u8], at: usize, new: Leaf, end: u64) -> Put {
    let before = at.checked_sub(1).and_then(|index| leaf(bytes, index));
    let behind = leaf(bytes, at);
    let limit = behind.map_or(end, |behind| behind.first.min(end));
    if before.is_some_and(|before| before.end() > new.first) || limit <= new.first {
        return Put::Taken;
    }
    let mut new = Leaf { len: new.len.min(limit - new.first).min(new.longest()), ..new };
    if let Some(before) = before.filter(|before| before.touches(&new) && before.len < before.longest()) {
        new.len = new.len.min(before.longest() - before.len);
        set_leaf(bytes, at - 1, &Leaf { len: before.len + new.len, ..before });
        join(bytes, at - 1);
        return Put::Done(new.len, None);
    }
    let joins = |behind: &Leaf| new.touches(behind) && new.len + behind.len <= new.longest();
    if let Some(behind) = behind.filter(joins) {
        set_leaf(bytes, at, &Leaf { len: new.len + behind.len, ..new });
    } else if is_full(bytes) {
        return Put::Full;
    } else {
        insert_record(bytes, at, &new.emit());
    }
    Put::Done(new.len, (at == 0).then_some(new.first))
}

/// Joins a record with the one behind it if they touch and are not too long.
pub fn join(bytes: &mut [u8], index: usize) {
    if let (Some(left), Some(right)) = (leaf(bytes, index), leaf(bytes, index + 1)) {
        if left.touches(&right) && left.len + right.len <= left.longest() {
            set_leaf(bytes, index, &Leaf { len: left.len + right.len, ..left });
            remove_record(bytes, index + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn written(first: u64, len: u64, block: u64) -> Leaf {
        Leaf { first, len, block, state: State::Written }
    }

    fn root() -> [u8; 60] {
        let mut bytes = [0; 60];
        init(&mut bytes, 0, &[]);
        bytes
    }

    fn leaves(bytes: &[u8]) -> Vec<Leaf> {
        (0..entries(bytes)).map(|index| leaf(bytes, index).unwrap()).collect()
    }

    fn add(bytes: &mut [u8], new: Leaf) -> Put {
        let at = position(bytes, new.first);
        put(bytes, at, new, 1 << 32)
    }

    #[test]
    fn a_piece_that_fills_a_gap_joins_both_sides() {
        let mut bytes = root();
        add(&mut bytes, written(0, 10, 100));
        add(&mut bytes, written(20, 10, 120));
        assert_eq!(add(&mut bytes, written(10, 10, 110)), Put::Done(10, None));
        assert_eq!(leaves(&bytes), [written(0, 30, 100)]);
    }

    #[test]
    fn what_is_written_and_what_is_not_stay_apart() {
        let mut bytes = root();
        let unwritten = Leaf { state: State::Unwritten, ..written(10, 10, 110) };
        add(&mut bytes, written(0, 10, 100));
        add(&mut bytes, unwritten);
        assert_eq!(leaves(&bytes), [written(0, 10, 100), unwritten]);
    }

    #[test]
    fn lengths_stop_at_their_limits() {
        let mut bytes = root();
        assert_eq!(add(&mut bytes, written(0, 40_000, 100)), Put::Done(32_768, Some(0)));
        assert_eq!(add(&mut bytes, written(32_768, 7_232, 32_868)), Put::Done(7_232, None));
        assert_eq!(entries(&bytes), 2);
        let unwritten = Leaf { state: State::Unwritten, ..written(50_000, 40_000, 90_000) };
        assert_eq!(add(&mut bytes, unwritten), Put::Done(32_767, None));
    }

    #[test]
    fn a_piece_before_the_first_moves_the_key() {
        let mut bytes = root();
        add(&mut bytes, written(50, 10, 150));
        assert_eq!(add(&mut bytes, written(40, 10, 140)), Put::Done(10, Some(40)));
        assert_eq!(add(&mut bytes, written(10, 5, 10)), Put::Done(5, Some(10)));
        assert_eq!(leaves(&bytes), [written(10, 5, 10), written(40, 20, 140)]);
    }

    #[test]
    fn what_is_mapped_is_not_mapped_again() {
        let mut bytes = root();
        add(&mut bytes, written(10, 10, 100));
        assert_eq!(add(&mut bytes, written(15, 1, 500)), Put::Taken);
        assert_eq!(add(&mut bytes, written(5, 10, 500)), Put::Done(5, Some(5)));
        assert_eq!(put(&mut bytes, 2, written(60, 1, 700), 60), Put::Taken);
    }

    #[test]
    fn a_full_node_says_so() {
        let mut bytes = root();
        (0..4).for_each(|index| {
            let _ = add(&mut bytes, written(index * 10, 1, index * 100 + 7));
        });
        assert_eq!(add(&mut bytes, written(100, 1, 999)), Put::Full);
        assert_eq!(add(&mut bytes, written(31, 1, 308)), Put::Done(1, None));
    }
}
