//! Sockets and their names: socket(2), bind(2), listen(2), accept(2), connect(2), shutdown(2), getsockname(2).

use crate::descriptors::{Object, SocketFile};
use crate::{Fd, Process};
use alloc::sync::Arc;
use rump_abi::{
    AccessMode, AddressFamily, DevNumber, Errno, FileType, Mode, OpenFlags, PollEvents, Shutdown, SignalSet,
    SocketAddress, SocketType, sockopt,
};
use rump_kpi::socket::{Name, OptionValue, Socket};
use rump_kpi::{KError, KResult};
use rump_vfs::{Follow, Vnode, access, ops};

impl Process {
    /// Makes a socket; `protocol` is zero for the usual one, `flags` are NONBLOCK and CLOEXEC.
    ///
    /// Errors: ENXIO (halted), ESRCH (the process ended), EAFNOSUPPORT (no such family is linked), those of the family: ESOCKTNOSUPPORT,
    /// EPROTONOSUPPORT, EACCES, ENOBUFS; EMFILE.
    pub fn socket(
        &self,
        family: AddressFamily,
        kind: SocketType,
        protocol: u8,
        flags: OpenFlags,
    ) -> KResult<Fd> {
        self.check_alive()?;
        let socket = self.shared().network.domain(family)?.socket(family, kind, protocol, self.caller())?;
        self.enter_file(self.socket_object(socket), AccessMode::ReadWrite, flags)
    }

    /// Makes two sockets that are connected. Errors: as [`Process::socket`], EOPNOTSUPP.
    pub fn socketpair(
        &self,
        family: AddressFamily,
        kind: SocketType,
        protocol: u8,
        flags: OpenFlags,
    ) -> KResult<[Fd; 2]> {
        self.check_alive()?;
        let pair = self.shared().network.domain(family)?.pair(kind, protocol, self.caller())?;
        self.enter_both(pair.map(|socket| (self.socket_object(socket), AccessMode::ReadWrite)), flags)
    }

    fn socket_object(&self, socket: Arc<dyn Socket>) -> Object {
        Object::Socket(SocketFile::new(socket, self.new_identity()))
    }

    /// Names a socket. A path of `AF_LOCAL` becomes a node of the type socket, with the permissions that the umask
    /// leaves; one that begins with NUL is a name of its own, and an empty one lets the family choose.
    ///
    /// Errors: EBADF, ENOTSOCK, EAFNOSUPPORT (of another family), EINVAL (it has a name, or the path is too long), those
    /// of the path walk, EADDRINUSE, EROFS, EACCES, ENOSPC, EADDRNOTAVAIL.
    pub fn bind(&self, fd: Fd, address: &SocketAddress) -> KResult<()> {
        let file = self.file(fd)?;
        let socket = file.socket()?;
        match path_of(address)? {
            Some(path) if socket.socket.family() == AddressFamily::Local => self.bind_node(socket, path),
            _ => socket.socket.bind(&Name::Address(address.clone()), self.caller()),
        }
    }

    fn bind_node(&self, file: &SocketFile, path: &[u8]) -> KResult<()> {
        if file.socket.local_address()? != SocketAddress::Local(alloc::vec::Vec::new()) {
            return Err(KError::new(Errno::EINVAL, "the socket has a name"));
        }
        let walked = self.walk(None, path, Follow::Never)?;
        if walked.vnode.is_some() {
            return Err(Errno::EADDRINUSE.into());
        }
        if walked.slash {
            return Err(Errno::ENOENT.into());
        }
        let rdev = DevNumber::default();
        let made = self.create_node(&walked, FileType::Socket, Mode::new(0o777), rdev, b"");
        let node = made.map_err(|error| match error.errno {
            Errno::EEXIST => Errno::EADDRINUSE.into(),
            _ => error,
        })?;
        let bound = name_of(&node, path).and_then(|name| file.socket.bind(&name, self.caller()));
        match &bound {
            Ok(()) => *file.node.lock() = Some(node),
            // A node that nobody answers at is worse than one that could not be removed.
            Err(_) => drop(ops::unlink(&self.cred(), &walked.parent, walked.name())),
        }
        bound
    }

    /// The name that `address` stands for. Errors: EINVAL (too long), those of the path walk, EACCES (no permission to
    /// write to the node), ECONNREFUSED (no socket).
    pub(crate) fn resolve(&self, socket: &dyn Socket, address: &SocketAddress) -> KResult<Name> {
        match path_of(address)? {
            Some(path) if socket.family() == AddressFamily::Local => {
                let vnode = self.lookup(None, path, Follow::Yes)?;
                access::check(&self.cred(), &vnode, access::WRITE)?;
                if vnode.file_type() != FileType::Socket {
                    return Err(KError::new(Errno::ECONNREFUSED, "the file is no socket"));
                }
                name_of(&vnode, path)
            }
            _ => Ok(Name::Address(address.clone())),
        }
    }

    /// Lets others connect to a socket; about `backlog` of them wait to be accepted. Errors: EBADF, ENOTSOCK, those of
    /// the family: EINVAL, EDESTADDRREQ, EOPNOTSUPP.
    pub fn listen(&self, fd: Fd, backlog: u32) -> KResult<()> {
        self.file(fd)?.socket()?.socket.listen(backlog, self.caller())
    }

    /// Takes a connection that came, and says from where. Errors: as [`Process::accept4`].
    pub fn accept(&self, fd: Fd) -> KResult<(Fd, SocketAddress)> {
        self.accept4(fd, OpenFlags::empty())
    }

    /// As [`Process::accept`], with NONBLOCK and CLOEXEC for the new descriptor.
    ///
    /// Errors: EBADF, ENOTSOCK, EMFILE, those of the family: EOPNOTSUPP, EINVAL (it does not listen), ECONNABORTED;
    /// EAGAIN (non-blocking, or `SO_RCVTIMEO`), ENXIO (halted), EINTR, EBADF (closed meanwhile).
    pub fn accept4(&self, fd: Fd, flags: OpenFlags) -> KResult<(Fd, SocketAddress)> {
        self.paccept(fd, flags, None)
    }

    /// As [`Process::accept4`]. With a mask, its signals do not end the waiting, and others do that were noted before.
    pub fn paccept(&self, fd: Fd, flags: OpenFlags, mask: Option<SignalSet>) -> KResult<(Fd, SocketAddress)> {
        let file = self.file(fd)?;
        let listener = file.socket()?;
        self.descriptors().read().check_room()?;
        let accept = || listener.socket.accept();
        let (socket, from) = if file.is_nonblocking() {
            accept()?
        } else {
            self.blocking_masked(fd, &file, listener.receive_timeout.value(), mask, accept)?
        };
        let fd = self.enter_file(self.socket_object(socket), AccessMode::ReadWrite, flags)?;
        Ok((fd, from))
    }

    /// Connects a socket, or says from whom its messages are taken and where they go; to [`SocketAddress::Unspecified`],
    /// dissolves that, as Linux does: a connection is reset, and its socket can be used anew.
    ///
    /// Errors: EBADF, ENOTSOCK, EINVAL (the path is too long), those of the path walk, EACCES, those of the family:
    /// EAFNOSUPPORT, EISCONN, EALREADY (non-blocking), ECONNREFUSED, EPROTOTYPE, EADDRNOTAVAIL, ENETUNREACH, ETIMEDOUT;
    /// EINPROGRESS (non-blocking, or `SO_SNDTIMEO`), EAGAIN (`AF_LOCAL`, where that many wait already), ENXIO (halted), EINTR
    /// (the connection goes on), EBADF (closed meanwhile).
    pub fn connect(&self, fd: Fd, address: &SocketAddress) -> KResult<()> {
        let file = self.file(fd)?;
        let socket = file.socket()?;
        let name = self.resolve(&*socket.socket, address)?;
        let caller = self.caller();
        if file.is_nonblocking() {
            return socket.socket.connect(&name, caller);
        }
        let timeout = socket.send_timeout.value();
        let begun = self.blocking(fd, &file, timeout, || socket.socket.connect(&name, caller));
        match begun {
            // As Linux has it, who waits for one that was begun before waits for its end, too.
            Err(error) if matches!(error.errno, Errno::EINPROGRESS | Errno::EALREADY) => {}
            done => return done,
        }
        let connected = self.blocking(fd, &file, timeout, || connected(&*socket.socket));
        connected.map_err(|error| match error.errno {
            Errno::EAGAIN => Errno::EINPROGRESS.into(),
            _ => error,
        })
    }

    /// Ends one direction of a connection, or both. Errors: EBADF, ENOTSOCK, ENOTCONN.
    pub fn shutdown(&self, fd: Fd, how: Shutdown) -> KResult<()> {
        self.file(fd)?.socket()?.socket.shutdown(how)
    }

    /// The name of a socket. Errors: EBADF, ENOTSOCK.
    pub fn getsockname(&self, fd: Fd) -> KResult<SocketAddress> {
        self.file(fd)?.socket()?.socket.local_address()
    }

    /// The name of the other side. Errors: EBADF, ENOTSOCK, ENOTCONN.
    pub fn getpeername(&self, fd: Fd) -> KResult<SocketAddress> {
        self.file(fd)?.socket()?.socket.peer_address()
    }
}

/// How a connection that was begun went. Errors: EAGAIN (not yet), why it failed.
fn connected(socket: &dyn Socket) -> KResult<()> {
    if !socket.ready().intersects(PollEvents::OUT | PollEvents::ERR | PollEvents::HUP) {
        return Err(Errno::EAGAIN.into());
    }
    match socket.option(sockopt::SOL_SOCKET, sockopt::SO_ERROR)? {
        OptionValue::Number(number) if number != 0 => {
            let errno = Errno::ALL.iter().find(|errno| **errno as i64 == number);
            Err(errno.copied().unwrap_or(Errno::EIO).into())
        }
        _ => Ok(()),
    }
}

/// The path of an address that names a file. Errors: EINVAL (too long).
fn path_of(address: &SocketAddress) -> KResult<Option<&[u8]>> {
    let SocketAddress::Local(path) = address else { return Ok(None) };
    if path.len() > SocketAddress::LOCAL_PATH_MAX {
        return Err(Errno::EINVAL.into());
    }
    Ok(path.first().is_some_and(|first| *first != 0).then_some(path))
}

fn name_of(node: &Vnode, path: &[u8]) -> KResult<Name> {
    let stat = node.stat()?;
    Ok(Name::File { key: (stat.dev, stat.ino.0), path: path.to_vec() })
}
