//! An inode in use: what all users of the driver share of it.
//!
//! The inode itself is replaced as a whole, and only by a transaction; readers take the [`Arc`] and see one state.
//! What was written but is not yet on the device is in `content`; what that means for the attributes is at hand
//! without waiting for `content`.
//!
//! A table has the cells that there are; one that nobody uses any more takes itself off.
//!
//! Locks, outer first: `content`, then the transaction, then the inode, `ahead`, and last the table. A cell is never
//! dropped while the table is locked.

use crate::inode::Inode;
use crate::inode::file::Content;
use crate::units::Ino;
use alloc::sync::{Arc, Weak};
use core::sync::atomic::AtomicU64;
use hashbrown::hash_map::Entry;
use hashbrown::{HashMap, HashSet};
use rump_kpi::TimeSpec;
use rump_kpi::sync::{Mutex, RwLock};

/// See the module.
pub struct Cell {
    number: Ino,
    inode: RwLock<Arc<Inode>>,
    /// Held shared while the map, the content or the attributes are read, and alone by whoever moves or frees
    /// their blocks, so that no reader looks at a block that has a new owner. Holds the content in memory.
    pub content: RwLock<Content>,
    ahead: Mutex<Ahead>,
    /// Of a directory without a hash tree: the blocks before this one were found full.
    pub(crate) first_with_room: AtomicU64,
    table: Arc<CellTable>,
}

/// The cells of a volume, by their numbers.
#[derive(Default)]
pub struct CellTable(Mutex<Cells>);

#[derive(Default)]
struct Cells {
    by_number: HashMap<Ino, Weak<Cell>>,
    /// Those with anything ahead of their inode: of the others, the table of inodes says all.
    ahead: HashSet<Ino>,
}

impl CellTable {
    /// The cell of an inode, if it is in use.
    pub fn find(&self, number: Ino) -> Option<Arc<Cell>> {
        self.0.lock().by_number.get(&number).and_then(Weak::upgrade)
    }

    /// As [`find`](Self::find), if anything is ahead of the inode.
    pub fn find_ahead(&self, number: Ino) -> Option<Arc<Cell>> {
        let cells = self.0.lock();
        cells.ahead.get(&number).and_then(|number| cells.by_number.get(number)).and_then(Weak::upgrade)
    }

    /// Takes a cell in, unless there is one of its inode; answers the one that is there now.
    pub fn find_or_add(&self, cell: Arc<Cell>) -> Arc<Cell> {
        let mut cells = self.0.lock();
        let there = cells.by_number.get(&cell.number).and_then(Weak::upgrade);
        if there.is_none() {
            cells.by_number.insert(cell.number, Arc::downgrade(&cell));
        }
        drop(cells);
        there.unwrap_or(cell)
    }

    /// Takes in the cell of an inode that was just made.
    pub fn add(&self, cell: &Arc<Cell>) {
        self.0.lock().by_number.insert(cell.number, Arc::downgrade(cell));
    }

    fn set_ahead(&self, number: Ino, is_ahead: bool) {
        let ahead = &mut self.0.lock().ahead;
        if is_ahead {
            ahead.insert(number)
        } else {
            ahead.remove(&number)
        };
    }

    fn remove(&self, cell: &Cell) {
        let mut cells = self.0.lock();
        if let Entry::Occupied(place) = cells.by_number.entry(cell.number) {
            // There may be a newer one of the same inode.
            if core::ptr::eq(place.get().as_ptr(), cell) {
                place.remove();
                cells.ahead.remove(&cell.number);
            }
        }
    }
}

impl Drop for Cell {
    fn drop(&mut self) {
        self.table.remove(self);
    }
}

/// What the attributes are ahead of the inode by, because of content that is still in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ahead {
    /// The length, if it is another.
    pub size: Option<u64>,
    /// Times that were set since.
    pub times: Times,
    /// Blocks that the content will take.
    pub blocks: u64,
}

/// Times, where there is one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// Of the last access.
    pub access: Option<TimeSpec>,
    /// Of the last change of content.
    pub modification: Option<TimeSpec>,
    /// Of the last change of attributes.
    pub change: Option<TimeSpec>,
}

impl Times {
    /// These, and those of `before` where there is none.
    pub fn or(self, before: Self) -> Self {
        Self {
            access: self.access.or(before.access),
            modification: self.modification.or(before.modification),
            change: self.change.or(before.change),
        }
    }

    /// The times that a write changes.
    pub fn set_written(&mut self, now: TimeSpec) {
        (self.modification, self.change) = (Some(now), Some(now));
    }
}

impl Ahead {
    fn is_any(&self) -> bool {
        self.size.is_some() || self.times != Times::default() || self.blocks != 0
    }
}

impl Cell {
    /// A cell for an inode as it was loaded, not yet in the table.
    pub fn new(table: &Arc<CellTable>, inode: Inode) -> Arc<Self> {
        Arc::new(Self {
            number: inode.number(),
            inode: RwLock::new(Arc::new(inode)),
            content: RwLock::new(Content::default()),
            ahead: Mutex::new(Ahead::default()),
            first_with_room: AtomicU64::new(0),
            table: table.clone(),
        })
    }

    /// Its number.
    pub fn number(&self) -> Ino {
        self.number
    }

    /// The inode as it is now, without what is ahead of it.
    pub fn inode(&self) -> Arc<Inode> {
        self.inode.read().clone()
    }

    /// What is ahead of the inode.
    pub fn ahead(&self) -> Ahead {
        *self.ahead.lock()
    }

    /// Length in bytes, content in memory included.
    pub fn size(&self) -> u64 {
        let ahead = self.ahead.lock().size;
        ahead.unwrap_or_else(|| self.inode.read().size())
    }

    /// Changes what is ahead of the inode.
    pub fn set_ahead<R>(&self, change: impl FnOnce(&mut Ahead) -> R) -> R {
        let mut ahead = self.ahead.lock();
        let was_ahead = ahead.is_any();
        let answer = change(&mut ahead);
        if ahead.is_any() != was_ahead {
            self.table.set_ahead(self.number, !was_ahead);
        }
        answer
    }

    /// Called by transactions only.
    pub(crate) fn replace(&self, inode: Arc<Inode>) {
        *self.inode.write() = inode;
    }

    /// Called by transactions only: the times go into the inode now.
    pub(crate) fn take_times(&self) -> Times {
        self.set_ahead(|ahead| core::mem::take(&mut ahead.times))
    }

    /// Called by transactions only: they did not go there. What was set since stands over them.
    pub(crate) fn restore_times(&self, before: Times) {
        self.set_ahead(|ahead| ahead.times = ahead.times.or(before));
    }
}
