//! open(2), close(2), dup(2), pipe(2), umask(2).

use super::RemoteProcess;
use super::request::{request, room, text, told};
use rump_abi::netbsd::fcntl::F_CLOSEM;
use rump_abi::netbsd::numbers::*;
use rump_abi::{Mode, OpenFlags};
use rump_kern::Fd;
use rump_kpi::KResult;

impl RemoteProcess {
    /// As [`Process::open`](rump_kern::Process::open).
    pub fn open(&self, path: impl AsRef<[u8]>, flags: OpenFlags, mode: Mode) -> KResult<Fd> {
        let path = text(path)?;
        self.descriptor(request(OPEN).read(&path).with(flags).with(mode))
    }

    /// As [`Process::openat`](rump_kern::Process::openat).
    pub fn openat(
        &self,
        dir: Option<Fd>,
        path: impl AsRef<[u8]>,
        flags: OpenFlags,
        mode: Mode,
    ) -> KResult<Fd> {
        let path = text(path)?;
        self.descriptor(request(OPENAT).with(dir).read(&path).with(flags).with(mode))
    }

    /// As [`Process::close`](rump_kern::Process::close).
    pub fn close(&self, fd: Fd) -> KResult<()> {
        self.run(request(CLOSE).with(fd))
    }

    /// As [`Process::closefrom`](rump_kern::Process::closefrom).
    pub fn closefrom(&self, least: Fd) -> KResult<()> {
        self.run(request(FCNTL).with(least).with(F_CLOSEM).null())
    }

    /// As [`Process::dup`](rump_kern::Process::dup).
    pub fn dup(&self, fd: Fd) -> KResult<Fd> {
        self.descriptor(request(DUP).with(fd))
    }

    /// As [`Process::dup2`](rump_kern::Process::dup2).
    pub fn dup2(&self, fd: Fd, to: Fd) -> KResult<Fd> {
        self.descriptor(request(DUP2).with(fd).with(to))
    }

    /// As [`Process::dup3`](rump_kern::Process::dup3).
    pub fn dup3(&self, fd: Fd, to: Fd, flags: OpenFlags) -> KResult<Fd> {
        self.descriptor(request(DUP3).with(fd).with(to).with(flags))
    }

    /// As [`Process::pipe2`](rump_kern::Process::pipe2).
    pub fn pipe2(&self, flags: OpenFlags) -> KResult<[Fd; 2]> {
        let mut ends = room::<[u32; 2]>();
        self.run(request(PIPE2).write(&mut ends).with(flags))?;
        Ok(told::<[u32; 2]>(&ends)?.map(Fd))
    }

    /// As [`Process::umask`](rump_kern::Process::umask).
    pub fn umask(&self, mask: Mode) -> KResult<Mode> {
        self.number(request(UMASK).with(mask)).map(Mode::new)
    }
}
