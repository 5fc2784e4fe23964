//! open(2), close(2), dup(2), pipe(2).

use super::at;
use crate::errno::fail;
use crate::paths::{self, Which};
use crate::{carrier, descriptors, sys};
use libc::{AT_FDCWD, O_CLOEXEC, c_char, c_int, c_uint, mode_t};

/// What a descriptor that stands for a name alone is opened with: the kernel has none, and one for reading does as much.
const OF_PATH: c_int = libc::O_DIRECTORY | libc::O_NOFOLLOW | O_CLOEXEC;

/// Opens a name of either kernel.
pub fn open_at(
    dir: c_int,
    path: *const c_char,
    flags: c_int,
    mode: mode_t,
    host: impl FnOnce(c_int, *const c_char) -> c_int,
) -> c_int {
    if let Some(fd) = paths::descriptor(path) {
        // SAFETY: numbers.
        return unsafe { dup(fd) };
    }
    let name = paths::at(dir, path);
    if name.kernel == Which::Host {
        return host(name.dir, name.path);
    }
    let flags = if flags & libc::O_PATH != 0 { flags & OF_PATH } else { flags };
    let fd = carrier::call(|| sys::rump_i_openat(name.dir, name.path, flags & !O_CLOEXEC, mode));
    descriptors::enter(fd, flags & O_CLOEXEC != 0)
}

interpose! {
    [open, open64](path: *const c_char, flags: c_int, mode: mode_t) -> c_int, |host| {
        open_at(AT_FDCWD, path, flags, mode, |_, path| host(path, flags, mode))
    }

    [__open_2, __open64_2](path: *const c_char, flags: c_int) -> c_int, |host| {
        open_at(AT_FDCWD, path, flags, 0, |_, path| host(path, flags))
    }

    [openat, openat64](dir: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int, |host| {
        open_at(dir, path, flags, mode, |dir, path| host(dir, path, flags, mode))
    }

    [__openat_2, __openat64_2](dir: c_int, path: *const c_char, flags: c_int) -> c_int, |host| {
        open_at(dir, path, flags, 0, |dir, path| host(dir, path, flags))
    }

    [creat, creat64](path: *const c_char, mode: mode_t) -> c_int, |host| {
        let flags = libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC;
        open_at(AT_FDCWD, path, flags, mode, |_, path| host(path, mode))
    }

    [close](fd: c_int) -> c_int, |host| {
        if carrier::is_stream(fd) {
            return fail(libc::EBADF);
        }
        // Of the host's numbers, sets are known there.
        super::epoll::forget(fd);
        descriptors::close(fd, || host(fd))
    }

    [closefrom](first: c_int) -> (), |host| {
        close_numbers(first.max(0) as usize, usize::MAX);
        match carrier::stream().filter(|stream| *stream >= first) {
            None => host(first),
            Some(stream) => {
                // SAFETY: numbers.
                unsafe { close_range(first.max(0) as c_uint, stream as c_uint, 0) };
                host(stream + 1);
            }
        }
    }

    [close_range](first: c_uint, last: c_uint, flags: c_int) -> c_int, |host| {
        if flags as c_uint & libc::CLOSE_RANGE_CLOEXEC == 0 {
            close_numbers(first as usize, last as usize);
        }
        around_stream(first, last, |first, last| host(first, last, flags))
    }

    [dup](fd: c_int) -> c_int, |host| {
        descriptors::duplicate(fd, || host(fd))
    }

    [dup2](fd: c_int, to: c_int) -> c_int, |host| {
        if carrier::is_stream(to) {
            return fail(libc::EBUSY);
        }
        descriptors::duplicate(fd, || host(fd, to))
    }

    [dup3](fd: c_int, to: c_int, flags: c_int) -> c_int, |host| {
        if carrier::is_stream(to) {
            return fail(libc::EBUSY);
        }
        descriptors::duplicate(fd, || host(fd, to, flags))
    }

    [mknod](path: *const c_char, mode: mode_t, device: libc::dev_t) -> c_int, |host| {
        at(AT_FDCWD, path, |_, path| host(path, mode, device), |dir, path| sys::rump_sys_mknodat(dir, path, mode, device))
    }

    [mknodat](dir: c_int, path: *const c_char, mode: mode_t, device: libc::dev_t) -> c_int, |host| {
        at(
            dir,
            path,
            |dir, path| host(dir, path, mode, device),
            |dir, path| sys::rump_sys_mknodat(dir, path, mode, device),
        )
    }

    [__xmknod](
        version: c_int,
        path: *const c_char,
        mode: mode_t,
        device: *const libc::dev_t,
    ) -> c_int, |host| {
        // SAFETY: the caller's promise.
        let Some(number) = (unsafe { device.as_ref() }) else { return fail(libc::EFAULT) };
        at(
            AT_FDCWD,
            path,
            |_, path| host(version, path, mode, device),
            |dir, path| sys::rump_sys_mknodat(dir, path, mode, *number),
        )
    }
}

/// Does something with a range of the host's numbers but the stream to the server, which is not the program's.
fn around_stream(first: c_uint, last: c_uint, run: impl Fn(c_uint, c_uint) -> c_int) -> c_int {
    let stream = carrier::stream().map(|stream| stream as c_uint);
    match stream.filter(|stream| (first..=last).contains(stream)) {
        None => run(first, last),
        Some(stream) => {
            let below = if first < stream { run(first, stream - 1) } else { 0 };
            if below != 0 || stream == last { below } else { run(stream + 1, last) }
        }
    }
}

fn close_numbers(first: usize, last: usize) {
    descriptors::numbers(first..=last).for_each(|fd| {
        // The host's placeholder is closed with the others.
        descriptors::close(fd, || 0);
    });
}
