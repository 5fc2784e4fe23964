//! The C interface of rump kernels: what `librump` has inside.
//!
//! A program in C boots a kernel with `rump_init` and calls it with `rump_sys_*`; structures, flags and error numbers are
//! those of the host's libc. The headers are in `include/rump`; what each call does and answers stands in the man pages.
//!
//! - `component`: what is linked, which libraries say when they are loaded.
//! - `instance`: kernels, the first of which is the classic one.
//! - `lwp`: who a thread is to a kernel.
//! - `caller`: what makes its calls: a process that is here, or at a server.
//! - `sys`: system calls, a module for each group.
//!
//! # Unsafe
//! Pointers come from C: that they point to what the interface says is the caller's promise, which is what each `unsafe`
//! here rests on. What Rust could check is checked: null pointers are EFAULT.
//!
//! # Locks
//! The table of kernels and that of components are leaves; neither is held while a kernel is called, but at boot.

// Types of libc have other widths on other hosts.
#![allow(clippy::unnecessary_cast)]

#[cfg(not(any(feature = "kernel", feature = "remote")))]
compile_error!("the features \"kernel\" and \"remote\" say where kernels are");

#[cfg(feature = "kernel")]
mod boot;
mod caller;
#[cfg(feature = "kernel")]
pub mod component;
mod errno;
mod error;
#[cfg(feature = "kernel")]
mod etfs;
#[cfg(feature = "kernel")]
pub mod host;
#[cfg(feature = "kernel")]
pub mod instance;
#[cfg(feature = "kernel")]
mod kernels;
mod layout;
#[cfg(feature = "kernel")]
mod lwp;
mod memory;
mod missing;
#[cfg(feature = "kernel")]
pub mod netconfig;
mod pointer;
#[cfg(feature = "remote")]
pub mod remote;
#[cfg(feature = "kernel")]
mod rump;
mod sys;
