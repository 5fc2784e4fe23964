//! Path walk, caches, permission checks and mounts.
//!
//! A file system answers for one component of a path; everything around that is here, once for all drivers:
//! [`Vfs`] has the mount table and walks paths, [`Mount`] has the caches of one mounted file system, [`Vnode`]
//! is a file in use, a [`Listing`] reads a directory, and the functions of [`ops`] change directories.
//!
//! # Lock order
//!
//! A lock is only waited for while holding locks that stand above it:
//!
//! 1. the mount table's change lock (mount, unmount);
//! 2. `Mount::tree`: whoever locks more than one directory (rename, rmdir) holds it, so that the order of the
//!    directories among themselves does not matter;
//! 3. `Vnode::entries`, the lock of a directory: shared for lookups, exclusive for changes; what the name cache has is
//!    looked up without it, and counts if the version of the directory is the same before and after;
//! 4. `Vnode::append`: writes at the end of a file;
//! 5. the mount table itself, a shard of the vnode cache, a shard of the name cache: never two of a kind, but
//!    for unmount, which takes all shards in order;
//! 6. the locks of a driver.
//!
//! A vnode is never dropped while a shard of the vnode cache is held: its `Drop` takes that lock.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod access;
mod empty;
mod etfs;
mod listing;
mod mount;
mod names;
pub mod ops;
mod vfs;
mod vnode;
mod walk;
mod write_behind;

pub use access::Credentials;
pub use empty::EmptyFileSystem;
pub use etfs::{Etfs, EtfsKind};
pub use listing::Listing;
pub use mount::{Mount, MountInfo, Unmount};
pub use vfs::{MountRequest, Vfs};
pub use vnode::Vnode;
pub use walk::{Follow, Last, NAME_MAX, PATH_MAX, Walked, Walker};
pub use write_behind::{WriteBehind, has_threads};
