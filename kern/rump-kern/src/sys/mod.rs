//! The system calls, one module per group.

pub(crate) mod allocate;
pub(crate) mod attr;
pub(crate) mod clock;
pub(crate) mod device;
pub(crate) mod dirents;
pub(crate) mod ids;
pub(crate) mod ioctl;
pub(crate) mod kqueue;
pub(crate) mod limits;
pub(crate) mod message;
pub(crate) mod mount;
pub(crate) mod names;
pub(crate) mod open;
pub(crate) mod pipe;
pub(crate) mod places;
pub(crate) mod poll;
pub(crate) mod rw;
pub(crate) mod semaphore;
pub(crate) mod session;
pub(crate) mod socket;
pub(crate) mod sockopt;
pub(crate) mod stat;
pub(crate) mod timer;
pub(crate) mod xattr;
