//! fork(2), exec(3), _exit(2), and threads of the kernel's own.

use crate::carrier;
use crate::guard::{self, Inside};
use crate::host::Symbol;
use libc::{c_char, c_int, c_void, pid_t, pthread_attr_t, pthread_t};
use std::mem::MaybeUninit;

type Strings = *const *const c_char;

interpose! {
    // A child that shares its parent's memory must not change what is noted here.
    [vfork]() -> pid_t, |_host| {
        // SAFETY: what a program may do after vfork(2), it may do after fork(2).
        unsafe { libc::fork() }
    }

    [execve](path: *const c_char, words: Strings, environment: Strings) -> c_int, |host| {
        carrier::sync();
        host(path, words, environment)
    }

    [execv](path: *const c_char, words: Strings) -> c_int, |host| {
        carrier::sync();
        host(path, words)
    }

    [execvp](file: *const c_char, words: Strings) -> c_int, |host| {
        carrier::sync();
        host(file, words)
    }

    [execvpe](file: *const c_char, words: Strings, environment: Strings) -> c_int, |host| {
        carrier::sync();
        host(file, words, environment)
    }

    [fexecve](fd: c_int, words: Strings, environment: Strings) -> c_int, |host| {
        carrier::sync();
        host(fd, words, environment)
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
