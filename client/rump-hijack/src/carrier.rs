//! The kernel that calls go to: it boots when the first call needs it.
//!
//! It has threads, which a fork does not copy: in a child, calls answer ENXIO. A child that
//! is forked before the kernel was needed boots one of its own.

use crate::errno::{Failing, fail};
use crate::guard::Inside;
use crate::host::tell;
use crate::{local, paths, sys};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

static IS_BEGUN: AtomicBool = AtomicBool::new(false);
/// Whether it booted.
static IS_THERE: OnceLock<bool> = OnceLock::new();
/// This process is a child of the one that has it.
static IS_LEFT: AtomicBool = AtomicBool::new(false);

/// Makes a call of the kernel. Errors: ENXIO (there is none).
pub fn call<T: Failing>(run: impl FnOnce() -> T) -> T {
    let _inside = Inside::enter();
    let is_there = !IS_LEFT.load(Ordering::Acquire) && *IS_THERE.get_or_init(boot);
    if is_there { run() } else { fail(libc::ENXIO) }
}

/// Whether there is one that this process has to write out.
pub fn is_running() -> bool {
    !IS_LEFT.load(Ordering::Acquire) && IS_THERE.get().copied() == Some(true)
}

fn boot() -> bool {
    IS_BEGUN.store(true, Ordering::Release);
    // SAFETY: a function that only stores numbers.
    unsafe { libc::pthread_atfork(None, None, Some(leave)) };
    match local::boot() {
        Ok(()) => {
            // Where it is gone, the program is at the root of the kernel.
            if let Some(path) = paths::carried() {
                sys::rump_sys_chdir(path.as_ptr());
            }
            true
        }
        Err(what) => {
            tell(what);
            false
        }
    }
}

/// In a child.
extern "C" fn leave() {
    if IS_BEGUN.load(Ordering::Acquire) {
        IS_LEFT.store(true, Ordering::Release);
    }
}

/// Writes out what was written.
pub fn sync() {
    if is_running() {
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
    if is_running() {
        let _inside = Inside::enter();
        sys::rump_sys_umask(mask);
    }
}
