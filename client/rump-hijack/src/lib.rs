//! `librumphijack`: a rump kernel behind an unmodified program.
//!
//! Loaded by `LD_PRELOAD`, it takes the place of functions of libc. What the policy gives to a rump kernel goes there, by
//! `rump_sys_*`, whose structures, flags and errnos are those of this host; everything else goes on to libc. `rump run`
//! sets it up.
//!
//! - `policy`: which paths, sockets and numbers are the kernel's: `RUMPHIJACK`.
//! - `paths`: which kernel a name is of, from whichever working directory.
//! - `descriptors`: numbers that the program sees, for descriptors of the kernel.
//! - `carrier`: the kernel: when it boots, and how it ends. `local` boots one inside this process; with `RUMP_SERVER`, this
//!   is a process of a server's.
//! - `confined`: programs that forbid themselves system calls.
//! - `wake`: waiting for both kernels at once; `watcher`: what changes at descriptors of a server's kernel.
//! - `fork`: what a child finds.
//! - `calls`: the functions, a module for each group.
//!
//! # Inside
//! The kernel uses libc as well, in the same process. A thread is *inside* while it makes a call of the kernel, and
//! threads that it begins there are for ever: what they call goes to libc (`guard`). A signal's handler that runs
//! meanwhile is inside too, but for one that runs while the call waits, which nobody does with a lock.
//!
//! # Unsafe
//! The functions have libc's signatures, and rest on what their callers promise libc: a pointer is null, or points to
//! what the function says, for the time of the call. It is passed on as it came, to libc or to `rump_sys_*`.
//!
//! # Locks
//! Those of `paths`, of `watcher`, of `calls::epoll` and of `calls::stdio` are leaves: neither kernel is called while one is
//! held, but for what a standard stream has yet to write. Whoever forks takes all (`fork`).
#![cfg(all(target_os = "linux", target_env = "gnu"))]

#[macro_use]
mod interpose;
mod calls;
mod carrier;
mod confined;
mod descriptors;
mod errno;
mod fork;
mod guard;
mod host;
mod local;
mod paths;
mod policy;
mod sys;
mod wake;
mod watcher;
