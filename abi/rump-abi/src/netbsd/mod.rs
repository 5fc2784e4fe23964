//! Structures and numbers of NetBSD on amd64, as its programs and kernels lay them out in memory (version 7.99.34, with
//! times of 64 bits).
//!
//! Each structure is read from bytes and put into bytes, so that either side of a remote system call has both directions.
//! Nothing is checked here but lengths: what a number means is for who asks. Padding is passed over when a structure is
//! read, and zero where it is put.
//!
//! | module | structures |
//! |---|---|
//! | [`numbers`] | numbers of system calls |
//! | [`time`] | `timespec`, `timeval`, `itimerspec`, `itimerval`, and those of 5.0 and before |
//! | [`stat`] | `stat`, device numbers |
//! | [`dirent`] | records of directories |
//! | [`statvfs`] | `statvfs` |
//! | [`sockaddr`] | addresses of sockets |
//! | [`message`] | `iovec`, `msghdr`, `mmsghdr` |
//! | [`control`] | control data: `cmsghdr` and what follows |
//! | [`sockopt`] | values of socket options |
//! | [`poll`] | `pollfd`, `fd_set` |
//! | [`event`] | `kevent` |
//! | [`fcntl`] | commands of `fcntl`, `flock`, flags of `flock` |
//! | [`limit`] | `rlimit` |
//! | [`signal`] | `sigset_t`, `sigevent` |
//! | [`aio`] | `aiocb` |
//! | [`mount`] | arguments of `mount` |
//! | [`sysctl`] | `sysctlnode` |
//! | [`bridge`] | commands of bridges |
//! | [`interface`] | `ifreq` and its like, requests of `ioctl` |
//! | [`route`] | messages of routing sockets |
//! | [`pcb`] | `kinfo_pcb` |
//! | [`process`] | `kinfo_proc2`, `kinfo_file` |
//! | [`statistics`] | what protocols count |

#[macro_use]
mod layout;

pub mod aio;
pub mod bridge;
pub mod control;
pub mod dirent;
pub mod event;
pub mod fcntl;
pub mod interface;
pub mod limit;
pub mod message;
pub mod mount;
pub mod numbers;
pub mod pcb;
pub mod poll;
pub mod process;
pub mod route;
pub mod signal;
pub mod sockaddr;
pub mod sockopt;
pub mod stat;
pub mod statistics;
pub mod statvfs;
pub mod sysctl;
pub mod time;

pub use layout::Layout;
