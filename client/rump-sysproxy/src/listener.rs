//! Where clients come in.

use crate::stream::{Stream, without_delay};
use crate::url::Url;
use rustix::event::{PollFd, PollFlags};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

/// A place where they do. Dropping it takes the name of its socket away.
pub(crate) enum Listener {
    Unix(UnixListener, Name),
    Tcp(TcpListener),
}

/// A name in the file system, gone with this.
pub(crate) struct Name(std::path::PathBuf);

impl Drop for Name {
    fn drop(&mut self) {
        // Somebody may have taken it away.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Listener {
    /// Only the user of the server gets to a socket in the file system; one that nobody listens at any more is replaced.
    /// Over a network, only who knows a key. Errors: AddrInUse, those of the host; PermissionDenied (others than this machine
    /// would get in, and there is no key).
    pub(crate) fn bind(url: &Url, has_key: bool) -> io::Result<Self> {
        match url {
            Url::Unix(path) => {
                let listener = bind_unix(path)?;
                listener.set_nonblocking(true)?;
                Ok(Self::Unix(listener, Name(path.clone())))
            }
            Url::Tcp(address) if !address.ip().is_loopback() && !has_key => Err(io::Error::new(
                ErrorKind::PermissionDenied,
                "other machines could come in, and nothing would ask who they are: a key is needed, or 127.0.0.1, ::1 or unix://",
            )),
            Url::Tcp(address) => {
                let listener = TcpListener::bind(address)?;
                listener.set_nonblocking(true)?;
                Ok(Self::Tcp(listener))
            }
        }
    }

    /// Where it is: with the port, if the host chose it.
    pub(crate) fn url(&self) -> io::Result<Url> {
        Ok(match self {
            Self::Unix(_, Name(path)) => Url::Unix(path.clone()),
            Self::Tcp(listener) => Url::Tcp(listener.local_addr()?),
        })
    }

    /// Waits until somebody comes, something happens to `bell`, or so much time has passed.
    pub(crate) fn wait(&self, bell: &UnixStream, most: Duration) -> io::Result<()> {
        let socket = match self {
            Self::Unix(listener, _) => listener.as_fd(),
            Self::Tcp(listener) => listener.as_fd(),
        };
        let mut fds = [PollFd::new(&socket, PollFlags::IN), PollFd::new(bell, PollFlags::IN)];
        let most = most.try_into().map_err(|_| ErrorKind::InvalidInput)?;
        loop {
            match rustix::event::poll(&mut fds, Some(&most)) {
                Err(rustix::io::Errno::INTR) => {}
                polled => return Ok(polled.map(drop)?),
            }
        }
    }

    /// Errors: WouldBlock (who came has gone again).
    pub(crate) fn accept(&self) -> io::Result<Stream> {
        Ok(match self {
            Self::Unix(listener, _) => listener.accept()?.0.into(),
            Self::Tcp(listener) => listener.accept().and_then(|(stream, _)| without_delay(stream))?.into(),
        })
    }
}

/// Nobody connects before the mode is right: the socket does not listen yet.
fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    let address = SocketAddrUnix::new(path)?;
    let socket =
        rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    if rustix::net::bind(&socket, &address) == Err(rustix::io::Errno::ADDRINUSE) {
        let is_socket = path.symlink_metadata()?.file_type().is_socket();
        let is_left =
            || UnixStream::connect(path).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused);
        if !is_socket || !is_left() {
            return Err(ErrorKind::AddrInUse.into());
        }
        std::fs::remove_file(path)?;
        rustix::net::bind(&socket, &address)?;
    }
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    rustix::net::listen(&socket, 128)?;
    Ok(socket.into())
}
