//! Which kernel a name is of. The kernel's root is at the prefix of the policy, and the working directory is in either
//! kernel: `..` leads from the one to the other. What `..` leads out of is looked at as text, without links that may be
//! on the way.

use crate::guard::Inside;
use crate::policy::policy;
use crate::{carrier, descriptors, sys};
use libc::{AT_FDCWD, c_char, c_int};
use std::borrow::Cow;
use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStringExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    Host,
    Rump,
}

/// A name as its kernel is to be told it.
pub struct Name {
    pub kernel: Which,
    /// The directory at which it begins, as its kernel numbers it.
    pub dir: c_int,
    pub path: *const c_char,
    _owned: Option<CString>,
}

/// Whether the working directory is in the rump kernel.
static IS_CWD_RUMP: AtomicBool = AtomicBool::new(false);

pub fn is_cwd_rump() -> bool {
    IS_CWD_RUMP.load(Ordering::Acquire)
}

/// The kernel's name of it, for programs that this one begins.
static CARRIED: Mutex<Option<CString>> = Mutex::new(None);

/// As long as it is there, nobody notes another one.
pub type Held = MutexGuard<'static, Option<CString>>;

pub fn hold() -> Held {
    CARRIED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn carry(path: Option<CString>) {
    *hold() = path;
}

/// Notes in which kernel the working directory is, after it went there.
pub fn set_cwd(kernel: Which) {
    IS_CWD_RUMP.store(kernel == Which::Rump, Ordering::Release);
    carry(if kernel == Which::Rump { rump_cwd().and_then(|path| CString::new(path).ok()) } else { None });
}

/// Begins in a directory of a kernel that has yet to boot.
pub fn begin_in(path: CString) {
    IS_CWD_RUMP.store(true, Ordering::Release);
    carry(Some(path));
}

/// The kernel's name of the working directory, if it is there.
pub fn carried() -> Option<CString> {
    hold().clone()
}

impl Name {
    fn new(kernel: Which, dir: c_int, path: *const c_char) -> Self {
        Self { kernel, dir, path, _owned: None }
    }

    fn owned(kernel: Which, path: &[u8]) -> Self {
        // A path that came from C has no zero in it.
        let owned = CString::new(path).unwrap_or_default();
        Self { kernel, dir: AT_FDCWD, path: owned.as_ptr(), _owned: Some(owned) }
    }
}

/// The name of a path.
pub fn of(path: *const c_char) -> Name {
    at(AT_FDCWD, path)
}

/// The name of a path that begins at a directory.
pub fn at(dir: c_int, path: *const c_char) -> Name {
    let policy = policy();
    if path.is_null() || policy.prefix.is_none() && policy.blankets.is_empty() {
        return Name::new(Which::Host, dir, path);
    }
    // SAFETY: the promise of libc's callers.
    let bytes = unsafe { CStr::from_ptr(path) }.to_bytes();
    if bytes.first() == Some(&b'/') {
        return absolute(bytes).unwrap_or_else(|| Name::new(Which::Host, dir, path));
    }
    let base = match dir {
        AT_FDCWD => is_cwd_rump().then_some(AT_FDCWD),
        _ => descriptors::find(dir),
    };
    match base {
        Some(base) => match leave(base, bytes) {
            Some(outside) => absolute(&outside).unwrap_or_else(|| Name::owned(Which::Host, &outside)),
            None => Name::new(Which::Rump, base, path),
        },
        None if may_enter(bytes) => {
            let joined = directory(dir).map(|directory| normal(&[&directory[..], b"/", bytes].concat()));
            let entered = joined.and_then(|joined| absolute(&joined));
            entered.unwrap_or_else(|| Name::new(Which::Host, dir, path))
        }
        None => Name::new(Which::Host, dir, path),
    }
}

/// The kernel's name of an absolute path, if it is one of its; the host's, if it leads out of the kernel. It ends where
/// the path does.
fn absolute(path: &[u8]) -> Option<Name> {
    let text: Cow<'_, [u8]> = if has_dots(path) { normal(path).into() } else { path.into() };
    if let Some(rest) = policy().prefix.as_deref().and_then(|prefix| below(prefix, &text)) {
        let rest = if rest.is_empty() { b"/" } else { rest };
        return Some(match &text {
            _ if rest == b"/" => Name::new(Which::Rump, AT_FDCWD, c"/".as_ptr()),
            Cow::Borrowed(_) => Name::new(Which::Rump, AT_FDCWD, rest.as_ptr().cast()),
            Cow::Owned(_) => Name::owned(Which::Rump, rest),
        });
    }
    let is_in = |path: &[u8]| {
        let mut places = policy().blankets.iter().chain(&policy().prefix);
        places.any(|place| below(place, path).is_some())
    };
    if is_in(&text) {
        return Some(Name::owned(Which::Rump, &text));
    }
    // The host need not have the place that it leads out of.
    is_in(path).then(|| Name::owned(Which::Host, &text))
}

/// What follows a directory in a path below it.
fn below<'a>(directory: &[u8], path: &'a [u8]) -> Option<&'a [u8]> {
    path.strip_prefix(directory).filter(|rest| matches!(rest.first(), None | Some(b'/')))
}

fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').filter(|part| !matches!(*part, b"" | b"."))
}

fn has_dots(path: &[u8]) -> bool {
    path.windows(2).any(|pair| pair == b"..") && components(path).any(|part| part == b"..")
}

/// An absolute path without `.` and `..`. A slash at its end stays.
fn normal(path: &[u8]) -> Vec<u8> {
    let mut parts = Vec::new();
    for part in components(path) {
        if part == b".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    let mut all = vec![b'/'];
    all.extend(parts.join(&b'/'));
    if path.last() == Some(&b'/') && all.len() > 1 {
        all.push(b'/');
    }
    all
}

/// The absolute path of a name that begins at a directory of the kernel and leads out of its root.
fn leave(base: c_int, path: &[u8]) -> Option<Vec<u8>> {
    let prefix = policy().prefix.as_deref()?;
    let ups = components(path).take_while(|part| *part == b"..").count();
    if ups == 0 {
        return None;
    }
    let directory = match base {
        AT_FDCWD => rump_cwd()?,
        // Of other directories it is known whether they are the root.
        _ if is_root(base) => b"/".to_vec(),
        _ => return None,
    };
    let is_out = ups > components(&directory).count();
    is_out.then(|| normal(&[prefix, &directory, b"/", path].concat()))
}

fn is_root(base: c_int) -> bool {
    carrier::call(|| {
        // SAFETY: all zeros is one.
        let [mut it, mut root] = unsafe { std::mem::zeroed::<[libc::stat; 2]>() };
        let is_known = sys::rump_sys_fstat(base, &mut it) == 0
            && sys::rump_sys_fstatat(AT_FDCWD, c"/".as_ptr(), &mut root, 0) == 0;
        c_int::from(is_known && (it.st_dev, it.st_ino) == (root.st_dev, root.st_ino))
    }) == 1
}

/// The kernel's working directory, as it names it.
fn rump_cwd() -> Option<Vec<u8>> {
    let mut room = vec![0_u8; libc::PATH_MAX as usize];
    let length = carrier::call(|| sys::rump_sys_getcwd(room.as_mut_ptr().cast(), room.len()));
    room.truncate(usize::try_from(length).ok()?.checked_sub(1)?);
    Some(room)
}

/// The working directory as the program knows it, if it is in the kernel.
pub fn cwd() -> Option<Vec<u8>> {
    let inside = rump_cwd()?;
    let prefix = policy().prefix.as_deref().unwrap_or_default();
    let rest = if inside == b"/" && !prefix.is_empty() { &[][..] } else { &inside };
    Some([prefix, rest].concat())
}

/// Whether a relative name of the host may lead into the kernel: it would name the place where it is.
fn may_enter(path: &[u8]) -> bool {
    let places = policy().prefix.iter().chain(&policy().blankets);
    let mut ends = places.filter_map(|place| place.rsplit(|byte| *byte == b'/').next());
    ends.any(|end| components(path).any(|part| part == end))
}

/// The absolute path of a directory of the host.
fn directory(dir: c_int) -> Option<Vec<u8>> {
    let _inside = Inside::enter();
    let path = match dir {
        AT_FDCWD => std::env::current_dir().ok()?,
        _ => std::fs::read_link(format!("/proc/self/fd/{dir}")).ok()?,
    };
    Some(path.into_os_string().into_vec())
}

/// The descriptor of the kernel that a name such as `/dev/fd/3` or `/dev/stdin` means.
pub fn descriptor(path: *const c_char) -> Option<c_int> {
    if path.is_null() {
        return None;
    }
    // SAFETY: the promise of libc's callers.
    let bytes = unsafe { CStr::from_ptr(path) }.to_bytes();
    let number = match bytes {
        b"/dev/stdin" => 0,
        b"/dev/stdout" => 1,
        b"/dev/stderr" => 2,
        _ => {
            let folders: [&[u8]; 2] = [b"/dev/fd/", b"/proc/self/fd/"];
            let number = folders.iter().find_map(|folder| bytes.strip_prefix(*folder))?;
            std::str::from_utf8(number).ok()?.parse().ok()?
        }
    };
    descriptors::find(number).map(|_| number)
}
