//! Files in use. Their numbers, places of their primary entries: see [`rump_dosfs::nodes`].
//!
//! Locks: a cell's `chain`, then the transaction, then the leaves (a cell's slot, the tables of numbers). A directory's
//! `index`, then its `chain`, which is a leaf.

use crate::dir::{self, Index};
use crate::disk::Disk;
use crate::set::EntrySet;
use crate::transaction::Operation;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering};
use rump_dosfs::Error;
use rump_dosfs::chain::Chain;
use rump_dosfs::nodes::Numbered;
use rump_kpi::sync::{Mutex, RwLock};

/// The number of the root directory: a place within the boot sector.
pub const ROOT: u64 = 1;

/// A file or directory in use.
pub struct Cell {
    number: u64,
    slot: Mutex<Slot>,
    /// The clusters that are known, from the first on. Held alone by whoever adds or removes some, or writes.
    pub chain: RwLock<Chain>,
    /// Of a directory: where its names are, as far as that is remembered.
    pub index: Mutex<Option<Index>>,
    /// Of a directory: all clusters are known.
    is_whole: AtomicBool,
    /// The end of the chain was cut off, but the table does not show it before the next commit.
    is_cut: AtomicBool,
}

/// What the directory says of a file.
#[derive(Clone, Debug)]
pub struct Slot {
    /// Its entries.
    pub set: EntrySet,
    /// Where the first two are; `None` for the root and for what has no name any more.
    pub places: Option<[u64; 2]>,
}

impl Cell {
    fn new(number: u64, slot: Slot) -> Arc<Self> {
        Arc::new(Self {
            number,
            slot: Mutex::new(slot),
            chain: RwLock::new(Chain::default()),
            index: Mutex::new(None),
            is_whole: AtomicBool::new(false),
            is_cut: AtomicBool::new(false),
        })
    }

    /// The file of a number, whose primary entry is at `place`. Errors: ESTALE, EFTYPE, EIO.
    pub fn read(disk: &Disk, number: u64, place: u64) -> Result<Arc<Self>, Error> {
        if number == ROOT {
            let set = EntrySet::root(disk.geometry.root);
            return Ok(Self::new(ROOT, Slot { set, places: None }));
        }
        let (set, places) = dir::read_set(disk, place)?;
        Ok(Self::new(number, Slot { set, places: Some(places) }))
    }

    /// Changes what the directory says of it. To be called last in an operation, since only the directory is put back
    /// on failure. Errors: EFTYPE, EIO.
    pub fn update(
        &self,
        operation: &mut Operation<'_>,
        change: impl FnOnce(&mut EntrySet),
    ) -> Result<(), Error> {
        let mut slot = self.slot();
        change(&mut slot.set);
        for (place, entry) in slot.places.into_iter().flatten().zip(&slot.set.head()) {
            operation.put_slot(place, entry)?;
        }
        self.set_slot(slot);
        Ok(())
    }

    /// What the directory says of it now.
    pub fn slot(&self) -> Slot {
        self.slot.lock().clone()
    }

    /// Called with what a transaction put into the directory.
    pub fn set_slot(&self, slot: Slot) {
        *self.slot.lock() = slot;
    }

    /// Whether it is the root directory.
    pub fn is_root(&self) -> bool {
        self.number == ROOT
    }

    /// Whether it is a directory.
    pub fn is_directory(&self) -> bool {
        self.slot.lock().set.is_directory()
    }

    /// Whether its name is gone.
    pub fn is_nameless(&self) -> bool {
        !self.is_root() && self.slot.lock().places.is_none()
    }

    /// Whether all clusters of a directory are known.
    pub fn is_whole(&self) -> bool {
        self.is_whole.load(Ordering::Acquire)
    }

    /// They are.
    pub fn set_whole(&self) {
        self.is_whole.store(true, Ordering::Release);
    }

    /// What is remembered of a directory has to be read again.
    pub fn forget_directory(&self) {
        if self.is_directory() {
            *self.index.lock() = None;
            *self.chain.write() = Chain::default();
            self.is_whole.store(false, Ordering::Release);
        }
    }

    /// See the field.
    pub fn is_cut(&self) -> bool {
        self.is_cut.load(Ordering::Acquire)
    }

    /// Called by transactions.
    pub fn set_cut(&self, is_cut: bool) {
        self.is_cut.store(is_cut, Ordering::Release);
    }
}

impl Numbered for Cell {
    fn number(&self) -> u64 {
        self.number
    }
}
