//! This kernel.

use crate::system::*;
use rump_abi::{
    AddressFamily, FileType, MessageFlags, Mode, OpenFlags, PollEvents, Shutdown, SocketAddress, SocketType,
    sockopt::*,
};
use rump_host_posix::PosixHost;
use rump_kern::{Fcntl, Ioctl, PollFd, Process, SendMessage, Whence};
use rump_kpi::KResult;
use rump_kpi::socket::OptionValue;
use std::time::Duration;

pub struct Kernel(Process);

impl Kernel {
    pub fn boot() -> Self {
        let builder = rump_kern::Kernel::builder(PosixHost::new()).component(rumpfs_tmpfs::component());
        Self(builder.component(rumpnet_local::component()).boot().unwrap().process())
    }
}

fn fd(fd: Fd) -> rump_kern::Fd {
    rump_kern::Fd(fd)
}

fn name(name: &[u8]) -> SocketAddress {
    SocketAddress::Local(name.to_vec())
}

fn bytes(address: SocketAddress) -> Vec<u8> {
    let SocketAddress::Local(path) = address else { panic!("an address of another family") };
    path
}

fn answer<T>(result: KResult<T>) -> Answer<T> {
    result.map_err(|error| error.errno)
}

fn option(number: Number) -> i32 {
    match number {
        Number::Type => SO_TYPE,
        Number::Error => SO_ERROR,
        Number::Listens => SO_ACCEPTCONN,
        Number::SendBuffer => SO_SNDBUF,
        Number::ReceiveBuffer => SO_RCVBUF,
        Number::ReuseAddress => SO_REUSEADDR,
    }
}

impl System for Kernel {
    fn is_host(&self) -> bool {
        false
    }

    fn path(&self, name: &str) -> Vec<u8> {
        format!("/{name}").into_bytes()
    }

    fn abstract_name(&self, name: &str) -> Vec<u8> {
        format!("\0{name}").into_bytes()
    }

    fn pid(&self) -> u32 {
        self.0.pid()
    }

    fn socket(&self, kind: SocketType) -> Answer<Fd> {
        answer(self.0.socket(AddressFamily::Local, kind, 0, OpenFlags::empty())).map(|fd| fd.0)
    }

    fn socket_pair(&self, kind: SocketType) -> Answer<[Fd; 2]> {
        let pair = self.0.socketpair(AddressFamily::Local, kind, 0, OpenFlags::empty());
        answer(pair).map(|pair| pair.map(|fd| fd.0))
    }

    fn bind(&self, at: Fd, to: &[u8]) -> Answer<()> {
        answer(self.0.bind(fd(at), &name(to)))
    }

    fn listen(&self, at: Fd, backlog: u32) -> Answer<()> {
        answer(self.0.listen(fd(at), backlog))
    }

    fn accept(&self, at: Fd) -> Answer<(Fd, Vec<u8>)> {
        answer(self.0.accept(fd(at))).map(|(fd, from)| (fd.0, bytes(from)))
    }

    fn connect(&self, at: Fd, to: &[u8]) -> Answer<()> {
        answer(self.0.connect(fd(at), &name(to)))
    }

    fn send(
        &self,
        at: Fd,
        bytes: &[u8],
        flags: MessageFlags,
        to: Option<&[u8]>,
        rights: &[Fd],
    ) -> Answer<usize> {
        let to = to.map(name);
        let rights: Vec<_> = rights.iter().map(|right| fd(*right)).collect();
        let message = SendMessage { parts: &[bytes], to: to.as_ref(), rights: &rights, control: &[] };
        answer(self.0.sendmsg(fd(at), &message, flags))
    }

    fn receive(&self, at: Fd, buf: &mut [u8], flags: MessageFlags, rights_max: usize) -> Answer<Came> {
        let received = answer(self.0.recvmsg(fd(at), &mut [buf], rights_max, flags))?;
        Ok(Came {
            length: received.length,
            from: received.from.map(bytes),
            rights: received.rights.iter().map(|fd| fd.0).collect(),
            flags: received.flags,
        })
    }

    fn shutdown(&self, at: Fd, how: Shutdown) -> Answer<()> {
        answer(self.0.shutdown(fd(at), how))
    }

    fn own_name(&self, at: Fd) -> Answer<Vec<u8>> {
        answer(self.0.getsockname(fd(at))).map(bytes)
    }

    fn peer_name(&self, at: Fd) -> Answer<Vec<u8>> {
        answer(self.0.getpeername(fd(at))).map(bytes)
    }

    fn number(&self, at: Fd, number: Number) -> Answer<i64> {
        match answer(self.0.getsockopt(fd(at), SOL_SOCKET, option(number)))? {
            OptionValue::Number(number) => Ok(number),
            other => panic!("{other:?}"),
        }
    }

    fn set_number(&self, at: Fd, number: Number, value: i64) -> Answer<()> {
        answer(self.0.setsockopt(fd(at), SOL_SOCKET, option(number), &OptionValue::Number(value)))
    }

    fn set_timeouts(&self, at: Fd, timeout: Duration) -> Answer<()> {
        for name in [SO_RCVTIMEO, SO_SNDTIMEO] {
            answer(self.0.setsockopt(fd(at), SOL_SOCKET, name, &OptionValue::Time(Some(timeout))))?;
        }
        Ok(())
    }

    fn peer_credentials(&self, at: Fd) -> Answer<(u32, u32)> {
        match answer(self.0.getsockopt(fd(at), SOL_LOCAL, LOCAL_PEEREID))? {
            OptionValue::Credentials(caller) => Ok((caller.pid, caller.uid)),
            other => panic!("{other:?}"),
        }
    }

    fn pipe(&self) -> Answer<[Fd; 2]> {
        answer(self.0.pipe()).map(|pipe| pipe.map(|fd| fd.0))
    }

    fn mkfifo(&self, path: &[u8]) -> Answer<()> {
        answer(self.0.mkfifo(path, Mode::new(0o777)))
    }

    fn open(&self, path: &[u8], flags: OpenFlags) -> Answer<Fd> {
        answer(self.0.open(path, flags, Mode::new(0o644))).map(|fd| fd.0)
    }

    fn unlink(&self, path: &[u8]) -> Answer<()> {
        answer(self.0.unlink(path))
    }

    fn read(&self, at: Fd, buf: &mut [u8]) -> Answer<usize> {
        answer(self.0.read(fd(at), buf))
    }

    fn write(&self, at: Fd, bytes: &[u8]) -> Answer<usize> {
        answer(self.0.write(fd(at), bytes))
    }

    fn writev(&self, at: Fd, parts: &[&[u8]]) -> Answer<usize> {
        answer(self.0.writev(fd(at), parts))
    }

    fn readv(&self, at: Fd, parts: &mut [&mut [u8]]) -> Answer<usize> {
        answer(self.0.readv(fd(at), parts))
    }

    fn close(&self, at: Fd) -> Answer<()> {
        answer(self.0.close(fd(at)))
    }

    fn dup(&self, at: Fd) -> Answer<Fd> {
        answer(self.0.dup(fd(at))).map(|fd| fd.0)
    }

    fn set_nonblocking(&self, at: Fd, nonblocking: bool) -> Answer<()> {
        let mut flags = OpenFlags::empty();
        flags.set(OpenFlags::NONBLOCK, nonblocking);
        answer(self.0.fcntl(fd(at), Fcntl::SetFl(flags))).map(drop)
    }

    fn readable(&self, at: Fd) -> Answer<usize> {
        answer(self.0.ioctl(fd(at), Ioctl::Readable))
    }

    fn type_of(&self, at: Fd) -> Answer<FileType> {
        answer(self.0.fstat(fd(at))).map(|stat| stat.file_type)
    }

    fn type_at(&self, path: &[u8]) -> Answer<(FileType, u32)> {
        answer(self.0.lstat(path)).map(|stat| (stat.file_type, stat.mode.bits()))
    }

    fn seek(&self, at: Fd) -> Answer<()> {
        answer(self.0.lseek(fd(at), 0, Whence::Cur)).map(drop)
    }

    fn read_at(&self, at: Fd, buf: &mut [u8]) -> Answer<usize> {
        answer(self.0.pread(fd(at), buf, 0))
    }

    fn truncate(&self, at: Fd) -> Answer<()> {
        answer(self.0.ftruncate(fd(at), 0))
    }

    fn sync(&self, at: Fd) -> Answer<()> {
        answer(self.0.fsync(fd(at)))
    }

    fn change_directory(&self, at: Fd) -> Answer<()> {
        answer(self.0.fchdir(fd(at)))
    }

    fn poll(&self, fds: &[(Fd, PollEvents)], timeout: Option<Duration>) -> Answer<Vec<PollEvents>> {
        let mut entries: Vec<_> = fds.iter().map(|(at, events)| PollFd::new(fd(*at), *events)).collect();
        answer(self.0.poll(&mut entries, timeout))?;
        Ok(entries.iter().map(|entry| entry.revents).collect())
    }
}
