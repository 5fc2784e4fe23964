//! link(2), symlink(2), rename(2), unlink(2), mkdir(2), readlink(2), access(2) and their like.

use super::{at, of};
use crate::carrier;
use crate::errno::fail;
use crate::paths::{self, Which};
use crate::sys::*;
use libc::{AT_EACCESS, AT_FDCWD, AT_REMOVEDIR, c_char, c_int, c_uint, mode_t, size_t, ssize_t};

/// A call with two names, which is none where they are of two kernels.
fn between(
    old: paths::Name,
    new: paths::Name,
    host: impl FnOnce(&paths::Name, &paths::Name) -> c_int,
    rump: impl FnOnce(&paths::Name, &paths::Name) -> c_int,
) -> c_int {
    match (old.kernel, new.kernel) {
        (Which::Host, Which::Host) => host(&old, &new),
        (Which::Rump, Which::Rump) => carrier::call(|| rump(&old, &new)),
        _ => fail(libc::EXDEV),
    }
}

fn rename_rump(old: &paths::Name, new: &paths::Name) -> c_int {
    rump_sys_renameat(old.dir, old.path, new.dir, new.path)
}

/// renameat2(2) of the kernel, which has no flags: a name that must not be there is looked for first. Errors: EINVAL.
fn rename_with(old: &paths::Name, new: &paths::Name, flags: c_uint) -> c_int {
    match flags {
        0 => rename_rump(old, new),
        libc::RENAME_NOREPLACE => {
            // SAFETY: all zeros is one.
            let mut stat: libc::stat = unsafe { std::mem::zeroed() };
            match rump_sys_fstatat(new.dir, new.path, &mut stat, libc::AT_SYMLINK_NOFOLLOW) {
                0 => fail(libc::EEXIST),
                _ => rename_rump(old, new),
            }
        }
        _ => fail(libc::EINVAL),
    }
}

interpose! {
    [link](old: *const c_char, new: *const c_char) -> c_int, |host| {
        between(
            paths::of(old),
            paths::of(new),
            |old, new| host(old.path, new.path),
            |old, new| rump_sys_linkat(old.dir, old.path, new.dir, new.path, 0),
        )
    }

    [linkat](
        old_dir: c_int,
        old: *const c_char,
        new_dir: c_int,
        new: *const c_char,
        flags: c_int,
    ) -> c_int, |host| {
        between(
            paths::at(old_dir, old),
            paths::at(new_dir, new),
            |old, new| host(old.dir, old.path, new.dir, new.path, flags),
            |old, new| rump_sys_linkat(old.dir, old.path, new.dir, new.path, flags),
        )
    }

    [rename](old: *const c_char, new: *const c_char) -> c_int, |host| {
        between(paths::of(old), paths::of(new), |old, new| host(old.path, new.path), rename_rump)
    }

    [renameat](old_dir: c_int, old: *const c_char, new_dir: c_int, new: *const c_char) -> c_int, |host| {
        between(
            paths::at(old_dir, old),
            paths::at(new_dir, new),
            |old, new| host(old.dir, old.path, new.dir, new.path),
            rename_rump,
        )
    }

    [renameat2](
        old_dir: c_int,
        old: *const c_char,
        new_dir: c_int,
        new: *const c_char,
        flags: c_uint,
    ) -> c_int, |host| {
        between(
            paths::at(old_dir, old),
            paths::at(new_dir, new),
            |old, new| host(old.dir, old.path, new.dir, new.path, flags),
            |old, new| rename_with(old, new, flags),
        )
    }

    [symlink](target: *const c_char, path: *const c_char) -> c_int, |host| {
        at(AT_FDCWD, path, |_, path| host(target, path), |dir, path| rump_sys_symlinkat(target, dir, path))
    }

    [symlinkat](target: *const c_char, dir: c_int, path: *const c_char) -> c_int, |host| {
        at(dir, path, |dir, path| host(target, dir, path), |dir, path| rump_sys_symlinkat(target, dir, path))
    }

    [readlink](path: *const c_char, to: *mut c_char, size: size_t) -> ssize_t, |host| {
        of(path, |path| host(path, to, size), |path| rump_sys_readlinkat(AT_FDCWD, path, to, size))
    }

    [__readlink_chk](path: *const c_char, to: *mut c_char, size: size_t, room: size_t) -> ssize_t, |host| {
        of(path, |path| host(path, to, size, room), |path| rump_sys_readlinkat(AT_FDCWD, path, to, size.min(room)))
    }

    [readlinkat](dir: c_int, path: *const c_char, to: *mut c_char, size: size_t) -> ssize_t, |host| {
        at(dir, path, |dir, path| host(dir, path, to, size), |dir, path| rump_sys_readlinkat(dir, path, to, size))
    }

    [__readlinkat_chk](
        dir: c_int,
        path: *const c_char,
        to: *mut c_char,
        size: size_t,
        room: size_t,
    ) -> ssize_t, |host| {
        at(
            dir,
            path,
            |dir, path| host(dir, path, to, size, room),
            |dir, path| rump_sys_readlinkat(dir, path, to, size.min(room)),
        )
    }

    [unlink](path: *const c_char) -> c_int, |host| {
        of(path, host, |path| rump_sys_unlinkat(AT_FDCWD, path, 0))
    }

    [rmdir](path: *const c_char) -> c_int, |host| {
        of(path, host, |path| rump_sys_unlinkat(AT_FDCWD, path, AT_REMOVEDIR))
    }

    [remove](path: *const c_char) -> c_int, |host| {
        of(path, host, |path| match rump_sys_unlinkat(AT_FDCWD, path, 0) {
            -1 if crate::errno::get() == libc::EISDIR || crate::errno::get() == libc::EPERM => {
                rump_sys_unlinkat(AT_FDCWD, path, AT_REMOVEDIR)
            }
            answer => answer,
        })
    }

    [unlinkat](dir: c_int, path: *const c_char, flags: c_int) -> c_int, |host| {
        at(dir, path, |dir, path| host(dir, path, flags), |dir, path| rump_sys_unlinkat(dir, path, flags))
    }

    [mkdir](path: *const c_char, mode: mode_t) -> c_int, |host| {
        of(path, |path| host(path, mode), |path| rump_sys_mkdirat(AT_FDCWD, path, mode))
    }

    [mkdirat](dir: c_int, path: *const c_char, mode: mode_t) -> c_int, |host| {
        at(dir, path, |dir, path| host(dir, path, mode), |dir, path| rump_sys_mkdirat(dir, path, mode))
    }

    [mkfifo](path: *const c_char, mode: mode_t) -> c_int, |host| {
        of(path, |path| host(path, mode), |path| rump_sys_mkfifoat(AT_FDCWD, path, mode))
    }

    [mkfifoat](dir: c_int, path: *const c_char, mode: mode_t) -> c_int, |host| {
        at(dir, path, |dir, path| host(dir, path, mode), |dir, path| rump_sys_mkfifoat(dir, path, mode))
    }

    [access](path: *const c_char, mode: c_int) -> c_int, |host| {
        of(path, |path| host(path, mode), |path| rump_sys_faccessat(AT_FDCWD, path, mode, 0))
    }

    [euidaccess, eaccess](path: *const c_char, mode: c_int) -> c_int, |host| {
        of(path, |path| host(path, mode), |path| rump_sys_faccessat(AT_FDCWD, path, mode, AT_EACCESS))
    }

    [faccessat](dir: c_int, path: *const c_char, mode: c_int, flags: c_int) -> c_int, |host| {
        at(
            dir,
            path,
            |dir, path| host(dir, path, mode, flags),
            |dir, path| rump_sys_faccessat(dir, path, mode, flags),
        )
    }
}
