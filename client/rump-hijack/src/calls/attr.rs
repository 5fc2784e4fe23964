//! chmod(2), chown(2), utimes(2) in all their forms, umask(2).

use super::{at, of, on};
use crate::carrier;
use crate::errno::fail;
use crate::sys::*;
use libc::{AT_FDCWD, AT_SYMLINK_NOFOLLOW, c_char, c_int, gid_t, mode_t, timespec, timeval, uid_t, utimbuf};

/// Times of the other kind, none for null. Errors: EINVAL (microseconds that are none).
fn times(from: *const timeval) -> Result<Option<[timespec; 2]>, c_int> {
    if from.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's promise.
    let pair = unsafe { from.cast::<[timeval; 2]>().read() };
    if pair.iter().any(|time| !(0..1_000_000).contains(&time.tv_usec)) {
        return Err(libc::EINVAL);
    }
    Ok(Some(pair.map(|time| timespec { tv_sec: time.tv_sec, tv_nsec: time.tv_usec * 1000 })))
}

fn pointer(times: Option<&[timespec; 2]>) -> *const timespec {
    times.map_or(std::ptr::null(), |times| times.as_ptr())
}

fn set_times(dir: c_int, path: *const c_char, from: *const timeval, flags: c_int) -> c_int {
    match times(from) {
        Ok(times) => rump_sys_utimensat(dir, path, pointer(times.as_ref()), flags),
        Err(number) => fail(number),
    }
}

interpose! {
    [chmod](path: *const c_char, mode: mode_t) -> c_int, |host| {
        of(path, |path| host(path, mode), |path| rump_sys_fchmodat(AT_FDCWD, path, mode, 0))
    }

    [lchmod](path: *const c_char, mode: mode_t) -> c_int, |host| {
        of(path, |path| host(path, mode), |path| rump_sys_fchmodat(AT_FDCWD, path, mode, AT_SYMLINK_NOFOLLOW))
    }

    [fchmod](fd: c_int, mode: mode_t) -> c_int, |host| {
        on(fd, || host(fd, mode), |fd| rump_sys_fchmod(fd, mode))
    }

    [fchmodat](dir: c_int, path: *const c_char, mode: mode_t, flags: c_int) -> c_int, |host| {
        at(dir, path, |dir, path| host(dir, path, mode, flags), |dir, path| rump_sys_fchmodat(dir, path, mode, flags))
    }

    [chown](path: *const c_char, owner: uid_t, group: gid_t) -> c_int, |host| {
        of(path, |path| host(path, owner, group), |path| rump_sys_fchownat(AT_FDCWD, path, owner, group, 0))
    }

    [lchown](path: *const c_char, owner: uid_t, group: gid_t) -> c_int, |host| {
        of(
            path,
            |path| host(path, owner, group),
            |path| rump_sys_fchownat(AT_FDCWD, path, owner, group, AT_SYMLINK_NOFOLLOW),
        )
    }

    [fchown](fd: c_int, owner: uid_t, group: gid_t) -> c_int, |host| {
        on(fd, || host(fd, owner, group), |fd| rump_sys_fchown(fd, owner, group))
    }

    [fchownat](dir: c_int, path: *const c_char, owner: uid_t, group: gid_t, flags: c_int) -> c_int, |host| {
        at(
            dir,
            path,
            |dir, path| host(dir, path, owner, group, flags),
            |dir, path| rump_sys_fchownat(dir, path, owner, group, flags),
        )
    }

    [utime](path: *const c_char, from: *const utimbuf) -> c_int, |host| {
        of(path, |path| host(path, from), |path| {
            // SAFETY: the caller's promise.
            let pair = unsafe { from.as_ref() }.map(|from| {
                [from.actime, from.modtime].map(|seconds| timespec { tv_sec: seconds, tv_nsec: 0 })
            });
            rump_sys_utimensat(AT_FDCWD, path, pointer(pair.as_ref()), 0)
        })
    }

    [utimes](path: *const c_char, from: *const timeval) -> c_int, |host| {
        of(path, |path| host(path, from), |path| set_times(AT_FDCWD, path, from, 0))
    }

    [lutimes](path: *const c_char, from: *const timeval) -> c_int, |host| {
        of(path, |path| host(path, from), |path| set_times(AT_FDCWD, path, from, AT_SYMLINK_NOFOLLOW))
    }

    [futimesat](dir: c_int, path: *const c_char, from: *const timeval) -> c_int, |host| {
        at(dir, path, |dir, path| host(dir, path, from), |dir, path| set_times(dir, path, from, 0))
    }

    [futimes](fd: c_int, from: *const timeval) -> c_int, |host| {
        on(fd, || host(fd, from), |fd| match times(from) {
            Ok(times) => rump_sys_futimens(fd, pointer(times.as_ref())),
            Err(number) => fail(number),
        })
    }

    [utimensat](dir: c_int, path: *const c_char, from: *const timespec, flags: c_int) -> c_int, |host| {
        if path.is_null() {
            return on(dir, || host(dir, path, from, flags), |fd| rump_sys_futimens(fd, from));
        }
        at(
            dir,
            path,
            |dir, path| host(dir, path, from, flags),
            |dir, path| rump_sys_utimensat(dir, path, from, flags),
        )
    }

    [futimens](fd: c_int, from: *const timespec) -> c_int, |host| {
        on(fd, || host(fd, from), |fd| rump_sys_futimens(fd, from))
    }

    [umask](mask: mode_t) -> mode_t, |host| {
        carrier::follow_umask(mask);
        host(mask)
    }
}
