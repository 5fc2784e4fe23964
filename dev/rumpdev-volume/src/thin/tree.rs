//! Trees of keys of 64 bits, in blocks of 4 KiB with checksums.
//!
//! Invariants that are checked on the way to a leaf: the block says where it is; keys ascend, and lie between those of the nodes
//! above; a tree is at most [`DEPTH`] nodes high, and so loops have an end.

use crate::bytes::read;
use crate::damaged;
use crate::map::Device;
use alloc::format;
use alloc::vec::Vec;
use core::ops::Range;
use rump_bytes::{le32, le64};
use rump_checksum::crc32c;
use rump_kpi::{BlockDevice, KResult};

/// Bytes of a block.
pub const BLOCK: usize = 4096;
/// What the sum of a node is mixed with.
const NODE: u32 = 121_107;
/// Bytes of the header of a node; behind it are keys, and then values.
const HEADER: usize = 32;
const KEY: usize = 8;
const INTERNAL: u32 = 1;
const LEAF: u32 = 2;
/// A node has room for 126 keys at least, and is a third full: ten of them hold all keys that there are.
const DEPTH: usize = 12;

/// A block whose sum, which is mixed with `mix`, and number are right. Errors: EFTYPE, EIO.
pub fn block(device: &dyn BlockDevice, number: u64, mix: u32) -> KResult<Vec<u8>> {
    let offset = number.saturating_mul(BLOCK as u64);
    let bytes = read(device, offset, BLOCK, "metadata of a thin pool")?;
    if le32(&bytes, 0) != crc32c(!0, &bytes[4..]) ^ mix {
        return Err(damaged(format!("thin pool: the block {number} of the metadata has a wrong checksum")));
    }
    if le64(&bytes, 8) != number {
        return Err(damaged(format!(
            "thin pool: the block {number} of the metadata says that it is another one"
        )));
    }
    Ok(bytes)
}

/// The trees in the metadata.
pub struct Trees {
    device: Device,
    /// How many blocks there are.
    blocks: u64,
}

impl Trees {
    /// Trees in the first `blocks` of a device.
    pub fn new(device: Device, blocks: u64) -> Self {
        Self { device, blocks }
    }

    /// The leaf that has `key`, if that is anywhere in the tree at `root`, whose values are of so many bytes. Errors: EFTYPE, EIO.
    pub fn leaf(&self, root: u64, key: u64, value: usize) -> KResult<Leaf> {
        let (mut number, mut range) = (root, 0..u64::MAX);
        for _ in 0..DEPTH {
            let node = self.node(number, &range, value)?;
            if node.is_leaf {
                return Ok(Leaf { node, range: key..range.end });
            }
            // What is before the first key is in no leaf.
            let Some(child) = node.below(key) else {
                let range = key..node.key(0);
                return Ok(Leaf { node: Node::EMPTY, range });
            };
            let end = if child + 1 < node.len { node.key(child + 1) } else { range.end };
            range = node.key(child)..end;
            number = le64(node.value(child), 0);
        }
        Err(damaged("thin pool: a tree is higher than any tree can be"))
    }

    /// A node with keys in `range`.
    fn node(&self, number: u64, range: &Range<u64>, value: usize) -> KResult<Node> {
        let odd =
            |what: &str| damaged(format!("thin pool: the node at block {number} of the metadata {what}"));
        // The superblock is no node.
        if number == 0 || number >= self.blocks {
            return Err(odd("lies beyond their end"));
        }
        let bytes = block(&*self.device, number, NODE)?;
        let (flags, len, most) = (le32(&bytes, 4), le32(&bytes, 16) as usize, le32(&bytes, 20) as usize);
        let is_leaf = flags == LEAF;
        let value = if is_leaf { value } else { size_of::<u64>() };
        if !matches!(flags, INTERNAL | LEAF) || le32(&bytes, 24) as usize != value {
            return Err(odd("is of another kind"));
        }
        if len > most || most > (BLOCK - HEADER) / (KEY + value) || (len == 0 && !is_leaf) {
            return Err(odd("has a wrong number of keys"));
        }
        let node = Node { is_leaf, len, values: HEADER + most * KEY, value, bytes };
        let mut next = range.start;
        for index in 0..len {
            let key = node.key(index);
            if key < next || key >= range.end {
                return Err(odd("has keys that do not ascend, or are those of another"));
            }
            next = key + 1;
        }
        Ok(node)
    }
}

/// A node that was checked.
struct Node {
    is_leaf: bool,
    /// How many keys there are.
    len: usize,
    /// Where the values begin, and their length.
    values: usize,
    value: usize,
    bytes: Vec<u8>,
}

impl Node {
    const EMPTY: Self = Self { is_leaf: true, len: 0, values: 0, value: 0, bytes: Vec::new() };

    fn key(&self, index: usize) -> u64 {
        le64(&self.bytes, HEADER + index * KEY)
    }

    fn value(&self, index: usize) -> &[u8] {
        &self.bytes[self.values + index * self.value..][..self.value]
    }

    /// Which key is the last that is not above `key`.
    fn below(&self, key: u64) -> Option<usize> {
        let (mut from, mut to) = (0, self.len);
        while from < to {
            let middle = from.midpoint(to);
            if self.key(middle) <= key { from = middle + 1 } else { to = middle }
        }
        from.checked_sub(1)
    }
}

/// What a tree says of a range of keys.
pub struct Leaf {
    node: Node,
    range: Range<u64>,
}

impl Leaf {
    /// Whether it is the one that tells of `key`.
    pub fn covers(&self, key: u64) -> bool {
        self.range.contains(&key)
    }

    /// The value of `key`, which it covers.
    pub fn get(&self, key: u64) -> Option<&[u8]> {
        let index = self.node.below(key).filter(|index| self.node.key(*index) == key)?;
        Some(self.node.value(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::sync::Arc;
    use alloc::vec;
    use rump_kpi::Errno;

    struct Memory(Vec<u8>);

    impl BlockDevice for Memory {
        fn size_bytes(&self) -> u64 {
            self.0.len() as u64
        }

        fn is_read_only(&self) -> bool {
            true
        }

        fn read_at(&self, offset: u64, buf: &mut [u8]) -> KResult<()> {
            buf.copy_from_slice(&self.0[offset as usize..][..buf.len()]);
            Ok(())
        }

        fn write_at(&self, _offset: u64, _buf: &[u8]) -> KResult<()> {
            Err(Errno::EROFS.into())
        }

        fn flush(&self) -> KResult<()> {
            Ok(())
        }
    }

    /// Kind and entries.
    type Described = (u32, &'static [(u64, u64)]);

    /// Nodes from block 1 on.
    fn trees(nodes: &[Described]) -> Trees {
        let mut bytes = vec![0; BLOCK];
        for (number, (flags, entries)) in (1_u64..).zip(nodes) {
            let mut node = vec![0; BLOCK];
            let mut put = |at: usize, field: &[u8]| node[at..at + field.len()].copy_from_slice(field);
            put(4, &flags.to_le_bytes());
            put(8, &number.to_le_bytes());
            put(16, &(entries.len() as u32).to_le_bytes());
            put(20, &252_u32.to_le_bytes());
            put(24, &8_u32.to_le_bytes());
            for (index, (key, value)) in entries.iter().enumerate() {
                put(HEADER + index * KEY, &key.to_le_bytes());
                put(HEADER + 252 * KEY + index * 8, &value.to_le_bytes());
            }
            let sum = crc32c(!0, &node[4..]) ^ NODE;
            node[..4].copy_from_slice(&sum.to_le_bytes());
            bytes.extend(node);
        }
        let blocks = bytes.len() as u64 / BLOCK as u64;
        Trees::new(Arc::new(Memory(bytes)), blocks)
    }

    #[test]
    fn keys_are_found_and_what_is_between_them_is_not_there() {
        let trees =
            trees(&[(INTERNAL, &[(10, 2), (20, 3)]), (LEAF, &[(10, 100), (12, 120)]), (LEAF, &[(25, 250)])]);
        let found = |key: u64| {
            let leaf = trees.leaf(1, key, 8).unwrap();
            assert!(leaf.covers(key));
            leaf.get(key).map(|value| le64(value, 0))
        };
        let expected = [
            (0, None),
            (10, Some(100)),
            (11, None),
            (12, Some(120)),
            (19, None),
            (20, None),
            (25, Some(250)),
        ];
        for (key, value) in expected {
            assert_eq!(found(key), value, "{key}");
        }
        let leaf = trees.leaf(1, 11, 8).unwrap();
        assert!(leaf.covers(19) && !leaf.covers(20) && !leaf.covers(10));
        assert!(!trees.leaf(1, 3, 8).unwrap().covers(10));
    }

    #[test]
    fn trees_that_break_rules_are_refused() {
        let broken: &[&[Described]] = &[
            // A loop; a child before its parent's keys, and one behind them; beyond the end; the superblock.
            &[(INTERNAL, &[(0, 1)])],
            &[(INTERNAL, &[(5, 2)]), (LEAF, &[(4, 0)])],
            &[(INTERNAL, &[(5, 2), (9, 3)]), (LEAF, &[(9, 0)]), (LEAF, &[])],
            &[(INTERNAL, &[(0, 7)])],
            &[(INTERNAL, &[(0, 0)])],
            // Keys that do not ascend, a node without keys, one of no kind.
            &[(LEAF, &[(6, 0), (6, 0)])],
            &[(INTERNAL, &[])],
            &[(3, &[(0, 0)])],
        ];
        for nodes in broken {
            let error = trees(nodes).leaf(1, 6, 8).map(drop).unwrap_err();
            assert_eq!(error.errno, Errno::EFTYPE, "{nodes:?}");
        }
        let wide = trees(&[(LEAF, &[(0, 0)])]).leaf(1, 0, 24).map(drop);
        assert_eq!(wide.unwrap_err().errno, Errno::EFTYPE);
    }
}
