//! A process at a server with the methods that [`rump_kern::Process`] has, by its names and with its arguments and answers.
//!
//! Each method is one call of the server, whose structures are NetBSD's. What it answers comes from elsewhere: lengths and
//! numbers that make no sense are EIO. Every method answers ENOTCONN when the server has gone, those too whose like of a
//! process that is here cannot fail.
//!
//! | module | calls |
//! |---|---|
//! | [`request`] | a call on its way |
//! | the others | a group of calls each |

mod aio;
mod attr;
mod clock;
mod control;
mod dirents;
mod extattr;
mod fcntl;
mod handle;
mod ids;
mod ioctl;
mod kqueue;
mod limit;
mod message;
mod mount;
mod names;
mod open;
mod poll;
mod request;
mod rw;
mod semaphore;
mod socket;
mod sockopt;
mod stat;
mod statvfs;
mod sysctl;
mod timer;
mod xattr;

use crate::Connection;
use std::sync::Arc;

/// A process of a kernel that is elsewhere. Clones are the same process; asynchronous requests are known to the clones alone.
#[derive(Clone)]
pub struct RemoteProcess {
    connection: Arc<Connection>,
    requests: Arc<aio::Requests>,
}

impl RemoteProcess {
    /// The process that a connection is.
    pub fn new(connection: Arc<Connection>) -> Self {
        Self { connection, requests: Arc::default() }
    }

    /// The connection that it is.
    pub fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }
}
