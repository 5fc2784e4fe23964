//! Maps of new files: where their blocks are, in the inode and in blocks of the map.

use super::layout::Layout;
use super::refused;
use crate::inode::map::extent::node::{self, LONGEST_WRITTEN, Leaf, RECORD, Record};
use crate::inode::map::write::State;
use crate::units::Extent;
use alloc::vec;
use alloc::vec::Vec;
use rump_checksum::crc32c;
use rump_kpi::{Errno, KResult};

/// Blocks that an inode points to by itself.
pub const DIRECT: usize = 12;

/// A finished map.
pub struct Map {
    /// What the inode holds.
    pub root: [u8; 60],
    /// Blocks of the map with their content.
    pub blocks: Vec<(u64, Vec<u8>)>,
}

/// What the maps of one file have in common.
pub struct Mapper<'a> {
    /// Takes blocks of the map.
    pub layout: &'a mut Layout,
    /// In bytes.
    pub block_size: usize,
    /// Where blocks of the map should be.
    pub goal: u64,
    /// Seed of the checksums of blocks of an extent tree; `None` without checksums.
    pub seed: Option<u32>,
}

impl Mapper<'_> {
    /// An extent tree of these runs. Errors: ENOSPC.
    pub fn extents(&mut self, runs: &[Extent]) -> KResult<Map> {
        let mut root = [0; 60];
        let mut records = leaf_records(runs);
        let mut blocks = Vec::new();
        let mut depth = 0;
        while records.len() > node::capacity(root.len()) {
            let mut parents = Vec::new();
            for chunk in records.chunks(node::capacity(self.block_size)) {
                let key = chunk[0].0;
                let at = self.layout.take_one(self.goal)?;
                parents.push((key, node::index_record(key, at)));
                blocks.push((at.0, self.node(chunk, depth)));
            }
            records = parents;
            depth += 1;
        }
        node::init(&mut root, depth, &bytes_of(&records));
        Ok(Map { root, blocks })
    }

    fn node(&self, records: &[(u64, Record)], depth: u16) -> Vec<u8> {
        let mut node = vec![0; self.block_size];
        node::init(&mut node, depth, &bytes_of(records));
        if let Some(seed) = self.seed {
            let (body, tail) = node.split_at_mut(RECORD * (node::capacity(self.block_size) + 1));
            tail[..4].copy_from_slice(&crc32c(seed, body).to_le_bytes());
        }
        node
    }

    /// Block pointers to these runs, all below 2^32. Errors: ENOSPC, EFBIG.
    pub fn pointers(&mut self, runs: &[Extent]) -> KResult<Map> {
        let all: Vec<u32> =
            runs.iter().flat_map(|run| (run.start.0..run.start.0 + run.len).map(|b| b as u32)).collect();
        let mut map = Map { root: [0; 60], blocks: Vec::new() };
        let (direct, mut rest) = all.split_at(all.len().min(DIRECT));
        map.root[..direct.len() * 4].copy_from_slice(&emit_pointers(direct, direct.len() * 4));
        let in_block = self.block_size / 4;
        for depth in 1..=3u32 {
            if rest.is_empty() {
                return Ok(map);
            }
            let (part, left) = rest.split_at(rest.len().min(in_block.pow(depth)));
            let at = self.pointer_tree(part, depth, &mut map.blocks)?;
            map.root[(DIRECT + depth as usize - 1) * 4..][..4].copy_from_slice(&at.to_le_bytes());
            rest = left;
        }
        if rest.is_empty() {
            Ok(map)
        } else {
            Err(refused(Errno::EFBIG, "journal_bytes: too large for block pointers"))
        }
    }

    /// A tree of pointer blocks, at most three deep.
    fn pointer_tree(
        &mut self,
        pointers: &[u32],
        depth: u32,
        blocks: &mut Vec<(u64, Vec<u8>)>,
    ) -> KResult<u32> {
        let at = self.layout.take_one(self.goal)?.0;
        let mut children = Vec::new();
        if depth > 1 {
            for chunk in pointers.chunks((self.block_size / 4).pow(depth - 1)) {
                children.push(self.pointer_tree(chunk, depth - 1, blocks)?);
            }
        }
        let content = if depth > 1 { &children } else { pointers };
        blocks.push((at, emit_pointers(content, self.block_size)));
        Ok(at as u32)
    }
}

/// Pointers in a block of `len` bytes.
pub fn emit_pointers(pointers: &[u32], len: usize) -> Vec<u8> {
    let mut block: Vec<u8> = pointers.iter().flat_map(|pointer| pointer.to_le_bytes()).collect();
    block.resize(len, 0);
    block
}

/// Records with their keys.
fn leaf_records(runs: &[Extent]) -> Vec<(u64, Record)> {
    let mut records = Vec::new();
    let mut first = 0;
    for run in runs {
        for done in (0..run.len).step_by(LONGEST_WRITTEN as usize) {
            let len = (run.len - done).min(LONGEST_WRITTEN);
            let leaf = Leaf { first, len, block: run.start.0 + done, state: State::Written };
            records.push((first, leaf.emit()));
            first += len;
        }
    }
    records
}

fn bytes_of(records: &[(u64, Record)]) -> Vec<u8> {
    records.iter().flat_map(|(_, record)| *record).collect()
}
