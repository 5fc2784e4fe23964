//! Reading, writing and seeking: read(2), write(2), lseek(2).

use crate::descriptors::{Object, OpenFile};
use crate::{Fd, Process};
use alloc::sync::Arc;
use rump_abi::{Errno, MessageFlags, OpenFlags};
use rump_kpi::{KResult, Node, SetAttr};
use rump_vfs::{Vnode, access};

/// Offsets end here, as they are signed in C.
const OFFSET_MAX: u64 = i64::MAX as u64;

/// What an offset of `lseek` counts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whence {
    /// The beginning.
    Set,
    /// The present offset.
    Cur,
    /// The end of the file.
    End,
    /// The first data at or after the offset.
    Data,
    /// The first hole at or after the offset; the end of the file is one.
    Hole,
}

impl Process {
    /// Reads at the open file's offset; of a socket, as `recv` without flags; of a pipe, what is there; of a device, what its driver
    /// has to give.
    ///
    /// Errors: EBADF (not open, or not for reading), EISDIR, EINVAL (a queue of events), EIO, EFTYPE; sockets and pipes:
    /// EAGAIN, EINTR, those of [`Process::recv`].
    pub fn read(&self, fd: Fd, buf: &mut [u8]) -> KResult<usize> {
        self.readv(fd, &mut [buf])
    }

    /// Reads into several buffers, as one read. Errors: as [`Process::read`].
    pub fn readv(&self, fd: Fd, bufs: &mut [&mut [u8]]) -> KResult<usize> {
        match self.read_parts(fd, bufs) {
            Err(error) if error.errno == Errno::EIO && self.is_revoked_device(fd) => Ok(0),
            answer => answer,
        }
    }

    fn read_parts(&self, fd: Fd, bufs: &mut [&mut [u8]]) -> KResult<usize> {
        let file = self.readable(fd)?;
        let vnode = match &file.object {
            Object::Vnode(vnode) => vnode,
            Object::Socket(_) => return Ok(self.receive(fd, &file, bufs, MessageFlags::empty())?.length),
            Object::Pipe(end) => return self.read_pipe(fd, &file, end, bufs),
            Object::Queue(_) => return Err(Errno::EINVAL.into()),
            Object::Device(device) => return self.read_device(fd, &file, device, bufs),
        };
        let mut offset = file.offset.lock();
        let count = read_all(vnode, *offset, bufs)?;
        *offset = offset.saturating_add(count as u64);
        Ok(count)
    }

    /// Reads at `offset`. Errors: as [`Process::read`], ESPIPE (a socket, pipe or device), EINVAL (`offset` too large).
    pub fn pread(&self, fd: Fd, buf: &mut [u8], offset: u64) -> KResult<usize> {
        self.preadv(fd, &mut [buf], offset)
    }

    /// Reads at `offset` into several buffers. Errors: as [`Process::pread`].
    pub fn preadv(&self, fd: Fd, bufs: &mut [&mut [u8]], offset: u64) -> KResult<usize> {
        read_at(&*self.readable(fd)?, bufs, offset)
    }

    /// Writes at the open file's offset, or at the end with APPEND; to a socket, as `send` without flags. A regular file
    /// is written up to the limit of the process ([`Resource::FileSize`](rump_abi::Resource)).
    ///
    /// Errors: EBADF (not open, or not for writing), EINVAL (a queue of events), EFBIG, ENOSPC, EDQUOT, EROFS, EIO;
    /// sockets and pipes: EAGAIN, EINTR, EPIPE, those of [`Process::send`].
    pub fn write(&self, fd: Fd, buf: &[u8]) -> KResult<usize> {
        self.writev(fd, &[buf])
    }

    /// Writes several buffers, as one write. Errors: as [`Process::write`].
    pub fn writev(&self, fd: Fd, bufs: &[&[u8]]) -> KResult<usize> {
        let file = self.writable(fd)?;
        let vnode = match &file.object {
            Object::Vnode(vnode) => vnode,
            Object::Socket(_) => return self.send_parts(fd, &file, bufs),
            Object::Pipe(end) => return self.write_pipe(fd, &file, end, bufs),
            Object::Queue(_) => return Err(Errno::EINVAL.into()),
            Object::Device(device) => return self.write_device(fd, &file, device, bufs),
        };
        let limit = self.size_limit(vnode);
        let mut offset = file.offset.lock();
        let written = if file.status().contains(OpenFlags::APPEND) {
            vnode.appending(|node| {
                let end = node.attr()?.size;
                let count = write_all(node, end, bufs, limit)?;
                *offset = end.saturating_add(count as u64);
                Ok(count)
            })
        } else {
            let written = write_all(vnode.node()?, *offset, bufs, limit);
            *offset = offset.saturating_add(*written.as_ref().unwrap_or(&0) as u64);
            written
        };
        drop(offset);
        self.post_too_large(&written, limit);
        let count = written?;
        self.after_write(&file, vnode, count)?;
        Ok(count)
    }

    /// Writes at `offset`, with APPEND too. Errors: as [`Process::write`], ESPIPE (a socket or pipe), EINVAL (`offset` too large),
    /// EPERM (not at the end of an append-only file).
    pub fn pwrite(&self, fd: Fd, buf: &[u8], offset: u64) -> KResult<usize> {
        self.pwritev(fd, &[buf], offset)
    }

    /// Writes several buffers at `offset`. Errors: as [`Process::pwrite`].
    pub fn pwritev(&self, fd: Fd, bufs: &[&[u8]], offset: u64) -> KResult<usize> {
        self.write_at(&*self.writable(fd)?, bufs, offset)
    }

    /// Errors: ESPIPE, EINVAL (`offset` too large), those of writing.
    pub(crate) fn write_at(&self, file: &OpenFile, bufs: &[&[u8]], offset: u64) -> KResult<usize> {
        let vnode = file.seekable()?;
        check_offset(offset)?;
        if file.status().contains(OpenFlags::APPEND)
            && vnode.flags()?.is_append_only()
            && offset != vnode.node()?.attr()?.size
        {
            return Err(Errno::EPERM.into());
        }
        let limit = self.size_limit(vnode);
        let written = write_all(vnode.node()?, offset, bufs, limit);
        self.post_too_large(&written, limit);
        let count = written?;
        self.after_write(file, vnode, count)?;
        Ok(count)
    }

    /// Writes at the end, and leaves the open file's offset. Errors: ESPIPE, those of writing.
    pub(crate) fn append_to(&self, file: &OpenFile, bufs: &[&[u8]]) -> KResult<usize> {
        let vnode = file.seekable()?;
        let limit = self.size_limit(vnode);
        let written = vnode.appending(|node| write_all(node, node.attr()?.size, bufs, limit));
        self.post_too_large(&written, limit);
        let count = written?;
        self.after_write(file, vnode, count)?;
        Ok(count)
    }

    /// Moves the offset. Errors: EBADF, ESPIPE (a socket or pipe), EINVAL (negative result), EOVERFLOW, ENXIO (`Data` and `Hole` beyond
    /// the end).
    pub fn lseek(&self, fd: Fd, offset: i64, whence: Whence) -> KResult<u64> {
        let file = self.file(fd)?;
        let vnode = file.seekable()?;
        let mut at = file.offset.lock();
        let node = vnode.node()?;
        let from = |base: u64| -> KResult<u64> {
            let sum = i128::from(base) + i128::from(offset);
            if sum < 0 {
                return Err(Errno::EINVAL.into());
            }
            let sum = u64::try_from(sum).map_err(|_| Errno::EOVERFLOW)?;
            // Cursors of directories are the driver's and use all bits.
            if sum > OFFSET_MAX && !vnode.is_dir() {
                return Err(Errno::EOVERFLOW.into());
            }
            Ok(sum)
        };
        let beyond = |_| Errno::ENXIO;
        *at = match whence {
            Whence::Set => from(0)?,
            Whence::Cur => from(*at)?,
            Whence::End => from(node.attr()?.size)?,
            Whence::Data => node.seek_data(u64::try_from(offset).map_err(beyond)?)?,
            Whence::Hole => node.seek_hole(u64::try_from(offset).map_err(beyond)?)?,
        };
        Ok(*at)
    }

    pub(crate) fn readable(&self, fd: Fd) -> KResult<Arc<OpenFile>> {
        let file = self.file(fd)?;
        if file.access.reads() { Ok(file) } else { Err(Errno::EBADF.into()) }
    }

    pub(crate) fn writable(&self, fd: Fd) -> KResult<Arc<OpenFile>> {
        let file = self.file(fd)?;
        if file.access.writes() { Ok(file) } else { Err(Errno::EBADF.into()) }
    }

    /// What a write entails: SYNC and DSYNC make it durable, and a changed program loses its set-id bits.
    pub(crate) fn after_write(&self, file: &OpenFile, vnode: &Vnode, count: usize) -> KResult<()> {
        let node = vnode.node()?;
        if count != 0 && !self.cred().is_root() {
            if let Some(mode) = access::without_set_id(&node.attr()?) {
                node.set_attr(SetAttr { mode: Some(mode), ..SetAttr::default() })?;
            }
        }
        let status = file.status();
        if status.contains(OpenFlags::SYNC) {
            node.fsync()
        } else if status.contains(OpenFlags::DSYNC) {
            node.fdatasync()
        } else {
            Ok(())
        }
    }
}

/// Errors: EINVAL.
pub(crate) fn check_offset(offset: u64) -> KResult<()> {
    if offset > OFFSET_MAX { Err(Errno::EINVAL.into()) } else { Ok(()) }
}

/// Errors: ESPIPE, EINVAL (`offset` too large), those of reading.
pub(crate) fn read_at(file: &OpenFile, bufs: &mut [&mut [u8]], offset: u64) -> KResult<usize> {
    let vnode = file.seekable()?;
    check_offset(offset)?;
    read_all(vnode, offset, bufs)
}

pub(crate) fn read_all(vnode: &Vnode, offset: u64, bufs: &mut [&mut [u8]]) -> KResult<usize> {
    if vnode.is_dir() {
        return Err(Errno::EISDIR.into());
    }
    let node = vnode.node()?;
    let mut total = 0_usize;
    for buf in bufs {
        match node.read_at(offset.saturating_add(total as u64), buf) {
            Ok(count) => {
                total += count;
                if count < buf.len() {
                    break;
                }
            }
            Err(_) if total != 0 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(total)
}

/// Writes all buffers, up to `limit`; after the first bytes an error only ends the write. Errors: EFBIG, the driver's.
pub(crate) fn write_all(node: &dyn Node, offset: u64, bufs: &[&[u8]], limit: u64) -> KResult<usize> {
    let mut total = 0_usize;
    for buf in bufs.iter().filter(|buf| !buf.is_empty()) {
        let at = offset.saturating_add(total as u64);
        let result = match at.checked_add(buf.len() as u64) {
            Some(end) if end <= OFFSET_MAX && end <= limit => node.write_at(at, buf),
            Some(end) if end <= OFFSET_MAX && at < limit => node.write_at(at, &buf[..(limit - at) as usize]),
            _ => Err(Errno::EFBIG.into()),
        };
        match result {
            Ok(count) => {
                total += count;
                if count < buf.len() {
                    break;
                }
            }
            Err(_) if total != 0 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(total)
}
