//! Changes of metadata, all of one operation or none.
//!
//! An operation takes a [`Handle`], changes blocks and inodes through it, and says [`Handle::finish`]. A handle
//! that is dropped before takes all its changes back. Finished operations gather in the running transaction,
//! which a commit makes durable as a whole: through the journal, or by an ordered write-back where there is none.
//!
//! There is one handle at a time. It works in memory and is short; the content of files is copied and written
//! outside of it. Why: see docs/adr, "One writer of metadata at a time".
//!
//! Ordered data: blocks for content are reserved (in memory), then written, and only then do they enter the map of
//! the file. So no committed map names a block whose content is not on the device.
//!
//! Journaled data (`data=journal`, or the attribute `j` of a file): content is part of the operation that maps it, also
//! where it is mapped already, so a block is old or new after a crash and never half of each. Whoever finished such an
//! operation brings it home while it still holds `content` alone, see [`Volume::settle_content`]: content is read from
//! the device, and no copy of it may be left in the log or in the cache when its block gets another owner.
//!
//! Freed blocks are not given out before the transaction that freed them is durable: until then a crash brings
//! their old owner back.
//!
//! Lock order: a cell's `content`; the commit lock; the running transaction; then leaves (cache shards, a cell's
//! inode, the table of cells).

mod behind;
mod commit;
mod data;
mod seal;
mod undo;

use self::behind::Behind;
use self::undo::{Memory, Undo};
use crate::allocation::Space;
use crate::cell::{Cell, Times};
use crate::error::{Error, Place};
use crate::inode::file::DirtyFiles;
use crate::inode::{Inode, attr};
use crate::units::{DiskBlock, Extent, GroupNo, Ino};
use crate::volume::Volume;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use hashbrown::{HashMap, HashSet};
use rump_kpi::sync::{Mutex, MutexGuard};
use rump_kpi::{Environment, Errno, TimeSpec};

pub use behind::{When, write_behind};
pub use commit::Log;
pub use data::DataMode;
pub use seal::{Kind, Sealed};

/// The longest that a finished operation stays in memory while others follow, in seconds.
const MOST_SECONDS: i64 = 5;

/// What a volume that is mounted for writing has besides.
pub struct Writer {
    running: Mutex<Running>,
    /// The commit lock, and what commits need.
    log: Mutex<Log>,
    /// The last transaction that is durable.
    durable: AtomicU32,
    /// The volume takes no more changes.
    stopped: AtomicBool,
    /// Blocks that one transaction may change.
    most_blocks: usize,
    has_journal: bool,
    data_mode: DataMode,
    environment: Environment,
    dirty: DirtyFiles,
    behind: Behind,
}

/// The transaction that finished operations gather in.
pub struct Running {
    /// Its number; one more for each.
    pub(crate) number: u32,
    blocks: HashMap<u64, Kind>,
    groups: HashSet<GroupNo>,
    revoked: HashSet<u64>,
    freed: Vec<Extent>,
    since: TimeSpec,
    space: Space,
    /// Who is on the list of orphans.
    orphans: HashMap<Ino, Orphan>,
    /// Who will be, unless this transaction frees them too.
    new_orphans: HashMap<Ino, Arc<Cell>>,
    /// Inodes whose times the commit stores, if no operation did so meanwhile.
    touched: HashMap<Ino, Arc<Cell>>,
    /// Makes generations of inodes differ.
    births: u32,
    /// Empty, for the next handle.
    memory: Memory,
}

/// An inode on the list of orphans, which is kept in use until it is off.
#[derive(Clone)]
pub struct Orphan {
    /// The inode.
    pub cell: Arc<Cell>,
    /// Who comes before it; nobody if the superblock names it.
    pub before: Option<Ino>,
    /// Who comes after it.
    pub after: Option<Ino>,
}

impl Writer {
    /// A writer whose first transaction is `number`.
    pub fn new(log: Log, number: u32, space: Space, data_mode: DataMode, environment: Environment) -> Self {
        let (most_blocks, has_journal) = (log.most_blocks(), log.has_journal());
        Self {
            running: Mutex::new(Running::new(number, space)),
            log: Mutex::new(log),
            durable: AtomicU32::new(number.wrapping_sub(1)),
            stopped: AtomicBool::new(false),
            most_blocks,
            has_journal,
            data_mode,
            environment,
            dirty: DirtyFiles::new(),
            behind: Behind::default(),
        }
    }

    /// The files with content in memory.
    pub fn dirty(&self) -> &DirtyFiles {
        &self.dirty
    }

    /// The wall clock.
    pub fn now(&self) -> TimeSpec {
        (self.environment.now)()
    }

    /// Writes a line to the log of the kernel.
    pub fn note(&self, line: &str) {
        (self.environment.log)(line);
    }

    /// Looks at the free space, between operations.
    pub fn with_space<R>(&self, look: impl FnOnce(&mut Space) -> R) -> R {
        look(&mut self.running.lock().space)
    }

    /// Whether nothing more is written: a commit failed, or the volume was closed.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// Takes no more changes from here on.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
    }
}

impl Running {
    fn new(number: u32, space: Space) -> Self {
        Self {
            number,
            blocks: HashMap::new(),
            groups: HashSet::new(),
            revoked: HashSet::new(),
            freed: Vec::new(),
            since: TimeSpec::default(),
            space,
            orphans: HashMap::new(),
            new_orphans: HashMap::new(),
            touched: HashMap::new(),
            births: 0,
            memory: Memory::default(),
        }
    }

    fn is_empty(&self) -> bool {
        self.blocks.is_empty() && self.revoked.is_empty() && self.freed.is_empty()
    }
}

impl Volume {
    /// Begins an operation on metadata, once there is room for it in the running transaction. Errors: EROFS (a
    /// mount for reading, or a commit failed earlier), EIO (a commit that had to go first failed).
    pub fn begin(&self) -> Result<Handle<'_>, Error> {
        let writer = self.writer().ok_or(Error::Refused(Errno::EROFS))?;
        loop {
            if writer.is_stopped() {
                return Err(Error::Refused(Errno::EROFS));
            }
            let mut running = writer.running.lock();
            let room = writer.most_blocks - running.blocks.len().min(writer.most_blocks);
            let old = !running.is_empty() && writer.now().sec - running.since.sec > MOST_SECONDS;
            if (room < writer.most_blocks / 4 || old) && !running.is_empty() {
                let number = running.number;
                drop(running);
                self.commit_until(number)?;
                continue;
            }
            if running.is_empty() {
                running.since = writer.now();
            }
            writer.ask(if room < writer.most_blocks / 2 { When::Now } else { When::Later });
            return Ok(Handle::new(self, writer, running));
        }
    }
}

impl Volume {
    /// Runs an operation that allocates; if it finds no space although a commit would give some back, again after
    /// a commit. For whoever holds content of a file; others use [`retrying`](crate::inode::file::write::retrying).
    /// Errors: those of `operation`, EIO.
    pub fn retrying<R>(&self, mut operation: impl FnMut() -> Result<R, Error>) -> Result<R, Error> {
        match operation() {
            Err(Error::Refused(Errno::ENOSPC)) => {}
            result => return result,
        }
        // Also what a commit frees that others have begun.
        let freed = self.writer().is_some_and(|writer| {
            let running = writer.running.lock();
            let durable = writer.durable.load(Ordering::Acquire);
            !running.freed.is_empty() || durable != running.number.wrapping_sub(1)
        });
        if !freed {
            return Err(Error::Refused(Errno::ENOSPC));
        }
        self.commit()?;
        operation()
    }
}

/// One operation. See the module.
pub struct Handle<'v> {
    volume: &'v Volume,
    writer: &'v Writer,
    running: MutexGuard<'v, Running>,
    now: TimeSpec,
    memory: Memory,
    groups: Vec<GroupNo>,
    freed: Vec<Extent>,
    forgotten: Vec<u64>,
    free_clusters: i64,
    free_inodes: i64,
    has_promise: bool,
    finished: bool,
}

impl<'v> Handle<'v> {
    fn new(volume: &'v Volume, writer: &'v Writer, mut running: MutexGuard<'v, Running>) -> Self {
        let memory = core::mem::take(&mut running.memory);
        Self {
            volume,
            writer,
            running,
            now: writer.now(),
            memory,
            groups: Vec::new(),
            freed: Vec::new(),
            forgotten: Vec::new(),
            free_clusters: 0,
            free_inodes: 0,
            has_promise: false,
            finished: false,
        }
    }

    /// The volume. What is read through it shows the changes of this handle.
    pub fn volume(&self) -> &'v Volume {
        self.volume
    }

    /// The time of this operation.
    pub fn now(&self) -> TimeSpec {
        self.now
    }

    /// How many more blocks this operation should touch at most. Whoever may need more does the work in steps, each
    /// of which leaves a sound volume.
    pub fn room(&self) -> usize {
        self.writer.most_blocks.saturating_sub(self.running.blocks.len())
    }

    /// Free space and what is set aside. It changes through the methods of this handle, but for promises.
    pub fn space(&mut self) -> &mut Space {
        &mut self.running.space
    }

    /// This operation enters content into a map, and was promised the space for that: it may take what is promised.
    pub fn with_promise(mut self) -> Self {
        self.has_promise = true;
        self
    }

    /// Clusters that this operation may still take.
    pub fn available(&self) -> u64 {
        let space = &self.running.space;
        let before = if self.has_promise { space.free_clusters() } else { space.available() };
        before.saturating_add_signed(self.free_clusters)
    }

    /// Clusters that this operation took so far.
    pub fn taken(&self) -> u64 {
        0u64.saturating_add_signed(-self.free_clusters)
    }

    /// Sets free blocks aside for the caller, who may write to them and then take them in a later operation.
    pub fn reserve(&mut self, extent: Extent) {
        self.running.space.set_aside(extent.start.0, extent.len);
        self.memory.undo.push(Undo::Reserved(extent));
    }

    /// Ends a reservation: the blocks are in use now, or free again.
    pub fn end_reservation(&mut self, extent: Extent) {
        self.running.space.give_back(extent.start.0, extent.len);
        self.memory.undo.push(Undo::Unreserved(extent));
    }

    /// Changes a block of metadata. `change` sees its present content. Errors: EIO, EFTYPE (no such block).
    pub fn modify<R>(
        &mut self,
        block: DiskBlock,
        kind: Kind,
        change: impl FnOnce(&mut [u8]) -> R,
    ) -> Result<R, Error> {
        self.join(block, kind)?;
        self.volume.cache().change(block.0, change).ok_or_else(|| lost(block))
    }

    /// As [`modify`](Self::modify) for bytes of a block, of which no more than these are kept for taking them back.
    /// `change` sees them alone; there are none where the block has no such bytes.
    pub fn modify_part<R>(
        &mut self,
        block: DiskBlock,
        kind: Kind,
        part: Range<usize>,
        change: impl FnOnce(&mut [u8]) -> R,
    ) -> Result<R, Error> {
        let whole = self.memory.touched.contains(&block.0);
        let cache = self.volume.cache();
        while !whole && !self.running.blocks.contains_key(&block.0) {
            self.volume.read_block(block)?;
            if cache.pin(block.0) {
                break;
            }
        }
        let Memory { undo, parts, .. } = &mut self.memory;
        let answer = cache.change(block.0, |bytes| {
            let bytes = bytes.get_mut(part.clone()).unwrap_or_default();
            if !whole {
                let kept = parts.len();
                parts.extend_from_slice(bytes);
                undo.push(Undo::Part { block: block.0, from: part.start, kept });
            }
            change(bytes)
        });
        self.set_kind(block, kind);
        answer.ok_or_else(|| lost(block))
    }

    /// Fills a block that becomes metadata now, or content that goes through the journal, from zeros; nothing of its
    /// old content is read.
    pub fn create<R>(&mut self, block: DiskBlock, kind: Kind, fill: impl FnOnce(&mut [u8]) -> R) -> R {
        let mut bytes = vec![0; self.volume.block_size() as usize];
        let answer = fill(&mut bytes);
        let cache = self.volume.cache();
        if self.memory.touched.insert(block.0) {
            match cache.find(block.0) {
                Some(before) => self.memory.undo.push(Undo::Content(block.0, before)),
                None => self.memory.undo.push(Undo::Fresh(block.0)),
            }
        }
        cache.put(block.0, bytes.into());
        self.forgotten.retain(|forgotten| *forgotten != block.0);
        if self.running.blocks.contains_key(&block.0) {
            cache.unpin(block.0);
        }
        self.set_kind(block, kind);
        answer
    }

    fn join(&mut self, block: DiskBlock, kind: Kind) -> Result<(), Error> {
        if self.memory.touched.contains(&block.0) {
            self.set_kind(block, kind);
            return Ok(());
        }
        let cache = self.volume.cache();
        let before = loop {
            self.volume.read_block(block)?;
            // Another reader may push it out again before it is pinned.
            if let Some(before) = cache.begin_change(block.0) {
                break before;
            }
        };
        self.memory.touched.insert(block.0);
        self.memory.undo.push(Undo::Content(block.0, before));
        if self.running.blocks.contains_key(&block.0) {
            cache.unpin(block.0);
        }
        self.set_kind(block, kind);
        Ok(())
    }

    fn set_kind(&mut self, block: DiskBlock, kind: Kind) {
        let before = self.running.blocks.insert(block.0, kind);
        if before != Some(kind) {
            self.memory.undo.push(Undo::Joined(block.0, before));
        }
    }

    /// Stores an inode that is not in use yet; answers its cell, to be [taken in](Volume::add_cell) at the end of the
    /// operation. Errors: EIO, EFTYPE.
    pub fn store_new(&mut self, mut inode: Inode) -> Result<Arc<Cell>, Error> {
        self.write_inode(&mut inode)?;
        Ok(self.volume.new_cell(inode))
    }

    fn write_inode(&mut self, inode: &mut Inode) -> Result<(), Error> {
        inode.seal(self.volume);
        let (block, at) = self.volume.inode_place(inode.number())?;
        self.modify_part(block, Kind::Plain, at..at + inode.raw().len(), |place| {
            if place.len() == inode.raw().len() {
                place.copy_from_slice(inode.raw());
            }
        })
    }

    /// Gives an inode the times of a write, which are stored with the commit: cheaper than at once for what is written
    /// to again and again. Errors: EIO, EFTYPE.
    pub fn store_times_later(&mut self, cell: &Arc<Cell>) -> Result<(), Error> {
        let (block, at) = self.volume.inode_place(cell.number())?;
        // Its block is part of the transaction now: a commit needs no more room, and reads nothing.
        self.modify_part(block, Kind::Plain, at..at, |_| ())?;
        let now = self.now;
        let before = cell.set_ahead(|ahead| {
            let before = ahead.times;
            ahead.times.set_written(now);
            before
        });
        let was_touched = self.running.touched.insert(cell.number(), cell.clone()).is_some();
        self.memory.undo.push(Undo::Touched(cell.clone(), before, was_touched));
        Ok(())
    }

    /// Stores the times that were left for later. Errors: EIO, EFTYPE.
    fn store_times(&mut self) -> Result<(), Error> {
        for (_, cell) in core::mem::take(&mut self.running.touched) {
            // Whoever changed the inode since has stored them, also who freed it.
            if cell.ahead().times != Times::default() {
                self.update(&cell, |_| ())?;
            }
        }
        Ok(())
    }

    /// Changes an inode: in its cell, and in the table with its checksum. Errors: EIO, EFTYPE.
    pub fn update<R>(&mut self, cell: &Arc<Cell>, change: impl FnOnce(&mut Inode) -> R) -> Result<R, Error> {
        let mut inode = self.working_copy(cell);
        let answer = change(&mut inode);
        self.store(cell, inode)?;
        Ok(answer)
    }

    /// A copy of an inode to be changed, and then [stored](Self::store). Times that wait
    /// with content in memory are in it, so that those that are set later stand over them.
    pub fn working_copy(&mut self, cell: &Arc<Cell>) -> Inode {
        let mut inode = Inode::clone(&cell.inode());
        let times = cell.take_times();
        if times != Times::default() {
            self.memory.undo.push(Undo::Times(cell.clone(), times));
            attr::set_times(self.volume, &mut inode, times);
        }
        inode
    }

    /// Stores an inode: in its cell, and in the table with its checksum. Errors: EIO, EFTYPE.
    pub fn store(&mut self, cell: &Arc<Cell>, mut inode: Inode) -> Result<(), Error> {
        self.write_inode(&mut inode)?;
        self.memory.undo.push(Undo::Inode(cell.clone(), cell.inode()));
        cell.replace(Arc::new(inode));
        Ok(())
    }

    /// A number that differs from those of other new inodes.
    pub fn number_birth(&mut self) -> u32 {
        self.running.births = self.running.births.wrapping_add(1);
        self.running.births
    }

    /// What is known of an inode on the list of orphans.
    pub fn orphan(&self, ino: Ino) -> Option<Orphan> {
        self.running.orphans.get(&ino).cloned()
    }

    /// Whether an inode is on the list of orphans, or will be with the commit.
    pub fn is_orphan(&self, ino: Ino) -> bool {
        self.running.orphans.contains_key(&ino) || self.running.new_orphans.contains_key(&ino)
    }

    /// Notes an inode that goes onto the list of orphans with the commit.
    pub fn add_new_orphan(&mut self, cell: &Arc<Cell>) {
        let before = self.running.new_orphans.insert(cell.number(), cell.clone());
        self.memory.undo.push(Undo::NewOrphan(cell.number(), before));
    }

    /// Forgets such an inode; answers whether it was one.
    pub fn forget_new_orphan(&mut self, ino: Ino) -> bool {
        let Some(before) = self.running.new_orphans.remove(&ino) else { return false };
        self.memory.undo.push(Undo::NewOrphan(ino, Some(before)));
        true
    }

    /// Such inodes, in order of number.
    pub fn new_orphans(&self) -> Vec<Arc<Cell>> {
        let mut cells: Vec<_> = self.running.new_orphans.values().cloned().collect();
        cells.sort_unstable_by_key(|cell| cell.number());
        cells
    }

    /// Sets or forgets what is known of an inode on the list of orphans.
    pub fn set_orphan(&mut self, ino: Ino, orphan: Option<Orphan>) {
        let before = match orphan {
            Some(orphan) => self.running.orphans.insert(ino, orphan),
            None => self.running.orphans.remove(&ino),
        };
        self.memory.undo.push(Undo::Orphan(ino, before));
    }

    /// Notes that the bitmaps or the descriptor of `group` were changed, so that its checksums are made anew.
    pub fn touch_group(&mut self, group: GroupNo) {
        self.groups.push(group);
    }

    /// Counts clusters that became free (or, below zero, used).
    pub fn count_clusters(&mut self, difference: i64) {
        self.free_clusters += difference;
    }

    /// Counts inodes that became free (or, below zero, used).
    pub fn count_inodes(&mut self, difference: i64) {
        self.free_inodes += difference;
    }

    /// Sets blocks aside that this operation freed: nobody gets them before it is durable.
    pub fn quarantine(&mut self, extent: Extent) {
        self.freed.push(extent);
    }

    /// Forgets a block of metadata that this operation frees: neither the journal's older copies nor the cache's
    /// may come back over what is written there later. Call it for every block that was changed through a handle.
    pub fn forget(&mut self, block: DiskBlock) {
        self.forgotten.push(block.0);
    }

    /// Keeps the changes.
    pub fn finish(mut self) {
        self.keep();
    }

    /// Keeps the changes, and ends the transaction with them.
    fn seal(mut self) -> Sealed {
        self.keep();
        seal::seal(self.volume, &mut self.running)
    }

    fn keep(&mut self) {
        self.finished = true;
        let running = &mut *self.running;
        running.groups.extend(self.groups.drain(..));
        running.space.count(self.free_clusters, self.free_inodes);
        for extent in self.freed.drain(..) {
            running.space.set_aside(extent.start.0, extent.len);
            running.freed.push(extent);
        }
        for block in self.forgotten.drain(..) {
            running.blocks.remove(&block);
            running.revoked.insert(block);
            self.volume.cache().discard(block);
        }
    }
}

fn lost(block: DiskBlock) -> Error {
    Error::corrupt("block cache", Place::Block(block), 0, "lost a pinned block")
}

impl Drop for Handle<'_> {
    fn drop(&mut self) {
        if !self.finished {
            self.take_back();
        }
        self.memory.empty(self.volume.cache());
        self.running.memory = core::mem::take(&mut self.memory);
    }
}
