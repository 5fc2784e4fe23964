//! Where the slots of a directory are.

use super::index::Index;
use crate::fat;
use crate::geometry::Root;
use crate::nodes::Cell;
use crate::volume::Volume;
use alloc::sync::Arc;
use core::cell::RefCell;
use rump_dosfs::SLOT_BYTES;
use rump_dosfs::chain::{Chain, Run};
use rump_dosfs::transaction::Transactional;
use rump_dosfs::{Error, Place};
use rump_kpi::Errno;
use rump_kpi::cache::Block;

/// A directory has no more slots than this.
pub const MOST_SLOTS: u32 = 1 << 16;

/// Clusters of the longest directory.
pub fn most_clusters(volume: &Volume) -> u32 {
    volume.geometry().clusters_for(u64::from(MOST_SLOTS) * SLOT_BYTES as u64)
}

enum Area {
    Fixed { start: u64, bytes: u64 },
    Chain(Chain),
}

/// The slots of a directory as they are at one moment; the caller sees to it that nobody changes it meanwhile.
pub struct Slots<'a> {
    /// The volume.
    pub volume: &'a Volume,
    /// The directory.
    pub cell: &'a Arc<Cell>,
    area: Area,
    held: RefCell<Option<(u64, Block)>>,
}

impl<'a> Slots<'a> {
    /// Those of a directory. Errors: ENOTDIR, EFTYPE (the chain is damaged), EIO.
    pub fn of(volume: &'a Volume, cell: &'a Arc<Cell>) -> Result<Self, Error> {
        if !cell.is_directory() {
            return Err(Errno::ENOTDIR.into());
        }
        let area = match volume.geometry().root {
            Root::Fixed { start, bytes } if cell.is_root() => Area::Fixed { start, bytes },
            _ => Area::Chain(whole_chain(volume, cell)?),
        };
        Ok(Self { volume, cell, area, held: RefCell::new(None) })
    }

    /// Looks at the index, or changes it. Errors: EFTYPE, EIO (it has to be made).
    pub fn index<T>(&self, look: impl FnOnce(&mut Index) -> T) -> Result<T, Error> {
        let mut held = self.cell.index.lock();
        let index = match &mut *held {
            Some(index) => index,
            none => none.insert(Index::read(self)?),
        };
        Ok(look(index))
    }

    /// How many there are.
    pub fn count(&self) -> u32 {
        let bytes = match &self.area {
            Area::Fixed { bytes, .. } => *bytes,
            Area::Chain(chain) => u64::from(chain.len()) << self.volume.geometry().cluster_bits,
        };
        (bytes / SLOT_BYTES as u64).min(MOST_SLOTS.into()) as u32
    }

    /// The byte of the volume where a slot is.
    pub fn byte(&self, index: u32) -> Option<u64> {
        let at = u64::from(index) * SLOT_BYTES as u64;
        match &self.area {
            Area::Fixed { start, bytes } => (at < *bytes).then_some(start + at),
            Area::Chain(chain) => {
                let geometry = self.volume.geometry();
                let run = chain.find((at >> geometry.cluster_bits) as u32)?;
                Some(geometry.cluster_offset(run.start) + at % geometry.cluster_size())
            }
        }
    }

    /// Takes clusters that the directory got just now.
    pub fn extend(&mut self, run: Run) {
        if let Area::Chain(chain) = &mut self.area {
            chain.push(run);
        }
    }

    /// The last cluster; `None` where the directory cannot grow.
    pub fn last_cluster(&self) -> Option<u32> {
        match &self.area {
            Area::Fixed { .. } => None,
            Area::Chain(chain) => chain.last(),
        }
    }

    /// The place of a slot on the volume.
    pub fn place(&self, index: u32) -> Option<u64> {
        Some(self.byte(index)? / SLOT_BYTES as u64)
    }

    /// The bytes of a slot; `None` beyond the last. Errors: EFTYPE, EIO.
    pub fn read(&self, index: u32) -> Result<Option<[u8; SLOT_BYTES]>, Error> {
        if index >= self.count() {
            return Ok(None);
        }
        let Some(byte) = self.byte(index) else { return Ok(None) };
        let size = u64::from(self.volume.geometry().sector_size);
        let (sector, within) = (byte / size, (byte % size) as usize);
        let mut held = self.held.borrow_mut();
        if held.as_ref().is_none_or(|(number, _)| *number != sector) {
            *held = Some((sector, self.volume.sector(sector)?));
        }
        let slot = held.as_ref().and_then(|(_, block)| block.get(within..within + SLOT_BYTES));
        Ok(slot.and_then(|bytes| bytes.try_into().ok()))
    }
}

/// The whole chain of a directory.
fn whole_chain(volume: &Volume, cell: &Cell) -> Result<Chain, Error> {
    let most = most_clusters(volume);
    let mut chain = cell.chain.write();
    let first = cell.first_cluster();
    if !cell.is_whole() {
        if fat::follow(volume, first, &mut chain, most + 1)? {
            let why = "a directory of more than 65,536 entries";
            return Err(Error::corrupt("cluster chain", Place::Cluster(first), why));
        }
        cell.set_whole();
    }
    Ok(chain.clone())
}
