//! Kernels as values: processes, descriptors and system calls.
//!
//! ```text
//! let kernel = Kernel::builder(host).component(rumpfs_tmpfs::component()).boot()?;
//! let process = kernel.process();
//! let fd = process.open("/file", OpenFlags::CREAT | OpenFlags::RDWR, Mode::new(0o644))?;
//! ```
//!
//! System calls are methods of [`Process`], one module per group under `sys`. Each answers a `KResult` whose
//! errno is what POSIX says, listed in the order of the checks. Every call may also answer ENXIO once the kernel
//! was halted by [`Process::reboot`], and EIO for a file whose mount was taken away by force, or that was revoked.
//!
//! Open files are files of file systems, sockets, pipes, queues of events and devices, in one table. How calls block is said in
//! `waiting`; [`Process::interrupt`], closing the descriptor and halting the kernel end them.
//!
//! No lock is shared by all processes: a call takes the lock of the process's table for a moment, then those of
//! the file. An open file's offset is locked while a `read` or `write` that moves it runs.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod aio;
mod clock;
mod descriptors;
mod devices;
mod kernel;
mod locks;
mod network;
mod parameters;
mod pipe;
mod process;
mod processes;
mod queue;
mod rights;
mod semaphore;
mod signal;
mod sys;
mod sysctl;
mod timer;
mod waiting;
mod worker;

pub use aio::{AioBuffer, AioBytes, AioKey, AioSync};
pub use descriptors::{Fd, OPEN_MAX, OPEN_MAX_LIMIT};
pub use kernel::{Builder, Kernel};
pub use locks::LockKind;
pub use parameters::BootMessages;
pub use pipe::PIPE_BUF;
pub use process::{ForkDescriptors, Process};
pub use rump_vfs::{Credentials, EtfsKind, MountInfo, Unmount};
pub use semaphore::SEM_VALUE_MAX;
pub use signal::{Handling, RaiseSignal, SignalModel};
pub use sys::aio::{AIO_LISTIO_MAX, AioCancel, AioOperation, AioRequest, AioStatus, ListMode};
pub use sys::allocate::Advice;
pub use sys::clock::{SleepError, SleepTime};
pub use sys::extattr::{ExtattrNamespace, ExtattrOf};
pub use sys::fcntl::Fcntl;
pub use sys::handle::FileHandle;
pub use sys::held::{HeldFile, NewFile};
pub use sys::ids::NGROUPS_MAX;
pub use sys::ioctl::Ioctl;
pub use sys::locks::{LockHeld, LockRange};
pub use sys::message::{Received, SendMessage};
pub use sys::module::{ModuleClass, ModuleInfo};
pub use sys::mount::MountArgs;
pub use sys::pathconf::PathConf;
pub use sys::poll::{FdSet, PollFd};
pub use sys::rw::Whence;
pub use sys::semaphore::{SemaphoreId, Sharing};
pub use sys::statvfs::MountedFs;
pub use sys::sysctl::{SysctlError, Uname};
pub use sys::timer::{Arm, IntervalTimer, Notify, TimerId};
pub use sysctl::SysctlValue;
pub use waiting::{Interruption, Watch};

/// The directory argument of at-calls that means the working directory.
pub const AT_FDCWD: Option<Fd> = None;
