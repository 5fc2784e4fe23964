//! Processes of kernels that are elsewhere: calls by way of a server.
//!
//! A [`Connection`] is a process of the server's kernel. Calls are made by the threads of the program; the one that waits
//! first reads for all, so that a program with one thread has one thread. A signal's handler that runs in a thread which waits
//! ends its call as it would end one of the host's (EINTR, or what is done already). Memory that a call names is what the server may
//! see and change, for the time of the call, and nothing else ([`memory`]). A [`RemoteProcess`] makes the calls as methods,
//! and a [`network::RemoteNetwork`] configures the network of its kernel by them.
//!
//! `unsafe` is in [`memory`], which copies between messages and what a call lent, and where a call of a connection lends it
//! or shows its descriptor.

mod connection;
mod link;
mod lock;
pub mod memory;
pub mod network;
mod process;
mod retry;
mod server;

pub use rump_abi as abi;
pub use rump_kern as kern;
pub use rump_kpi as kpi;

pub use connection::{Connection, Cookie};
pub use link::{keep_streams_from, sleep_by};
pub use process::RemoteProcess;
pub use retry::Retry;
pub use rump_sysproxy::transport::use_plain_calls;
pub use server::Server;
