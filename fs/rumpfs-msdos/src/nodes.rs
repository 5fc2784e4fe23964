//! Files in use, and the numbers that files have.
//!
//! FAT has no inodes. The number of a file is the place of its slot: the byte on the volume over 32. A file that is
//! moved keeps its number, and so does one without a name that is still in use; whoever comes to a place whose number
//! is not free gets one from beyond all places. What differs from the rule is in tables, as long as the mount lasts.
//!
//! Locks: a cell's `chain`, then the transaction, then the leaves (a cell's slot, the tables).

use crate::dir;
use crate::geometry::Root;
use crate::layout::{Attributes, DirEntry, SLOT_BYTES};
use crate::names::long;
use crate::volume::Volume;
use alloc::sync::{Arc, Weak};
use core::sync::atomic::{AtomicBool, Ordering};
use hashbrown::HashMap;
use rump_dosfs::chain::Chain;
use rump_dosfs::{Error, Place};
use rump_kpi::Errno;
use rump_kpi::sync::{Mutex, RwLock};
use zerocopy::{FromBytes, FromZeros};

/// The number of the root directory: a place within the boot sector.
pub const ROOT: u64 = 1;
/// Numbers from here on are no places: a volume has at most 2^32 sectors of 4 KiB.
const BEYOND_PLACES: u64 = 1 << 40;
/// Parents of this many directories are remembered.
const MOST_PARENTS: usize = 1 << 14;

/// A file or directory in use.
pub struct Cell {
    number: u64,
    slot: Mutex<Slot>,
    /// The clusters that are known, from the first on. Held alone by whoever adds or removes some, or writes.
    pub chain: RwLock<Chain>,
    /// Of a directory: all clusters are known.
    is_whole: AtomicBool,
    /// The end of the chain was cut off, but the table does not show it before the next commit.
    is_cut: AtomicBool,
}

/// What the directory says of a file.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    /// The slot with the short name.
    pub entry: DirEntry,
    /// Where it is; `None` for the root and for what has no name any more.
    pub place: Option<u64>,
}

impl Cell {
    fn new(number: u64, slot: Slot) -> Arc<Self> {
        Arc::new(Self {
            number,
            slot: Mutex::new(slot),
            chain: RwLock::new(Chain::default()),
            is_whole: AtomicBool::new(false),
            is_cut: AtomicBool::new(false),
        })
    }

    /// The root directory.
    pub fn root(volume: &Volume) -> Arc<Self> {
        let mut entry = DirEntry::new_zeroed();
        entry.attr = Attributes::DIRECTORY;
        if let Root::Chain(first) = volume.geometry().root {
            entry.set_first_cluster(first);
        }
        Self::new(ROOT, Slot { entry, place: None })
    }

    /// A directory that is known by its first cluster alone, for one look at it.
    pub fn directory_at(volume: &Volume, first: u32) -> Arc<Self> {
        let root = Self::root(volume);
        if first == 0 || first == root.first_cluster() {
            return root;
        }
        let mut slot = root.slot();
        slot.entry.set_first_cluster(first);
        Self::new(0, slot)
    }

    /// Its number.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// What the directory says of it now.
    pub fn slot(&self) -> Slot {
        *self.slot.lock()
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
        self.slot().entry.attr & Attributes::DIRECTORY != 0
    }

    /// Whether its name is gone.
    pub fn is_nameless(&self) -> bool {
        !self.is_root() && self.slot().place.is_none()
    }

    /// Its first cluster, zero if it has none.
    pub fn first_cluster(&self) -> u32 {
        self.slot().entry.first_cluster()
    }

    /// Length of the content of a file.
    pub fn size(&self) -> u32 {
        self.slot().entry.file_size.get()
    }

    /// Whether all clusters of a directory are known.
    pub fn is_whole(&self) -> bool {
        self.is_whole.load(Ordering::Acquire)
    }

    /// They are.
    pub fn set_whole(&self) {
        self.is_whole.store(true, Ordering::Release);
    }

    /// The chain has to be read again.
    pub fn forget_chain(&self) {
        let mut chain = self.chain.write();
        *chain = Chain::default();
        self.is_whole.store(false, Ordering::Release);
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

impl DirEntry {
    /// The first cluster, zero if there is none.
    pub fn first_cluster(&self) -> u32 {
        u32::from(self.fst_clus_hi.get()) << 16 | u32::from(self.fst_clus_lo.get())
    }

    /// Sets the first cluster.
    pub fn set_first_cluster(&mut self, cluster: u32) {
        self.fst_clus_hi.set((cluster >> 16) as u16);
        self.fst_clus_lo.set(cluster as u16);
    }
}

/// The tables.
#[derive(Default)]
pub struct Nodes {
    tables: Mutex<Tables>,
}

#[derive(Default)]
struct Tables {
    in_use: HashMap<u64, Weak<Cell>>,
    /// Numbers of those that are not where their number says.
    number_at: HashMap<u64, u64>,
    /// The inverse.
    place_of: HashMap<u64, u64>,
    /// Parents of directories, as far as they are remembered.
    parents: HashMap<u64, u64>,
    given_beyond: u64,
    /// At this many in use, those that nobody uses are dropped.
    purge_at: usize,
    /// Counts changes of names, so that a slot that was read before one is not believed after it.
    changes: u64,
}

impl Tables {
    fn cell(&self, number: u64) -> Option<Arc<Cell>> {
        self.in_use.get(&number).and_then(Weak::upgrade)
    }

    fn keep(&mut self, cell: &Arc<Cell>) {
        if self.in_use.len() >= self.purge_at {
            self.in_use.retain(|_, cell| cell.strong_count() > 0);
            self.purge_at = (self.in_use.len() * 2).max(64);
        }
        self.in_use.insert(cell.number(), Arc::downgrade(cell));
    }

    fn bind(&mut self, number: u64, place: u64) {
        if number == place {
            self.number_at.remove(&place);
            self.place_of.remove(&number);
        } else {
            self.number_at.insert(place, number);
            self.place_of.insert(number, place);
        }
    }
}

impl Nodes {
    /// The number of the file whose slot is at `place`.
    pub fn number_at(&self, place: u64) -> u64 {
        self.tables.lock().number_at.get(&place).copied().unwrap_or(place)
    }

    /// A file in use, if it is.
    pub fn find(&self, number: u64) -> Option<Arc<Cell>> {
        self.tables.lock().cell(number)
    }

    /// The file of this number, shared by all who ask for it. Errors: ESTALE (there is none), EFTYPE, EIO.
    pub fn cell(&self, volume: &Volume, number: u64) -> Result<Arc<Cell>, Error> {
        loop {
            let (place, changes) = {
                let tables = self.tables.lock();
                if let Some(cell) = tables.cell(number) {
                    return Ok(cell);
                }
                let place = tables.place_of.get(&number).copied().unwrap_or(number);
                if place == number && (number >= BEYOND_PLACES || tables.number_at.contains_key(&place)) {
                    return Err(Errno::ESTALE.into());
                }
                (place, tables.changes)
            };
            let cell = if number == ROOT {
                Cell::root(volume)
            } else {
                Cell::new(number, Slot { entry: read_slot(volume, place)?, place: Some(place) })
            };
            let mut tables = self.tables.lock();
            if let Some(cell) = tables.cell(number) {
                return Ok(cell);
            }
            if tables.changes == changes {
                tables.keep(&cell);
                return Ok(cell);
            }
        }
    }

    /// A new file got this slot. Answers its number.
    pub fn add(&self, place: u64) -> u64 {
        let mut tables = self.tables.lock();
        tables.changes += 1;
        let is_taken = tables.place_of.contains_key(&place) || tables.cell(place).is_some();
        if !is_taken {
            tables.bind(place, place);
            return place;
        }
        let number = BEYOND_PLACES + tables.given_beyond;
        tables.given_beyond += 1;
        tables.bind(number, place);
        number
    }

    /// The file at one place is at another now. Who was there has lost its name before.
    pub fn relocate(&self, from: u64, to: u64) {
        let mut tables = self.tables.lock();
        tables.changes += 1;
        let number = tables.number_at.remove(&from).unwrap_or(from);
        tables.place_of.remove(&number);
        tables.bind(number, to);
    }

    /// The file at a place lost its name. Answers its number.
    pub fn remove(&self, place: u64) -> u64 {
        let mut tables = self.tables.lock();
        tables.changes += 1;
        let number = tables.number_at.remove(&place).unwrap_or(place);
        tables.place_of.remove(&number);
        tables.parents.remove(&number);
        number
    }

    /// Forgets a file that the caller and a node on its way out are the last to use.
    pub fn forget(&self, cell: &Arc<Cell>) {
        let mut tables = self.tables.lock();
        if Arc::strong_count(cell) <= 2 {
            tables.in_use.remove(&cell.number());
        }
    }

    /// Remembers the parent of a directory.
    pub fn set_parent(&self, child: u64, parent: u64) {
        let mut tables = self.tables.lock();
        if tables.parents.len() >= MOST_PARENTS {
            tables.parents.clear();
        }
        tables.parents.insert(child, parent);
    }

    /// The parent of a directory, if it is remembered.
    pub fn parent(&self, child: u64) -> Option<u64> {
        self.tables.lock().parents.get(&child).copied()
    }
}

/// The slot at a place, if a file can have it. Errors: ESTALE, EFTYPE, EIO.
pub fn read_slot(volume: &Volume, place: u64) -> Result<DirEntry, Error> {
    let geometry = volume.geometry();
    let byte = place * SLOT_BYTES as u64;
    let in_root =
        matches!(geometry.root, Root::Fixed { start, bytes } if (start..start + bytes).contains(&byte));
    let end = geometry.data_start + (u64::from(geometry.clusters) << geometry.cluster_bits);
    if !in_root && !(geometry.data_start..end).contains(&byte) {
        return Err(Errno::ESTALE.into());
    }
    let size = u64::from(geometry.sector_size);
    let block = volume.sector(byte / size)?;
    let within = (byte % size) as usize;
    let slot: Option<[u8; SLOT_BYTES]> =
        block.get(within..within + SLOT_BYTES).and_then(|bytes| bytes.try_into().ok());
    let slot = slot.ok_or_else(|| Error::corrupt("directory", Place::Byte(byte), "cut short"))?;
    let entry = DirEntry::read_from_bytes(&slot).map_err(|_| Errno::ESTALE)?;
    if !dir::is_taken(&slot) || long::parse(&slot).is_some() || !dir::is_file(&entry) {
        return Err(Errno::ESTALE.into());
    }
    Ok(entry)
}
