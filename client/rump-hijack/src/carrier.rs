//! The kernel that calls go to: one inside this process (`local`), which boots when the first call needs it, or with
//! `RUMP_SERVER` one at a server.
//!
//! A kernel inside has threads, which a fork does not copy: in a child, calls answer ENXIO. A child that is forked before
//! the kernel was needed boots one of its own. At a server, a child is a process of the kernel as well, with what its
//! parent had, and so is a program that is executed.

use crate::errno::{Failing, fail};
use crate::guard::Inside;
use crate::host::tell;
use crate::{descriptors, fork, guard, local, paths, sys};
use libc::c_int;
use rump_capi::remote::{self, Origin};
use rump_client::{Retry, keep_streams_from, sleep_by};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

static IS_REMOTE: AtomicBool = AtomicBool::new(false);
static IS_BEGUN: AtomicBool = AtomicBool::new(false);
/// Whether it booted, as far as that is known.
static STATE: AtomicU8 = AtomicU8::new(UNKNOWN);
const UNKNOWN: u8 = 0;
const THERE: u8 = 1;
const FAILED: u8 = 2;
/// For whoever boots it.
static BOOTING: Mutex<()> = Mutex::new(());
/// This process is a child of the one that has it.
static IS_LEFT: AtomicBool = AtomicBool::new(false);

/// When this library is loaded. A program that another one began, which had descriptors of a server's kernel, has them
/// from its first instruction on.
pub fn begin() {
    fork::begin();
    if std::env::var_os("RUMP_SERVER").is_some() && std::env::var_os("RUMPHIJACK_LOCAL").is_none() {
        IS_REMOTE.store(true, Ordering::Release);
        if remote::is_expected() {
            is_there();
        }
    }
}

/// Whether the kernel is at a server.
pub fn is_remote() -> bool {
    IS_REMOTE.load(Ordering::Acquire)
}

/// Whether this process is one of a server's kernel.
pub fn is_connected() -> bool {
    is_remote() && has_booted()
}

fn has_booted() -> bool {
    !IS_LEFT.load(Ordering::Acquire) && STATE.load(Ordering::Acquire) == THERE
}

fn is_there() -> bool {
    if STATE.load(Ordering::Acquire) == UNKNOWN && !IS_LEFT.load(Ordering::Acquire) {
        let _booting = hold();
        // Another thread may have done it meanwhile.
        if STATE.load(Ordering::Acquire) == UNKNOWN {
            let booted = if is_remote() { connect() } else { boot() };
            STATE.store(if booted.map_err(tell).is_ok() { THERE } else { FAILED }, Ordering::Release);
        }
    }
    has_booted()
}

/// As long as it is there, nobody boots the kernel.
pub type Held = MutexGuard<'static, ()>;

pub fn hold() -> Held {
    BOOTING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes a call of the kernel. Errors: ENXIO (there is none).
pub fn call<T: Failing>(run: impl FnOnce() -> T) -> T {
    let _inside = Inside::enter();
    if is_there() { run() } else { fail(libc::ENXIO) }
}

/// Whether there is one in this process, which has to write it out.
pub fn is_running() -> bool {
    !is_remote() && has_booted()
}

/// Errors: what went wrong, in words.
fn boot() -> Result<(), String> {
    IS_BEGUN.store(true, Ordering::Release);
    local::boot()?;
    go_on();
    Ok(())
}

/// Goes where the program before was. If that is gone, it is at the root of the kernel.
fn go_on() {
    if let Some(path) = paths::carried() {
        sys::rump_sys_chdir(path.as_ptr());
    }
}

/// Becomes a process of the server's kernel. Errors: what went wrong, in words.
fn connect() -> Result<(), String> {
    const RETRY: &str = "RUMPHIJACK_RETRYCONNECT";
    let retry = std::env::var(RETRY).ok().map(|text| {
        Retry::parse(&text).ok_or(format!("{RETRY}={text}: it is inftime, once, die, or a number of seconds"))
    });
    keep_streams_from(descriptors::OURS);
    sleep_by(|sleep| guard::outside(sleep));
    let origin = remote::connect().map_err(|error| format!("RUMP_SERVER: {error}"))?;
    if let (Some(retry), Some(process)) = (retry.transpose()?, remote::process()) {
        process.connection().set_retry(retry);
    }
    match origin {
        Origin::Continued => descriptors::adopt(),
        Origin::Fresh => {
            sys::rump_sys_umask(local::umask());
            go_on();
        }
    }
    Ok(())
}

/// Whether a number of the host's is that of the stream to the server.
pub fn is_stream(fd: c_int) -> bool {
    fd >= descriptors::OURS && stream() == Some(fd)
}

/// The number of the stream to the server.
pub fn stream() -> Option<c_int> {
    let _inside = Inside::enter();
    remote::process().map(|process| process.connection().with_fd(|fd| std::os::fd::AsRawFd::as_raw_fd(&fd)))
}

/// In a child, which has no kernel that is inside its parent.
pub fn leave() {
    if IS_BEGUN.load(Ordering::Acquire) {
        lose();
    }
}

/// In a child that was not announced to the server before its parent connected.
pub fn lose() {
    IS_LEFT.store(true, Ordering::Release);
}

/// Whether the kernel, if there was one, is that of this process's parent alone.
pub fn is_left() -> bool {
    IS_LEFT.load(Ordering::Acquire)
}

/// Writes out what was written.
pub fn sync() {
    if is_running() || is_connected() {
        let _inside = Inside::enter();
        sys::rump_sys_sync();
    }
}

/// Unmounts all. Later calls answer ENXIO.
pub fn finish() {
    if !is_running() {
        return;
    }
    let _inside = Inside::enter();
    if sys::rump_sys_reboot(0, std::ptr::null()) != 0 {
        let error = std::io::Error::last_os_error();
        // That it was halted before is no loss.
        if error.raw_os_error() != Some(libc::ENXIO) {
            tell(format_args!("what was written last may be lost: {error}"));
        }
    }
}

/// At the end of the program. Streams are written out first, which libc does after all destructors.
extern "C" fn at_exit() {
    if is_running() {
        // SAFETY: null stands for all streams.
        unsafe { libc::fflush(std::ptr::null_mut()) };
        finish();
    }
}

#[used]
#[unsafe(link_section = ".fini_array")]
static AT_EXIT: extern "C" fn() = at_exit;

/// Lets the kernel know of the mask of this process. One that boots later asks for it.
pub fn follow_umask(mask: libc::mode_t) {
    if is_running() || is_connected() {
        let _inside = Inside::enter();
        sys::rump_sys_umask(mask);
    }
}
