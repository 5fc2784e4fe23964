//! stat(2), in all the forms that programs use, and statx(2).

use super::{at, of, on};
use crate::errno::fail;
use crate::sys::*;
use libc::{
    AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW, c_char, c_int, c_uint, stat as Stat, statx as Statx,
};

/// Devices of the kernel are none of the host's: programs take two files of one device and number for the same.
const MAJOR: c_uint = 0xeff;

fn told(to: *mut Stat, answer: c_int) -> c_int {
    if answer == 0 {
        // SAFETY: the caller's promise; the kernel has refused null.
        let stat = unsafe { &mut *to };
        stat.st_dev = libc::makedev(MAJOR, stat.st_dev as c_uint & 0xf_ffff);
    }
    answer
}

/// The attributes of an open file of the kernel.
pub fn of_open(fd: c_int, to: *mut Stat) -> c_int {
    told(to, rump_sys_fstat(fd, to))
}

fn of_name(dir: c_int, path: *const c_char, to: *mut Stat, flags: c_int) -> c_int {
    told(to, rump_sys_fstatat(dir, path, to, flags & !libc::AT_NO_AUTOMOUNT))
}

fn is_empty(path: *const c_char) -> bool {
    // SAFETY: the caller's promise.
    path.is_null() || unsafe { *path } == 0
}

fn stat_at(
    dir: c_int,
    path: *const c_char,
    to: *mut Stat,
    flags: c_int,
    host: impl FnOnce(c_int, *const c_char) -> c_int,
) -> c_int {
    if flags & AT_EMPTY_PATH != 0 && is_empty(path) && dir != AT_FDCWD {
        return on(dir, || host(dir, path), |fd| of_open(fd, to));
    }
    at(dir, path, host, |dir, path| {
        let path = if flags & AT_EMPTY_PATH != 0 && is_empty(path) { c".".as_ptr() } else { path };
        of_name(dir, path, to, flags & !AT_EMPTY_PATH)
    })
}

interpose! {
    [stat, stat64](path: *const c_char, to: *mut Stat) -> c_int, |host| {
        of(path, |path| host(path, to), |path| of_name(AT_FDCWD, path, to, 0))
    }

    [lstat, lstat64](path: *const c_char, to: *mut Stat) -> c_int, |host| {
        of(path, |path| host(path, to), |path| of_name(AT_FDCWD, path, to, AT_SYMLINK_NOFOLLOW))
    }

    [fstat, fstat64](fd: c_int, to: *mut Stat) -> c_int, |host| {
        on(fd, || host(fd, to), |fd| of_open(fd, to))
    }

    [fstatat, fstatat64](dir: c_int, path: *const c_char, to: *mut Stat, flags: c_int) -> c_int, |host| {
        stat_at(dir, path, to, flags, |dir, path| host(dir, path, to, flags))
    }

    [__xstat, __xstat64](version: c_int, path: *const c_char, to: *mut Stat) -> c_int, |host| {
        of(path, |path| host(version, path, to), |path| of_name(AT_FDCWD, path, to, 0))
    }

    [__lxstat, __lxstat64](version: c_int, path: *const c_char, to: *mut Stat) -> c_int, |host| {
        of(path, |path| host(version, path, to), |path| of_name(AT_FDCWD, path, to, AT_SYMLINK_NOFOLLOW))
    }

    [__fxstat, __fxstat64](version: c_int, fd: c_int, to: *mut Stat) -> c_int, |host| {
        on(fd, || host(version, fd, to), |fd| of_open(fd, to))
    }

    [__fxstatat, __fxstatat64](
        version: c_int,
        dir: c_int,
        path: *const c_char,
        to: *mut Stat,
        flags: c_int,
    ) -> c_int, |host| {
        stat_at(dir, path, to, flags, |dir, path| host(version, dir, path, to, flags))
    }

    [statx](dir: c_int, path: *const c_char, flags: c_int, mask: c_uint, to: *mut Statx) -> c_int, |host| {
        // SAFETY: all zeros is one.
        let mut stat: Stat = unsafe { std::mem::zeroed() };
        let mut is_host = false;
        let known = flags & (AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | libc::AT_NO_AUTOMOUNT);
        let answer = stat_at(dir, path, &mut stat, known, |dir, path| {
            is_host = true;
            host(dir, path, flags, mask, to)
        });
        if is_host {
            return answer;
        }
        let is_both = flags & libc::AT_STATX_SYNC_TYPE == libc::AT_STATX_SYNC_TYPE;
        if is_both || flags & !(known | libc::AT_STATX_SYNC_TYPE) != 0 || mask as c_int & libc::STATX__RESERVED != 0 {
            return fail(libc::EINVAL);
        }
        if answer != 0 {
            return answer;
        }
        // SAFETY: the caller's promise.
        match unsafe { to.as_mut() } {
            Some(to) => *to = extended(&stat),
            None => return fail(libc::EFAULT),
        }
        0
    }
}

fn extended(stat: &Stat) -> Statx {
    // SAFETY: all zeros is one.
    let mut to: Statx = unsafe { std::mem::zeroed() };
    to.stx_mask = libc::STATX_BASIC_STATS;
    to.stx_blksize = stat.st_blksize as u32;
    to.stx_nlink = stat.st_nlink as u32;
    (to.stx_uid, to.stx_gid) = (stat.st_uid, stat.st_gid);
    to.stx_mode = stat.st_mode as u16;
    to.stx_ino = stat.st_ino;
    to.stx_size = stat.st_size as u64;
    to.stx_blocks = stat.st_blocks as u64;
    (to.stx_atime.tv_sec, to.stx_atime.tv_nsec) = (stat.st_atime, stat.st_atime_nsec as u32);
    (to.stx_mtime.tv_sec, to.stx_mtime.tv_nsec) = (stat.st_mtime, stat.st_mtime_nsec as u32);
    (to.stx_ctime.tv_sec, to.stx_ctime.tv_nsec) = (stat.st_ctime, stat.st_ctime_nsec as u32);
    (to.stx_rdev_major, to.stx_rdev_minor) = (libc::major(stat.st_rdev), libc::minor(stat.st_rdev));
    (to.stx_dev_major, to.stx_dev_minor) = (libc::major(stat.st_dev), libc::minor(stat.st_dev));
    to
}
