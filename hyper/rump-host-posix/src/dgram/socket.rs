//! The socket of one side, which knows where the other's is.

use crate::place::{Bound, Place};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno as Host;
use rustix::net::{
    RecvFlags, SendAncillaryBuffer, SendFlags, SocketAddrUnix, SocketType, recv, sendmsg, sendmsg_addr,
};
use std::io::{self, IoSlice};

/// See the module.
pub struct Socket {
    /// Before the socket: as long as that is there, nobody else takes the place.
    _bound: Bound,
    fd: OwnedFd,
    /// The other side, if the socket is not connected to it: one in the file system may be another each time.
    theirs: Option<SocketAddrUnix>,
}

impl Socket {
    /// Errors: EADDRINUSE, those of the host.
    pub fn open(ours: &Place, theirs: Place) -> io::Result<Self> {
        let fd = ours.socket(SocketType::DGRAM)?;
        let bound = ours.bind(&fd, SocketType::DGRAM)?;
        if let Place::Unix(_, address) = theirs {
            return Ok(Self { fd, _bound: bound, theirs: Some(address) });
        }
        // From now on the host takes nothing of others; what it took before is nothing.
        theirs.connect(&fd)?;
        while recv(&fd, &mut [0; 1], RecvFlags::empty()).is_ok() {}
        Ok(Self { fd, _bound: bound, theirs: None })
    }

    /// Sends a datagram, whole.
    pub fn send(&self, parts: &[IoSlice<'_>]) -> Result<(), Host> {
        let mut nothing = SendAncillaryBuffer::default();
        let flags = SendFlags::empty();
        let sent = match &self.theirs {
            Some(theirs) => sendmsg_addr(&self.fd, theirs, parts, &mut nothing, flags),
            None => sendmsg(&self.fd, parts, &mut nothing, flags),
        };
        sent.map(drop)
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
