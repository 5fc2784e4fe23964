//! Asynchronous sockets: `AsyncRead` and `AsyncWrite` of tokio over a rump kernel.
//!
//! Tasks wait at the queues of the kernel, as calls that block do: whoever makes the change, a thread of the kernel or a
//! task that sends to this one, wakes them. There is no thread that polls, and no reactor; any executor will do, though time
//! that is given up to others is counted as tokio counts it. A halt of the kernel wakes everybody, and calls answer ENXIO.
//!
//! A stream remembers one task that reads and one that writes, as those of tokio do. Methods that take `&self` may be
//! called by many tasks at once, and a future that is dropped before it is done has done nothing.

mod ready;
mod stream;
mod tcp;
mod udp;
mod unix;

pub use stream::{OwnedReadHalf, OwnedWriteHalf};
pub use tcp::{TcpListener, TcpStream};
pub use udp::UdpSocket;
pub use unix::{UnixDatagram, UnixListener, UnixStream};
