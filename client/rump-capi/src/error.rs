//! What error numbers of the host mean, in words: `rumperr.h`.

use crate::errno;
use libc::{c_char, c_int};
use rump_abi::Errno;
use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::sync::OnceLock;

/// Texts that stay, unlike those of strerror(3).
static TEXTS: OnceLock<BTreeMap<c_int, CString>> = OnceLock::new();

#[unsafe(no_mangle)]
pub extern "C" fn rump_strerror(number: c_int) -> *const c_char {
    text(number).as_ptr()
}

fn text(number: c_int) -> &'static CStr {
    let texts = TEXTS.get_or_init(|| {
        let mut texts = BTreeMap::new();
        for &known in Errno::ALL {
            if let Ok(text) = CString::new(known.text()) {
                // Of those that the host calls the same, the first is meant.
                texts.entry(errno::number(known)).or_insert(text);
            }
        }
        texts
    });
    match number {
        0 => c"no error",
        _ => texts.get(&number).map_or(c"unknown error", CString::as_c_str),
    }
}
