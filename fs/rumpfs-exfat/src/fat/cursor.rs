//! Reading the table: a cursor keeps the sector it is in, so that neighbours cost next to nothing.

use crate::disk::Disk;
use alloc::format;
use rump_dosfs::{Error, Place};
use rump_kpi::cache::Block;

const BAD: u32 = 0xffff_fff7;
const END: u32 = 0xffff_ffff;

/// What an entry says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// The chain goes on.
    Next(u32),
    /// The chain ends.
    End,
}

/// Reads entries. What it saw stays as it was: it is for one look at the table.
pub struct Cursor<'a> {
    disk: &'a Disk,
    held: Option<(u64, Block)>,
}

impl<'a> Cursor<'a> {
    /// Has read nothing yet.
    pub fn new(disk: &'a Disk) -> Self {
        Self { disk, held: None }
    }

    /// What comes after a cluster that is there. Errors: EFTYPE (it leads nowhere), EIO.
    pub fn link(&mut self, cluster: u32) -> Result<Link, Error> {
        let why = match self.value(cluster)? {
            END => return Ok(Link::End),
            next if self.disk.geometry.is_cluster(next) => return Ok(Link::Next(next)),
            BAD => "leads to a bad cluster".into(),
            next => format!("leads to cluster {next}"),
        };
        Err(Error::corrupt("cluster chain", Place::Cluster(cluster), why))
    }

    fn value(&mut self, cluster: u32) -> Result<u32, Error> {
        let (sector, within) =
            self.disk.sectors.position(self.disk.geometry.fat_start + u64::from(cluster) * 4);
        if self.held.as_ref().is_none_or(|(held, _)| *held != sector) {
            self.held = Some((sector, self.disk.sector(sector)?));
        }
        let bytes = self.held.as_ref().and_then(|(_, block)| block.get(within..within + 4)?.try_into().ok());
        Ok(bytes.map_or(0, u32::from_le_bytes))
    }
}
