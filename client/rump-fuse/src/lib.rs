//! Files of a rump kernel, mounted at the host by FUSE.
//!
//! A [`Session`] mounts a directory of a kernel at one of the host, and serves it until it is unmounted there. FUSE names
//! files by number, and so does [`HeldFile`](rump_kern::HeldFile): no path is walked but by the host's kernel.
//!
//! | module | what |
//! |---|---|
//! | `session` | mounting, serving, unmounting |
//! | `options` | what can be chosen |
//! | `server` | the calls of the protocol |
//! | `nodes` | the files that the host's kernel knows |
//! | `attributes` | attributes, times, errors and flags, from one side to the other |
//!
//! # Who may do what
//!
//! The host's kernel checks permissions ([`Options::checks`]), by modes and by access control lists, as it does for file
//! systems of its own; the rump kernel is called by its superuser, and sees to flags (chattr(1)) and to read-only mounts. The
//! checks cannot be left to us: a call of the protocol says neither the supplementary groups nor the capabilities of who calls,
//! and of a name that the host's kernel remembers it does not ask. Without them everything is allowed, as it is to whoever has
//! the image: that is for those who are the only ones that the mount lets in.
//!
//! # Locks of files
//!
//! flock(2) and fcntl(2) are the host kernel's: all who lock a file are its processes, since nobody else has the image.
//!
//! # Lock order
//!
//! A shard of `nodes` is a leaf: nothing is called while it is held. It is taken while the rump kernel lists a directory.
#![cfg(target_os = "linux")]
#![forbid(unsafe_code)]

mod attributes;
mod nodes;
mod options;
mod server;
mod session;

pub use options::{Audience, Checks, Options};
pub use session::{SUBTYPE, Session, Unmounter, unmount, write_out};
