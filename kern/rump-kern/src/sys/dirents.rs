//! Reading directories: getdents(2), and the same with attributes.

use crate::descriptors::OpenFile;
use crate::{Fd, Process};
use rump_abi::{Errno, Stat};
use rump_kpi::{DirEntry, KResult};
use rump_vfs::{Listing, Walker};

impl Process {
    /// Entries of a directory from the descriptor's cursor on, which moves past what `sink` took: true asks for
    /// more, false stops after this entry. Numbers are those that `stat` answers, across mounts. `sink` makes no
    /// calls of this kernel. Errors: EBADF, ENOTDIR, EFTYPE, EIO.
    pub fn getdents(&self, fd: Fd, sink: &mut dyn FnMut(DirEntry<'_>) -> bool) -> KResult<()> {
        let file = self.readable(fd)?;
        self.list(&file, |listing| {
            let mut cursor = file.offset.lock();
            listing.read(*cursor, &mut |entry| {
                *cursor = entry.next_cursor;
                sink(entry)
            })
        })
    }

    /// As [`Process::getdents`], for who cannot know before whether there is room for an entry: one for which `sink`
    /// answers false is not taken, and comes again.
    pub fn getdents_while(&self, fd: Fd, sink: &mut dyn FnMut(DirEntry<'_>) -> bool) -> KResult<()> {
        let file = self.readable(fd)?;
        self.list(&file, |listing| {
            let mut cursor = file.offset.lock();
            listing.read(*cursor, &mut |entry| {
                let next = entry.next_cursor;
                let is_taken = sink(entry);
                if is_taken {
                    *cursor = next;
                }
                is_taken
            })
        })
    }

    /// As [`Process::getdents`], each entry with what [`Process::fstatat`] answers for it without following a
    /// symbolic link: for who wants both, in a fraction of the time. Errors: EBADF, ENOTDIR, EACCES (no
    /// permission to search), EFTYPE, EIO; where only the attributes of an entry cannot be had, `sink` is told.
    pub fn getdents_with_stat(
        &self,
        fd: Fd,
        sink: &mut dyn FnMut(DirEntry<'_>, KResult<Stat>) -> bool,
    ) -> KResult<()> {
        let file = self.readable(fd)?;
        self.list(&file, |listing| {
            let mut cursor = file.offset.lock();
            listing.read_with_stats(*cursor, &mut |entry, stat| {
                *cursor = entry.next_cursor;
                sink(entry, stat)
            })
        })
    }

    fn list(&self, file: &OpenFile, read: impl FnOnce(Listing<'_>) -> KResult<()>) -> KResult<()> {
        let (cred, places) = (self.cred(), self.places()?);
        let vnode = file.vnode_or(Errno::ENOTDIR)?;
        let walker = Walker { vfs: &self.shared().vfs, cred: &cred, root: &places.root, start: vnode };
        read(Listing::new(walker, vnode)?)
    }
}
