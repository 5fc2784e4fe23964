//! The system calls, one module per group.

pub(crate) mod allocate;
pub(crate) mod attr;
pub(crate) mod dirents;
pub(crate) mod mount;
pub(crate) mod names;
pub(crate) mod open;
pub(crate) mod rw;
pub(crate) mod stat;
pub(crate) mod xattr;
