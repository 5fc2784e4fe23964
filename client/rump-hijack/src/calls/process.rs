//! fork(2), exec(3), _exit(2), and threads of the kernel's own.

use crate::carrier;
use crate::guard::{self, Inside};
use crate::host::Symbol;
use crate::paths;
use crate::policy::CWD;
use libc::{c_char, c_int, c_void, pid_t, pthread_attr_t, pthread_t};
use std::ffi::{CStr, CString, OsStr};
use std::fs::File;
use std::io::Read;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

type Strings = *const *const c_char;

unsafe extern "C" {
    static environ: Strings;
}

/// A path of C's. Null is the empty one, which no program has.
fn text<'a>(path: *const c_char) -> &'a OsStr {
    // SAFETY: the promise of libc's callers.
    let bytes = if path.is_null() { &[] } else { unsafe { CStr::from_ptr(path) }.to_bytes() };
    OsStr::from_bytes(bytes)
}

/// Ends the kernel, if a program takes the place of this one. Where that is in doubt, what was written is written out.
fn leave(path: impl AsRef<Path>) {
    if carrier::is_running() && will_run(path.as_ref()) {
        carrier::finish();
    } else {
        carrier::sync();
    }
}

/// Whether the host will run a file.
fn will_run(path: &Path) -> bool {
    let _inside = Inside::enter();
    let mut head = [0; 4];
    let is_program = File::open(path).and_then(|mut file| file.read_exact(&mut head)).is_ok()
        && (head == *b"\x7fELF" || head.starts_with(b"#!"));
    is_program
        && path.metadata().is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0)
}

/// An environment with the working directory in the kernel, if it is there.
struct Carried {
    given: Strings,
    _cwd: Option<CString>,
    all: Vec<*const c_char>,
}

impl Carried {
    fn add(given: Strings) -> Self {
        let name = |path: CString| CString::new([CWD.as_bytes(), b"=", path.as_bytes()].concat()).ok();
        let cwd = paths::carried().and_then(name);
        let mut all = Vec::new();
        if let (Some(cwd), false) = (&cwd, given.is_null()) {
            // SAFETY: the promise of libc's callers: a list that ends with null.
            all.extend((0..).map(|at| unsafe { *given.add(at) }).take_while(|entry| !entry.is_null()));
            all.extend([cwd.as_ptr(), std::ptr::null()]);
        }
        Self { given, _cwd: cwd, all }
    }

    fn pointer(&self) -> Strings {
        if self.all.is_empty() { self.given } else { self.all.as_ptr() }
    }
}

interpose! {
    // A child that shares its parent's memory must not change what is noted here.
    [vfork]() -> pid_t, |_host| {
        // SAFETY: what a program may do after vfork(2), it may do after fork(2).
        unsafe { libc::fork() }
    }

    [execve](path: *const c_char, words: Strings, environment: Strings) -> c_int, |host| {
        leave(text(path));
        host(path, words, Carried::add(environment).pointer())
    }

    [execv](path: *const c_char, words: Strings) -> c_int, |_host| {
        // SAFETY: the caller's promise, and libc's own variable.
        unsafe { execve(path, words, environ) }
    }

    [execvpe](file: *const c_char, words: Strings, environment: Strings) -> c_int, |host| {
        let name = text(file);
        let folders = std::env::var_os("PATH").filter(|_| !name.as_bytes().contains(&b'/'));
        let paths = folders.iter().flat_map(std::env::split_paths).map(|folder| folder.join(name));
        leave(paths.into_iter().find(|path| will_run(path)).as_deref().unwrap_or(name.as_ref()));
        host(file, words, Carried::add(environment).pointer())
    }

    [execvp](file: *const c_char, words: Strings) -> c_int, |_host| {
        // SAFETY: as above.
        unsafe { execvpe(file, words, environ) }
    }

    [fexecve](fd: c_int, words: Strings, environment: Strings) -> c_int, |host| {
        carrier::sync();
        host(fd, words, Carried::add(environment).pointer())
    }

    [posix_spawn, posix_spawnp](
        child: *mut pid_t,
        path: *const c_char,
        actions: *const c_void,
        attributes: *const c_void,
        words: Strings,
        environment: Strings,
    ) -> c_int, |host| {
        host(child, path, actions, attributes, words, Carried::add(environment).pointer())
    }

    [_exit, _Exit](status: c_int) -> (), |host| {
        carrier::finish();
        host(status)
    }
}

type Start = extern "C" fn(*mut c_void) -> *mut c_void;

/// What a thread of the kernel's begins with.
struct Begin {
    run: Start,
    argument: *mut c_void,
}

extern "C" fn begin(begin: *mut c_void) -> *mut c_void {
    // SAFETY: `pthread_create` made it for this thread alone.
    let begin = unsafe { Box::from_raw(begin.cast::<Begin>()) };
    Inside::stay();
    (begin.run)(begin.argument)
}

/// A thread that is begun inside is the kernel's: it stays inside, and no signal of the program's is handled by it.
///
/// # Safety
/// As libc says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_create(
    thread: *mut pthread_t,
    attributes: *const pthread_attr_t,
    run: Start,
    argument: *mut c_void,
) -> c_int {
    type Create = unsafe extern "C" fn(*mut pthread_t, *const pthread_attr_t, Start, *mut c_void) -> c_int;
    static CREATE: Symbol = Symbol::new(c"pthread_create");
    let Some(create) = CREATE.find() else { return libc::ENOSYS };
    // SAFETY: libc's function of this name has this type.
    let create = unsafe { std::mem::transmute::<*mut c_void, Create>(create) };
    if !guard::is_inside() {
        // SAFETY: the caller's promise.
        return unsafe { create(thread, attributes, run, argument) };
    }
    let start = Box::into_raw(Box::new(Begin { run, argument }));
    let (mut all, mut before) = (MaybeUninit::uninit(), MaybeUninit::uninit());
    // SAFETY: a place for a set.
    unsafe { libc::sigfillset(all.as_mut_ptr()) };
    // SAFETY: a set, and a place for one.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr()) };
    // SAFETY: the caller's promise; the new thread takes what it is given.
    let answer = unsafe { create(thread, attributes, begin, start.cast()) };
    // SAFETY: the set of before.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), std::ptr::null_mut()) };
    if answer != 0 {
        // SAFETY: no thread took it.
        drop(unsafe { Box::from_raw(start) });
    }
    answer
}
