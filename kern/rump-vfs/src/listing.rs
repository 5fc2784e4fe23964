//! Listings of directories, with what the driver does not know: what is mounted over an entry, `..` at a root,
//! and etfs.
//!
//! Attributes come with the entries, as in NFS's READDIRPLUS: no path is walked and no vnode made for them. The
//! lock of the directory is held, so what an entry names stays in use; `sink` must not come back into the kernel.

use crate::ops::{self, Remember};
use crate::{Vnode, Walker, access};
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_abi::{Errno, Ino, Stat};
use rump_kpi::{DirEntry, KResult};

/// A directory to be listed.
pub struct Listing<'a> {
    walker: Walker<'a>,
    dir: &'a Arc<Vnode>,
    /// What `..` is, where the driver does not know it.
    above: Option<Arc<Vnode>>,
    /// Inodes that are mounted over, each with the directory seen there.
    covered: Vec<(Ino, Arc<Vnode>)>,
}

impl<'a> Listing<'a> {
    /// Prepares to list `dir` for `walker`. Errors: ENOTDIR, those of the drivers.
    pub fn new(walker: Walker<'a>, dir: &'a Arc<Vnode>) -> KResult<Self> {
        if !dir.is_dir() {
            return Err(Errno::ENOTDIR.into());
        }
        let covered = walker.vfs.covered_in(dir.mount())?;
        let is_root = dir.is(walker.root) || dir.ino() == dir.mount().root_ino();
        let above = if is_root || dir.is_etfs() { Some(walker.parent(dir)?) } else { None };
        Ok(Self { walker, dir, above, covered })
    }

    /// Entries from `cursor` on, until `sink` answers false. Numbers are those that `stat` answers. Errors: those
    /// of the driver.
    pub fn read(&self, cursor: u64, sink: &mut dyn FnMut(DirEntry<'_>) -> bool) -> KResult<()> {
        ops::read_dir(self.dir, cursor, Remember::All, &mut |mut entry| {
            if let Some(vnode) = self.seam(&entry) {
                entry.ino = vnode.ino();
            }
            sink(entry)
        })
    }

    /// As [`Listing::read`], with the attributes of what each entry names, or why there are none. Errors: EACCES
    /// (no permission to search), those of the driver.
    pub fn read_with_stats(
        &self,
        cursor: u64,
        sink: &mut dyn FnMut(DirEntry<'_>, KResult<Stat>) -> bool,
    ) -> KResult<()> {
        access::check_search(self.walker.cred, self.dir)?;
        ops::read_dir(self.dir, cursor, Remember::Entered, &mut |mut entry| {
            let stat = self.stat(&entry);
            if let Ok(stat) = &stat {
                entry.ino = stat.ino;
            }
            sink(entry, stat)
        })
    }

    fn stat(&self, entry: &DirEntry<'_>) -> KResult<Stat> {
        if let Some(vnode) = self.seam(entry) {
            return vnode.stat();
        }
        match self.walker.etfs_entry(self.dir, entry.name)? {
            Some(vnode) => vnode.stat(),
            None => self.dir.mount().stat(entry.ino),
        }
    }

    /// The vnode of an entry that leads out of the mount.
    fn seam(&self, entry: &DirEntry<'_>) -> Option<&Arc<Vnode>> {
        match entry.name {
            b"." => Some(self.dir),
            b".." => self.above.as_ref(),
            _ => self.covered.iter().find(|(ino, _)| *ino == entry.ino).map(|(_, over)| over),
        }
    }
}
