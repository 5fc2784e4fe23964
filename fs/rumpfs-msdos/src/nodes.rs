//! Files in use. Their numbers: see [`rump_dosfs::nodes`].
//!
//! Locks: a cell's `chain`, then the transaction, then the leaves (a cell's slot, the tables of numbers).

use crate::dir::{self, Index};
use crate::geometry::Root;
use crate::layout::{Attributes, DirEntry};
use crate::names::long;
use crate::transaction::Operation;
use crate::volume::Volume;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering};
use rump_dosfs::chain::Chain;
use rump_dosfs::nodes::Numbered;
use rump_dosfs::transaction::Transactional;
use rump_dosfs::{Error, Place, SLOT_BYTES};
use rump_kpi::Errno;
use rump_kpi::sync::{Mutex, RwLock};
use zerocopy::{FromBytes, FromZeros};

/// The number of the root directory: a place within the boot sector.
pub const ROOT: u64 = 1;

/// A file or directory in use.
pub struct Cell {
    number: u64,
    slot: Mutex<Slot>,
    /// The clusters that are known, from the first on. Held alone by whoever adds or removes some, or writes.
    pub chain: RwLock<Chain>,
    /// Of a directory: its names, once somebody looked for one.
    pub index: Mutex<Option<Index>>,
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
            index: Mutex::new(None),
            is_whole: AtomicBool::new(false),
            is_cut: AtomicBool::new(false),
        })
    }

    /// The file of a number, whose slot is at `place`. Errors: ESTALE, EFTYPE, EIO.
    pub fn read(volume: &Volume, number: u64, place: u64) -> Result<Arc<Self>, Error> {
        if number == ROOT {
            return Ok(Self::root(volume));
        }
        Ok(Self::new(number, Slot { entry: read_slot(volume, place)?, place: Some(place) }))
    }

    /// Changes what the directory says of it. To be called last in an operation, since only the directory is put back
    /// on failure. Errors: EFTYPE, EIO.
    pub fn update(
        &self,
        operation: &mut Operation<'_>,
        change: impl FnOnce(&mut DirEntry),
    ) -> Result<(), Error> {
        let mut slot = self.slot();
        change(&mut slot.entry);
        if let Some(place) = slot.place {
            operation.put_slot(place, &zerocopy::transmute!(slot.entry))?;
        }
        self.set_slot(slot);
        Ok(())
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

    /// A directory has to be read again.
    pub fn forget(&self) {
        *self.index.lock() = None;
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

impl Numbered for Cell {
    fn number(&self) -> u64 {
        self.number
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
