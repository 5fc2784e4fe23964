//! The calls of `rump-capi`, as C has them.
//!
//! They are safe here since no pointer is made here that is not a local place: what the caller of an interposed
//! function promised libc is passed on.

use libc::{
    c_char, c_int, c_long, c_uint, c_ulong, c_void, dev_t, flock, gid_t, iovec, mmsghdr, mode_t, msghdr,
    nfds_t, off_t, pollfd, size_t, sockaddr, socklen_t, ssize_t, stat, statvfs, timespec, uid_t,
};

type Path = *const c_char;

unsafe extern "C" {
    pub safe fn rump_init() -> c_int;
    pub safe fn rump_sys_reboot(how: c_int, text: Path) -> c_int;
    pub safe fn rump_sys_sync();

    pub safe fn rump_i_openat(dir: c_int, path: Path, flags: c_int, mode: mode_t) -> c_int;
    pub safe fn rump_sys_close(fd: c_int) -> c_int;
    pub safe fn rump_i_fcntl(fd: c_int, command: c_int, argument: c_int) -> c_int;
    pub safe fn rump_i_fcntl_lock(fd: c_int, command: c_int, lock: *mut flock) -> c_int;
    pub safe fn rump_sys_flock(fd: c_int, operation: c_int) -> c_int;
    pub safe fn rump_i_ioctl(fd: c_int, request: c_ulong, argument: *mut c_void) -> c_int;

    pub safe fn rump_sys_read(fd: c_int, to: *mut c_void, length: size_t) -> ssize_t;
    pub safe fn rump_sys_readv(fd: c_int, parts: *const iovec, count: c_int) -> ssize_t;
    pub safe fn rump_sys_pread(fd: c_int, to: *mut c_void, length: size_t, at: off_t) -> ssize_t;
    pub safe fn rump_sys_preadv(fd: c_int, parts: *const iovec, count: c_int, at: off_t) -> ssize_t;
    pub safe fn rump_sys_write(fd: c_int, from: *const c_void, length: size_t) -> ssize_t;
    pub safe fn rump_sys_writev(fd: c_int, parts: *const iovec, count: c_int) -> ssize_t;
    pub safe fn rump_sys_pwrite(fd: c_int, from: *const c_void, length: size_t, at: off_t) -> ssize_t;
    pub safe fn rump_sys_pwritev(fd: c_int, parts: *const iovec, count: c_int, at: off_t) -> ssize_t;
    pub safe fn rump_sys_lseek(fd: c_int, offset: off_t, whence: c_int) -> off_t;
    pub safe fn rump_sys_truncate(path: Path, size: off_t) -> c_int;
    pub safe fn rump_sys_ftruncate(fd: c_int, size: off_t) -> c_int;
    pub safe fn rump_sys_fsync(fd: c_int) -> c_int;
    pub safe fn rump_sys_fdatasync(fd: c_int) -> c_int;
    pub safe fn rump_sys_posix_fadvise(fd: c_int, start: off_t, length: off_t, advice: c_int) -> c_int;
    pub safe fn rump_sys_posix_fallocate(fd: c_int, start: off_t, length: off_t) -> c_int;
    pub safe fn rump_sys_getdents(fd: c_int, to: *mut c_void, size: size_t) -> c_int;

    pub safe fn rump_sys_fstat(fd: c_int, to: *mut stat) -> c_int;
    pub safe fn rump_sys_fstatat(dir: c_int, path: Path, to: *mut stat, flags: c_int) -> c_int;
    pub safe fn rump_sys_statvfs1(path: Path, to: *mut statvfs, flags: c_int) -> c_int;
    pub safe fn rump_sys_fstatvfs1(fd: c_int, to: *mut statvfs, flags: c_int) -> c_int;
    pub safe fn rump_sys_pathconf(path: Path, name: c_int) -> c_long;
    pub safe fn rump_sys_fpathconf(fd: c_int, name: c_int) -> c_long;
    pub safe fn rump_sys_faccessat(dir: c_int, path: Path, mode: c_int, flags: c_int) -> c_int;

    pub safe fn rump_sys_fchmod(fd: c_int, mode: mode_t) -> c_int;
    pub safe fn rump_sys_fchmodat(dir: c_int, path: Path, mode: mode_t, flags: c_int) -> c_int;
    pub safe fn rump_sys_fchown(fd: c_int, owner: uid_t, group: gid_t) -> c_int;
    pub safe fn rump_sys_fchownat(dir: c_int, path: Path, owner: uid_t, group: gid_t, flags: c_int) -> c_int;
    pub safe fn rump_sys_utimensat(dir: c_int, path: Path, times: *const timespec, flags: c_int) -> c_int;
    pub safe fn rump_sys_futimens(fd: c_int, times: *const timespec) -> c_int;
    pub safe fn rump_sys_umask(mask: mode_t) -> mode_t;

    pub safe fn rump_sys_linkat(od: c_int, old: Path, nd: c_int, new: Path, flags: c_int) -> c_int;
    pub safe fn rump_sys_symlinkat(target: Path, dir: c_int, path: Path) -> c_int;
    pub safe fn rump_sys_readlinkat(dir: c_int, path: Path, to: *mut c_char, size: size_t) -> ssize_t;
    pub safe fn rump_sys_renameat(od: c_int, old: Path, nd: c_int, new: Path) -> c_int;
    pub safe fn rump_sys_unlinkat(dir: c_int, path: Path, flags: c_int) -> c_int;
    pub safe fn rump_sys_mkdirat(dir: c_int, path: Path, mode: mode_t) -> c_int;
    pub safe fn rump_sys_mknodat(dir: c_int, path: Path, mode: mode_t, device: dev_t) -> c_int;
    pub safe fn rump_sys_mkfifoat(dir: c_int, path: Path, mode: mode_t) -> c_int;
    pub safe fn rump_sys_chdir(path: Path) -> c_int;
    pub safe fn rump_sys_fchdir(fd: c_int) -> c_int;
    pub safe fn rump_sys_getcwd(to: *mut c_char, size: size_t) -> c_int;

    pub safe fn rump_sys_getxattr(path: Path, name: Path, to: *mut c_void, size: size_t) -> ssize_t;
    pub safe fn rump_sys_lgetxattr(path: Path, name: Path, to: *mut c_void, size: size_t) -> ssize_t;
    pub safe fn rump_sys_fgetxattr(fd: c_int, name: Path, to: *mut c_void, size: size_t) -> ssize_t;
    pub safe fn rump_sys_listxattr(path: Path, to: *mut c_char, size: size_t) -> ssize_t;
    pub safe fn rump_sys_llistxattr(path: Path, to: *mut c_char, size: size_t) -> ssize_t;
    pub safe fn rump_sys_flistxattr(fd: c_int, to: *mut c_char, size: size_t) -> ssize_t;
    pub safe fn rump_sys_setxattr(
        path: Path,
        name: Path,
        from: *const c_void,
        size: size_t,
        flags: c_int,
    ) -> c_int;
    pub safe fn rump_sys_lsetxattr(
        path: Path,
        name: Path,
        from: *const c_void,
        size: size_t,
        flags: c_int,
    ) -> c_int;
    pub safe fn rump_sys_fsetxattr(
        fd: c_int,
        name: Path,
        from: *const c_void,
        size: size_t,
        flags: c_int,
    ) -> c_int;
    pub safe fn rump_sys_removexattr(path: Path, name: Path) -> c_int;
    pub safe fn rump_sys_lremovexattr(path: Path, name: Path) -> c_int;
    pub safe fn rump_sys_fremovexattr(fd: c_int, name: Path) -> c_int;

    pub safe fn rump_sys_socket(domain: c_int, kind: c_int, protocol: c_int) -> c_int;
    pub safe fn rump_sys_socketpair(domain: c_int, kind: c_int, protocol: c_int, to: *mut c_int) -> c_int;
    pub safe fn rump_sys_bind(fd: c_int, address: *const sockaddr, length: socklen_t) -> c_int;
    pub safe fn rump_sys_connect(fd: c_int, address: *const sockaddr, length: socklen_t) -> c_int;
    pub safe fn rump_sys_listen(fd: c_int, backlog: c_int) -> c_int;
    pub safe fn rump_sys_accept4(fd: c_int, to: *mut sockaddr, length: *mut socklen_t, flags: c_int)
    -> c_int;
    pub safe fn rump_sys_shutdown(fd: c_int, how: c_int) -> c_int;
    pub safe fn rump_sys_getsockname(fd: c_int, to: *mut sockaddr, length: *mut socklen_t) -> c_int;
    pub safe fn rump_sys_getpeername(fd: c_int, to: *mut sockaddr, length: *mut socklen_t) -> c_int;
    pub safe fn rump_sys_setsockopt(
        fd: c_int,
        level: c_int,
        name: c_int,
        value: *const c_void,
        length: socklen_t,
    ) -> c_int;
    pub safe fn rump_sys_getsockopt(
        fd: c_int,
        level: c_int,
        name: c_int,
        to: *mut c_void,
        length: *mut socklen_t,
    ) -> c_int;
    pub safe fn rump_sys_send(fd: c_int, from: *const c_void, length: size_t, flags: c_int) -> ssize_t;
    pub safe fn rump_sys_sendto(
        fd: c_int,
        from: *const c_void,
        length: size_t,
        flags: c_int,
        address: *const sockaddr,
        address_length: socklen_t,
    ) -> ssize_t;
    pub safe fn rump_sys_sendmsg(fd: c_int, message: *const msghdr, flags: c_int) -> ssize_t;
    pub safe fn rump_sys_sendmmsg(fd: c_int, messages: *mut mmsghdr, count: c_uint, flags: c_int) -> c_int;
    pub safe fn rump_sys_recv(fd: c_int, to: *mut c_void, length: size_t, flags: c_int) -> ssize_t;
    pub safe fn rump_sys_recvfrom(
        fd: c_int,
        to: *mut c_void,
        length: size_t,
        flags: c_int,
        address: *mut sockaddr,
        address_length: *mut socklen_t,
    ) -> ssize_t;
    pub safe fn rump_sys_recvmsg(fd: c_int, message: *mut msghdr, flags: c_int) -> ssize_t;
    pub safe fn rump_sys_recvmmsg(
        fd: c_int,
        messages: *mut mmsghdr,
        count: c_uint,
        flags: c_int,
        timeout: *mut timespec,
    ) -> c_int;
    pub safe fn rump_sys_poll(fds: *mut pollfd, count: nfds_t, milliseconds: c_int) -> c_int;
}
