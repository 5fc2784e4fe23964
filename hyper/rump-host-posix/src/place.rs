//! Where a socket of the host is: in the file system, or at a port. Sockets made here do not block.

use rustix::fd::OwnedFd;
use rustix::io::Errno as Host;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, bind, connect, socket, sockopt};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// What the host is asked to keep of frames on their way; it may give less.
const BUFFER_BYTES: usize = 4 << 20;

/// See the module.
#[derive(Clone, Debug)]
pub enum Place {
    Unix(PathBuf, SocketAddrUnix),
    Inet(SocketAddr),
}

/// That a socket has a place. One in the file system is removed with this.
pub struct Bound(Option<PathBuf>);

impl Drop for Bound {
    fn drop(&mut self) {
        // It may be gone, or have been made anew by somebody else's hand.
        let _ = self.0.as_ref().map(std::fs::remove_file);
    }
}

impl Place {
    /// Errors: ENAMETOOLONG, EINVAL.
    pub fn unix(path: &Path) -> io::Result<Self> {
        Ok(Self::Unix(path.into(), SocketAddrUnix::new(path)?))
    }

    /// A socket of the family of this place.
    pub fn socket(&self, kind: SocketType) -> Result<OwnedFd, Host> {
        let family = match self {
            Self::Unix(..) => AddressFamily::UNIX,
            Self::Inet(SocketAddr::V4(_)) => AddressFamily::INET,
            Self::Inet(SocketAddr::V6(_)) => AddressFamily::INET6,
        };
        let socket = socket(family, kind, None)?;
        prepare(&socket)?;
        Ok(socket)
    }

    /// A socket that connects to it, or is connected.
    pub fn begin(&self, kind: SocketType) -> Result<OwnedFd, Host> {
        let socket = self.socket(kind)?;
        match self.connect(&socket) {
            Ok(()) | Err(Host::INPROGRESS | Host::INTR) => Ok(socket),
            Err(why) => Err(why),
        }
    }

    /// Connects a socket to it.
    pub fn connect(&self, socket: &OwnedFd) -> Result<(), Host> {
        match self {
            Self::Unix(_, address) => connect(socket, address),
            Self::Inet(address) => connect(socket, address),
        }
    }

    /// Gives this place to a socket; one in the file system that nobody has any more is replaced. Errors: EADDRINUSE, those
    /// of the host.
    pub fn bind(&self, socket: &OwnedFd, kind: SocketType) -> io::Result<Bound> {
        match self {
            Self::Unix(path, address) => {
                match bind(socket, address) {
                    Err(Host::ADDRINUSE) => {
                        self.remove_if_dead(path, kind)?;
                        bind(socket, address)?;
                    }
                    bound => bound?,
                }
                Ok(Bound(Some(path.clone())))
            }
            Self::Inet(address) => {
                bind(socket, address)?;
                Ok(Bound(None))
            }
        }
    }

    /// Errors: EADDRINUSE (somebody has it, or it is no socket).
    fn remove_if_dead(&self, path: &Path, kind: SocketType) -> io::Result<()> {
        // Hosts refuse the connection to a file of another type as well, which is not ours to remove.
        let removed = std::fs::symlink_metadata(path).and_then(|metadata| match self.begin(kind) {
            Err(Host::CONNREFUSED) if metadata.file_type().is_socket() => std::fs::remove_file(path),
            Err(Host::NOENT) => Ok(()),
            _ => Err(Host::ADDRINUSE.into()),
        });
        // Whoever had it may take it away meanwhile.
        removed.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
    }
}

/// Makes a socket one that does not block, with room for frames.
pub fn prepare(socket: &OwnedFd) -> Result<(), Host> {
    rustix::io::fcntl_setfd(socket, rustix::io::FdFlags::CLOEXEC)?;
    rustix::io::ioctl_fionbio(socket, true)?;
    #[cfg(target_vendor = "apple")]
    sockopt::set_socket_nosigpipe(socket, true)?;
    // What a host refuses here costs speed alone; a socket of another protocol has no TCP to ask for anything.
    let _ = sockopt::set_socket_send_buffer_size(socket, BUFFER_BYTES);
    let _ = sockopt::set_socket_recv_buffer_size(socket, BUFFER_BYTES);
    let _ = sockopt::set_tcp_nodelay(socket, true);
    Ok(())
}
