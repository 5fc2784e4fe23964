//! chmod(2), chown(2), chflags(2), utimensat(2) and their like.

use super::RemoteProcess;
use super::request::{request, text};
use rump_abi::netbsd::Layout;
use rump_abi::netbsd::numbers::*;
use rump_abi::netbsd::time::{Timespec, UTIME_NOW, UTIME_OMIT};
use rump_abi::{AtFlags, FileFlags, Mode};
use rump_kern::Fd;
use rump_kpi::{KResult, SetTime};

fn times(times: [Option<SetTime>; 2]) -> Vec<u8> {
    let one = |time| match time {
        None => Timespec { sec: 0, nsec: UTIME_OMIT },
        Some(SetTime::Now) => Timespec { sec: 0, nsec: UTIME_NOW },
        Some(SetTime::To(time)) => time.into(),
    };
    times.map(one).to_bytes()
}

impl RemoteProcess {
    /// As [`Process::chmod`](rump_kern::Process::chmod).
    pub fn chmod(&self, path: impl AsRef<[u8]>, mode: Mode) -> KResult<()> {
        let path = text(path)?;
        self.run(request(CHMOD).read(&path).with(mode))
    }

    /// As [`Process::fchmod`](rump_kern::Process::fchmod).
    pub fn fchmod(&self, fd: Fd, mode: Mode) -> KResult<()> {
        self.run(request(FCHMOD).with(fd).with(mode))
    }

    /// As [`Process::fchmodat`](rump_kern::Process::fchmodat).
    pub fn fchmodat(
        &self,
        dir: Option<Fd>,
        path: impl AsRef<[u8]>,
        mode: Mode,
        flags: AtFlags,
    ) -> KResult<()> {
        let path = text(path)?;
        self.run(request(FCHMODAT).with(dir).read(&path).with(mode).with(flags))
    }

    /// As [`Process::chown`](rump_kern::Process::chown).
    pub fn chown(&self, path: impl AsRef<[u8]>, uid: Option<u32>, gid: Option<u32>) -> KResult<()> {
        let path = text(path)?;
        self.run(request(CHOWN).read(&path).with(uid).with(gid))
    }

    /// As [`Process::lchown`](rump_kern::Process::lchown).
    pub fn lchown(&self, path: impl AsRef<[u8]>, uid: Option<u32>, gid: Option<u32>) -> KResult<()> {
        let path = text(path)?;
        self.run(request(LCHOWN).read(&path).with(uid).with(gid))
    }

    /// As [`Process::fchown`](rump_kern::Process::fchown).
    pub fn fchown(&self, fd: Fd, uid: Option<u32>, gid: Option<u32>) -> KResult<()> {
        self.run(request(FCHOWN).with(fd).with(uid).with(gid))
    }

    /// As [`Process::fchownat`](rump_kern::Process::fchownat).
    pub fn fchownat(
        &self,
        dir: Option<Fd>,
        path: impl AsRef<[u8]>,
        uid: Option<u32>,
        gid: Option<u32>,
        flags: AtFlags,
    ) -> KResult<()> {
        let path = text(path)?;
        self.run(request(FCHOWNAT).with(dir).read(&path).with(uid).with(gid).with(flags))
    }

    /// As [`Process::utimensat`](rump_kern::Process::utimensat).
    pub fn utimensat(
        &self,
        dir: Option<Fd>,
        path: impl AsRef<[u8]>,
        when: [Option<SetTime>; 2],
        flags: AtFlags,
    ) -> KResult<()> {
        let (path, times) = (text(path)?, times(when));
        self.run(request(UTIMENSAT).with(dir).read(&path).read(&times).with(flags))
    }

    /// As [`Process::futimens`](rump_kern::Process::futimens).
    pub fn futimens(&self, fd: Fd, when: [Option<SetTime>; 2]) -> KResult<()> {
        let times = times(when);
        self.run(request(FUTIMENS).with(fd).read(&times))
    }

    /// As [`Process::chflags`](rump_kern::Process::chflags).
    pub fn chflags(&self, path: impl AsRef<[u8]>, flags: FileFlags) -> KResult<()> {
        let path = text(path)?;
        self.run(request(CHFLAGS).read(&path).with(flags))
    }

    /// As [`Process::lchflags`](rump_kern::Process::lchflags).
    pub fn lchflags(&self, path: impl AsRef<[u8]>, flags: FileFlags) -> KResult<()> {
        let path = text(path)?;
        self.run(request(LCHFLAGS).read(&path).with(flags))
    }

    /// As [`Process::fchflags`](rump_kern::Process::fchflags).
    pub fn fchflags(&self, fd: Fd, flags: FileFlags) -> KResult<()> {
        self.run(request(FCHFLAGS).with(fd).with(flags))
    }
}
