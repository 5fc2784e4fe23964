//! nftw(3), ftw(3): libc walks by calls of its own. A walk that begins at the host is libc's, and stays there.

use crate::errno::{get, set};
use crate::paths::{self, Which};
use libc::{c_char, c_int, dev_t, ino_t, stat as Stat};
use std::ffi::{CStr, CString};

const FTW_F: c_int = 0;
const FTW_D: c_int = 1;
const FTW_DNR: c_int = 2;
const FTW_NS: c_int = 3;
const FTW_SL: c_int = 4;
const FTW_DP: c_int = 5;
const FTW_SLN: c_int = 6;

const FTW_PHYS: c_int = 1;
const FTW_MOUNT: c_int = 2;
const FTW_CHDIR: c_int = 4;
const FTW_DEPTH: c_int = 8;
const FTW_ACTIONRETVAL: c_int = 16;

const FTW_SKIP_SUBTREE: c_int = 2;
const FTW_SKIP_SIBLINGS: c_int = 3;

type Visit = unsafe extern "C" fn(*const c_char, *const Stat, c_int, *mut Place) -> c_int;
type OldVisit = unsafe extern "C" fn(*const c_char, *const Stat, c_int) -> c_int;

/// `struct FTW`: where the last part of a path begins, and how deep it is.
#[repr(C)]
pub struct Place {
    base: c_int,
    level: c_int,
}

struct Walk<'v> {
    flags: c_int,
    /// Of where it began.
    device: dev_t,
    /// Directories, for walks that follow links.
    seen: Vec<(dev_t, ino_t)>,
    /// Where the program was, for walks that go along.
    begin: c_int,
    visit: &'v dyn Fn(&CStr, &Stat, c_int, Place) -> c_int,
}

/// Names in a directory, in its order, without itself and what is above. Errors: those of opendir(3) and readdir(3).
pub fn names(path: &CStr) -> Option<Vec<CString>> {
    // SAFETY: a string.
    let dir = unsafe { libc::opendir(path.as_ptr()) };
    if dir.is_null() {
        return None;
    }
    let mut names = Vec::new();
    set(0);
    loop {
        // SAFETY: it is open.
        let record = unsafe { libc::readdir(dir) };
        if record.is_null() {
            break;
        }
        // SAFETY: a record, whose name ends with a zero.
        let name = unsafe { CStr::from_ptr((*record).d_name.as_ptr()) };
        if !matches!(name.to_bytes(), b"." | b"..") {
            names.push(name.to_owned());
        }
    }
    let errno = get();
    // SAFETY: it is open.
    unsafe { libc::closedir(dir) };
    set(errno);
    (errno == 0).then_some(names)
}

/// The attributes of what a path names, or of a link that it names. Errors: those of stat(2).
pub fn attributes(path: &CStr, follows: bool) -> Option<Stat> {
    // SAFETY: all zeros is one.
    let mut stat: Stat = unsafe { std::mem::zeroed() };
    let place = &raw mut stat;
    let answer = match follows {
        // SAFETY: a string, and a place for them.
        true => unsafe { libc::stat(path.as_ptr(), place) },
        // SAFETY: as above.
        false => unsafe { libc::lstat(path.as_ptr(), place) },
    };
    (answer == 0).then_some(stat)
}

pub fn kind(stat: &Stat) -> libc::mode_t {
    stat.st_mode & libc::S_IFMT
}

/// The path of a name in a directory.
pub fn joined(path: &CStr, name: &CStr) -> CString {
    let path = path.to_bytes();
    let middle: &[u8] = if path.ends_with(b"/") { b"" } else { b"/" };
    CString::new([path, middle, name.to_bytes()].concat()).unwrap_or_default()
}

/// Where the last part of a path begins.
pub fn base(path: &CStr) -> usize {
    path.to_bytes().iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1)
}

impl Walk<'_> {
    fn has(&self, flag: c_int) -> bool {
        self.flags & flag != 0
    }

    /// Has the program look at a file; with FTW_CHDIR, from the directory that the file is in.
    fn tell(&self, path: &CStr, stat: &Stat, what: c_int, level: c_int) -> c_int {
        let base = base(path);
        let place = Place { base: base as c_int, level };
        if !self.has(FTW_CHDIR) {
            return (self.visit)(path, stat, what, place);
        }
        let folder = CString::new(&path.to_bytes()[..base]).unwrap_or_default();
        // SAFETY: a string.
        if base > 0 && unsafe { libc::chdir(folder.as_ptr()) } != 0 {
            return -1;
        }
        let answer = (self.visit)(path, stat, what, place);
        // SAFETY: a number.
        if unsafe { libc::fchdir(self.begin) } != 0 { -1 } else { answer }
    }

    /// Attributes, and what the file is. Errors: those of stat(2), but for a file that cannot be looked at.
    fn look(&self, path: &CStr) -> Option<(Stat, c_int)> {
        if let Some(stat) = attributes(path, !self.has(FTW_PHYS)) {
            let what = match kind(&stat) {
                libc::S_IFDIR => FTW_D,
                libc::S_IFLNK => FTW_SL,
                _ => FTW_F,
            };
            return Some((stat, what));
        }
        let errno = get();
        if !matches!(errno, libc::EACCES | libc::ENOENT) {
            return None;
        }
        match attributes(path, false).filter(|stat| kind(stat) == libc::S_IFLNK) {
            Some(stat) => Some((stat, FTW_SLN)),
            // SAFETY: all zeros is one.
            None => Some((unsafe { std::mem::zeroed() }, FTW_NS)),
        }
    }

    /// What is at a path, and below it. What is not 0 ends the walk.
    fn go(&mut self, path: &CStr, level: c_int) -> c_int {
        let Some((stat, what)) = self.look(path) else { return -1 };
        let is_elsewhere = what != FTW_NS && self.has(FTW_MOUNT) && stat.st_dev != self.device;
        let file = (stat.st_dev, stat.st_ino);
        let is_again = what == FTW_D && !self.has(FTW_PHYS) && self.seen.contains(&file);
        let answer = match what {
            _ if is_elsewhere || is_again => 0,
            FTW_D => {
                self.seen.push(file);
                self.go_into(path, &stat, level)
            }
            _ => self.tell(path, &stat, what, level),
        };
        if answer == FTW_SKIP_SUBTREE && self.has(FTW_ACTIONRETVAL) { 0 } else { answer }
    }

    fn go_into(&mut self, path: &CStr, stat: &Stat, level: c_int) -> c_int {
        let Some(names) = names(path) else {
            return if get() == libc::EACCES { self.tell(path, stat, FTW_DNR, level) } else { -1 };
        };
        if !self.has(FTW_DEPTH) {
            match self.tell(path, stat, FTW_D, level) {
                0 => {}
                answer => return answer,
            }
        }
        for name in names {
            match self.go(&joined(path, &name), level + 1) {
                0 => {}
                FTW_SKIP_SIBLINGS if self.has(FTW_ACTIONRETVAL) => break,
                answer => return answer,
            }
        }
        if self.has(FTW_DEPTH) { self.tell(path, stat, FTW_DP, level) } else { 0 }
    }
}

/// Walks from a path. Errors: those of stat(2), opendir(3) and readdir(3).
fn walk(path: *const c_char, flags: c_int, visit: &dyn Fn(&CStr, &Stat, c_int, Place) -> c_int) -> c_int {
    // SAFETY: the promise of libc's callers.
    let bytes = unsafe { CStr::from_ptr(path) }.to_bytes();
    let end = bytes.iter().rposition(|byte| *byte != b'/').map_or(bytes.len().min(1), |last| last + 1);
    let path = CString::new(&bytes[..end]).unwrap_or_default();
    let Some(first) = attributes(&path, flags & FTW_PHYS == 0).or_else(|| attributes(&path, false)) else {
        return -1;
    };
    let here = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC;
    // SAFETY: a string and a number.
    let begin = if flags & FTW_CHDIR == 0 { -1 } else { unsafe { libc::open(c".".as_ptr(), here) } };
    if flags & FTW_CHDIR != 0 && begin < 0 {
        return -1;
    }
    let answer = Walk { flags, device: first.st_dev, seen: Vec::new(), begin, visit }.go(&path, 0);
    if begin >= 0 {
        let errno = get();
        // SAFETY: a number that is ours.
        unsafe { libc::close(begin) };
        set(errno);
    }
    answer
}

interpose! {
    [nftw, nftw64](path: *const c_char, visit: Visit, most: c_int, flags: c_int) -> c_int, |host| {
        let name = paths::of(path);
        if name.kernel == Which::Host {
            return host(name.path, visit, most, flags);
        }
        walk(path, flags, &|path, stat, what, mut place| {
            // SAFETY: a string and places, as the program's function expects.
            unsafe { visit(path.as_ptr(), stat, what, &mut place) }
        })
    }

    [ftw, ftw64](path: *const c_char, visit: OldVisit, most: c_int) -> c_int, |host| {
        let name = paths::of(path);
        if name.kernel == Which::Host {
            return host(name.path, visit, most);
        }
        walk(path, 0, &|path, stat, what, _| {
            let what = if what == FTW_SLN { FTW_NS } else { what };
            // SAFETY: as above.
            unsafe { visit(path.as_ptr(), stat, what) }
        })
    }
}
