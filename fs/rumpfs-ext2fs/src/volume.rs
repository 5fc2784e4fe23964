//! A mounted volume: the one place through which every byte of metadata and data is read.
//!
//! Reads see the journal's overlay, if there is one. Block numbers are checked against the volume here, so
//! that no caller has to. Locks: the shards of the cache, the table of cells and `newest`, all leaves and never held
//! during I/O.

use crate::cell::{Cell, CellTable};
use crate::error::{Error, Place};
use crate::features::Features;
use crate::group;
use crate::inode::{Fields, Inode};
use crate::journal::Overlay;
use crate::superblock::Superblock;
use crate::transaction::Writer;
use crate::units::{DiskBlock, GroupNo, Ino};
use alloc::boxed::Box;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};
use rump_kpi::BlockDevice;
use rump_kpi::cache::{Block, BlockCache, Records};
use rump_kpi::sync::Mutex;

const READ_AHEAD_BYTES: u32 = 32 << 10;
const CACHE_BYTES: usize = 4 << 20;
/// With writing, the tables of inodes and directories that change are asked for again and again.
const CACHE_BYTES_WRITING: usize = 32 << 20;

/// The volume.
pub struct Volume {
    device: Arc<dyn BlockDevice>,
    superblock: Superblock,
    /// Block of the superblock in use; descriptors follow it.
    descriptor_base: DiskBlock,
    /// Blocks that both superblock and device have.
    readable_blocks: u64,
    cache: BlockCache,
    inode_tables: InodeTables,
    overlay: Option<Overlay>,
    cells: Arc<CellTable>,
    /// The latest cell that was made: its first user comes after it.
    newest: Mutex<Option<Arc<Cell>>>,
    writer: Option<Writer>,
    log: Log,
}

/// Where the inode tables of groups begin, as far as it is known. Groups whose numbers differ by a multiple of the
/// length share a place.
struct InodeTables {
    /// A block with the high bits of the group below it; zero where nothing is known.
    places: Box<[AtomicU64]>,
}

impl InodeTables {
    const MOST: u64 = 1 << 16;
    /// Numbers of inodes have 32 bits, so have those of groups: 16 are those of the place.
    const GROUP_BITS: u32 = 16;

    fn new(groups: u64) -> Self {
        Self { places: (0..groups.clamp(1, Self::MOST)).map(|_| AtomicU64::new(0)).collect() }
    }

    fn place(&self, group: GroupNo) -> (&AtomicU64, u64) {
        (&self.places[(group.0 % self.places.len() as u64) as usize], group.0 >> Self::GROUP_BITS)
    }

    fn find(&self, group: GroupNo) -> Option<DiskBlock> {
        let (place, high) = self.place(group);
        let word = place.load(Ordering::Relaxed);
        let is_it = word != 0 && word & ((1 << Self::GROUP_BITS) - 1) == high;
        is_it.then_some(DiskBlock(word >> Self::GROUP_BITS))
    }

    /// Answers whether it was known. A table that no device is large enough for is not noted.
    fn set(&self, group: GroupNo, start: DiskBlock) -> bool {
        let (place, high) = self.place(group);
        let word = start.0 << Self::GROUP_BITS | high;
        let fits = start.0 >> (64 - Self::GROUP_BITS) == 0;
        fits && place.swap(word, Ordering::Relaxed) == word
    }
}

/// Takes one line for the log.
type Log = Arc<dyn Fn(&str) + Send + Sync>;

impl Volume {
    /// A volume without overlay. Nothing is read yet.
    pub fn new(
        device: Arc<dyn BlockDevice>,
        superblock: Superblock,
        descriptor_base: DiskBlock,
        log: Log,
    ) -> Self {
        let readable_blocks = superblock.blocks.min(device.size_bytes() >> superblock.block_bits);
        let cache = BlockCache::new(superblock.block_size(), CACHE_BYTES);
        let inode_tables = InodeTables::new(superblock.groups);
        Self {
            device,
            superblock,
            descriptor_base,
            readable_blocks,
            cache,
            inode_tables,
            overlay: None,
            cells: Arc::default(),
            newest: Mutex::new(None),
            writer: None,
            log,
        }
    }

    /// The same volume with a replayed journal over it. What was read before is forgotten.
    pub fn with_overlay(self, overlay: Overlay) -> Self {
        let mut volume = Self::new(self.device, self.superblock, self.descriptor_base, self.log);
        let at = 1024 % volume.block_size().max(1024) as usize;
        let replayed = overlay
            .find(volume.superblock.primary_block().0)
            .and_then(|block| block.get(at..))
            .and_then(|bytes| Some((Superblock::parse(bytes).ok()?, bytes)));
        if let Some((superblock, bytes)) = replayed {
            // A volume may have grown. Another geometry, or a wrong checksum, is not that of this volume.
            let geometry = |of: &Superblock| {
                let per_group = (of.raw.s_blocks_per_group.get(), of.raw.s_inodes_per_group.get());
                (of.block_bits, of.inode_size, of.desc_size, per_group)
            };
            if geometry(&superblock) == geometry(&volume.superblock) && superblock.checksum_is_right(bytes) {
                volume.readable_blocks =
                    superblock.blocks.min(volume.device.size_bytes() >> superblock.block_bits);
                volume.superblock = superblock;
            }
        }
        volume.overlay = Some(overlay);
        volume
    }

    /// The same volume as the device has it now. What was read before is forgotten. Errors: EFTYPE, EIO.
    pub fn reread(self) -> Result<Self, Error> {
        let mut bytes = [0; crate::superblock::SIZE];
        self.device.read_at(crate::superblock::PRIMARY_OFFSET, &mut bytes)?;
        Ok(Self::new(self.device, Superblock::parse(&bytes)?, self.descriptor_base, self.log))
    }

    /// Size of a block in bytes.
    pub fn block_size(&self) -> u32 {
        self.superblock.block_size()
    }

    /// Seed of checksums of metadata.
    pub fn checksum_seed(&self) -> u32 {
        self.superblock.checksum_seed
    }

    /// Features in use.
    pub fn features(&self) -> &Features {
        &self.superblock.features
    }

    /// The superblock.
    pub fn superblock(&self) -> &Superblock {
        &self.superblock
    }

    /// The block of the superblock in use.
    pub fn descriptor_base(&self) -> DiskBlock {
        self.descriptor_base
    }

    /// The journal's changes, if it was replayed.
    pub fn overlay(&self) -> Option<&Overlay> {
        self.overlay.as_ref()
    }

    /// Blocks of the volume that the device holds.
    pub fn readable_blocks(&self) -> u64 {
        self.readable_blocks
    }

    /// Reads consecutive whole blocks; the length of `buf` is a multiple of the block size.
    pub fn read_blocks(&self, start: DiskBlock, buf: &mut [u8]) -> Result<(), Error> {
        self.read_bytes(start, 0, buf)
    }

    /// Fills `buf` from byte `within` of block `start` on, over block borders.
    pub fn read_bytes(&self, start: DiskBlock, within: u64, buf: &mut [u8]) -> Result<(), Error> {
        let bits = self.superblock.block_bits;
        let limit = self.readable_blocks << bits;
        let offset = start.0.checked_mul(1 << bits).and_then(|byte| byte.checked_add(within));
        let offset = offset.filter(|at| at.checked_add(buf.len() as u64).is_some_and(|end| end <= limit));
        let Some(offset) = offset else {
            let why = format!("beyond the {} blocks of the volume", self.readable_blocks);
            return Err(Error::corrupt("block number", Place::Block(start), within, why));
        };
        self.device.read_at(offset, buf)?;
        if let Some(overlay) = &self.overlay {
            overlay_bytes(overlay, bits, offset, buf);
        }
        Ok(())
    }

    /// As [`read_bytes`](Self::read_bytes), for content of files. Where nothing more is written, content that goes
    /// through the journal may not have come home: then it is in the cache.
    pub fn read_content(&self, start: DiskBlock, within: u64, buf: &mut [u8]) -> Result<(), Error> {
        self.read_bytes(start, within, buf)?;
        if self.writer.as_ref().is_some_and(Writer::is_stopped) {
            let bits = self.superblock.block_bits;
            let offset = (start.0 << bits) + within;
            for block in offset >> bits..(offset + buf.len() as u64).div_ceil(1 << bits) {
                if let Some(bytes) = self.cache.find_pinned(block) {
                    lay_over(&bytes, block << bits, offset, buf);
                }
            }
        }
        Ok(())
    }

    /// Reads one block of metadata through the cache.
    pub fn read_block(&self, block: DiskBlock) -> Result<Block, Error> {
        self.read_block_ahead(block, 1)
    }

    /// Like [`read_block`](Self::read_block), and reads up to `run` blocks from there into the cache at once.
    pub fn read_block_ahead(&self, block: DiskBlock, run: u64) -> Result<Block, Error> {
        self.read_window(block, run.min(self.window_blocks()), block)
    }

    /// Like [`read_block`](Self::read_block) for block `index` of a table of inodes: its blocks are read some at once,
    /// always the same ones together, since they are asked for in any order.
    fn read_table_block(&self, table: DiskBlock, index: u64) -> Result<Block, Error> {
        if let Some(found) = self.cache.find(table.0 + index) {
            return Ok(found);
        }
        let inodes = u64::from(self.superblock.raw.s_inodes_per_group.get());
        let blocks = (inodes * u64::from(self.superblock.inode_size)).div_ceil(u64::from(self.block_size()));
        let first = index - index % self.window_blocks();
        let count = blocks.saturating_sub(first).min(self.window_blocks());
        self.read_window(DiskBlock(table.0 + first), count, DiskBlock(table.0 + index))
    }

    fn window_blocks(&self) -> u64 {
        u64::from(READ_AHEAD_BYTES / self.block_size()).max(1)
    }

    /// Finds a block in the cache, or reads `count` blocks from `first` on into it, of which `wanted` is one.
    fn read_window(&self, first: DiskBlock, count: u64, wanted: DiskBlock) -> Result<Block, Error> {
        let readable = count.min(self.readable_blocks.saturating_sub(first.0));
        // Where the volume is cut short of the block, an error is to name the block.
        let is_within = wanted.0.saturating_sub(first.0) < readable;
        let (mut first, mut count) = if is_within { (first.0, readable) } else { (wanted.0, 1) };
        let size = self.block_size() as usize;
        loop {
            if let Some(found) = self.cache.find(wanted.0) {
                return Ok(found);
            }
            let epochs: Vec<u64> = (first..first + count).map(|block| self.cache.epoch(block)).collect();
            let mut bytes = vec![0; size * count as usize];
            match self.read_blocks(DiskBlock(first), &mut bytes) {
                // A fault elsewhere must not hide the block that was asked for.
                Err(_) if count > 1 => {
                    (first, count) = (wanted.0, 1);
                    continue;
                }
                result => result?,
            }
            let mut answer = None;
            for ((part, epoch), block) in bytes.chunks_exact(size).zip(epochs).zip(first..) {
                let kept = self.cache.insert(block, part.into(), epoch);
                if block == wanted.0 {
                    answer = kept;
                }
            }
            if let Some(block) = answer {
                return Ok(block);
            }
            // It was changed meanwhile.
            (first, count) = (wanted.0, 1);
        }
    }

    /// Runs `check` over the checksum of a block from the cache, unless it was done before.
    pub fn verify(
        &self,
        at: DiskBlock,
        block: &Block,
        check: impl FnOnce(&[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if block.is_checked() {
            return Ok(());
        }
        check(block)?;
        self.cache.set_checked(at.0, block);
        Ok(())
    }

    /// The cache of metadata blocks.
    pub fn cache(&self) -> &BlockCache {
        &self.cache
    }

    /// The device.
    pub fn device(&self) -> &dyn BlockDevice {
        self.device.as_ref()
    }

    /// What writing needs, on a mount for writing.
    pub fn writer(&self) -> Option<&Writer> {
        self.writer.as_ref()
    }

    /// Makes this a volume that is written. What was read before stays valid.
    pub fn with_writer(mut self, writer: Writer) -> Self {
        self.cache = BlockCache::new(self.block_size(), CACHE_BYTES_WRITING);
        self.writer = Some(writer);
        self
    }

    /// The inode in use, shared by all who ask for it. Errors: those of [`Volume::inode`].
    pub fn cell(&self, ino: Ino) -> Result<Arc<Cell>, Error> {
        if let Some(cell) = self.cells.find(ino) {
            return Ok(cell);
        }
        let loaded = self.new_cell(self.inode(ino)?);
        // Another caller may have been faster; what it may have changed since counts.
        Ok(self.cells.find_or_add(loaded))
    }

    /// The cell of an inode, if it is in use.
    pub fn find_cell(&self, ino: Ino) -> Option<Arc<Cell>> {
        self.cells.find(ino)
    }

    /// The cell of an inode, if what it holds in memory is ahead of the table of inodes.
    pub fn find_cell_ahead(&self, ino: Ino) -> Option<Arc<Cell>> {
        self.cells.find_ahead(ino)
    }

    /// A cell for an inode that is being made, to be [taken in](Self::add_cell).
    pub fn new_cell(&self, inode: Inode) -> Arc<Cell> {
        Cell::new(&self.cells, inode)
    }

    /// Takes in the cell of an inode that was just made.
    pub fn add_cell(&self, cell: &Arc<Cell>) {
        self.cells.add(cell);
        let before = self.newest.lock().replace(cell.clone());
        drop(before);
    }

    /// Keeps a cell no longer for a first user.
    pub fn forget_cell(&self, cell: &Arc<Cell>) {
        let newest = self.newest.lock().take_if(|newest| Arc::ptr_eq(newest, cell));
        drop(newest);
    }

    /// Reads an inode; its checksum is verified.
    pub fn inode(&self, ino: Ino) -> Result<Inode, Error> {
        self.with_inode(ino, Inode::new)
    }

    /// Gives `make` the fields of an inode and all its bytes; its checksum is verified.
    pub fn with_inode<T>(&self, ino: Ino, make: impl FnOnce(Fields, &[u8]) -> T) -> Result<T, Error> {
        let Some((group, index)) = self.superblock.locate_inode(ino) else {
            return Err(no_such_inode(ino));
        };
        if let Some(raw) = self.overlay.as_ref().and_then(|overlay| overlay.inode(ino.0)) {
            return Ok(make(Fields::from_journal(self, ino, raw)?, raw));
        }
        let (block, at) = self.table_block(ino, group, index)?;
        let raw = block.get(at..at + usize::from(self.superblock.inode_size));
        let raw = raw.ok_or_else(|| Error::corrupt("inode", Place::Inode(ino), 0, "cut short"))?;
        let fields = match block.records() {
            Records::Right => Fields::from_journal(self, ino, raw)?,
            _ => Fields::from_table(self, ino, raw)?,
        };
        Ok(make(fields, raw))
    }

    /// Reads the block of the table that an inode will be stored in, before it is; what is there is verified, so that
    /// the inode need not be when it is asked for. Errors: EFTYPE (no such inode), EIO.
    pub fn prepare_inode(&self, ino: Ino) -> Result<(), Error> {
        let Some((group, index)) = self.superblock.locate_inode(ino) else { return Err(no_such_inode(ino)) };
        self.table_block(ino, group, index).map(drop)
    }

    /// The block of the table with an inode, and the byte in it where that begins. The inodes in it are verified once,
    /// unless one of them is wrong: then each is by those who ask for it.
    fn table_block(&self, ino: Ino, group: GroupNo, index: u32) -> Result<(Block, usize), Error> {
        let table = self.inode_table(group)?;
        let (number, at) = self.place_in_table(index);
        let block = self.read_table_block(table, number)?;
        if block.records() == Records::Unknown && self.features().has_metadata_checksums() {
            let size = usize::from(self.superblock.inode_size);
            let before = (at / size) as u32;
            let behind = self.superblock.raw.s_inodes_per_group.get() - index;
            let inodes = (ino.0 - before..ino.0.saturating_add(behind)).zip(block.chunks_exact(size));
            let right = inodes.into_iter().all(|(ino, raw)| Fields::from_table(self, Ino(ino), raw).is_ok());
            let records = if right { Records::Right } else { Records::Doubtful };
            self.cache.set_records(table.0 + number, &block, records);
        }
        Ok((block, at))
    }

    /// The block and the byte in it where an inode is stored. Errors: EFTYPE (no such inode), EIO.
    pub fn inode_place(&self, ino: Ino) -> Result<(DiskBlock, usize), Error> {
        let Some((group, index)) = self.superblock.locate_inode(ino) else {
            return Err(no_such_inode(ino));
        };
        let (block, at) = self.place_in_table(index);
        Ok((DiskBlock(self.inode_table(group)?.0 + block), at))
    }

    fn place_in_table(&self, index: u32) -> (u64, usize) {
        let byte = u64::from(index) * u64::from(self.superblock.inode_size);
        let bits = self.superblock.block_bits;
        (byte >> bits, (byte & ((1 << bits) - 1)) as usize)
    }

    fn inode_table(&self, group: GroupNo) -> Result<DiskBlock, Error> {
        if let Some(start) = self.inode_tables.find(group) {
            return Ok(start);
        }
        let table = group::read_inode_table(self, group)?;
        let known = self.inode_tables.set(group, table.start);
        if !table.sound && !known {
            let start = table.start;
            (self.log)(&format!(
                "ext2fs: {group}: no copy of the descriptor has the right checksum: using its inode table at {start}"
            ));
        }
        Ok(table.start)
    }
}

fn no_such_inode(ino: Ino) -> Error {
    Error::corrupt("inode number", Place::Inode(ino), 0, "no such inode on this volume")
}

/// Lays the overlay's blocks over `buf`, which was read from byte `offset` on.
fn overlay_bytes(overlay: &Overlay, bits: u32, offset: u64, buf: &mut [u8]) {
    let end = offset + buf.len() as u64;
    let mut next = overlay.next_from(offset >> bits);
    while let Some(block) = next.filter(|block| *block < end.div_ceil(1 << bits)) {
        if let Some(bytes) = overlay.find(block) {
            lay_over(bytes, block << bits, offset, buf);
        }
        next = overlay.next_from(block + 1);
    }
}

/// Lays `bytes`, which belong at byte `start`, over `buf`, which was read from byte `offset` on.
fn lay_over(bytes: &[u8], start: u64, offset: u64, buf: &mut [u8]) {
    let from = offset.max(start);
    let to = (offset + buf.len() as u64).min(start + bytes.len() as u64);
    if from < to {
        let source = &bytes[(from - start) as usize..(to - start) as usize];
        buf[(from - offset) as usize..(to - offset) as usize].copy_from_slice(source);
    }
}
