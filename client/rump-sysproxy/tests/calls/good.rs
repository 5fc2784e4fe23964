//! Arguments for each call that is served, with which it does what it is for.

use super::rig::Rig;
use rump_abi::netbsd::Layout;
use rump_abi::netbsd::aio::*;
use rump_abi::netbsd::event::Kevent;
use rump_abi::netbsd::fcntl::*;
use rump_abi::netbsd::limit::Rlimit;
use rump_abi::netbsd::message::{Iovec, Mmsghdr, Msghdr};
use rump_abi::netbsd::mount::TmpfsArgs;
use rump_abi::netbsd::numbers::*;
use rump_abi::netbsd::poll::Pollfd;
use rump_abi::netbsd::signal::{SIGEV_NONE, Sigevent};
use rump_abi::netbsd::sockaddr;
use rump_abi::netbsd::time::{Timespec, Timespec50, Timeval, Timeval50};
use rump_abi::{AddressFamily, Errno, OpenFlags, SocketAddress, SocketType, XattrFlags};
use rump_kern::{AioKey, ExtattrNamespace, ExtattrOf, Fd, Notify, Sharing};

/// `AT_FDCWD`.
const CWD: u64 = -100_i64 as u64;
const SECOND: Timespec = Timespec { sec: 1, nsec: 0 };

/// What a call answers with these arguments, if it is not that it was done.
pub fn expected(number: u32) -> Option<Errno> {
    match number {
        __QUOTACTL => Some(Errno::EOPNOTSUPP),
        _ => None,
    }
}

fn iovecs(rig: &mut Rig, content: &[u8]) -> u64 {
    let base = rig.bytes(content);
    let half = content.len() as u64 / 2;
    let parts =
        [Iovec { base, length: half }, Iovec { base: base + half, length: content.len() as u64 - half }];
    rig.place(&parts)
}

fn header(rig: &mut Rig) -> Msghdr {
    let iov = iovecs(rig, b"message");
    Msghdr { name: 0, name_length: 0, iov, iov_length: 2, control: 0, control_length: 0, flags: 0 }
}

fn batch(rig: &mut Rig) -> u64 {
    let header = header(rig);
    rig.place(&Mmsghdr { header, length: 0 })
}

fn socket(rig: &Rig, kind: SocketType) -> Fd {
    rig.process.socket(AddressFamily::Local, kind, 0, OpenFlags::empty()).unwrap()
}

fn local(rig: &mut Rig, path: &str) -> [u64; 2] {
    let bytes = sockaddr::to_bytes(&SocketAddress::Local(path.as_bytes().to_vec()));
    [rig.bytes(&bytes), bytes.len() as u64]
}

/// A socket that listens at `/socket`.
fn listener(rig: &Rig) -> Fd {
    let fd = socket(rig, SocketType::Stream);
    rig.process.bind(fd, &SocketAddress::Local(b"/socket".to_vec())).unwrap();
    rig.process.listen(fd, 5).unwrap();
    fd
}

/// One to which somebody is connected.
fn called(rig: &Rig) -> u64 {
    let fd = listener(rig);
    let client = socket(rig, SocketType::Stream);
    rig.process.connect(client, &SocketAddress::Local(b"/socket".to_vec())).unwrap();
    fd.0.into()
}

fn name_room(rig: &mut Rig) -> [u64; 2] {
    [rig.room(128), rig.place(&128_u32)]
}

fn timer(rig: &Rig) -> u64 {
    rig.process.timer_create(rump_abi::ClockId::Monotonic, Notify::None).unwrap().0.into()
}

fn semaphore(rig: &Rig) -> u64 {
    rig.process.ksem_init(1, Sharing::Private).unwrap().0.into()
}

fn attribute(rig: &Rig) {
    rig.process.setxattr("/file", "user.name", "value", XattrFlags::empty()).unwrap();
}

fn system_attribute(rig: &Rig) {
    let of = ExtattrOf::File(b"/file");
    rig.process.extattr_set(of, ExtattrNamespace::System, "name", "value").unwrap();
}

/// Nobody is told.
pub const NOBODY: Sigevent = Sigevent { notify: SIGEV_NONE, signo: 0, value: 0, function: 0, attributes: 0 };

/// A request for four bytes of the file from the third on.
pub fn block(rig: &mut Rig, lio_opcode: i32) -> u64 {
    let (buf, fildes) = (rig.bytes(b"abcd"), rig.file as i32);
    let (offset, nbytes, sigevent) = (2, 4, NOBODY);
    let (reqprio, state, errno, retval) = (0, 0, 0, 0);
    rig.place(&Aiocb { offset, buf, nbytes, fildes, lio_opcode, reqprio, sigevent, state, errno, retval })
}

/// One that is done.
fn done(rig: &mut Rig) -> u64 {
    let block = block(rig, LIO_NOP);
    rig.call(AIO_READ, &[block]).unwrap();
    rig.process.aio_suspend(&[AioKey(block)], None).unwrap();
    block
}

/// A list of one that is done.
fn list(rig: &mut Rig) -> u64 {
    let block = done(rig);
    rig.place(&block)
}

fn fd_set(rig: &mut Rig, fd: u64) -> u64 {
    rig.bytes(&rump_abi::netbsd::poll::fd_set([fd as u32], 64))
}

fn select(rig: &mut Rig, timeout: &impl Layout) -> Vec<u64> {
    let set = fd_set(rig, rig.pair[0]);
    let empty = fd_set(rig, 63);
    rig.clear(empty, 8);
    vec![64, set, empty, empty, rig.place(timeout), 0]
}

fn pollfds(rig: &mut Rig) -> u64 {
    rig.place(&Pollfd { fd: rig.pair[0] as i32, events: 1, revents: 0 })
}

fn handle(rig: &mut Rig) -> [u64; 2] {
    let bytes = rig.process.getfh("/file").unwrap().to_bytes();
    [rig.bytes(&bytes), bytes.len() as u64]
}

fn kevents(rig: &mut Rig, timeout: &impl Layout) -> Vec<u64> {
    let queue = rig.process.kqueue().unwrap();
    let change = Kevent { ident: rig.pair[0], filter: 0, flags: 1, fflags: 0, data: 0, udata: 9 };
    vec![queue.0.into(), rig.place(&change), 1, rig.room(80), 2, rig.place(timeout)]
}

fn extattr(rig: &mut Rig, who: u64, with_name: bool) -> Vec<u64> {
    system_attribute(rig);
    let mut slots = vec![who, 2];
    if with_name {
        slots.push(rig.text("name"));
    }
    slots.extend([rig.bytes(b"other"), 5]);
    slots
}

/// The arguments.
pub fn arguments(rig: &mut Rig, number: u32) -> Vec<u64> {
    let (file, root, pair) = (rig.file, rig.root, rig.pair);
    match number {
        READ => vec![file, rig.room(16), 16],
        WRITE => vec![file, rig.bytes(b"bytes"), 5],
        OPEN => vec![rig.text("/new"), 0x202, 0o644],
        CLOSE | DUP | FSYNC | FDATASYNC => vec![file],
        LINK | SYMLINK | RENAME | __POSIX_RENAME => vec![rig.text("/file"), rig.text("/other")],
        READLINK => vec![rig.text("/link"), rig.room(64), 64],
        UNLINK | REVOKE => vec![rig.text("/file")],
        CHDIR | CHROOT => vec![rig.text("/dir")],
        FCHDIR | FCHROOT => vec![root],
        COMPAT_50_MKNOD | __MKNOD50 => vec![rig.text("/node"), 0o020_644, 0x102],
        CHMOD | LCHMOD => vec![rig.text("/file"), 0o600],
        CHOWN | LCHOWN | __POSIX_CHOWN | __POSIX_LCHOWN => vec![rig.text("/file"), 5, u64::MAX],
        FCHOWN | __POSIX_FCHOWN => vec![file, 5, 6],
        FCHMOD => vec![file, 0o600],
        CHFLAGS | LCHFLAGS => vec![rig.text("/file"), 1],
        FCHFLAGS => vec![file, 1],
        GETPID | GETPPID | GETUID | GETEUID | GETGID | GETEGID | GETPGRP | ISSETUGID | SYNC | PIPE
        | KQUEUE => {
            vec![]
        }
        // A leader of a group cannot begin a session.
        SETSID => {
            rig.process = rig.process.fork();
            vec![]
        }
        SETUID | SETEUID | SETGID | SETEGID => vec![5],
        SETREUID | SETREGID => vec![5, 6],
        SETPGID => vec![0, 0],
        GETPGID | GETSID => vec![0],
        GETGROUPS => {
            rig.process.setgroups(&[7, 8]).unwrap();
            vec![16, rig.room(64)]
        }
        SETGROUPS => vec![2, rig.place(&[7_u32, 8])],
        COMPAT_40_MOUNT | __MOUNT50 => {
            let args = TmpfsArgs {
                version: 1,
                nodes_max: 100,
                size_max: 1 << 20,
                root_uid: 1,
                root_gid: 2,
                root_mode: 0o755,
            };
            vec![rig.text("tmpfs"), rig.text("/dir"), 0, rig.place(&args), TmpfsArgs::SIZE as u64]
        }
        UNMOUNT => {
            rig.process.mount("tmpfs", "/dir", rump_kern::MountArgs::default()).unwrap();
            vec![rig.text("/dir"), 0]
        }
        REBOOT => vec![0, 0],
        __QUOTACTL => vec![rig.text("/"), 0],
        RECVMSG => {
            let header = header(rig);
            vec![pair[0], rig.place(&header), 0]
        }
        SENDMSG => {
            let header = header(rig);
            vec![pair[0], rig.place(&header), 0]
        }
        RECVMMSG => vec![pair[0], batch(rig), 1, 0, rig.place(&SECOND)],
        SENDMMSG => vec![pair[0], batch(rig), 1, 0],
        RECVFROM => {
            let [name, length] = name_room(rig);
            vec![pair[0], rig.room(16), 16, 0, name, length]
        }
        SENDTO => vec![pair[0], rig.bytes(b"bytes"), 5, 0, 0, 0],
        ACCEPT => {
            let [name, length] = name_room(rig);
            vec![called(rig), name, length]
        }
        PACCEPT => {
            let [name, length] = name_room(rig);
            vec![called(rig), name, length, 0, 0x3000_0000]
        }
        GETPEERNAME | GETSOCKNAME => {
            let [name, length] = name_room(rig);
            vec![pair[0], name, length]
        }
        COMPAT_30_SOCKET | __SOCKET30 => vec![1, 0x1000_0001, 0],
        SOCKETPAIR => vec![1, 2, 0, rig.room(8)],
        BIND => {
            let fd = socket(rig, SocketType::Datagram);
            let [address, length] = local(rig, "/socket");
            vec![fd.0.into(), address, length]
        }
        CONNECT => {
            listener(rig);
            let [address, length] = local(rig, "/socket");
            vec![socket(rig, SocketType::Stream).0.into(), address, length]
        }
        LISTEN => {
            let fd = socket(rig, SocketType::Stream);
            rig.process.bind(fd, &SocketAddress::Local(b"/socket".to_vec())).unwrap();
            vec![fd.0.into(), 5]
        }
        SHUTDOWN => vec![pair[0], 2],
        SETSOCKOPT => vec![pair[0], 0xffff, 0x1001, rig.place(&8192_i32), 4],
        GETSOCKOPT => vec![pair[0], 0xffff, 0x1008, rig.room(4), rig.place(&4_u32)],
        ACCESS => vec![rig.text("/file"), 4],
        IOCTL => vec![pair[0], 0x4004_667f, rig.room(4)],
        UMASK => vec![0o77],
        DUP2 => vec![file, 40],
        DUP3 => vec![file, 40, 0x40_0000],
        PIPE2 => vec![rig.room(8), 0x40_0004],
        KQUEUE1 => vec![0x40_0000],
        FCNTL => {
            let lock = Flock { start: 0, length: 1, pid: 0, kind: F_WRLCK, whence: 0 };
            vec![file, F_SETLK as u64, rig.place(&lock)]
        }
        FLOCK => vec![file, LOCK_EX],
        READV => {
            let list = iovecs(rig, b"........");
            vec![file, list, 2]
        }
        WRITEV => vec![file, iovecs(rig, b"bytes"), 2],
        PREAD => vec![file, rig.room(16), 16, 0, 1],
        PWRITE => vec![file, rig.bytes(b"bytes"), 5, 0, 1],
        PREADV | PWRITEV => vec![file, iovecs(rig, b"bytes"), 2, 0, 1],
        LSEEK => vec![file, 0, 3, 0],
        TRUNCATE => vec![rig.text("/file"), 0, 3],
        FTRUNCATE => vec![file, 0, 3],
        FSYNC_RANGE => vec![file, 0x10, 0, 0],
        POSIX_FALLOCATE | FDISCARD => vec![file, 0, 0, 4],
        __POSIX_FADVISE50 => vec![file, 0, 0, 0, 1],
        MKFIFO | MKDIR => vec![rig.text("/new"), 0o755],
        RMDIR => vec![rig.text("/dir")],
        PATHCONF => vec![rig.text("/file"), 4],
        FPATHCONF => vec![file, 4],
        GETRLIMIT => vec![8, rig.room(16)],
        SETRLIMIT => vec![8, rig.place(&Rlimit { cur: 100, max: 200 })],
        __SYSCTL => vec![rig.place(&[1_i32, 10]), 2, rig.room(64), rig.place(&64_u64), rig.bytes(b"name"), 4],
        POLL => vec![pollfds(rig), 1, 0],
        COMPAT_50_POLLTS => vec![pollfds(rig), 1, rig.place(&Timespec50 { sec: 1, nsec: 0 }), 0],
        __POLLTS50 => vec![pollfds(rig), 1, rig.place(&SECOND), 0],
        COMPAT_50_SELECT => select(rig, &Timeval50 { sec: 1, usec: 0 }),
        __SELECT50 => select(rig, &Timeval { sec: 1, usec: 0 }),
        COMPAT_50_PSELECT => select(rig, &Timespec50 { sec: 1, nsec: 0 }),
        __PSELECT50 => select(rig, &SECOND),
        COMPAT_50_KEVENT => kevents(rig, &Timespec50 { sec: 1, nsec: 0 }),
        __KEVENT50 => kevents(rig, &SECOND),
        COMPAT_50_CLOCK_GETTIME | __CLOCK_GETTIME50 | COMPAT_50_CLOCK_GETRES | __CLOCK_GETRES50 => {
            vec![3, rig.room(16)]
        }
        COMPAT_50_CLOCK_SETTIME => vec![0, rig.place(&Timespec50 { sec: 1_700_000_000, nsec: 0 })],
        __CLOCK_SETTIME50 => vec![0, rig.place(&Timespec { sec: 1_700_000_000, nsec: 0 })],
        COMPAT_50_GETTIMEOFDAY | __GETTIMEOFDAY50 => vec![rig.room(16), 0],
        COMPAT_50_SETTIMEOFDAY => vec![rig.place(&Timeval50 { sec: 1_700_000_000, usec: 0 }), 0],
        __SETTIMEOFDAY50 => vec![rig.place(&Timeval { sec: 1_700_000_000, usec: 0 }), 0],
        COMPAT_50_NANOSLEEP => vec![rig.place(&Timespec50 { sec: 0, nsec: 1 }), rig.room(16)],
        __NANOSLEEP50 => vec![rig.place(&Timespec { sec: 0, nsec: 1 }), rig.room(16)],
        CLOCK_NANOSLEEP => vec![3, 0, rig.place(&Timespec { sec: 0, nsec: 1 }), rig.room(16)],
        COMPAT_50_SETITIMER => vec![0, rig.place(&[Timeval50 { sec: 0, usec: 0 }; 2]), rig.room(32)],
        __SETITIMER50 => vec![0, rig.place(&[Timeval { sec: 0, usec: 0 }; 2]), rig.room(32)],
        COMPAT_50_GETITIMER | __GETITIMER50 => vec![0, rig.room(32)],
        TIMER_CREATE => vec![3, 0, rig.room(4)],
        TIMER_DELETE | TIMER_GETOVERRUN => vec![timer(rig)],
        COMPAT_50_TIMER_SETTIME => {
            let times = rig.place(&[Timespec50 { sec: 5, nsec: 0 }; 2]);
            vec![timer(rig), 0, times, rig.room(32)]
        }
        __TIMER_SETTIME50 => vec![timer(rig), 0, rig.place(&[SECOND; 2]), rig.room(32)],
        COMPAT_50_TIMER_GETTIME | __TIMER_GETTIME50 => vec![timer(rig), rig.room(32)],
        _KSEM_INIT => vec![3, rig.room(8)],
        _KSEM_OPEN => vec![rig.text("/sem"), 0x200, 0o600, 1, rig.room(8)],
        _KSEM_UNLINK | _KSEM_CLOSE => {
            let (flags, mode) = (OpenFlags::CREAT, rump_abi::Mode::new(0o600));
            let opened = rig.process.ksem_open("/sem", flags, mode, 1).unwrap();
            if number == _KSEM_UNLINK { vec![rig.text("/sem")] } else { vec![opened.0.into()] }
        }
        _KSEM_POST | _KSEM_WAIT | _KSEM_TRYWAIT | _KSEM_DESTROY => vec![semaphore(rig)],
        _KSEM_TIMEDWAIT => vec![semaphore(rig), rig.place(&SECOND)],
        _KSEM_GETVALUE => vec![semaphore(rig), rig.room(4)],
        AIO_READ | AIO_WRITE => vec![block(rig, LIO_NOP)],
        AIO_FSYNC => vec![OpenFlags::SYNC.bits().into(), block(rig, LIO_NOP)],
        AIO_ERROR | AIO_RETURN => vec![done(rig)],
        AIO_CANCEL => vec![file, done(rig)],
        COMPAT_50_AIO_SUSPEND => vec![list(rig), 1, rig.place(&Timespec50 { sec: 1, nsec: 0 })],
        __AIO_SUSPEND50 => vec![list(rig), 1, rig.place(&SECOND)],
        LIO_LISTIO => {
            let (one, other) = (block(rig, LIO_READ), block(rig, LIO_WRITE));
            let event = rig.place(&NOBODY);
            vec![LIO_NOWAIT as u64, rig.place(&[one, 0, other]), 3, event]
        }
        COMPAT_50_UTIMES | COMPAT_50_LUTIMES => {
            vec![rig.text("/file"), rig.place(&[Timeval50 { sec: 5, usec: 6 }; 2])]
        }
        __UTIMES50 | __LUTIMES50 => vec![rig.text("/file"), rig.place(&[Timeval { sec: 5, usec: 6 }; 2])],
        COMPAT_50_FUTIMES => vec![file, rig.place(&[Timeval50 { sec: 5, usec: 6 }; 2])],
        __FUTIMES50 => vec![file, rig.place(&[Timeval { sec: 5, usec: 6 }; 2])],
        FUTIMENS => vec![file, rig.place(&[SECOND; 2])],
        UTIMENSAT => vec![CWD, rig.text("file"), rig.place(&[SECOND; 2]), 0x200],
        __GETCWD => vec![rig.room(64), 64],
        GETVFSSTAT => vec![rig.room(8192), 8192, 2],
        STATVFS1 => vec![rig.text("/"), rig.room(2256), 1],
        FSTATVFS1 => vec![root, rig.room(2256), 1],
        EXTATTR_SET_FILE | EXTATTR_GET_FILE | EXTATTR_SET_LINK | EXTATTR_GET_LINK => {
            let path = rig.text("/file");
            extattr(rig, path, true)
        }
        EXTATTR_DELETE_FILE | EXTATTR_DELETE_LINK => {
            let path = rig.text("/file");
            extattr(rig, path, true)[..3].to_vec()
        }
        EXTATTR_LIST_FILE | EXTATTR_LIST_LINK => {
            let path = rig.text("/file");
            extattr(rig, path, false)
        }
        EXTATTR_SET_FD | EXTATTR_GET_FD => extattr(rig, file, true),
        EXTATTR_DELETE_FD => extattr(rig, file, true)[..3].to_vec(),
        EXTATTR_LIST_FD => extattr(rig, file, false),
        SETXATTR | LSETXATTR => {
            vec![rig.text("/file"), rig.text("user.name"), rig.bytes(b"value"), 5, 0]
        }
        FSETXATTR => vec![file, rig.text("user.name"), rig.bytes(b"value"), 5, 0],
        GETXATTR | LGETXATTR => {
            attribute(rig);
            vec![rig.text("/file"), rig.text("user.name"), rig.room(16), 16]
        }
        FGETXATTR => {
            attribute(rig);
            vec![file, rig.text("user.name"), rig.room(16), 16]
        }
        LISTXATTR | LLISTXATTR => {
            attribute(rig);
            vec![rig.text("/file"), rig.room(64), 64]
        }
        FLISTXATTR => {
            attribute(rig);
            vec![file, rig.room(64), 64]
        }
        REMOVEXATTR | LREMOVEXATTR => {
            attribute(rig);
            vec![rig.text("/file"), rig.text("user.name")]
        }
        FREMOVEXATTR => {
            attribute(rig);
            vec![file, rig.text("user.name")]
        }
        __GETDENTS30 => vec![root, rig.room(4096), 4096],
        __GETFH30 => vec![rig.text("/file"), rig.room(64), rig.place(&64_u64)],
        __FHOPEN40 => {
            let [handle, length] = handle(rig);
            vec![handle, length, 0]
        }
        COMPAT_50___FHSTAT40 | __FHSTAT50 => {
            let [handle, length] = handle(rig);
            vec![handle, length, rig.room(152)]
        }
        __FHSTATVFS140 => {
            let [handle, length] = handle(rig);
            vec![handle, length, rig.room(2256), 1]
        }
        COMPAT_50___STAT30 | COMPAT_50___LSTAT30 | __STAT50 | __LSTAT50 => {
            vec![rig.text("/link"), rig.room(152)]
        }
        COMPAT_50___FSTAT30 | __FSTAT50 => vec![file, rig.room(152)],
        FSTATAT => vec![root, rig.text("link"), rig.room(152), 0x200],
        LINKAT => vec![root, rig.text("file"), CWD, rig.text("other"), 0],
        RENAMEAT => vec![root, rig.text("file"), CWD, rig.text("other")],
        MKFIFOAT | MKDIRAT => vec![root, rig.text("new"), 0o755],
        MKNODAT => vec![root, rig.text("node"), 0o010_644, 0, 0],
        FACCESSAT => vec![root, rig.text("file"), 4, 0x100],
        FCHMODAT => vec![root, rig.text("file"), 0o600, 0],
        FCHOWNAT => vec![root, rig.text("file"), 5, 6, 0x200],
        OPENAT => vec![root, rig.text("new"), 0x202, 0o644],
        READLINKAT => vec![root, rig.text("link"), rig.room(64), 64],
        SYMLINKAT => vec![rig.text("target"), root, rig.text("new")],
        UNLINKAT => vec![root, rig.text("dir"), 0x800],
        _ => panic!("{number} has no arguments here: {:?}", rump_abi::netbsd::numbers::name(number)),
    }
}
