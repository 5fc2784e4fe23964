//! Structures and numbers of the host's libc, and what they are to the kernel.

pub(crate) mod control;
pub(crate) mod sockaddr;
pub(crate) mod sockopt;
pub(crate) mod tcp_info;
pub(crate) mod time;
