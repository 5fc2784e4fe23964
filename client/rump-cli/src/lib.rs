//! What programs at the command line share: how they find a server, and how they write what they show.
//!
//! | module | what |
//! |---|---|
//! | [`server`] | the server that a program talks to, and its key |
//! | [`man`] | the man page of a program |
//! | [`escape`], [`path`] | names that are harmless on a terminal, and paths below a top |
//! | [`units`] | sizes and times |
//! | [`mode`] | permissions |
//! | [`mod@file`] | the record of a file |
//! | [`interface`], [`route`], [`netstat`] | interfaces, routes, sockets and counters, for people and in JSON |
//! | [`calls`], [`bell`] | calls of a kernel that is here or elsewhere, and waiting in it |
//! | [`signals`] | which signals are heeded |
//! | [`ping`] | echo messages, and what is told of them |
#![forbid(unsafe_code)]

pub mod bell;
pub mod calls;
pub mod file;
pub mod interface;
pub mod man;
pub mod mode;
pub mod netstat;
pub mod ping;
pub mod route;
pub mod server;
pub mod signals;
pub mod units;

pub use rump_names::{escape, path};
