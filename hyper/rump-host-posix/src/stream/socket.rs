//! Sockets that do not block: connecting, listening.

use crate::place::{Bound, Place, prepare};
use crate::selfpipe::SelfPipe;
use rustix::event::PollFlags;
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno as Host;
use rustix::net::{SocketType, accept, listen, sockopt};
use std::io;
use std::time::Duration;

/// How long an address has for its answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Others that may wait.
const WAITING: i32 = 16;

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
    let socket = place.begin(SocketType::STREAM)?;
    let ready = SelfPipe::new()?.wait(Some((socket.as_fd(), PollFlags::OUT)), Some(patience))?;
    if ready.is_empty() {
        return Err(Host::TIMEDOUT.into());
    }
    sockopt::socket_error(&socket)??;
    Ok(socket)
}

/// A socket that others connect to.
pub struct Listener {
    /// Before the socket: as long as that is there, nobody else takes the place.
    _bound: Bound,
    socket: OwnedFd,
}

impl Listener {
    pub fn bind(places: &[Place]) -> io::Result<Self> {
        let place = places.first().ok_or(Host::ADDRNOTAVAIL)?;
        let socket = place.socket(SocketType::STREAM)?;
        if matches!(place, Place::Inet(_)) {
            sockopt::set_socket_reuseaddr(&socket, true)?;
        }
        let bound = place.bind(&socket, SocketType::STREAM)?;
        listen(&socket, WAITING)?;
        Ok(Self { socket, _bound: bound })
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
