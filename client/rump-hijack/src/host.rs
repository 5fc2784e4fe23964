//! The host's own functions, and what is told to the user.

use crate::guard::Inside;
use libc::c_void;
use std::ffi::CStr;
use std::fmt::Display;
use std::io::Write;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};

/// A function of libc's, found when it is first wanted.
pub struct Symbol {
    name: &'static CStr,
    address: AtomicPtr<c_void>,
}

impl Symbol {
    pub const fn new(name: &'static CStr) -> Self {
        Self { name, address: AtomicPtr::new(null_mut()) }
    }

    /// The one behind ours, if this libc has it.
    pub fn find(&self) -> Option<*mut c_void> {
        let known = self.address.load(Ordering::Acquire);
        if !known.is_null() {
            return Some(known);
        }
        // SAFETY: a string.
        let found = unsafe { libc::dlsym(libc::RTLD_NEXT, self.name.as_ptr()) };
        self.address.store(found, Ordering::Release);
        Some(found).filter(|found| !found.is_null())
    }
}

/// Tells the user something; where standard error is closed, nobody.
pub fn tell(what: impl Display) {
    let _inside = Inside::enter();
    let _ = writeln!(std::io::stderr(), "rumphijack: {what}");
}
