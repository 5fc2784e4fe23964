//! Reference counts of clusters, and new clusters (qcow2.txt: "Host cluster management").
//!
//! New clusters come from behind the end of the file, or from those that this writer gave up. A cluster is counted, in the
//! cache, before anything leads to it; one that is given up is counted as before until nothing on the device leads to it
//! ([`Allocator::settle`]), and not used again before that. What a crash leaves is at worst counted without use.

use super::header::{Header, REFCOUNT_TABLE_AT, REFCOUNT_TABLE_BYTES};
use crate::bytes::read_padded;
use crate::damaged;
use crate::table::{TableCache, write_growing};
use alloc::format;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;
use rump_kpi::{BlockDevice, Errno, KError, KResult};

/// Pieces that are kept of the table and of its blocks.
const PIECES: usize = 64;
/// Clusters that were given up and are remembered for use; others stay free without being used.
const FREE: usize = 65536;
/// Clusters in a row that are taken behind what seems to be the end, before the counts are called wrong.
const TRIES: u32 = 65536;

pub struct Allocator {
    file: Arc<dyn BlockDevice>,
    cluster_bits: u32,
    refcount_order: u32,
    table_offset: u64,
    table_clusters: u64,
    table: TableCache,
    blocks: TableCache,
    /// The first cluster that is not looked at yet.
    next: u64,
    free: Vec<u64>,
    given_up: Vec<u64>,
    /// Ranges of bytes that are never given out nor up.
    fixed: [Range<u64>; 2],
}

impl Allocator {
    pub fn new(header: &Header, file: Arc<dyn BlockDevice>) -> Self {
        let unit = header.cluster_size();
        let l1 = header.l1_offset..header.l1_offset + header.l1_size * 8;
        Self {
            cluster_bits: header.cluster_bits,
            refcount_order: header.refcount_order,
            table_offset: header.refcount_table_offset,
            table_clusters: header.refcount_table_clusters.into(),
            table: TableCache::new(file.clone(), unit, PIECES),
            blocks: TableCache::new(file.clone(), unit, PIECES),
            next: file.size_bytes().div_ceil(unit),
            free: Vec::new(),
            given_up: Vec::new(),
            fixed: [0..unit, l1],
            file,
        }
    }

    fn cluster_size(&self) -> u64 {
        1 << self.cluster_bits
    }

    /// log2 of the counts in a block.
    fn block_bits(&self) -> u32 {
        self.cluster_bits + 3 - self.refcount_order
    }

    /// Whether a writer may touch the cluster at this offset of the file. Errors: EFTYPE.
    pub fn check(&self, offset: u64) -> KResult<()> {
        let table = self.table_offset..self.table_offset + (self.table_clusters << self.cluster_bits);
        let end = offset.saturating_add(self.cluster_size());
        let meets = |range: &Range<u64>| range.start < end && offset < range.end;
        if meets(&table) || self.fixed.iter().any(meets) {
            return Err(damaged(format!("qcow2: data at {offset}, where the image's own tables are")));
        }
        Ok(())
    }

    /// A cluster with one reference, by its offset; what is in it is not defined. Errors: EFTYPE, ENOSPC, EIO.
    pub fn allocate(&mut self) -> KResult<u64> {
        if let Some(cluster) = self.free.pop() {
            self.set_count(cluster, 1)?;
            return Ok(cluster << self.cluster_bits);
        }
        for _ in 0..TRIES {
            let cluster = self.next;
            match self.count(cluster)? {
                Some(0) => {
                    self.set_count(cluster, 1)?;
                    self.next += 1;
                    let offset = cluster << self.cluster_bits;
                    self.file.grow(offset + self.cluster_size())?;
                    return Ok(offset);
                }
                Some(_) => self.next += 1,
                None => self.add_block(cluster)?,
            }
        }
        Err(damaged("qcow2: clusters behind the end of the file are counted as used"))
    }

    /// Gives up one reference of each cluster in a range of bytes. Errors: EFTYPE.
    pub fn give_up(&mut self, offset: u64, len: u64) -> KResult<()> {
        let first = offset >> self.cluster_bits;
        let last = (offset + len.max(1) - 1) >> self.cluster_bits;
        (first..=last).try_for_each(|cluster| self.check(cluster << self.cluster_bits))?;
        self.given_up.extend(first..=last);
        Ok(())
    }

    /// How much waits for [`Allocator::write`] and [`Allocator::settle`].
    pub fn waiting(&self) -> usize {
        self.table.dirty() + self.blocks.dirty() + self.given_up.len() / 64
    }

    /// Whether clusters wait to be given up.
    pub fn has_given_up(&self) -> bool {
        !self.given_up.is_empty()
    }

    /// Brings all counts to the device, and flushes it, with all data that was written to it. Errors: ENOSPC, EIO.
    pub fn write(&self) -> KResult<()> {
        self.blocks.write()?;
        self.file.flush()?;
        if self.table.write()? {
            self.file.flush()?;
        }
        Ok(())
    }

    /// Counts what was given up as such, now that nothing durable leads to it. Errors: EFTYPE, EIO.
    pub fn settle(&mut self) -> KResult<()> {
        for cluster in core::mem::take(&mut self.given_up) {
            let Some(count) = self.count(cluster)? else { continue };
            self.set_count(cluster, count.saturating_sub(1))?;
            if count == 1 && self.free.len() < FREE {
                self.free.push(cluster);
            }
        }
        self.blocks.write().map(drop)
    }

    /// The block with the count of a cluster: `None` where there is none.
    fn block(&self, cluster: u64) -> KResult<Option<u64>> {
        let index = cluster >> self.block_bits();
        if index >= self.table_clusters << (self.cluster_bits - 3) {
            return Ok(None);
        }
        let entry = u64::from_be_bytes(self.table.entry(self.table_offset + index * 8)?) & !0x1ff;
        if entry % self.cluster_size() != 0 {
            return Err(damaged(format!("qcow2: a block of reference counts at {entry:#x}")));
        }
        Ok((entry != 0).then_some(entry))
    }

    fn count(&self, cluster: u64) -> KResult<Option<u64>> {
        let Some(block) = self.block(cluster)? else { return Ok(None) };
        let index = cluster & ((1 << self.block_bits()) - 1);
        let blocks = &self.blocks;
        Ok(Some(match self.refcount_order {
            order @ 0..=2 => {
                let [byte] = blocks.entry::<1>(block + (index << order >> 3))?;
                let (shift, bits) = (index << order & 7, 1_u64 << order);
                u64::from(byte) >> shift & ((1 << bits) - 1)
            }
            3 => blocks.entry::<1>(block + index)?[0].into(),
            4 => u16::from_be_bytes(blocks.entry(block + index * 2)?).into(),
            5 => u32::from_be_bytes(blocks.entry(block + index * 4)?).into(),
            _ => u64::from_be_bytes(blocks.entry(block + index * 8)?),
        }))
    }

    /// The count is one that was there, less one, or one.
    fn set_count(&self, cluster: u64, count: u64) -> KResult<()> {
        let block = self.block(cluster)?.ok_or_else(|| damaged("qcow2: a cluster that no block counts"))?;
        self.check(block)?;
        let index = cluster & ((1 << self.block_bits()) - 1);
        let blocks = &self.blocks;
        match self.refcount_order {
            order @ 0..=2 => {
                let at = block + (index << order >> 3);
                let [byte] = blocks.entry::<1>(at)?;
                let (shift, bits) = (index << order & 7, 1_u64 << order);
                let mask = ((1 << bits) - 1) << shift;
                blocks.put(at, [byte & !(mask as u8) | (count << shift) as u8])
            }
            3 => blocks.put(block + index, [count as u8]),
            4 => blocks.put(block + index * 2, (count as u16).to_be_bytes()),
            5 => blocks.put(block + index * 4, (count as u32).to_be_bytes()),
            _ => blocks.put(block + index * 8, count.to_be_bytes()),
        }
    }

    /// Makes the block that counts `cluster`, in that cluster itself.
    fn add_block(&mut self, cluster: u64) -> KResult<()> {
        let index = cluster >> self.block_bits();
        if index >= self.table_clusters << (self.cluster_bits - 3) {
            return self.grow_table();
        }
        let offset = cluster << self.cluster_bits;
        self.clear(&self.blocks, offset)?;
        self.table.put(self.table_offset + index * 8, offset.to_be_bytes())?;
        self.set_count(cluster, 1)?;
        self.next = self.next.max(cluster + 1);
        Ok(())
    }

    /// Fills a cluster that becomes part of a table with zeros.
    fn clear(&self, cache: &TableCache, offset: u64) -> KResult<()> {
        cache.forget(offset, self.cluster_size());
        write_growing(&*self.file, offset, &vec![0; self.cluster_size() as usize])
    }

    /// Moves the table to the end of the file, half as long again, with the blocks that count it there. Only the last write,
    /// of the header, makes it count.
    fn grow_table(&mut self) -> KResult<()> {
        self.write()?;
        let (start, old) = (self.next, self.table_clusters);
        let entries = |clusters: u64| clusters << (self.cluster_bits - 3);
        let (mut clusters, mut blocks) = (old + old.div_ceil(2), Vec::new());
        // Each block may need a further one to count it; with a longer table there are more entries for them.
        loop {
            let end = start + clusters + blocks.len() as u64;
            let indices = start >> self.block_bits()..=(end - 1) >> self.block_bits();
            if *indices.end() >= entries(clusters) {
                clusters += 1;
                continue;
            }
            let mut missing = Vec::new();
            for index in indices {
                if self.block(index << self.block_bits())?.is_none() {
                    missing.push(index);
                }
            }
            let is_enough = missing.len() <= blocks.len();
            blocks = missing;
            if is_enough {
                break;
            }
        }
        if clusters << self.cluster_bits > REFCOUNT_TABLE_BYTES.max(self.cluster_size()) {
            let what = "qcow2: the table of reference counts cannot be longer; the clusters are too small";
            return Err(KError::new(Errno::ENOSPC, what));
        }
        let mut table = vec![0; (clusters << self.cluster_bits) as usize];
        read_padded(&*self.file, self.table_offset, &mut table[..(old << self.cluster_bits) as usize])?;
        for (position, index) in blocks.iter().enumerate() {
            let offset = (start + clusters + position as u64) << self.cluster_bits;
            self.clear(&self.blocks, offset)?;
            table[*index as usize * 8..][..8].copy_from_slice(&offset.to_be_bytes());
        }
        let offset = start << self.cluster_bits;
        write_growing(&*self.file, offset, &table)?;
        let before = core::mem::replace(&mut self.table_offset, offset);
        self.table_clusters = clusters;
        self.table.forget(offset, clusters << self.cluster_bits);
        self.next = start + clusters + blocks.len() as u64;
        (start..self.next).try_for_each(|cluster| self.set_count(cluster, 1))?;
        self.write()?;
        let mut head = [0; 12];
        head[..8].copy_from_slice(&offset.to_be_bytes());
        head[8..].copy_from_slice(&(clusters as u32).to_be_bytes());
        self.file.write_at(REFCOUNT_TABLE_AT, &head)?;
        self.file.flush()?;
        if old > 0 {
            self.give_up(before, old << self.cluster_bits)?;
        }
        Ok(())
    }
}
