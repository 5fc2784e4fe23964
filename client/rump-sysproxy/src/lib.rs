//! Remote system calls: what a kernel and the programs that are its clients say to each other over a stream.
//!
//! | module | what |
//! |---|---|
//! | [`frame`] | headers of messages, and their bounds |
//! | [`url`] | where a server is |
//! | [`memory`] | memory of a client, by its addresses |
//! | [`transport`] | messages on streams |
//! | `stream` | streams of both kinds |
//! | `listener` | where clients come in |
//! | [`seal`] | keys, and streams that nobody else reads |
//! | [`server`] | a kernel that answers clients |
//! | [`calls`] | system calls by their numbers, with structures as NetBSD has them on amd64 |
//!
//! Numbers, flags, errnos and structures are NetBSD's, as those of the kernel are; a client translates them to what its
//! program knows.
#![forbid(unsafe_code)]

pub mod calls;
pub mod frame;
mod listener;
pub mod memory;
pub mod seal;
pub mod server;
mod stream;
pub mod transport;
pub mod url;
