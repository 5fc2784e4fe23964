//! read(2), write(2), lseek(2), fsync(2), truncate(2) and their like. What is longer than the server moves at once is moved
//! piece by piece there.

use super::RemoteProcess;
use super::request::{Request, list, number_of, request, text};
use crate::connection::malformed;
use crate::memory::Region;
use rump_abi::netbsd::fcntl::{FIOSEEKDATA, FIOSEEKHOLE};
use rump_abi::netbsd::numbers::*;
use rump_abi::{AllocateFlags, Errno, SyncFlags};
use rump_kern::{Advice, Fd, Whence};
use rump_kpi::KResult;

fn offset(request: Request<'_>, offset: Option<u64>) -> Request<'_> {
    match offset {
        Some(offset) => request.null().with(offset),
        None => request,
    }
}

/// A part of a file as offsets tell it. One that ends beyond all of them does so in what is told, too: the kernel has something
/// to say of it.
fn part(offset: u64, length: u64) -> [u64; 2] {
    const LAST: u64 = i64::MAX as u64;
    if offset.max(length) > LAST { [LAST, length.min(LAST)] } else { [offset, length] }
}

impl RemoteProcess {
    /// As [`Process::read`](rump_kern::Process::read).
    pub fn read(&self, fd: Fd, buf: &mut [u8]) -> KResult<usize> {
        let length = buf.len();
        self.count(request(READ).with(fd).write(buf).with(length), length)
    }

    /// As [`Process::pread`](rump_kern::Process::pread).
    pub fn pread(&self, fd: Fd, buf: &mut [u8], at: u64) -> KResult<usize> {
        let length = buf.len();
        self.count(offset(request(PREAD).with(fd).write(buf).with(length), Some(at)), length)
    }

    /// As [`Process::readv`](rump_kern::Process::readv).
    pub fn readv(&self, fd: Fd, bufs: &mut [&mut [u8]]) -> KResult<usize> {
        self.move_parts(READV, fd, bufs.iter_mut().map(|part| Region::write(part)).collect(), None)
    }

    /// As [`Process::preadv`](rump_kern::Process::preadv).
    pub fn preadv(&self, fd: Fd, bufs: &mut [&mut [u8]], at: u64) -> KResult<usize> {
        self.move_parts(PREADV, fd, bufs.iter_mut().map(|part| Region::write(part)).collect(), Some(at))
    }

    /// NetBSD refuses lists without parts; bytes of which there are none, it moves.
    fn move_parts(&self, number: u32, fd: Fd, parts: Vec<Region<'_>>, at: Option<u64>) -> KResult<usize> {
        if parts.is_empty() {
            let number = match number {
                READV => READ,
                PREADV => PREAD,
                WRITEV => WRITE,
                _ => PWRITE,
            };
            return self.count(offset(request(number).with(fd).null().null(), at), 0);
        }
        let length = parts.iter().fold(0, |all: usize, part| all.saturating_add(part.length()));
        let (list, count) = (list(&parts), parts.len());
        let request = request(number).with(fd).read(&list).with(count).lend(parts);
        self.count(offset(request, at), length)
    }

    /// As [`Process::write`](rump_kern::Process::write).
    pub fn write(&self, fd: Fd, buf: &[u8]) -> KResult<usize> {
        self.count(request(WRITE).with(fd).read(buf).with(buf.len()), buf.len())
    }

    /// As [`Process::pwrite`](rump_kern::Process::pwrite).
    pub fn pwrite(&self, fd: Fd, buf: &[u8], at: u64) -> KResult<usize> {
        self.count(offset(request(PWRITE).with(fd).read(buf).with(buf.len()), Some(at)), buf.len())
    }

    /// As [`Process::writev`](rump_kern::Process::writev).
    pub fn writev(&self, fd: Fd, bufs: &[&[u8]]) -> KResult<usize> {
        self.move_parts(WRITEV, fd, bufs.iter().map(|part| Region::read(part)).collect(), None)
    }

    /// As [`Process::pwritev`](rump_kern::Process::pwritev).
    pub fn pwritev(&self, fd: Fd, bufs: &[&[u8]], at: u64) -> KResult<usize> {
        self.move_parts(PWRITEV, fd, bufs.iter().map(|part| Region::read(part)).collect(), Some(at))
    }

    /// As [`Process::lseek`](rump_kern::Process::lseek). Data and holes are asked for by ioctl(2), as NetBSD has it, before the
    /// offset is moved. Errors: EINVAL (for those, too, where the server does not know them).
    pub fn lseek(&self, fd: Fd, offset: i64, whence: Whence) -> KResult<u64> {
        let (offset, whence) = match whence {
            Whence::Data => (self.seek(fd, FIOSEEKDATA, offset)?, Whence::Set),
            Whence::Hole => (self.seek(fd, FIOSEEKHOLE, offset)?, Whence::Set),
            _ => (offset, whence),
        };
        let offset = self.ask(request(LSEEK).with(fd).null().with(offset).with(number_of(whence)?))?;
        u64::try_from(offset).map_err(|_| malformed())
    }

    fn seek(&self, fd: Fd, number: u32, from: i64) -> KResult<i64> {
        let mut argument = from.to_le_bytes();
        match self.ioctl_by_number(fd, number, &mut argument) {
            Err(error) if error.errno == Errno::ENOTTY => {
                // What has no offsets at all says so.
                self.lseek(fd, 0, Whence::Cur)?;
                Err(Errno::EINVAL.into())
            }
            done => done.map(|()| i64::from_le_bytes(argument)),
        }
    }

    /// As [`Process::truncate`](rump_kern::Process::truncate).
    pub fn truncate(&self, path: impl AsRef<[u8]>, size: u64) -> KResult<()> {
        let path = text(path)?;
        self.run(request(TRUNCATE).read(&path).null().with(size))
    }

    /// As [`Process::ftruncate`](rump_kern::Process::ftruncate).
    pub fn ftruncate(&self, fd: Fd, size: u64) -> KResult<()> {
        self.run(request(FTRUNCATE).with(fd).null().with(size))
    }

    /// As [`Process::fsync`](rump_kern::Process::fsync).
    pub fn fsync(&self, fd: Fd) -> KResult<()> {
        self.run(request(FSYNC).with(fd))
    }

    /// As [`Process::fdatasync`](rump_kern::Process::fdatasync).
    pub fn fdatasync(&self, fd: Fd) -> KResult<()> {
        self.run(request(FDATASYNC).with(fd))
    }

    /// As [`Process::fsync_range`](rump_kern::Process::fsync_range).
    pub fn fsync_range(&self, fd: Fd, flags: SyncFlags, offset: u64, length: u64) -> KResult<()> {
        self.run(request(FSYNC_RANGE).with(fd).with(flags).with(offset).with(length))
    }

    /// As [`Process::sync`](rump_kern::Process::sync).
    pub fn sync(&self) -> KResult<()> {
        self.run(request(SYNC))
    }

    /// As [`Process::fallocate`](rump_kern::Process::fallocate), without flags. Errors: EOPNOTSUPP (with some).
    pub fn fallocate(&self, fd: Fd, flags: AllocateFlags, offset: u64, length: u64) -> KResult<()> {
        if !flags.is_empty() {
            return Err(Errno::EOPNOTSUPP.into());
        }
        let [offset, length] = part(offset, length);
        self.run_by_value(request(POSIX_FALLOCATE).with(fd).null().with(offset).with(length))
    }

    /// As [`Process::fdiscard`](rump_kern::Process::fdiscard).
    pub fn fdiscard(&self, fd: Fd, offset: u64, length: u64) -> KResult<()> {
        let [offset, length] = part(offset, length);
        self.run(request(FDISCARD).with(fd).null().with(offset).with(length))
    }

    /// As [`Process::fadvise`](rump_kern::Process::fadvise).
    pub fn fadvise(&self, fd: Fd, offset: u64, length: u64, advice: Advice) -> KResult<()> {
        let request = request(__POSIX_FADVISE50).with(fd).null().with(offset).with(length);
        self.run_by_value(request.with(advice as u32))
    }
}
