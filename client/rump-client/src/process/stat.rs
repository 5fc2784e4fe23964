//! stat(2), access(2), pathconf(2) and their like.

use super::RemoteProcess;
use super::request::{Request, request, room, text, told};
use crate::connection::malformed;
use rump_abi::netbsd::numbers::*;
use rump_abi::netbsd::stat::StatBuf;
use rump_abi::{AtFlags, Stat};
use rump_kern::{Fd, PathConf};
use rump_kpi::KResult;

/// What was put there. Errors: EIO.
pub(super) fn attributes(bytes: &[u8]) -> KResult<Stat> {
    told::<StatBuf>(bytes)?.stat().ok_or_else(malformed)
}

impl RemoteProcess {
    /// As [`Process::stat`](rump_kern::Process::stat).
    pub fn stat(&self, path: impl AsRef<[u8]>) -> KResult<Stat> {
        let (path, mut place) = (text(path)?, room::<StatBuf>());
        self.run(request(__STAT50).read(&path).write(&mut place))?;
        attributes(&place)
    }

    /// As [`Process::lstat`](rump_kern::Process::lstat).
    pub fn lstat(&self, path: impl AsRef<[u8]>) -> KResult<Stat> {
        let (path, mut place) = (text(path)?, room::<StatBuf>());
        self.run(request(__LSTAT50).read(&path).write(&mut place))?;
        attributes(&place)
    }

    /// As [`Process::fstat`](rump_kern::Process::fstat).
    pub fn fstat(&self, fd: Fd) -> KResult<Stat> {
        let mut place = room::<StatBuf>();
        self.run(request(__FSTAT50).with(fd).write(&mut place))?;
        attributes(&place)
    }

    /// As [`Process::fstatat`](rump_kern::Process::fstatat).
    pub fn fstatat(&self, dir: Option<Fd>, path: impl AsRef<[u8]>, flags: AtFlags) -> KResult<Stat> {
        let (path, mut place) = (text(path)?, room::<StatBuf>());
        self.run(request(FSTATAT).with(dir).read(&path).write(&mut place).with(flags))?;
        attributes(&place)
    }

    /// As [`Process::access`](rump_kern::Process::access).
    pub fn access(&self, path: impl AsRef<[u8]>, mode: u32) -> KResult<()> {
        let path = text(path)?;
        self.run(request(ACCESS).read(&path).with(mode))
    }

    /// As [`Process::faccessat`](rump_kern::Process::faccessat).
    pub fn faccessat(
        &self,
        dir: Option<Fd>,
        path: impl AsRef<[u8]>,
        mode: u32,
        flags: AtFlags,
    ) -> KResult<()> {
        let path = text(path)?;
        self.run(request(FACCESSAT).with(dir).read(&path).with(mode).with(flags))
    }

    /// As [`Process::pathconf`](rump_kern::Process::pathconf).
    pub fn pathconf(&self, path: impl AsRef<[u8]>, name: PathConf) -> KResult<Option<u64>> {
        let path = text(path)?;
        self.limit(request(PATHCONF).read(&path).with(name as u32))
    }

    /// As [`Process::fpathconf`](rump_kern::Process::fpathconf).
    pub fn fpathconf(&self, fd: Fd, name: PathConf) -> KResult<Option<u64>> {
        self.limit(request(FPATHCONF).with(fd).with(name as u32))
    }

    /// What is not limited is -1.
    fn limit(&self, request: Request<'_>) -> KResult<Option<u64>> {
        match self.ask(request)? {
            -1 => Ok(None),
            limit => u64::try_from(limit).map(Some).map_err(|_| malformed()),
        }
    }
}
