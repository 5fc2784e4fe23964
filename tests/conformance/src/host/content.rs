//! Open files: their content, and the listings of directories.

use super::{Answer, Files, Process, mode, owned};
use rumpkit::kpi::DirEntry;
use rumpkit::{AllocateFlags, Fd, FileType, Ino, KResult, Mode, OpenFlags, Whence};
use rustix::fs::{FallocateFlags, OFlags, RawDir, SeekFrom};
use rustix::io::Errno as Host;
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::BorrowedFd;

/// Bytes of a listing that are asked for at once.
const LISTED: usize = 4096;

const FLAGS: [(OpenFlags, OFlags); 11] = [
    (OpenFlags::WRONLY, OFlags::WRONLY),
    (OpenFlags::RDWR, OFlags::RDWR),
    (OpenFlags::NONBLOCK, OFlags::NONBLOCK),
    (OpenFlags::APPEND, OFlags::APPEND),
    (OpenFlags::SYNC, OFlags::SYNC),
    (OpenFlags::DSYNC, OFlags::DSYNC),
    (OpenFlags::NOFOLLOW, OFlags::NOFOLLOW),
    (OpenFlags::CREAT, OFlags::CREATE),
    (OpenFlags::TRUNC, OFlags::TRUNC),
    (OpenFlags::EXCL, OFlags::EXCL),
    (OpenFlags::DIRECTORY, OFlags::DIRECTORY),
];

/// An entry that was read; where the next one is comes last.
type Entry = (Vec<u8>, u64, Option<FileType>, u64);

impl Process {
    pub(crate) fn open(&self, path: impl AsRef<[u8]>, flags: OpenFlags, mode: Mode) -> KResult<Fd> {
        self.openat(None, path, flags, mode)
    }

    pub(crate) fn openat(
        &self,
        dir: Option<Fd>,
        path: impl AsRef<[u8]>,
        flags: OpenFlags,
        bits: Mode,
    ) -> KResult<Fd> {
        let path = owned(path);
        let chosen = FLAGS.iter().filter(|(ours, _)| flags.contains(*ours));
        let flags = chosen.fold(OFlags::CLOEXEC, |all, (_, hosts)| all | *hosts);
        self.call(move |files| {
            let file = rustix::fs::openat(files.dir(dir)?, path, flags, mode(bits))?;
            Ok(files.add(file))
        })
    }

    pub(crate) fn close(&self, fd: Fd) -> KResult<()> {
        self.call(move |files| files.0.remove(&fd.0).map(drop).ok_or(Host::BADF))
    }

    pub(crate) fn read(&self, fd: Fd, buf: &mut [u8]) -> KResult<usize> {
        self.reading(fd, &mut [buf], |file, buf| rustix::io::read(file, &mut *buf[0]))
    }

    pub(crate) fn readv(&self, fd: Fd, bufs: &mut [&mut [u8]]) -> KResult<usize> {
        self.reading(fd, bufs, |file, bufs| rustix::io::readv(file, &mut slices_mut(bufs)))
    }

    pub(crate) fn pread(&self, fd: Fd, buf: &mut [u8], offset: u64) -> KResult<usize> {
        self.reading(fd, &mut [buf], move |file, buf| rustix::io::pread(file, &mut *buf[0], offset))
    }

    pub(crate) fn preadv(&self, fd: Fd, bufs: &mut [&mut [u8]], offset: u64) -> KResult<usize> {
        self.reading(fd, bufs, move |file, bufs| rustix::io::preadv(file, &mut slices_mut(bufs), offset))
    }

    pub(crate) fn write(&self, fd: Fd, buf: &[u8]) -> KResult<usize> {
        let bytes = owned(buf);
        self.call(move |files| rustix::io::write(files.get(fd)?, &bytes))
    }

    pub(crate) fn writev(&self, fd: Fd, bufs: &[&[u8]]) -> KResult<usize> {
        let bufs: Vec<Vec<u8>> = bufs.iter().map(owned).collect();
        self.call(move |files| rustix::io::writev(files.get(fd)?, &slices(&bufs)))
    }

    pub(crate) fn pwrite(&self, fd: Fd, buf: &[u8], offset: u64) -> KResult<usize> {
        let bytes = owned(buf);
        self.call(move |files| rustix::io::pwrite(files.get(fd)?, &bytes, offset))
    }

    pub(crate) fn pwritev(&self, fd: Fd, bufs: &[&[u8]], offset: u64) -> KResult<usize> {
        let bufs: Vec<Vec<u8>> = bufs.iter().map(owned).collect();
        self.call(move |files| rustix::io::pwritev(files.get(fd)?, &slices(&bufs), offset))
    }

    pub(crate) fn lseek(&self, fd: Fd, offset: i64, whence: Whence) -> KResult<u64> {
        let to = match whence {
            Whence::Set => SeekFrom::Start(offset as u64),
            Whence::Cur => SeekFrom::Current(offset),
            Whence::End => SeekFrom::End(offset),
            Whence::Data => SeekFrom::Data(offset as u64),
            Whence::Hole => SeekFrom::Hole(offset as u64),
        };
        self.call(move |files| rustix::fs::seek(files.get(fd)?, to))
    }

    pub(crate) fn truncate(&self, path: impl AsRef<[u8]>, size: u64) -> KResult<()> {
        let path = owned(path);
        self.call(move |_| {
            nix::unistd::truncate(&*path, size as i64).map_err(|errno| Host::from_raw_os_error(errno as i32))
        })
    }

    pub(crate) fn ftruncate(&self, fd: Fd, size: u64) -> KResult<()> {
        self.call(move |files| rustix::fs::ftruncate(files.get(fd)?, size))
    }

    pub(crate) fn fallocate(&self, fd: Fd, flags: AllocateFlags, offset: u64, length: u64) -> KResult<()> {
        // The bits are Linux' own.
        let flags = FallocateFlags::from_bits_retain(flags.bits());
        self.call(move |files| rustix::fs::fallocate(files.get(fd)?, flags, offset, length))
    }

    pub(crate) fn fsync(&self, fd: Fd) -> KResult<()> {
        self.call(move |files| rustix::fs::fsync(files.get(fd)?))
    }

    pub(crate) fn fdatasync(&self, fd: Fd) -> KResult<()> {
        self.call(move |files| rustix::fs::fdatasync(files.get(fd)?))
    }

    pub(crate) fn getdents(&self, fd: Fd, sink: &mut dyn FnMut(DirEntry<'_>) -> bool) -> KResult<()> {
        loop {
            let entries = self.call(move |files| entries(files, fd))?;
            if entries.is_empty() {
                return Ok(());
            }
            for (name, ino, file_type, next_cursor) in entries {
                if !sink(DirEntry { name: &name, ino: Ino(ino), file_type, next_cursor }) {
                    // The rest comes again.
                    return self.lseek(fd, next_cursor as i64, Whence::Set).map(drop);
                }
            }
        }
    }

    fn reading(
        &self,
        fd: Fd,
        bufs: &mut [&mut [u8]],
        read: impl FnOnce(BorrowedFd<'_>, &mut [Vec<u8>]) -> Answer<usize> + Send + 'static,
    ) -> KResult<usize> {
        let mut room: Vec<Vec<u8>> = bufs.iter().map(|buf| owned(&**buf)).collect();
        let (count, room) = self.call(move |files| Ok((read(files.get(fd)?, &mut room)?, room)))?;
        bufs.iter_mut().zip(room).for_each(|(buf, room)| buf.copy_from_slice(&room));
        Ok(count)
    }
}

fn slices(bufs: &[Vec<u8>]) -> Vec<IoSlice<'_>> {
    bufs.iter().map(|buf| IoSlice::new(buf)).collect()
}

fn slices_mut(bufs: &mut [Vec<u8>]) -> Vec<IoSliceMut<'_>> {
    bufs.iter_mut().map(|buf| IoSliceMut::new(buf)).collect()
}

/// What one call tells of a directory; nothing at its end.
fn entries(files: &Files, fd: Fd) -> Answer<Vec<Entry>> {
    let mut room = Vec::with_capacity(LISTED);
    let mut listing = RawDir::new(files.get(fd)?, room.spare_capacity_mut());
    let mut entries = Vec::new();
    while let Some(entry) = listing.next() {
        let entry = entry?;
        let file_type = super::attributes::file_type(entry.file_type());
        entries.push((
            entry.file_name().to_bytes().to_vec(),
            entry.ino(),
            file_type,
            entry.next_entry_cookie(),
        ));
        if listing.is_buffer_empty() {
            break;
        }
    }
    Ok(entries)
}
