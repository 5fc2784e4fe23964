//! Reading the table: a cursor keeps the sector it is in, so that neighbours cost next to nothing.

use super::entry::{self, Link};
use crate::volume::Volume;
use alloc::format;
use rump_dosfs::chain::{Chain, Run};
use rump_dosfs::transaction::Transactional;
use rump_dosfs::{Error, Place};
use rump_kpi::cache::Block;

/// Reads entries. What it saw stays as it was: it is for one look at the table.
pub struct Cursor<'a> {
    volume: &'a Volume,
    held: Option<(u64, Block)>,
}

impl<'a> Cursor<'a> {
    /// Has read nothing yet.
    pub fn new(volume: &'a Volume) -> Self {
        Self { volume, held: None }
    }

    /// The value of the entry of a cluster; the caller made sure that it is one. Errors: EFTYPE, EIO.
    pub fn value(&mut self, cluster: u32) -> Result<u32, Error> {
        let width = self.volume.geometry().width;
        let (at, length) = entry::place(width, cluster);
        let mut bytes = [0; 4];
        let within = self.load(at)?;
        let rest = self.held.as_ref().and_then(|(_, block)| block.get(within..within + length));
        match rest {
            Some(rest) => bytes[..length].copy_from_slice(rest),
            // An entry of twelve bits may lie in two sectors.
            None => {
                for (index, byte) in bytes[..length].iter_mut().enumerate() {
                    let within = self.load(at + index as u64)?;
                    *byte = self.held.as_ref().and_then(|(_, block)| block.get(within).copied()).unwrap_or(0);
                }
            }
        }
        Ok(entry::value(width, cluster, u32::from_le_bytes(bytes)))
    }

    /// What the entry of a cluster says. Errors: EFTYPE, EIO.
    pub fn link(&mut self, cluster: u32) -> Result<Link, Error> {
        let value = self.value(cluster)?;
        entry::link(self.volume.geometry(), cluster, value)
    }

    /// Holds the sector with this byte of the table; answers where in it the byte is.
    fn load(&mut self, at: u64) -> Result<usize, Error> {
        let geometry = self.volume.geometry();
        let byte = geometry.active_start() + at;
        let size = u64::from(geometry.sector_size);
        let sector = byte / size;
        if self.held.as_ref().is_none_or(|(held, _)| *held != sector) {
            self.held = Some((sector, self.volume.sector(sector)?));
        }
        Ok((byte % size) as usize)
    }
}

/// Extends `chain` along the table until it has `want` clusters or ends. `first` is where it begins, if it has none
/// yet. Answers whether it has them.
///
/// Errors: EFTYPE (it leads nowhere, or back into itself), EIO. What was found before stays.
pub fn follow(volume: &Volume, first: u32, chain: &mut Chain, want: u32) -> Result<bool, Error> {
    let mut cursor = Cursor::new(volume);
    let before = chain.len();
    while chain.len() < want {
        let next = match chain.last() {
            None => first,
            Some(last) => match cursor.link(last)? {
                Link::Next(next) => next,
                Link::End => break,
                Link::Free | Link::Bad => {
                    let why = "leads to a cluster that is free or bad";
                    return Err(Error::corrupt("cluster chain", Place::Cluster(last), why));
                }
            },
        };
        volume.cluster_offset(next)?;
        chain.push(Run { start: next, count: 1 });
    }
    if let Some(cluster) = chain.repeated() {
        chain.truncate(before);
        return Err(Error::corrupt(
            "cluster chain",
            Place::Cluster(cluster),
            format!("comes back to {cluster}"),
        ));
    }
    Ok(chain.len() >= want)
}
