//! The same calls here and at the host: what Linux answers is right, where POSIX speaks of it.
#![cfg(target_os = "linux")]
#![forbid(unsafe_code)]

#[path = "../common/mod.rs"]
mod common;
mod flags;
mod ids;
mod limits;
mod locks;
mod session;
mod workers;
