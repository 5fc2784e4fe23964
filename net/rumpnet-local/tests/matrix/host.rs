//! The host's kernel.

use crate::system::*;
use rump_abi::{Errno, FileType, MessageFlags, OpenFlags, PollEvents, Shutdown, SocketType};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno as HostErrno;
use rustix::net::sockopt as options;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketAddrAny, SocketAddrUnix, SocketFlags,
};
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A folder for the names of one behaviour, and its descriptors.
pub struct Host {
    folder: PathBuf,
    number: u32,
    descriptors: Mutex<Vec<Option<Arc<OwnedFd>>>>,
}

impl Host {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("rump-local-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self { folder, number, descriptors: Mutex::default() }
    }

    fn enter(&self, owned: OwnedFd) -> Fd {
        let mut descriptors = self.descriptors.lock().unwrap();
        descriptors.push(Some(Arc::new(owned)));
        descriptors.len() as u32 - 1
    }

    fn find(&self, fd: Fd) -> Answer<Arc<OwnedFd>> {
        self.descriptors.lock().unwrap().get(fd as usize).cloned().flatten().ok_or(Errno::EBADF)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

const ERRNOS: &[(HostErrno, Errno)] = &[
    (HostErrno::AGAIN, Errno::EAGAIN),
    (HostErrno::BADF, Errno::EBADF),
    (HostErrno::INVAL, Errno::EINVAL),
    (HostErrno::PIPE, Errno::EPIPE),
    (HostErrno::PERM, Errno::EPERM),
    (HostErrno::NOENT, Errno::ENOENT),
    (HostErrno::NXIO, Errno::ENXIO),
    (HostErrno::NOTDIR, Errno::ENOTDIR),
    (HostErrno::SPIPE, Errno::ESPIPE),
    (HostErrno::NOTTY, Errno::ENOTTY),
    (HostErrno::NOTSOCK, Errno::ENOTSOCK),
    (HostErrno::DESTADDRREQ, Errno::EDESTADDRREQ),
    (HostErrno::MSGSIZE, Errno::EMSGSIZE),
    (HostErrno::PROTOTYPE, Errno::EPROTOTYPE),
    (HostErrno::NOPROTOOPT, Errno::ENOPROTOOPT),
    (HostErrno::OPNOTSUPP, Errno::EOPNOTSUPP),
    (HostErrno::ADDRINUSE, Errno::EADDRINUSE),
    (HostErrno::CONNRESET, Errno::ECONNRESET),
    (HostErrno::CONNREFUSED, Errno::ECONNREFUSED),
    (HostErrno::ISCONN, Errno::EISCONN),
    (HostErrno::NOTCONN, Errno::ENOTCONN),
    (HostErrno::TOOMANYREFS, Errno::ETOOMANYREFS),
];

fn errno(host: HostErrno) -> Errno {
    let found = ERRNOS.iter().find(|(known, _)| *known == host);
    found.unwrap_or_else(|| panic!("an error without a name: {host:?}")).1
}

fn kind(kind: SocketType) -> rustix::net::SocketType {
    match kind {
        SocketType::Stream => rustix::net::SocketType::STREAM,
        SocketType::Datagram => rustix::net::SocketType::DGRAM,
        SocketType::Raw => rustix::net::SocketType::RAW,
        SocketType::SeqPacket => rustix::net::SocketType::SEQPACKET,
    }
}

fn address(name: &[u8]) -> Answer<SocketAddrUnix> {
    match name.first() {
        None => Ok(SocketAddrUnix::new_unnamed()),
        Some(0) => SocketAddrUnix::new_abstract_name(&name[1..]).map_err(errno),
        Some(_) => SocketAddrUnix::new(name).map_err(errno),
    }
}

fn name(address: Option<SocketAddrAny>) -> Vec<u8> {
    let Some(address) = address else { return Vec::new() };
    let address = SocketAddrUnix::try_from(address).unwrap();
    match (address.path_bytes(), address.abstract_name()) {
        (Some(path), _) => path.to_vec(),
        // An address without a name is one with an empty abstract name here.
        (_, Some(name)) if !name.is_empty() => [b"\0", name].concat(),
        _ => Vec::new(),
    }
}

const RECEIVE: &[(MessageFlags, RecvFlags)] = &[
    (MessageFlags::DONTWAIT, RecvFlags::DONTWAIT),
    (MessageFlags::PEEK, RecvFlags::PEEK),
    (MessageFlags::TRUNC, RecvFlags::TRUNC),
    (MessageFlags::WAITALL, RecvFlags::WAITALL),
];

impl System for Host {
    fn is_host(&self) -> bool {
        true
    }

    fn path(&self, name: &str) -> Vec<u8> {
        self.folder.join(name).as_os_str().as_bytes().to_vec()
    }

    fn abstract_name(&self, name: &str) -> Vec<u8> {
        format!("\0rump-{}-{}-{name}", std::process::id(), self.number).into_bytes()
    }

    fn pid(&self) -> u32 {
        std::process::id()
    }

    fn socket(&self, of: SocketType) -> Answer<Fd> {
        let socket = rustix::net::socket(AddressFamily::UNIX, kind(of), None).map_err(errno)?;
        Ok(self.enter(socket))
    }

    fn socket_pair(&self, of: SocketType) -> Answer<[Fd; 2]> {
        let pair = rustix::net::socketpair(AddressFamily::UNIX, kind(of), SocketFlags::empty(), None);
        let (first, second) = pair.map_err(errno)?;
        Ok([first, second].map(|owned| self.enter(owned)))
    }

    fn bind(&self, fd: Fd, to: &[u8]) -> Answer<()> {
        rustix::net::bind(self.find(fd)?, &address(to)?).map_err(errno)
    }

    fn listen(&self, fd: Fd, backlog: u32) -> Answer<()> {
        rustix::net::listen(self.find(fd)?, backlog as i32).map_err(errno)
    }

    fn accept(&self, fd: Fd) -> Answer<(Fd, Vec<u8>)> {
        let (accepted, from) = rustix::net::acceptfrom(self.find(fd)?).map_err(errno)?;
        Ok((self.enter(accepted), name(from)))
    }

    fn connect(&self, fd: Fd, to: &[u8]) -> Answer<()> {
        rustix::net::connect(self.find(fd)?, &address(to)?).map_err(errno)
    }

    fn send(
        &self,
        fd: Fd,
        bytes: &[u8],
        flags: MessageFlags,
        to: Option<&[u8]>,
        rights: &[Fd],
    ) -> Answer<usize> {
        let mut host_flags = SendFlags::NOSIGNAL;
        for (ours, theirs) in
            [(MessageFlags::DONTWAIT, SendFlags::DONTWAIT), (MessageFlags::OOB, SendFlags::OOB)]
        {
            host_flags.set(theirs, flags.contains(ours));
        }
        let owned: Vec<_> = rights.iter().map(|right| self.find(*right)).collect::<Answer<_>>()?;
        let borrowed: Vec<_> = owned.iter().map(|owned| owned.as_fd()).collect();
        let mut space = [MaybeUninit::uninit(); 4096];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !borrowed.is_empty() {
            assert!(control.push(SendAncillaryMessage::ScmRights(&borrowed)));
        }
        let (socket, parts) = (self.find(fd)?, [IoSlice::new(bytes)]);
        let sent = match to {
            Some(to) => rustix::net::sendmsg_addr(socket, &address(to)?, &parts, &mut control, host_flags),
            None => rustix::net::sendmsg(socket, &parts, &mut control, host_flags),
        };
        sent.map_err(errno)
    }

    fn receive(&self, fd: Fd, buf: &mut [u8], flags: MessageFlags, rights_max: usize) -> Answer<Came> {
        let mut host_flags = RecvFlags::empty();
        for (ours, theirs) in RECEIVE {
            host_flags.set(*theirs, flags.contains(*ours));
        }
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(64))];
        let room = match rights_max {
            0 => 0,
            1 => rustix::cmsg_space!(ScmRights(1)),
            _ => space.len(),
        };
        let mut control = RecvAncillaryBuffer::new(&mut space[..room]);
        let mut parts = [IoSliceMut::new(buf)];
        let came =
            rustix::net::recvmsg(self.find(fd)?, &mut parts, &mut control, host_flags).map_err(errno)?;
        let mut rights = Vec::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(files) = message {
                rights.extend(files.map(|file| self.enter(file)));
            }
        }
        let mut said = MessageFlags::empty();
        said.set(MessageFlags::TRUNC, came.flags.contains(ReturnFlags::TRUNC));
        said.set(MessageFlags::CTRUNC, came.flags.contains(ReturnFlags::CTRUNC));
        Ok(Came { length: came.bytes, from: came.address.map(|from| name(Some(from))), rights, flags: said })
    }

    fn shutdown(&self, fd: Fd, how: Shutdown) -> Answer<()> {
        let how = match how {
            Shutdown::Read => rustix::net::Shutdown::Read,
            Shutdown::Write => rustix::net::Shutdown::Write,
            Shutdown::Both => rustix::net::Shutdown::Both,
        };
        rustix::net::shutdown(self.find(fd)?, how).map_err(errno)
    }

    fn own_name(&self, fd: Fd) -> Answer<Vec<u8>> {
        rustix::net::getsockname(self.find(fd)?).map(|address| name(Some(address))).map_err(errno)
    }

    fn peer_name(&self, fd: Fd) -> Answer<Vec<u8>> {
        rustix::net::getpeername(self.find(fd)?).map(name).map_err(errno)
    }

    fn number(&self, fd: Fd, option: Number) -> Answer<i64> {
        let fd = self.find(fd)?;
        match option {
            Number::Type => options::socket_type(fd).map(|kind| i64::from(kind.as_raw())),
            Number::Error => options::socket_error(fd).map(|error| match error {
                Ok(()) => 0,
                Err(error) => errno(error) as i64,
            }),
            Number::Listens => options::socket_acceptconn(fd).map(i64::from),
            Number::SendBuffer => options::socket_send_buffer_size(fd).map(|size| size as i64),
            Number::ReceiveBuffer => options::socket_recv_buffer_size(fd).map(|size| size as i64),
            Number::ReuseAddress => options::socket_reuseaddr(fd).map(i64::from),
        }
        .map_err(errno)
    }

    fn set_number(&self, fd: Fd, option: Number, value: i64) -> Answer<()> {
        let fd = self.find(fd)?;
        match option {
            Number::SendBuffer => options::set_socket_send_buffer_size(fd, value as usize),
            Number::ReceiveBuffer => options::set_socket_recv_buffer_size(fd, value as usize),
            Number::ReuseAddress => options::set_socket_reuseaddr(fd, value != 0),
            other => panic!("{other:?} is not set"),
        }
        .map_err(errno)
    }

    fn set_timeouts(&self, fd: Fd, timeout: Duration) -> Answer<()> {
        for which in [options::Timeout::Recv, options::Timeout::Send] {
            options::set_socket_timeout(self.find(fd)?, which, Some(timeout)).map_err(errno)?;
        }
        Ok(())
    }

    fn peer_credentials(&self, fd: Fd) -> Answer<(u32, u32)> {
        let found = options::socket_peercred(self.find(fd)?).map_err(errno)?;
        Ok((found.pid.as_raw_nonzero().get() as u32, found.uid.as_raw()))
    }

    fn pipe(&self) -> Answer<[Fd; 2]> {
        let (reader, writer) = rustix::pipe::pipe().map_err(errno)?;
        Ok([reader, writer].map(|owned| self.enter(owned)))
    }

    fn mkfifo(&self, path: &[u8]) -> Answer<()> {
        let mode = rustix::fs::Mode::from_raw_mode(0o777);
        rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).map_err(errno)
    }

    fn open(&self, path: &[u8], flags: OpenFlags) -> Answer<Fd> {
        let mut host = match flags {
            _ if flags.contains(OpenFlags::RDWR) => rustix::fs::OFlags::RDWR,
            _ if flags.contains(OpenFlags::WRONLY) => rustix::fs::OFlags::WRONLY,
            _ => rustix::fs::OFlags::RDONLY,
        };
        host.set(rustix::fs::OFlags::NONBLOCK, flags.contains(OpenFlags::NONBLOCK));
        host.set(rustix::fs::OFlags::CREATE, flags.contains(OpenFlags::CREAT));
        let opened = rustix::fs::open(path, host, rustix::fs::Mode::from_raw_mode(0o644)).map_err(errno)?;
        Ok(self.enter(opened))
    }

    fn unlink(&self, path: &[u8]) -> Answer<()> {
        rustix::fs::unlink(path).map_err(errno)
    }

    fn read(&self, fd: Fd, buf: &mut [u8]) -> Answer<usize> {
        rustix::io::read(self.find(fd)?, buf).map_err(errno)
    }

    fn write(&self, fd: Fd, bytes: &[u8]) -> Answer<usize> {
        rustix::io::write(self.find(fd)?, bytes).map_err(errno)
    }

    fn writev(&self, fd: Fd, parts: &[&[u8]]) -> Answer<usize> {
        let parts: Vec<_> = parts.iter().map(|part| IoSlice::new(part)).collect();
        rustix::io::writev(self.find(fd)?, &parts).map_err(errno)
    }

    fn readv(&self, fd: Fd, parts: &mut [&mut [u8]]) -> Answer<usize> {
        let mut parts: Vec<_> = parts.iter_mut().map(|part| IoSliceMut::new(part)).collect();
        rustix::io::readv(self.find(fd)?, &mut parts).map_err(errno)
    }

    fn close(&self, fd: Fd) -> Answer<()> {
        let mut descriptors = self.descriptors.lock().unwrap();
        descriptors.get_mut(fd as usize).and_then(Option::take).map(drop).ok_or(Errno::EBADF)
    }

    fn dup(&self, fd: Fd) -> Answer<Fd> {
        let copy = rustix::io::dup(self.find(fd)?).map_err(errno)?;
        Ok(self.enter(copy))
    }

    fn set_nonblocking(&self, fd: Fd, nonblocking: bool) -> Answer<()> {
        rustix::io::ioctl_fionbio(self.find(fd)?, nonblocking).map_err(errno)
    }

    fn readable(&self, fd: Fd) -> Answer<usize> {
        rustix::io::ioctl_fionread(self.find(fd)?).map(|count| count as usize).map_err(errno)
    }

    fn type_of(&self, fd: Fd) -> Answer<FileType> {
        let stat = rustix::fs::fstat(self.find(fd)?).map_err(errno)?;
        Ok(file_type(stat.st_mode))
    }

    fn type_at(&self, path: &[u8]) -> Answer<(FileType, u32)> {
        let stat = rustix::fs::lstat(path).map_err(errno)?;
        Ok((file_type(stat.st_mode), stat.st_mode & 0o7777))
    }

    fn seek(&self, fd: Fd) -> Answer<()> {
        rustix::fs::seek(self.find(fd)?, rustix::fs::SeekFrom::Current(0)).map(drop).map_err(errno)
    }

    fn read_at(&self, fd: Fd, buf: &mut [u8]) -> Answer<usize> {
        rustix::io::pread(self.find(fd)?, buf, 0).map_err(errno)
    }

    fn truncate(&self, fd: Fd) -> Answer<()> {
        rustix::fs::ftruncate(self.find(fd)?, 0).map_err(errno)
    }

    fn sync(&self, fd: Fd) -> Answer<()> {
        rustix::fs::fsync(self.find(fd)?).map_err(errno)
    }

    fn change_directory(&self, fd: Fd) -> Answer<()> {
        rustix::process::fchdir(self.find(fd)?).map_err(errno)
    }

    fn poll(&self, fds: &[(Fd, PollEvents)], timeout: Option<Duration>) -> Answer<Vec<PollEvents>> {
        let owned: Vec<_> = fds.iter().map(|(fd, _)| self.find(*fd)).collect::<Answer<_>>()?;
        let events = fds.iter().map(|(_, events)| PollFlags::from_bits_retain(events.bits()));
        let mut entries: Vec<_> = owned
            .iter()
            .zip(events)
            .map(|(fd, events)| PollFd::from_borrowed_fd(fd.as_fd(), events))
            .collect();
        let timeout = timeout.map(|timeout| Timespec::try_from(timeout).unwrap());
        rustix::event::poll(&mut entries, timeout.as_ref()).map_err(errno)?;
        Ok(entries.iter().map(|entry| PollEvents::from_bits_retain(entry.revents().bits())).collect())
    }
}

fn file_type(mode: u32) -> FileType {
    match rustix::fs::FileType::from_raw_mode(mode) {
        rustix::fs::FileType::Socket => FileType::Socket,
        rustix::fs::FileType::Fifo => FileType::Fifo,
        rustix::fs::FileType::RegularFile => FileType::Regular,
        other => panic!("{other:?}"),
    }
}
