//! realpath(3): libc reads links by calls of its own.

use crate::errno::{fail, get};
use crate::paths::{self, Which};
use crate::policy::policy;
use libc::{c_char, size_t};
use std::collections::VecDeque;
use std::ffi::{CStr, CString};
use std::ptr;

/// Most links of one path, as Linux has it.
const MOST_LINKS: usize = 40;

/// The path of a name of the kernel without links, as the program knows it. Errors: ENOENT, ELOOP, those of readlink(2).
fn resolve(path: *const c_char) -> Option<CString> {
    // SAFETY: the promise of libc's callers.
    let path = unsafe { CStr::from_ptr(path) }.to_bytes();
    let base = if path.first() == Some(&b'/') { Some(Vec::new()) } else { paths::cwd() };
    let parts = |path: &[u8]| -> VecDeque<Vec<u8>> {
        let parts = path.split(|byte| *byte == b'/').filter(|part| !matches!(*part, b"" | b"."));
        parts.map(<[u8]>::to_vec).collect()
    };
    let mut done: Vec<Vec<u8>> = parts(&base?).into();
    let mut rest = parts(path);
    let mut links = 0;
    while let Some(part) = rest.pop_front() {
        if part == b".." {
            done.pop();
            continue;
        }
        done.push(part);
        let Some(target) = link(&done)? else { continue };
        links += 1;
        if links > MOST_LINKS {
            fail::<()>(libc::ELOOP);
            return None;
        }
        done.pop();
        if target.first() == Some(&b'/') {
            done = parts(policy().prefix.as_deref().unwrap_or_default()).into();
        }
        let mut next = parts(&target);
        next.append(&mut rest);
        rest = next;
    }
    CString::new(text(&done)).ok()
}

fn text(parts: &[Vec<u8>]) -> Vec<u8> {
    [b"/", &*parts.join(&b'/')].concat()
}

/// What a link leads to, if it is one. None where looking failed, with `errno`.
fn link(parts: &[Vec<u8>]) -> Option<Option<Vec<u8>>> {
    let path = CString::new(text(parts)).ok()?;
    if paths::of(path.as_ptr()).kernel == Which::Host {
        // The way down to the prefix, which the host need not have.
        return Some(None);
    }
    let mut room = vec![0_u8; libc::PATH_MAX as usize];
    // SAFETY: a string, and room for so many bytes.
    let length = unsafe { libc::readlink(path.as_ptr(), room.as_mut_ptr().cast(), room.len()) };
    match usize::try_from(length) {
        Ok(length) => {
            room.truncate(length);
            Some(Some(room))
        }
        Err(_) if get() == libc::EINVAL => Some(None),
        Err(_) => None,
    }
}

fn give(path: *const c_char, to: *mut c_char) -> *mut c_char {
    let Some(resolved) = resolve(path) else { return ptr::null_mut() };
    let bytes = resolved.as_bytes_with_nul();
    if bytes.len() > libc::PATH_MAX as usize {
        return fail(libc::ENAMETOOLONG);
    }
    // SAFETY: a number.
    let to = if to.is_null() { unsafe { libc::malloc(bytes.len()) }.cast() } else { to };
    if !to.is_null() {
        // SAFETY: the caller has room for a path, or it was made.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr().cast(), to, bytes.len()) };
    }
    to
}

interpose! {
    [realpath](path: *const c_char, to: *mut c_char) -> *mut c_char, |host| {
        let name = paths::of(path);
        if name.kernel == Which::Rump { give(path, to) } else { host(name.path, to) }
    }

    [__realpath_chk](path: *const c_char, to: *mut c_char, room: size_t) -> *mut c_char, |host| {
        let name = paths::of(path);
        if name.kernel == Which::Rump { give(path, to) } else { host(name.path, to, room) }
    }

    [canonicalize_file_name](path: *const c_char) -> *mut c_char, |host| {
        let name = paths::of(path);
        if name.kernel == Which::Rump { give(path, ptr::null_mut()) } else { host(name.path) }
    }
}
