//! fork(2), exec(3), posix_spawn(3), system(3), _exit(2), and threads of the kernel's own.
//!
//! A child is forked as a process of a server's kernel, and what is executed or spawned is told in its environment which one it
//! is. What calls of libc do in a child behind this library's back, placeholders tell (`descriptors`).

use crate::errno::{fail, get, set};
use crate::guard::{self, Inside};
use crate::host::Symbol;
use crate::policy::CWD;
use crate::{carrier, descriptors, paths, watcher};
use libc::{
    FILE, c_char, c_int, c_void, pid_t, pthread_attr_t, pthread_t, sigaction, sigset_t, termios, winsize,
};
use rump_capi::remote::{self, RumpclientFork};
use std::ffi::{CStr, CString, OsStr};
use std::fs::File;
use std::io::Read;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::ptr::{null, null_mut};
use std::sync::{Mutex, MutexGuard, PoisonError};

type Strings = *const *const c_char;

unsafe extern "C" {
    pub static mut environ: Strings;
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
    } else if !carrier::is_remote() {
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

/// An environment with what the program that gets it has to know: the working directory in the kernel, if it is there, and
/// which process of a server's kernel it is.
struct Carried {
    given: Strings,
    _own: Vec<CString>,
    all: Vec<*const c_char>,
}

impl Carried {
    fn add(given: Strings, process: Option<&str>) -> Self {
        let cwd = paths::carried().map(|path| [CWD.as_bytes(), b"=", path.as_bytes()].concat());
        let own = cwd.into_iter().chain(process.map(|process| process.into()));
        let own: Vec<CString> = own.filter_map(|entry| CString::new(entry).ok()).collect();
        let mut all = Vec::new();
        if !own.is_empty() && !given.is_null() {
            // SAFETY: the promise of libc's callers: a list that ends with null.
            let entries = (0..).map(|at| unsafe { *given.add(at) }).take_while(|entry| !entry.is_null());
            // SAFETY: as above: strings.
            let others =
                entries.filter(|entry| !remote::is_private(unsafe { CStr::from_ptr(*entry) }.to_bytes()));
            all.extend(others.chain(own.iter().map(|entry| entry.as_ptr())).chain([null()]));
        }
        Self { given, _own: own, all }
    }

    fn pointer(&self) -> Strings {
        if self.all.is_empty() { self.given } else { self.all.as_ptr() }
    }
}

/// Executes by `host`, which is given the environment, as the process that this one is at a server.
fn execute(environment: Strings, host: impl FnOnce(Strings) -> c_int) -> c_int {
    let inside = Inside::enter();
    // A program that cannot be the process is a fresh one.
    let executing = if carrier::is_connected() { remote::executing().ok() } else { None };
    let carried = Carried::add(environment, executing.as_ref().map(|executing| &*executing.variable));
    drop(inside);
    let answer = host(carried.pointer());
    let errno = get();
    let _inside = Inside::enter();
    drop(executing);
    set(errno);
    answer
}

/// A child of this process at a server, for a program that is begun beside this one. Errors: those of announcing it.
fn announce() -> Result<Option<RumpclientFork>, c_int> {
    let _inside = Inside::enter();
    if !carrier::is_connected() {
        return Ok(None);
    }
    RumpclientFork::announce().map(Some).map_err(|_| libc::EAGAIN)
}

/// There is no child after all, if there is none.
fn cancel_unless(is_begun: bool, announced: Option<RumpclientFork>) {
    if let (false, Some(announced)) = (is_begun, announced) {
        let errno = get();
        let _inside = Inside::enter();
        announced.cancel();
        set(errno);
    }
}

/// For whoever changes the program's environment for a time.
static POPEN: Mutex<()> = Mutex::new(());

/// As long as it is there, nobody else does.
pub fn hold_popen() -> MutexGuard<'static, ()> {
    POPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Forks by `host`; the child is one of this process at a server as well.
fn fork_by(host: impl FnOnce() -> pid_t) -> pid_t {
    if !carrier::is_connected() {
        let pid = host();
        if pid == 0 && carrier::is_connected() {
            carrier::lose();
        }
        return pid;
    }
    let _inside = Inside::enter();
    // What a program does before and after a fork is its own.
    let pid = remote::fork_by(|| guard::outside(host));
    if pid == 0 {
        watcher::leave();
    }
    pid
}

interpose! {
    [fork, _Fork]() -> pid_t, |host| {
        fork_by(host)
    }

    // A child that shares its parent's memory must not change what is noted here.
    [vfork]() -> pid_t, |_host| {
        // SAFETY: what a program may do after vfork(2), it may do after fork(2).
        unsafe { fork() }
    }

    [forkpty](
        terminal: *mut c_int,
        name: *mut c_char,
        modes: *const termios,
        size: *const winsize,
    ) -> pid_t, |host| {
        let pid = fork_by(|| host(terminal, name, modes, size));
        if pid == 0 {
            descriptors::leave_standard();
        }
        pid
    }

    // The parent ends inside libc.
    [daemon](stays: c_int, keeps_terminal: c_int) -> c_int, |host| {
        let answer = fork_by(|| host(stays, keeps_terminal));
        if answer == 0 && stays == 0 {
            paths::set_cwd(paths::Which::Host);
        }
        if answer == 0 && keeps_terminal == 0 {
            descriptors::leave_standard();
        }
        answer
    }

    [execve](path: *const c_char, words: Strings, environment: Strings) -> c_int, |host| {
        leave(text(path));
        execute(environment, |environment| host(path, words, environment))
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
        execute(environment, |environment| host(file, words, environment))
    }

    [execvp](file: *const c_char, words: Strings) -> c_int, |_host| {
        // SAFETY: as above.
        unsafe { execvpe(file, words, environ) }
    }

    [fexecve](fd: c_int, words: Strings, environment: Strings) -> c_int, |host| {
        if !carrier::is_remote() {
            carrier::sync();
        }
        execute(environment, |environment| host(fd, words, environment))
    }

    [posix_spawn, posix_spawnp](
        child: *mut pid_t,
        path: *const c_char,
        actions: *const c_void,
        attributes: *const c_void,
        words: Strings,
        environment: Strings,
    ) -> c_int, |host| {
        let announced = match announce() {
            Ok(announced) => announced,
            Err(number) => return number,
        };
        let variable = announced.as_ref().map(RumpclientFork::variable);
        let carried = Carried::add(environment, variable.as_deref());
        let answer = host(child, path, actions, attributes, words, carried.pointer());
        cancel_unless(answer == 0, announced);
        answer
    }

    // libc would spawn the shell by a function of its own.
    [system](command: *const c_char) -> c_int, |host| {
        if command.is_null() || !carrier::is_connected() { host(command) } else { run_shell(command) }
    }

    // The program's environment is the only way to the shell. Others that begin programs meanwhile leave it out.
    [popen](command: *const c_char, mode: *const c_char) -> *mut FILE, |host| {
        let announced = match announce() {
            Ok(announced) => announced,
            Err(number) => return fail(number),
        };
        let _one = hold_popen();
        let carried = Carried::add(
            // SAFETY: libc's own variable.
            unsafe { environ },
            announced.as_ref().map(RumpclientFork::variable).as_deref(),
        );
        // SAFETY: as above; as of popen(3) itself, no other thread may change it now.
        let before = unsafe { std::ptr::replace(&raw mut environ, carried.pointer()) };
        let stream = host(command, mode);
        // SAFETY: as above.
        unsafe { environ = before };
        cancel_unless(!stream.is_null(), announced);
        stream
    }

    [_exit, _Exit](status: c_int) -> (), |host| {
        carrier::finish();
        host(status)
    }
}

/// Signals that do not come in while a shell is waited for.
struct Quiet {
    actions: [(c_int, sigaction); 2],
    mask: sigset_t,
}

impl Quiet {
    fn begin() -> Self {
        // SAFETY: all zeros is one.
        let mut ignored: sigaction = unsafe { std::mem::zeroed() };
        ignored.sa_sigaction = libc::SIG_IGN;
        let actions = [libc::SIGINT, libc::SIGQUIT].map(|signal| {
            let mut before = ignored;
            // SAFETY: an action, and a place for one.
            unsafe { libc::sigaction(signal, &ignored, &mut before) };
            (signal, before)
        });
        // SAFETY: all zeros is one.
        let [mut blocked, mut mask] = unsafe { std::mem::zeroed::<[sigset_t; 2]>() };
        // SAFETY: a set and a number.
        unsafe { libc::sigaddset(&mut blocked, libc::SIGCHLD) };
        // SAFETY: a set, and a place for one.
        unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &blocked, &mut mask) };
        Self { actions, mask }
    }

    fn end(&self) {
        for (signal, action) in &self.actions {
            // SAFETY: an action.
            unsafe { libc::sigaction(*signal, action, null_mut()) };
        }
        // SAFETY: a set.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.mask, null_mut()) };
    }
}

/// system(3).
fn run_shell(command: *const c_char) -> c_int {
    let quiet = Quiet::begin();
    let words = [c"sh".as_ptr(), c"-c".as_ptr(), c"--".as_ptr(), command, null()];
    let mut status = -1;
    // SAFETY: the child executes.
    match unsafe { fork() } {
        0 => {
            quiet.end();
            // SAFETY: strings, and a list that ends with null.
            unsafe { execv(c"/bin/sh".as_ptr(), words.as_ptr()) };
            // SAFETY: a number.
            unsafe { libc::_exit(127) }
        }
        -1 => {}
        child => {
            // SAFETY: a place for the status.
            while unsafe { libc::waitpid(child, &mut status, 0) } < 0 && get() == libc::EINTR {}
        }
    }
    quiet.end();
    status
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
