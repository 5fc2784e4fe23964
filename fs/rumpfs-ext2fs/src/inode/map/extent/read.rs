//! Reading extent trees. Records must ascend and stay within the range that the parent gives the node.

use super::super::{Mapping, Region};
use super::node::{LONGEST_WRITTEN, MAGIC, MAX_DEPTH, RECORD};
use crate::error::{Error, Place};
use crate::inode::Inode;
use crate::layout::{Extent, ExtentHeader, ExtentIndex};
use crate::units::{DiskBlock, FileBlock};
use crate::volume::Volume;
use alloc::format;
use rump_checksum::crc32c;
use zerocopy::FromBytes;

/// File blocks have 32 bits.
const END: u64 = 1 << 32;

/// A node whose header is right.
pub struct Node<'a> {
    bytes: &'a [u8],
    /// Records in use.
    pub entries: usize,
    /// Levels below it.
    pub depth: u16,
    place: Place,
}

/// Reads the leaf that answers for `target`.
pub fn read_region(volume: &Volume, inode: &Inode, target: FileBlock) -> Result<Region, Error> {
    if target.0 >= END {
        let mut region = Region::new(END);
        region.fill_to(u64::MAX);
        return Ok(region);
    }
    let root = parse_node(&inode.base().i_block, Place::Inode(inode.number()), None)?;
    if root.depth == 0 {
        return parse_leaf(volume, &root, 0, END);
    }
    let (mut child, mut depth, mut start, mut end) = match parse_index(&root, target.0, 0, END)? {
        Step::Child { block, start, end } => (block, root.depth, start, end),
        Step::Hole(region) => return Ok(region),
    };
    loop {
        depth -= 1;
        let bytes = volume.read_block(child)?;
        let node = parse_node(&bytes, Place::Block(child), Some(depth))?;
        volume.verify(child, &bytes, |bytes| check_tail(volume, inode, child, bytes))?;
        if depth == 0 {
            return parse_leaf(volume, &node, start, end);
        }
        match parse_index(&node, target.0, start, end)? {
            Step::Child { block, start: from, end: to } => (child, start, end) = (block, from, to),
            Step::Hole(region) => return Ok(region),
        }
    }
}

enum Step {
    Child { block: DiskBlock, start: u64, end: u64 },
    Hole(Region),
}

/// Checks a header; `depth` is what the parent says.
pub fn parse_node(bytes: &[u8], place: Place, depth: Option<u16>) -> Result<Node<'_>, Error> {
    let damaged = |offset: u64, why: alloc::string::String| Error::corrupt("extent node", place, offset, why);
    let (header, _) = ExtentHeader::ref_from_prefix(bytes).map_err(|_| damaged(0, "cut short".into()))?;
    if header.eh_magic.get() != MAGIC {
        return Err(damaged(0, format!("magic {:#06x} instead of {MAGIC:#06x}", header.eh_magic.get())));
    }
    let found = header.eh_depth.get();
    if found > MAX_DEPTH || depth.is_some_and(|depth| depth != found) {
        return Err(damaged(6, format!("depth {found}")));
    }
    let (entries, max) = (usize::from(header.eh_entries.get()), usize::from(header.eh_max.get()));
    if entries > max || max > bytes.len() / RECORD - 1 {
        return Err(damaged(2, format!("{entries} of {max} records in {} bytes", bytes.len())));
    }
    if entries == 0 && found > 0 {
        return Err(damaged(2, format!("no records at depth {found}")));
    }
    Ok(Node { bytes, entries, depth: found, place })
}

/// Checks the checksum of a node.
pub fn check_tail(volume: &Volume, inode: &Inode, block: DiskBlock, bytes: &[u8]) -> Result<(), Error> {
    if !volume.features().has_metadata_checksums() {
        return Ok(());
    }
    let max = usize::from(u16::from_le_bytes([bytes[4], bytes[5]]));
    let at = (max + 1) * RECORD;
    let stored = bytes.get(at..at + 4).map(|tail| u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]));
    if stored == Some(crc32c(inode.checksum_seed(volume), &bytes[..at])) {
        return Ok(());
    }
    Err(Error::corrupt("extent node", Place::Block(block), at as u64, "wrong checksum"))
}

/// Finds the child for `target` among the records of an interior node that covers `start..end`.
fn parse_index(node: &Node<'_>, target: u64, start: u64, end: u64) -> Result<Step, Error> {
    let mut found = None;
    let mut next = end;
    let mut last = None;
    for (index, bytes) in node.records() {
        let Ok(record) = ExtentIndex::ref_from_bytes(bytes) else { break };
        let first = u64::from(record.ei_block.get());
        if first < start || first >= end || last.is_some_and(|last| first <= last) {
            return Err(node.damaged(index, format!("file block {first} is out of order")));
        }
        last = Some(first);
        if first > target {
            next = first;
            break;
        }
        let block = u64::from(record.ei_leaf_lo.get()) | u64::from(record.ei_leaf_hi.get()) << 32;
        found = Some((first, DiskBlock(block)));
    }
    match found {
        Some((first, block)) => Ok(Step::Child { block, start: first, end: next }),
        None => {
            let mut region = Region::new(start);
            region.fill_to(next);
            Ok(Step::Hole(region))
        }
    }
}

/// The runs of a leaf that covers `start..end`.
fn parse_leaf(volume: &Volume, node: &Node<'_>, start: u64, end: u64) -> Result<Region, Error> {
    let mut region = Region::new(start);
    for (index, bytes) in node.records() {
        let Ok(record) = Extent::ref_from_bytes(bytes) else { break };
        let first = u64::from(record.ee_block.get());
        let (len, written) = match record.ee_len.get() {
            len if u64::from(len) <= LONGEST_WRITTEN => (u64::from(len), true),
            len => (u64::from(len) - LONGEST_WRITTEN, false),
        };
        if len == 0 || first < region.end() || first + len > end {
            return Err(node.damaged(index, format!("file blocks {first}+{len} are out of order")));
        }
        let block = u64::from(record.ee_start_lo.get()) | u64::from(record.ee_start_hi.get()) << 32;
        if block == 0 || block + len > volume.superblock().blocks {
            return Err(node.damaged(index, format!("blocks {block}+{len} are not on the volume")));
        }
        region.fill_to(first);
        let block = DiskBlock(block);
        region.push(len, if written { Mapping::At(block) } else { Mapping::Unwritten(block) });
    }
    region.fill_to(end);
    Ok(region)
}

impl Node<'_> {
    fn records(&self) -> impl Iterator<Item = (usize, &[u8])> {
        self.bytes.chunks_exact(RECORD).skip(1).take(self.entries).enumerate()
    }

    fn damaged(&self, index: usize, why: alloc::string::String) -> Error {
        Error::corrupt("extent node", self.place, ((index + 1) * RECORD) as u64, why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Ino;

    const PLACE: Place = Place::Inode(Ino(12));

    fn header(entries: u16, max: u16, depth: u16) -> [u8; 60] {
        let mut bytes = [0; 60];
        for (at, value) in [(0, MAGIC), (2, entries), (4, max), (6, depth)] {
            bytes[at..at + 2].copy_from_slice(&value.to_le_bytes());
        }
        bytes
    }

    #[test]
    fn a_node_cannot_hold_more_records_than_fit() {
        assert!(parse_node(&header(1, 4, 0), PLACE, None).is_ok());
        assert!(parse_node(&header(1, 5, 0), PLACE, None).is_err());
        assert!(parse_node(&header(3, 2, 0), PLACE, None).is_err());
        assert!(parse_node(&header(1, 4, 6), PLACE, None).is_err());
        assert!(parse_node(&header(1, 4, 2), PLACE, Some(1)).is_err());
    }

    #[test]
    fn only_a_leaf_may_be_empty() {
        assert!(parse_node(&header(0, 4, 0), PLACE, None).is_ok());
        assert!(parse_node(&header(0, 4, 1), PLACE, None).is_err());
    }

    #[test]
    fn index_records_must_ascend() {
        let mut bytes = header(2, 4, 1);
        bytes[12] = 8;
        bytes[24] = 4;
        let node = parse_node(&bytes, PLACE, None).unwrap();
        assert!(parse_index(&node, 9, 0, END).is_err());
        bytes[24] = 16;
        let node = parse_node(&bytes, PLACE, None).unwrap();
        assert!(matches!(parse_index(&node, 9, 0, END), Ok(Step::Child { start: 8, end: 16, .. })));
        assert!(matches!(parse_index(&node, 7, 0, END), Ok(Step::Hole(_))));
    }
}
