//! mkstemp(3), mkdtemp(3): libc makes files by calls of its own.

use crate::errno::{fail, get};
use crate::paths::{self, Which};
use libc::{O_CREAT, O_EXCL, O_RDWR, c_char, c_int};
use std::ffi::CStr;
use std::ptr;

const MARKS: usize = 6;
const LETTERS: &[u8; 64] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
/// More than enough until there is a name that nobody has.
const ATTEMPTS: usize = 1000;

/// Puts names that nobody has where the template has its marks, until `make` makes one. Errors: EINVAL (no marks),
/// those of making.
fn make(template: *mut c_char, behind: c_int, make: impl Fn(*const c_char) -> c_int) -> c_int {
    // SAFETY: the promise of libc's callers.
    let length = unsafe { CStr::from_ptr(template) }.count_bytes();
    let end = usize::try_from(behind).ok().and_then(|behind| length.checked_sub(behind));
    let Some(begin) = end.and_then(|end| end.checked_sub(MARKS)) else { return fail(libc::EINVAL) };
    // SAFETY: within the string, which the caller lets be changed.
    let marks = unsafe { std::slice::from_raw_parts_mut(template.add(begin).cast::<u8>(), MARKS) };
    if marks != b"XXXXXX" {
        return fail(libc::EINVAL);
    }
    for _ in 0..ATTEMPTS {
        // SAFETY: there is room for so many.
        unsafe { libc::getrandom(marks.as_mut_ptr().cast(), MARKS, 0) };
        marks.iter_mut().for_each(|mark| *mark = LETTERS[usize::from(*mark) % LETTERS.len()]);
        let made = make(template);
        if made >= 0 || get() != libc::EEXIST {
            return made;
        }
    }
    fail(libc::EEXIST)
}

fn file(template: *mut c_char, behind: c_int, flags: c_int, host: impl FnOnce() -> c_int) -> c_int {
    if paths::of(template).kernel == Which::Host {
        return host();
    }
    let flags = flags & !libc::O_ACCMODE | O_RDWR | O_CREAT | O_EXCL;
    // SAFETY: the promise of libc's callers.
    make(template, behind, |path| unsafe { libc::open(path, flags, 0o600) })
}

interpose! {
    [mkstemp, mkstemp64](template: *mut c_char) -> c_int, |host| {
        file(template, 0, 0, || host(template))
    }

    [mkostemp, mkostemp64](template: *mut c_char, flags: c_int) -> c_int, |host| {
        file(template, 0, flags, || host(template, flags))
    }

    [mkstemps, mkstemps64](template: *mut c_char, behind: c_int) -> c_int, |host| {
        file(template, behind, 0, || host(template, behind))
    }

    [mkostemps, mkostemps64](template: *mut c_char, behind: c_int, flags: c_int) -> c_int, |host| {
        file(template, behind, flags, || host(template, behind, flags))
    }

    [mkdtemp](template: *mut c_char) -> *mut c_char, |host| {
        if paths::of(template).kernel == Which::Host {
            return host(template);
        }
        // SAFETY: the promise of libc's callers.
        let made = make(template, 0, |path| unsafe { libc::mkdir(path, 0o700) });
        if made < 0 { ptr::null_mut() } else { template }
    }
}
