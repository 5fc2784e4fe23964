//! Structures and numbers of the host's libc, and what they are to the kernel.

pub(crate) mod at;
pub(crate) mod control;
pub(crate) mod dirent;
pub(crate) mod file_time;
#[cfg(target_os = "linux")]
pub(crate) mod interface;
pub(crate) mod mode;
pub(crate) mod mount_args;
pub(crate) mod open_flags;
pub(crate) mod signal;
pub(crate) mod sockaddr;
pub(crate) mod sockopt;
pub(crate) mod stat;
pub(crate) mod statvfs;
pub(crate) mod tcp_info;
pub(crate) mod time;
