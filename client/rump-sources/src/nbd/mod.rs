//! NBD: a client of the fixed newstyle protocol (`proto.md` of the NBD project).
//!
//! `negotiate` agrees on an export, [`Connection`] has requests of many threads in flight at once, and [`Nbd`] is the device: it
//! aligns what the server wants aligned, and connects once more where a connection breaks while something is read. A connection
//! that breaks with writes that were not flushed is the end: nobody knows which of them the server still has.
//!
//! Lock order: writes that are smaller than a block, then the connection in use, then a connection's sending side, then its table.

mod connection;
mod device;
mod handshake;
mod reply;
mod request;
mod socket;

pub use connection::{Command, Connection, Failure};
pub use device::Nbd;
pub use handshake::{Export, Flags, negotiate};
pub use reply::{Chunk, Head, read_head};
pub use request::Request;

use rump_kpi::{Errno, KError};
use std::borrow::Cow;

/// The port of NBD.
const PORT: u16 = 10809;

/// An error that says what of the protocol the server does not keep.
fn broken(what: impl Into<Cow<'static, str>>) -> KError {
    KError::new(Errno::EIO, what)
}
