//! Who makes the calls of a thread: a process of a kernel that is here, or one at a server.
//!
//! Both have the same methods, of which this is the list of those that C has; what each does and answers stands at
//! [`rump_kern::Process`]. The table is the only place that knows of both. With one of the features `kernel` and `remote` there
//! is one kind, and nothing to choose.

#[cfg(feature = "remote")]
use rump_abi::Errno;
use rump_abi::event::Event;
use rump_abi::*;
#[cfg(feature = "remote")]
use rump_client::RemoteProcess;
use rump_kern::*;
use rump_kpi::socket::OptionValue;
use rump_kpi::{DirEntry, KResult, SetTime};
use std::convert::Infallible;
use std::time::Duration;

/// A process that calls are made in.
#[derive(Clone)]
pub(crate) enum Caller {
    #[cfg(feature = "kernel")]
    Here(Process),
    #[cfg(feature = "remote")]
    AtServer(RemoteProcess),
}

/// The process that a call of this thread is made in. Errors: ENXIO (there is no kernel).
pub(crate) fn process() -> KResult<Caller> {
    #[cfg(feature = "remote")]
    if let Some(process) = crate::remote::process() {
        return Ok(Caller::AtServer(process));
    }
    #[cfg(feature = "kernel")]
    return crate::lwp::process().map(Caller::Here);
    #[cfg(not(feature = "kernel"))]
    Err(Errno::ENXIO.into())
}

impl Caller {
    /// As [`Process::pending_signals`]. Errors: ENOSYS (at servers).
    pub(crate) fn pending_signals(&self) -> KResult<SignalSet> {
        match self {
            #[cfg(feature = "kernel")]
            Self::Here(process) => Ok(process.pending_signals()),
            #[cfg(feature = "remote")]
            Self::AtServer(_) => Err(Errno::ENOSYS.into()),
        }
    }

    /// Writes on the console that a library would have what a program asked for, unless it is there.
    pub(crate) fn tell_of_library(&self, library: &str, what: impl FnOnce() -> String) {
        match self {
            #[cfg(feature = "kernel")]
            Self::Here(process) => {
                if !crate::component::is_attached(library) {
                    process.host().write_line(&format!("rump: {}: link lib{library} (-l{library})", what()));
                }
            }
            // A server tells it itself.
            #[cfg(feature = "remote")]
            Self::AtServer(_) => drop((library, what)),
        }
    }
}

macro_rules! calls {
    (
        both { $(fn $both:ident($($arg:ident: $of:ty),*) -> $answer:ty;)* }
        certain { $(fn $certain:ident($($certain_arg:ident: $certain_of:ty),*) -> $certain_answer:ty;)* }
        here { $(fn $here:ident($($here_arg:ident: $here_of:ty),*) -> $here_answer:ty;)* }
    ) => {
        impl Caller {
            $(
                #[inline]
                pub(crate) fn $both(&self, $($arg: $of),*) -> $answer {
                    match self {
                        #[cfg(feature = "kernel")]
                        Self::Here(process) => process.$both($($arg),*),
                        #[cfg(feature = "remote")]
                        Self::AtServer(process) => process.$both($($arg),*),
                    }
                }
            )*
            $(
                #[inline]
                pub(crate) fn $certain(&self, $($certain_arg: $certain_of),*) -> KResult<$certain_answer> {
                    match self {
                        #[cfg(feature = "kernel")]
                        Self::Here(process) => Ok(process.$certain($($certain_arg),*)),
                        #[cfg(feature = "remote")]
                        Self::AtServer(process) => process.$certain($($certain_arg),*),
                    }
                }
            )*
            $(
                #[inline]
                pub(crate) fn $here(&self, $($here_arg: $here_of),*) -> KResult<$here_answer> {
                    match self {
                        #[cfg(feature = "kernel")]
                        Self::Here(process) => process.$here($($here_arg),*),
                        #[cfg(feature = "remote")]
                        Self::AtServer(_) => {
                            $(let _ = $here_arg;)*
                            Err(Errno::ENOSYS.into())
                        }
                    }
                }
            )*
        }
    };
}

calls! {
    // At both.
    both {
        fn access(path: impl AsRef<[u8]>, mode: u32) -> KResult<()>;
        fn aio_cancel(fd: Fd, key: Option<AioKey>) -> KResult<AioCancel>;
        fn aio_error(key: AioKey) -> KResult<AioStatus>;
        fn aio_fsync(sync: AioSync, key: AioKey, fd: Fd, notify: Notify) -> KResult<()>;
        fn aio_read(request: &AioRequest) -> KResult<()>;
        fn aio_return(key: AioKey) -> KResult<usize>;
        fn aio_suspend(keys: &[AioKey], timeout: Option<TimeSpec>) -> KResult<()>;
        fn aio_write(request: &AioRequest) -> KResult<()>;
        fn bind(fd: Fd, address: &SocketAddress) -> KResult<()>;
        fn chdir(path: impl AsRef<[u8]>) -> KResult<()>;
        fn chflags(path: impl AsRef<[u8]>, flags: FileFlags) -> KResult<()>;
        fn chmod(path: impl AsRef<[u8]>, mode: Mode) -> KResult<()>;
        fn chown(path: impl AsRef<[u8]>, uid: Option<u32>, gid: Option<u32>) -> KResult<()>;
        fn chroot(path: impl AsRef<[u8]>) -> KResult<()>;
        fn clock_getres(clock: ClockId) -> KResult<TimeSpec>;
        fn clock_gettime(clock: ClockId) -> KResult<TimeSpec>;
        fn clock_nanosleep(clock: ClockId, time: SleepTime) -> Result<(), SleepError>;
        fn clock_settime(clock: ClockId, time: TimeSpec) -> KResult<()>;
        fn close(fd: Fd) -> KResult<()>;
        fn connect(fd: Fd, address: &SocketAddress) -> KResult<()>;
        fn dup(fd: Fd) -> KResult<Fd>;
        fn dup2(fd: Fd, to: Fd) -> KResult<Fd>;
        fn dup3(fd: Fd, to: Fd, flags: OpenFlags) -> KResult<Fd>;
        fn extattr_delete(of: ExtattrOf<'_>, space: ExtattrNamespace, name: impl AsRef<[u8]>) -> KResult<()>;
        fn extattr_get(of: ExtattrOf<'_>, space: ExtattrNamespace, name: impl AsRef<[u8]>) -> KResult<Vec<u8>>;
        fn extattr_list(of: ExtattrOf<'_>, space: ExtattrNamespace) -> KResult<Vec<Vec<u8>>>;
        fn extattr_set(of: ExtattrOf<'_>, space: ExtattrNamespace, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> KResult<usize>;
        fn faccessat(dir: Option<Fd>, path: impl AsRef<[u8]>, mode: u32, flags: AtFlags) -> KResult<()>;
        fn fadvise(fd: Fd, offset: u64, length: u64, advice: Advice) -> KResult<()>;
        fn fallocate(fd: Fd, flags: AllocateFlags, offset: u64, length: u64) -> KResult<()>;
        fn fchdir(fd: Fd) -> KResult<()>;
        fn fchflags(fd: Fd, flags: FileFlags) -> KResult<()>;
        fn fchmod(fd: Fd, mode: Mode) -> KResult<()>;
        fn fchmodat(dir: Option<Fd>, path: impl AsRef<[u8]>, mode: Mode, flags: AtFlags) -> KResult<()>;
        fn fchown(fd: Fd, uid: Option<u32>, gid: Option<u32>) -> KResult<()>;
        fn fchownat(dir: Option<Fd>, path: impl AsRef<[u8]>, uid: Option<u32>, gid: Option<u32>, flags: AtFlags) -> KResult<()>;
        fn fchroot(fd: Fd) -> KResult<()>;
        fn fcntl(fd: Fd, request: Fcntl) -> KResult<u32>;
        fn fdatasync(fd: Fd) -> KResult<()>;
        fn fdiscard(fd: Fd, offset: u64, length: u64) -> KResult<()>;
        fn fgetxattr(fd: Fd, name: impl AsRef<[u8]>) -> KResult<Vec<u8>>;
        fn fhopen(handle: FileHandle, flags: OpenFlags) -> KResult<Fd>;
        fn fhstat(handle: FileHandle) -> KResult<Stat>;
        fn fhstatvfs(handle: FileHandle) -> KResult<MountedFs>;
        fn flistxattr(fd: Fd) -> KResult<Vec<Vec<u8>>>;
        fn flock(fd: Fd, kind: Option<LockKind>) -> KResult<()>;
        fn fmounted(fd: Fd) -> KResult<MountedFs>;
        fn fpathconf(fd: Fd, name: PathConf) -> KResult<Option<u64>>;
        fn fremovexattr(fd: Fd, name: impl AsRef<[u8]>) -> KResult<()>;
        fn fsetxattr(fd: Fd, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>, flags: XattrFlags) -> KResult<()>;
        fn fstat(fd: Fd) -> KResult<Stat>;
        fn fstatat(dir: Option<Fd>, path: impl AsRef<[u8]>, flags: AtFlags) -> KResult<Stat>;
        fn fsync(fd: Fd) -> KResult<()>;
        fn fsync_range(fd: Fd, flags: SyncFlags, offset: u64, length: u64) -> KResult<()>;
        fn ftruncate(fd: Fd, size: u64) -> KResult<()>;
        fn futimens(fd: Fd, times: [Option<SetTime>; 2]) -> KResult<()>;
        fn getcwd() -> KResult<Vec<u8>>;
        fn getdents_while(fd: Fd, sink: &mut dyn FnMut(DirEntry<'_>) -> bool) -> KResult<()>;
        fn getfh(path: impl AsRef<[u8]>) -> KResult<FileHandle>;
        fn getitimer(which: IntervalTimer) -> KResult<TimerSpec>;
        fn getlk(fd: Fd, kind: LockKind, range: LockRange) -> KResult<Option<LockHeld>>;
        fn getpeername(fd: Fd) -> KResult<SocketAddress>;
        fn getpgid(pid: u32) -> KResult<u32>;
        fn getpgrp() -> KResult<u32>;
        fn getsid(pid: u32) -> KResult<u32>;
        fn getsockname(fd: Fd) -> KResult<SocketAddress>;
        fn getsockopt(fd: Fd, level: i32, name: i32) -> KResult<OptionValue>;
        fn gettimeofday() -> KResult<TimeSpec>;
        fn getvfsstat() -> KResult<Vec<MountedFs>>;
        fn getxattr(path: impl AsRef<[u8]>, name: impl AsRef<[u8]>) -> KResult<Vec<u8>>;
        fn ioctl(fd: Fd, request: Ioctl) -> KResult<usize>;
        fn ioctl_by_number(fd: Fd, request: u32, argument: &mut [u8]) -> KResult<()>;
        fn kevent(fd: Fd, changes: &[Event], max: usize, timeout: Option<Duration>) -> KResult<Vec<Event>>;
        fn kqueue() -> KResult<Fd>;
        fn ksem_close(semaphore: SemaphoreId) -> KResult<()>;
        fn ksem_destroy(semaphore: SemaphoreId) -> KResult<()>;
        fn ksem_getvalue(semaphore: SemaphoreId) -> KResult<u32>;
        fn ksem_init(value: u32, sharing: Sharing) -> KResult<SemaphoreId>;
        fn ksem_open(name: impl AsRef<[u8]>, flags: OpenFlags, mode: Mode, value: u32) -> KResult<SemaphoreId>;
        fn ksem_post(semaphore: SemaphoreId) -> KResult<()>;
        fn ksem_timedwait(semaphore: SemaphoreId, until: TimeSpec) -> KResult<()>;
        fn ksem_trywait(semaphore: SemaphoreId) -> KResult<()>;
        fn ksem_unlink(name: impl AsRef<[u8]>) -> KResult<()>;
        fn ksem_wait(semaphore: SemaphoreId) -> KResult<()>;
        fn lchflags(path: impl AsRef<[u8]>, flags: FileFlags) -> KResult<()>;
        fn lchown(path: impl AsRef<[u8]>, uid: Option<u32>, gid: Option<u32>) -> KResult<()>;
        fn lgetxattr(path: impl AsRef<[u8]>, name: impl AsRef<[u8]>) -> KResult<Vec<u8>>;
        fn link(old: impl AsRef<[u8]>, new: impl AsRef<[u8]>) -> KResult<()>;
        fn linkat(old_dir: Option<Fd>, old: impl AsRef<[u8]>, new_dir: Option<Fd>, new: impl AsRef<[u8]>, flags: AtFlags) -> KResult<()>;
        fn lio_listio(list: &[(AioOperation, AioRequest)], mode: ListMode) -> KResult<()>;
        fn listen(fd: Fd, backlog: u32) -> KResult<()>;
        fn listxattr(path: impl AsRef<[u8]>) -> KResult<Vec<Vec<u8>>>;
        fn llistxattr(path: impl AsRef<[u8]>) -> KResult<Vec<Vec<u8>>>;
        fn lremovexattr(path: impl AsRef<[u8]>, name: impl AsRef<[u8]>) -> KResult<()>;
        fn lseek(fd: Fd, offset: i64, whence: Whence) -> KResult<u64>;
        fn lsetxattr(path: impl AsRef<[u8]>, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>, flags: XattrFlags) -> KResult<()>;
        fn lstat(path: impl AsRef<[u8]>) -> KResult<Stat>;
        fn mkdir(path: impl AsRef<[u8]>, mode: Mode) -> KResult<()>;
        fn mkdirat(dir: Option<Fd>, path: impl AsRef<[u8]>, mode: Mode) -> KResult<()>;
        fn mkfifo(path: impl AsRef<[u8]>, mode: Mode) -> KResult<()>;
        fn mkfifoat(dir: Option<Fd>, path: impl AsRef<[u8]>, mode: Mode) -> KResult<()>;
        fn mknodat(dir: Option<Fd>, path: impl AsRef<[u8]>, file_type: FileType, mode: Mode, rdev: DevNumber) -> KResult<()>;
        fn mount(fs_type: &str, target: impl AsRef<[u8]>, args: MountArgs) -> KResult<()>;
        fn mounted(path: impl AsRef<[u8]>) -> KResult<MountedFs>;
        fn nanosleep(time: TimeSpec) -> Result<(), SleepError>;
        fn openat(dir: Option<Fd>, path: impl AsRef<[u8]>, flags: OpenFlags, mode: Mode) -> KResult<Fd>;
        fn paccept(fd: Fd, flags: OpenFlags, mask: Option<SignalSet>) -> KResult<(Fd, SocketAddress)>;
        fn pathconf(path: impl AsRef<[u8]>, name: PathConf) -> KResult<Option<u64>>;
        fn pipe2(flags: OpenFlags) -> KResult<[Fd; 2]>;
        fn ppoll(fds: &mut [PollFd], timeout: Option<Duration>, mask: Option<SignalSet>) -> KResult<usize>;
        fn pread(fd: Fd, buf: &mut [u8], offset: u64) -> KResult<usize>;
        fn preadv(fd: Fd, bufs: &mut [&mut [u8]], offset: u64) -> KResult<usize>;
        fn pselect(sets: [&mut FdSet; 3], timeout: Option<Duration>, mask: Option<SignalSet>) -> KResult<usize>;
        fn pwrite(fd: Fd, buf: &[u8], offset: u64) -> KResult<usize>;
        fn pwritev(fd: Fd, bufs: &[&[u8]], offset: u64) -> KResult<usize>;
        fn read(fd: Fd, buf: &mut [u8]) -> KResult<usize>;
        fn readlinkat(dir: Option<Fd>, path: impl AsRef<[u8]>) -> KResult<Vec<u8>>;
        fn readv(fd: Fd, bufs: &mut [&mut [u8]]) -> KResult<usize>;
        fn reboot() -> KResult<()>;
        fn recv(fd: Fd, buf: &mut [u8], flags: MessageFlags) -> KResult<usize>;
        fn recvfrom(fd: Fd, buf: &mut [u8], flags: MessageFlags) -> KResult<(usize, Option<SocketAddress>)>;
        fn recvmmsg(fd: Fd, bufs: &mut [&mut [u8]], rights_max: usize, flags: MessageFlags, timeout: Option<Duration>) -> KResult<Vec<Received>>;
        fn recvmsg(fd: Fd, parts: &mut [&mut [u8]], rights_max: usize, flags: MessageFlags) -> KResult<Received>;
        fn removexattr(path: impl AsRef<[u8]>, name: impl AsRef<[u8]>) -> KResult<()>;
        fn rename(old: impl AsRef<[u8]>, new: impl AsRef<[u8]>) -> KResult<()>;
        fn renameat(old_dir: Option<Fd>, old: impl AsRef<[u8]>, new_dir: Option<Fd>, new: impl AsRef<[u8]>) -> KResult<()>;
        fn revoke(path: impl AsRef<[u8]>) -> KResult<()>;
        fn rmdir(path: impl AsRef<[u8]>) -> KResult<()>;
        fn send(fd: Fd, bytes: &[u8], flags: MessageFlags) -> KResult<usize>;
        fn sendmmsg(fd: Fd, messages: &[SendMessage<'_>], flags: MessageFlags) -> KResult<usize>;
        fn sendmsg(fd: Fd, message: &SendMessage<'_>, flags: MessageFlags) -> KResult<usize>;
        fn sendto(fd: Fd, bytes: &[u8], flags: MessageFlags, to: &SocketAddress) -> KResult<usize>;
        fn setegid(gid: u32) -> KResult<()>;
        fn seteuid(uid: u32) -> KResult<()>;
        fn setgid(gid: u32) -> KResult<()>;
        fn setgroups(groups: &[u32]) -> KResult<()>;
        fn setitimer(which: IntervalTimer, spec: &TimerSpec) -> KResult<TimerSpec>;
        fn setlk(fd: Fd, kind: Option<LockKind>, range: LockRange) -> KResult<()>;
        fn setlkw(fd: Fd, kind: Option<LockKind>, range: LockRange) -> KResult<()>;
        fn setpgid(pid: u32, group: u32) -> KResult<()>;
        fn setregid(real: Option<u32>, effective: Option<u32>) -> KResult<()>;
        fn setreuid(real: Option<u32>, effective: Option<u32>) -> KResult<()>;
        fn setrlimit(resource: Resource, limit: ResourceLimit) -> KResult<()>;
        fn setsid() -> KResult<u32>;
        fn setsockopt(fd: Fd, level: i32, name: i32, value: &OptionValue) -> KResult<()>;
        fn settimeofday(time: TimeSpec) -> KResult<()>;
        fn setuid(uid: u32) -> KResult<()>;
        fn setxattr(path: impl AsRef<[u8]>, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>, flags: XattrFlags) -> KResult<()>;
        fn shutdown(fd: Fd, how: Shutdown) -> KResult<()>;
        fn socket(family: AddressFamily, kind: SocketType, protocol: u8, flags: OpenFlags) -> KResult<Fd>;
        fn socketpair(family: AddressFamily, kind: SocketType, protocol: u8, flags: OpenFlags) -> KResult<[Fd; 2]>;
        fn stat(path: impl AsRef<[u8]>) -> KResult<Stat>;
        fn symlink(target: impl AsRef<[u8]>, path: impl AsRef<[u8]>) -> KResult<()>;
        fn symlinkat(target: impl AsRef<[u8]>, dir: Option<Fd>, path: impl AsRef<[u8]>) -> KResult<()>;
        fn sync() -> KResult<()>;
        fn sysctl(name: &[i32], old: Option<&mut [u8]>, new: Option<&[u8]>) -> Result<usize, SysctlError>;
        fn sysctl_numbers(name: &str) -> KResult<Vec<i32>>;
        fn timer_create(clock: ClockId, notify: Notify) -> KResult<TimerId>;
        fn timer_delete(timer: TimerId) -> KResult<()>;
        fn timer_getoverrun(timer: TimerId) -> KResult<u32>;
        fn timer_gettime(timer: TimerId) -> KResult<TimerSpec>;
        fn timer_settime(timer: TimerId, spec: &TimerSpec, arm: Arm) -> KResult<TimerSpec>;
        fn truncate(path: impl AsRef<[u8]>, size: u64) -> KResult<()>;
        fn try_flock(fd: Fd, kind: Option<LockKind>) -> KResult<()>;
        fn uname() -> KResult<Uname>;
        fn unlink(path: impl AsRef<[u8]>) -> KResult<()>;
        fn unlinkat(dir: Option<Fd>, path: impl AsRef<[u8]>, flags: AtFlags) -> KResult<()>;
        fn unmount(target: impl AsRef<[u8]>, how: Unmount) -> KResult<()>;
        fn utimensat(dir: Option<Fd>, path: impl AsRef<[u8]>, times: [Option<SetTime>; 2], flags: AtFlags) -> KResult<()>;
        fn write(fd: Fd, buf: &[u8]) -> KResult<usize>;
        fn writev(fd: Fd, bufs: &[&[u8]]) -> KResult<usize>;
    }
    // At both; those of a process that is here cannot fail.
    certain {
        fn getegid() -> u32;
        fn geteuid() -> u32;
        fn getgid() -> u32;
        fn getgroups() -> Vec<u32>;
        fn getppid() -> u32;
        fn getrlimit(resource: Resource) -> ResourceLimit;
        fn getuid() -> u32;
        fn issetugid() -> bool;
        fn pid() -> u32;
        fn umask(mask: Mode) -> Mode;
    }
    // Servers have no such calls.
    here {
        fn modctl_load(name: &str) -> Infallible;
        fn modctl_stat() -> Vec<ModuleInfo>;
        fn modctl_unload(name: &str) -> Infallible;
        fn wait_for_signal(set: SignalSet, timeout: Option<Duration>) -> Signal;
    }
}
