//! Sockets that do not block: connecting, listening.

use crate::selfpipe::SelfPipe;
use rustix::event::PollFlags;
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno as Host;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketType, accept, bind, connect as connect_to, listen, socket, sockopt,
};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long an address has for its answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// What the host is asked to keep of frames on their way; it may give less.
const BUFFER_BYTES: usize = 4 << 20;
/// Others that may wait.
const WAITING: i32 = 16;

/// Where a socket is.
#[derive(Clone, Debug)]
pub enum Place {
    Unix(PathBuf, SocketAddrUnix),
    Inet(SocketAddr),
}

impl Place {
    /// Errors: ENAMETOOLONG, EINVAL.
    pub fn unix(path: &Path) -> io::Result<Self> {
        Ok(Self::Unix(path.into(), SocketAddrUnix::new(path)?))
    }

    fn socket(&self) -> Result<OwnedFd, Host> {
        let family = match self {
            Self::Unix(..) => AddressFamily::UNIX,
            Self::Inet(SocketAddr::V4(_)) => AddressFamily::INET,
            Self::Inet(SocketAddr::V6(_)) => AddressFamily::INET6,
        };
        let socket = socket(family, SocketType::STREAM, None)?;
        prepare(&socket)?;
        Ok(socket)
    }

    /// A socket that connects to it, or is connected.
    pub fn begin(&self) -> Result<OwnedFd, Host> {
        let socket = self.socket()?;
        let begun = match self {
            Self::Unix(_, address) => connect_to(&socket, address),
            Self::Inet(address) => connect_to(&socket, address),
        };
        match begun {
            Ok(()) | Err(Host::INPROGRESS | Host::INTR) => Ok(socket),
            Err(why) => Err(why),
        }
    }
}

/// Makes a socket one that does not block, with room for frames.
pub fn prepare(socket: &OwnedFd) -> Result<(), Host> {
    rustix::io::fcntl_setfd(socket, rustix::io::FdFlags::CLOEXEC)?;
    rustix::io::ioctl_fionbio(socket, true)?;
    #[cfg(target_vendor = "apple")]
    sockopt::set_socket_nosigpipe(socket, true)?;
    // What a host refuses here costs speed alone; a local socket has no TCP to ask for anything.
    let _ = sockopt::set_socket_send_buffer_size(socket, BUFFER_BYTES);
    let _ = sockopt::set_socket_recv_buffer_size(socket, BUFFER_BYTES);
    let _ = sockopt::set_tcp_nodelay(socket, true);
    Ok(())
}

/// Connects to the first of these that answers. Errors: those of the last.
pub fn connect(places: &[Place]) -> io::Result<OwnedFd> {
    let mut last = Host::ADDRNOTAVAIL.into();
    for place in places {
        match connect_within(place, PATIENCE) {
            Ok(socket) => return Ok(socket),
            Err(why) => last = why,
        }
    }
    Err(last)
}

fn connect_within(place: &Place, patience: Duration) -> io::Result<OwnedFd> {
    let socket = place.begin()?;
    let ready = SelfPipe::new()?.wait(Some((socket.as_fd(), PollFlags::OUT)), Some(patience))?;
    if ready.is_empty() {
        return Err(Host::TIMEDOUT.into());
    }
    sockopt::socket_error(&socket)??;
    Ok(socket)
}

/// A socket that others connect to. One in the file system is removed with it.
pub struct Listener {
    socket: OwnedFd,
    path: Option<PathBuf>,
}

impl Listener {
    pub fn bind(places: &[Place]) -> io::Result<Self> {
        let place = places.first().ok_or(Host::ADDRNOTAVAIL)?;
        let socket = place.socket()?;
        let path = match place {
            Place::Unix(path, address) => {
                if bind(&socket, address) == Err(Host::ADDRINUSE) {
                    remove_if_dead(path, place)?;
                    bind(&socket, address)?;
                }
                Some(path.clone())
            }
            Place::Inet(address) => {
                sockopt::set_socket_reuseaddr(&socket, true)?;
                bind(&socket, address)?;
                None
            }
        };
        let listener = Self { socket, path };
        listen(&listener.socket, WAITING)?;
        Ok(listener)
    }

    /// A connection, if one came.
    pub fn accept(&self) -> Result<Option<OwnedFd>, Host> {
        match accept(&self.socket) {
            Ok(socket) => prepare(&socket).map(|()| Some(socket)),
            Err(Host::AGAIN | Host::INTR | Host::CONNABORTED) => Ok(None),
            Err(why) => Err(why),
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> rustix::fd::BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // It may be gone, or have been made anew by somebody else's hand.
        let _ = self.path.as_ref().map(std::fs::remove_file);
    }
}

/// Removes a socket at which nobody listens any more. Errors: EADDRINUSE.
fn remove_if_dead(path: &Path, place: &Place) -> io::Result<()> {
    match place.begin() {
        Err(Host::CONNREFUSED) => std::fs::remove_file(path),
        _ => Err(Host::ADDRINUSE.into()),
    }
}
