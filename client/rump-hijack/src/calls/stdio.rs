//! fopen(3), fdopen(3), freopen(3), fileno(3): libc's streams read and write by calls of its own, so those of the
//! kernel's files are streams of functions (fopencookie(3)). So are standard streams as long as their numbers are the
//! kernel's.

use crate::descriptors::find;
use crate::errno::fail;
use crate::paths::{self, Which};
use libc::{FILE, c_char, c_int, c_void, off64_t, size_t, ssize_t};
use std::collections::BTreeMap;
use std::ffi::CStr;
use std::ptr::{self, null_mut};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// `cookie_io_functions_t`.
#[repr(C)]
struct Functions {
    read: extern "C" fn(*mut c_void, *mut c_char, size_t) -> ssize_t,
    write: extern "C" fn(*mut c_void, *const c_char, size_t) -> ssize_t,
    seek: extern "C" fn(*mut c_void, *mut off64_t, c_int) -> c_int,
    close: extern "C" fn(*mut c_void) -> c_int,
}

unsafe extern "C" {
    fn fopencookie(cookie: *mut c_void, mode: *const c_char, functions: Functions) -> *mut FILE;
    static mut stdin: *mut FILE;
    static mut stdout: *mut FILE;
    static mut stderr: *mut FILE;
}

/// Numbers of streams that are ours, by their addresses.
static STREAMS: Mutex<BTreeMap<usize, c_int>> = Mutex::new(BTreeMap::new());

fn streams() -> MutexGuard<'static, BTreeMap<usize, c_int>> {
    STREAMS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// As long as it is there, nothing changes.
pub type Held = (MutexGuard<'static, Standard>, MutexGuard<'static, BTreeMap<usize, c_int>>);

pub fn hold() -> Held {
    (standards(), streams())
}

fn number(cookie: *mut c_void) -> c_int {
    cookie.addr() as c_int
}

extern "C" fn read(cookie: *mut c_void, to: *mut c_char, length: size_t) -> ssize_t {
    // SAFETY: libc has room for so many.
    unsafe { libc::read(number(cookie), to.cast(), length) }
}

extern "C" fn write(cookie: *mut c_void, from: *const c_char, length: size_t) -> ssize_t {
    let mut done = 0;
    while done < length {
        // SAFETY: libc has so many.
        match unsafe { libc::write(number(cookie), from.add(done).cast(), length - done) } {
            written @ 1.. => done += written as usize,
            // None is an error to a stream.
            _ => return done as ssize_t,
        }
    }
    done as ssize_t
}

extern "C" fn seek(cookie: *mut c_void, place: *mut off64_t, whence: c_int) -> c_int {
    // SAFETY: libc's own place.
    let place = unsafe { &mut *place };
    // SAFETY: numbers.
    let at = unsafe { libc::lseek(number(cookie), *place, whence) };
    *place = at;
    if at < 0 { -1 } else { 0 }
}

extern "C" fn close(cookie: *mut c_void) -> c_int {
    let fd = number(cookie);
    streams().retain(|_, known| *known != fd);
    // SAFETY: a number.
    unsafe { libc::close(fd) }
}

/// A stream of a number.
fn stream(fd: c_int, mode: *const c_char) -> *mut FILE {
    let functions = Functions { read, write, seek, close };
    // SAFETY: the mode is a string; the functions take any cookie.
    let stream = unsafe { fopencookie(ptr::without_provenance_mut(fd as usize), mode, functions) };
    if !stream.is_null() {
        streams().insert(stream.addr(), fd);
    }
    stream
}

/// The flags of open(2) that a mode means. Errors: EINVAL.
fn flags(mode: *const c_char) -> Option<c_int> {
    if mode.is_null() {
        return None;
    }
    // SAFETY: the promise of libc's callers.
    let mode = unsafe { CStr::from_ptr(mode) }.to_bytes();
    let (access, rest) = match mode.first()? {
        b'r' => (libc::O_RDONLY, 0),
        b'w' => (libc::O_WRONLY, libc::O_CREAT | libc::O_TRUNC),
        b'a' => (libc::O_WRONLY, libc::O_CREAT | libc::O_APPEND),
        _ => return None,
    };
    let letters = || mode[1..].iter().take_while(|letter| **letter != b',');
    let has = |wanted: u8| letters().any(|letter| *letter == wanted);
    let access = if has(b'+') { libc::O_RDWR } else { access };
    let exclusive = if has(b'x') { libc::O_EXCL } else { 0 };
    let cloexec = if has(b'e') { libc::O_CLOEXEC } else { 0 };
    Some(access | rest | exclusive | cloexec)
}

/// Opens a file of either kernel for a stream.
fn open(path: *const c_char, mode: *const c_char) -> c_int {
    let Some(flags) = flags(mode) else { return fail(libc::EINVAL) };
    // SAFETY: the promise of libc's callers.
    unsafe { libc::open(path, flags, 0o666) }
}

/// The place of libc's that says which stream is that of a standard number, and the mode of such a stream.
fn standard(fd: c_int) -> Option<(*mut *mut FILE, &'static CStr)> {
    match fd {
        0 => Some((&raw mut stdin, c"r")),
        1 => Some((&raw mut stdout, c"w")),
        2 => Some((&raw mut stderr, c"w")),
        _ => None,
    }
}

/// What the standard streams were at first, and what is ours.
type Standard = [(usize, usize); 3];

static STANDARD: Mutex<Standard> = Mutex::new([(0, 0); 3]);

fn standards() -> MutexGuard<'static, Standard> {
    STANDARD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets the standard stream of a number be that of the kernel it is of now.
pub fn follow(fd: c_int) {
    let Some((place, mode)) = standard(fd) else { return };
    // SAFETY: libc's variable, which the program may set at any time, as it may call dup2(2).
    let now = unsafe { *place };
    let mut all = standards();
    let (first, ours) = &mut all[fd as usize];
    let next = if find(fd).is_some() {
        if *ours == 0 {
            *ours = stream(fd, mode.as_ptr()).expose_provenance();
            *first = now.expose_provenance();
            if fd == 2 && *ours != 0 {
                // SAFETY: a stream, and no buffer.
                unsafe {
                    libc::setvbuf(ptr::with_exposed_provenance_mut(*ours), null_mut(), libc::_IONBF, 0)
                };
            }
        }
        *ours
    } else {
        if *ours != 0 && now.addr() == *ours {
            // SAFETY: our stream.
            unsafe { libc::fflush(now) };
        }
        *first
    };
    if next != 0 {
        // SAFETY: as above.
        unsafe { *place = ptr::with_exposed_provenance_mut(next) };
    }
}

interpose! {
    [fopen, fopen64](path: *const c_char, mode: *const c_char) -> *mut FILE, |host| {
        let is_ours = paths::descriptor(path).is_some() || paths::of(path).kernel == Which::Rump;
        if !is_ours {
            return host(path, mode);
        }
        match open(path, mode) {
            -1 => null_mut(),
            fd => stream(fd, mode),
        }
    }

    [fdopen](fd: c_int, mode: *const c_char) -> *mut FILE, |host| {
        match (find(fd), flags(mode)) {
            (None, _) => host(fd, mode),
            (_, None) => fail(libc::EINVAL),
            _ => stream(fd, mode),
        }
    }

    [freopen, freopen64](path: *const c_char, mode: *const c_char, old: *mut FILE) -> *mut FILE, |host| {
        // SAFETY: the caller's promise.
        let fd = unsafe { fileno(old) };
        let is_ours = !path.is_null() && paths::of(path).kernel == Which::Rump;
        if !is_ours && find(fd).is_none() {
            return host(path, mode, old);
        }
        // SAFETY: as above.
        unsafe { libc::fflush(old) };
        let opened = open(path, mode);
        // SAFETY: numbers.
        if opened < 0 || unsafe { libc::dup2(opened, fd) } < 0 {
            return null_mut();
        }
        // SAFETY: as above.
        unsafe { libc::close(opened) };
        match standard(fd) {
            // SAFETY: libc's variable.
            Some((place, _)) => unsafe { *place },
            // Its functions go by the number. Streams of libc's own do not become ours.
            None if streams().contains_key(&old.addr()) => old,
            None => fail(libc::EOPNOTSUPP),
        }
    }

    [fileno, fileno_unlocked](stream: *mut FILE) -> c_int, |host| {
        let known = streams().get(&stream.addr()).copied();
        known.unwrap_or_else(|| host(stream))
    }
}
