//! opendir(3), readdir(3), scandir(3), glob(3), getdents64(2): libc reads directories by calls of its own.

use super::on;
use crate::errno::{fail, get, set};
use crate::paths::{self, Which};
use crate::{descriptors, sys};
use libc::{DIR, c_char, c_int, c_long, c_void, dirent, off_t, size_t, ssize_t};
use std::ptr::null_mut;

/// No size that libc's own structure has at this place.
const MARK: u64 = 0x7275_6d70_6469_7221;
const ROOM: usize = 32 << 10;

/// A directory of the kernel that is read.
#[repr(C)]
struct Stream {
    fd: c_int,
    _pad: c_int,
    mark: u64,
    /// Where the next record begins, and where the last one ends.
    next: usize,
    end: usize,
    /// The cursor of the next record.
    at: off_t,
    records: Box<Records>,
}

#[repr(C, align(8))]
struct Records([u8; ROOM]);

/// The stream, if it is one of ours.
///
/// # Safety
/// It is what opendir(3) or fdopendir(3) answered, and nobody else has it now.
unsafe fn ours<'a>(dir: *mut DIR) -> Option<&'a mut Stream> {
    let stream = dir.cast::<Stream>();
    // SAFETY: the caller's promise; libc's own is longer than the mark's place.
    let is_ours = !dir.is_null() && unsafe { (&raw const (*stream).mark).read() } == MARK;
    // SAFETY: as above, and it has the mark.
    if is_ours { Some(unsafe { &mut *stream }) } else { None }
}

fn begin(fd: c_int) -> *mut DIR {
    let records = Box::new(Records([0; ROOM]));
    Box::into_raw(Box::new(Stream { fd, _pad: 0, mark: MARK, next: 0, end: 0, at: 0, records })).cast()
}

impl Stream {
    /// The next record, null at the end and for an error.
    fn read(&mut self) -> *mut dirent {
        if self.next == self.end {
            let to: *mut c_void = self.records.0.as_mut_ptr().cast();
            let got = on(self.fd, || fail(libc::EBADF), |fd| sys::rump_sys_getdents(fd, to, ROOM));
            let Some(got) = usize::try_from(got).ok().filter(|got| *got > 0) else { return null_mut() };
            (self.next, self.end) = (0, got);
        }
        let record: *mut dirent = self.records.0[self.next..].as_mut_ptr().cast();
        // SAFETY: the kernel's records are whole, and begin where one may.
        let (length, after) = unsafe { ((*record).d_reclen, (*record).d_off) };
        self.next += usize::from(length);
        self.at = after;
        record
    }

    fn seek(&mut self, to: off_t) {
        on(self.fd, || fail(libc::EBADF), |fd| sys::rump_sys_lseek(fd, to, libc::SEEK_SET));
        (self.next, self.end, self.at) = (0, 0, to);
    }
}

type Filter = Option<unsafe extern "C" fn(*const dirent) -> c_int>;
type Compare = Option<unsafe extern "C" fn(*mut *const dirent, *mut *const dirent) -> c_int>;

/// scandir(3) by what is here.
fn scan(dir: *mut DIR, to: *mut *mut *mut dirent, filter: Filter, compare: Compare) -> c_int {
    // SAFETY: it was opened by us, a moment ago.
    let Some(stream) = (unsafe { ours(dir) }) else { return -1 };
    let mut found: Vec<*mut dirent> = Vec::new();
    set(0);
    loop {
        let record = stream.read();
        if record.is_null() {
            break;
        }
        // SAFETY: a record, which the filter may look at.
        if filter.is_none_or(|filter| unsafe { filter(record) } != 0) {
            // SAFETY: a whole record.
            let length = usize::from(unsafe { (*record).d_reclen });
            // SAFETY: a number.
            let copy: *mut c_char = unsafe { libc::malloc(length) }.cast();
            if copy.is_null() {
                break;
            }
            // SAFETY: both have so many bytes.
            unsafe { std::ptr::copy_nonoverlapping(record.cast(), copy, length) };
            found.push(copy.cast());
        }
    }
    let errno = get();
    // SAFETY: it is not used any more.
    unsafe { closedir(dir) };
    let bytes = (found.len() * size_of::<*mut dirent>()).max(1);
    // SAFETY: a number.
    let list: *mut *mut dirent = unsafe { libc::malloc(bytes) }.cast();
    if errno != 0 || list.is_null() {
        // SAFETY: each was allocated here.
        found.into_iter().for_each(|record| unsafe { libc::free(record.cast()) });
        // SAFETY: as above.
        unsafe { libc::free(list.cast()) };
        return fail(if errno == 0 { libc::ENOMEM } else { errno });
    }
    if let Some(compare) = compare {
        found.sort_by(|one, other| {
            let (mut one, mut other) = (one.cast_const(), other.cast_const());
            // SAFETY: two records, as the caller's function expects.
            unsafe { compare(&mut one, &mut other) }.cmp(&0)
        });
    }
    // SAFETY: there is room for as many.
    unsafe { std::ptr::copy_nonoverlapping(found.as_ptr(), list, found.len()) };
    // SAFETY: the caller's promise.
    unsafe { *to = list };
    found.len() as c_int
}

/// Opens a directory of either kernel.
fn open_dir(path: *const c_char) -> *mut DIR {
    let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC;
    // SAFETY: the caller's promise.
    let fd = unsafe { libc::open(path, flags) };
    if fd < 0 { null_mut() } else { begin(fd) }
}

interpose! {
    [opendir](path: *const c_char) -> *mut DIR, |host| {
        let name = paths::of(path);
        if name.kernel == Which::Rump { open_dir(path) } else { host(name.path) }
    }

    [fdopendir](fd: c_int) -> *mut DIR, |host| {
        if descriptors::find(fd).is_none() {
            return host(fd);
        }
        // SAFETY: all zeros is one.
        let mut stat: libc::stat = unsafe { std::mem::zeroed() };
        match on(fd, || -1, |fd| sys::rump_sys_fstat(fd, &mut stat)) {
            0 if stat.st_mode & libc::S_IFMT == libc::S_IFDIR => begin(fd),
            0 => fail(libc::ENOTDIR),
            _ => null_mut(),
        }
    }

    [readdir, readdir64](dir: *mut DIR) -> *mut dirent, |host| {
        // SAFETY: the caller's promise.
        match unsafe { ours(dir) } {
            Some(stream) => stream.read(),
            None => host(dir),
        }
    }

    [readdir_r, readdir64_r](dir: *mut DIR, to: *mut dirent, found: *mut *mut dirent) -> c_int, |host| {
        // SAFETY: the caller's promise.
        let Some(stream) = (unsafe { ours(dir) }) else { return host(dir, to, found) };
        set(0);
        let record = stream.read();
        if !record.is_null() {
            // SAFETY: a whole record.
            let length = usize::from(unsafe { (*record).d_reclen }).min(size_of::<dirent>());
            // SAFETY: both have so many bytes.
            unsafe { std::ptr::copy_nonoverlapping(record.cast::<u8>(), to.cast(), length) };
        }
        // SAFETY: the caller's promise.
        unsafe { *found = if record.is_null() { null_mut() } else { to } };
        if record.is_null() { get() } else { 0 }
    }

    [closedir](dir: *mut DIR) -> c_int, |host| {
        // SAFETY: the caller's promise.
        let Some(stream) = (unsafe { ours(dir) }) else { return host(dir) };
        let stream: *mut Stream = stream;
        // SAFETY: it was made by `begin`, and nobody has it any more.
        let mut stream = unsafe { Box::from_raw(stream) };
        stream.mark = 0;
        // SAFETY: a number.
        unsafe { libc::close(stream.fd) }
    }

    [rewinddir](dir: *mut DIR) -> (), |host| {
        // SAFETY: the caller's promise.
        match unsafe { ours(dir) } {
            Some(stream) => stream.seek(0),
            None => host(dir),
        }
    }

    [telldir](dir: *mut DIR) -> c_long, |host| {
        // SAFETY: the caller's promise.
        match unsafe { ours(dir) } {
            Some(stream) => stream.at,
            None => host(dir),
        }
    }

    [seekdir](dir: *mut DIR, to: c_long) -> (), |host| {
        // SAFETY: the caller's promise.
        match unsafe { ours(dir) } {
            Some(stream) => stream.seek(to),
            None => host(dir, to),
        }
    }

    [dirfd](dir: *mut DIR) -> c_int, |host| {
        // SAFETY: the caller's promise.
        match unsafe { ours(dir) } {
            Some(stream) => stream.fd,
            None => host(dir),
        }
    }

    [scandir, scandir64](
        path: *const c_char,
        to: *mut *mut *mut dirent,
        filter: Filter,
        compare: Compare,
    ) -> c_int, |host| {
        let name = paths::of(path);
        if name.kernel == Which::Host {
            return host(name.path, to, filter, compare);
        }
        match open_dir(path) {
            dir if dir.is_null() => -1,
            dir => scan(dir, to, filter, compare),
        }
    }

    [scandirat, scandirat64](
        at: c_int,
        path: *const c_char,
        to: *mut *mut *mut dirent,
        filter: Filter,
        compare: Compare,
    ) -> c_int, |host| {
        let name = paths::at(at, path);
        if name.kernel == Which::Host {
            return host(name.dir, name.path, to, filter, compare);
        }
        let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC;
        // SAFETY: the caller's promise.
        match unsafe { libc::openat(at, path, flags) } {
            -1 => -1,
            fd => scan(begin(fd), to, filter, compare),
        }
    }

    [getdents64](fd: c_int, to: *mut c_void, size: size_t) -> ssize_t, |host| {
        on(fd, || host(fd, to, size), |fd| sys::rump_sys_getdents(fd, to, size) as ssize_t)
    }

    [glob, glob64](
        pattern: *const c_char,
        flags: c_int,
        error: *const c_void,
        to: *mut Glob,
    ) -> c_int, |host| {
        // SAFETY: the caller's promise.
        let Some(list) = (unsafe { to.as_mut() }) else { return host(pattern, flags, error, to) };
        let is_ours = paths::of(pattern).kernel == Which::Rump;
        if is_ours && flags & GLOB_ALTDIRFUNC == 0 {
            // libc lets its caller say how directories are read.
            (list.opendir, list.readdir, list.closedir) = (opendir as _, readdir as _, closedir as _);
            (list.stat, list.lstat) = (super::stat::stat as _, super::stat::lstat as _);
            return host(pattern, flags | GLOB_ALTDIRFUNC, error, to);
        }
        host(pattern, flags, error, to)
    }
}

const GLOB_ALTDIRFUNC: c_int = 1 << 6;

/// `glob_t`.
#[repr(C)]
pub struct Glob {
    count: size_t,
    paths: *mut *mut c_char,
    offsets: size_t,
    flags: c_int,
    closedir: *const c_void,
    readdir: *const c_void,
    opendir: *const c_void,
    lstat: *const c_void,
    stat: *const c_void,
}
