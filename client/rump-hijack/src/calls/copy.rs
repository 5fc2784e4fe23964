//! sendfile(2), copy_file_range(2), splice(2): between the kernels, bytes go through memory.

use crate::descriptors::find;
use crate::errno::{fail, get, set};
use libc::{
    S_IFDIR, S_IFIFO, S_IFMT, S_IFREG, S_IFSOCK, c_int, c_uint, c_void, mode_t, off_t, size_t, ssize_t, stat,
};

/// Most bytes of one call; it answers how many there were.
const MOST: usize = 1 << 20;

fn is_ours(one: c_int, other: c_int) -> bool {
    find(one).is_some() || find(other).is_some()
}

/// The attributes of an open file of either kernel. Errors: EBADF, EIO, in `errno`.
fn attributes(fd: c_int) -> Option<stat> {
    // SAFETY: all zeros is one.
    let mut stat = unsafe { std::mem::zeroed() };
    // SAFETY: a place for them.
    (unsafe { libc::fstat(fd, &mut stat) } == 0).then_some(stat)
}

fn type_of(stat: &stat) -> mode_t {
    stat.st_mode & S_IFMT
}

/// Whether an open file is written at its end. Errors: EBADF, in `errno`.
fn appends(fd: c_int) -> Option<bool> {
    // SAFETY: numbers.
    let flags = unsafe { libc::fcntl(fd, libc::F_GETFL) };
    (flags >= 0).then_some(flags & libc::O_APPEND != 0)
}

/// Where a file is to be read or written: at a place that the caller keeps, or where it is.
struct Side {
    fd: c_int,
    place: *mut off_t,
}

impl Side {
    /// The place. Errors: those of lseek(2).
    fn at(&self) -> Option<off_t> {
        // SAFETY: the caller's promise.
        match unsafe { self.place.as_ref() } {
            Some(place) => Some(*place),
            // SAFETY: numbers.
            None => Some(unsafe { libc::lseek(self.fd, 0, libc::SEEK_CUR) }).filter(|at| *at >= 0),
        }
    }

    fn advance(&self, to: off_t) {
        // SAFETY: the caller's promise.
        match unsafe { self.place.as_mut() } {
            Some(place) => *place = to,
            None => {
                // SAFETY: numbers.
                unsafe { libc::lseek(self.fd, to, libc::SEEK_SET) };
            }
        }
    }
}

/// Reads from a place and writes by `write`, which is told how much was before; answers how many bytes went over.
fn transfer(
    from: &Side,
    length: size_t,
    mut write: impl FnMut(*const c_void, size_t, size_t) -> ssize_t,
) -> ssize_t {
    let Some(begin) = from.at() else { return -1 };
    let mut bytes = Vec::<u8>::with_capacity(length.min(MOST));
    // SAFETY: there is room for so many.
    let got = unsafe { libc::pread(from.fd, bytes.as_mut_ptr().cast(), length.min(MOST), begin) };
    let Ok(got) = usize::try_from(got) else { return -1 };
    // SAFETY: so many were read.
    unsafe { bytes.set_len(got) };
    let mut done = 0;
    while done < got {
        match write(bytes[done..].as_ptr().cast(), got - done, done) {
            written @ 1.. => done += written as usize,
            _ if done == 0 => return -1,
            _ => break,
        }
    }
    let errno = get();
    from.advance(begin + done as off_t);
    set(errno);
    done as ssize_t
}

interpose! {
    [sendfile, sendfile64](to: c_int, from: c_int, offset: *mut off_t, length: size_t) -> ssize_t, |host| {
        if !is_ours(to, from) {
            return host(to, from, offset, length);
        }
        match attributes(from).as_ref().map(type_of) {
            None => return -1,
            Some(S_IFIFO | S_IFSOCK) if !offset.is_null() => return fail(libc::ESPIPE),
            Some(S_IFIFO | S_IFSOCK | S_IFDIR) => return fail(libc::EINVAL),
            Some(_) => {}
        }
        match appends(to) {
            None => return -1,
            Some(true) => return fail(libc::EINVAL),
            Some(false) => {}
        }
        // SAFETY: bytes that are there.
        transfer(&Side { fd: from, place: offset }, length, |bytes, length, _| unsafe { libc::write(to, bytes, length) })
    }

    [copy_file_range](
        from: c_int,
        from_at: *mut off_t,
        to: c_int,
        to_at: *mut off_t,
        length: size_t,
        flags: c_uint,
    ) -> ssize_t, |host| {
        if !is_ours(to, from) {
            return host(from, from_at, to, to_at, length, flags);
        }
        if flags != 0 {
            return fail(libc::EINVAL);
        }
        let (Some(one), Some(other)) = (attributes(from), attributes(to)) else { return -1 };
        let types = [&one, &other].map(type_of);
        if types.contains(&S_IFDIR) {
            return fail(libc::EISDIR);
        }
        if types != [S_IFREG; 2] {
            return fail(libc::EINVAL);
        }
        if appends(to) != Some(false) {
            return fail(libc::EBADF);
        }
        let (from, target) = (Side { fd: from, place: from_at }, Side { fd: to, place: to_at });
        let (Some(source), Some(begin)) = (from.at(), target.at()) else { return -1 };
        let is_same = (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino);
        let count = off_t::try_from(length).unwrap_or(off_t::MAX).min(one.st_size.saturating_sub(source));
        if is_same && begin.abs_diff(source) < count.max(0).unsigned_abs() {
            return fail(libc::EINVAL);
        }
        let done = transfer(&from, length, |bytes, length, before| {
            // SAFETY: bytes that are there.
            unsafe { libc::pwrite(to, bytes, length, begin + before as off_t) }
        });
        if done > 0 {
            target.advance(begin + done as off_t);
        }
        done
    }

    [splice](
        from: c_int,
        from_at: *mut off_t,
        to: c_int,
        to_at: *mut off_t,
        length: size_t,
        flags: c_uint,
    ) -> ssize_t, |host| {
        if is_ours(from, to) { fail(libc::EINVAL) } else { host(from, from_at, to, to_at, length, flags) }
    }
}
