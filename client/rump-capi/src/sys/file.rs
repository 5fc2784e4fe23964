//! open(2), close(2), read(2), write(2).

use super::call;
use crate::memory;
use libc::{c_char, c_int, mode_t, size_t, ssize_t};
use rump_abi::{Mode, OpenFlags};
use rump_kern::Fd;

/// # Safety
/// As `memory` says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rump_i_openat(
    _dir: c_int,
    path: *const c_char,
    _flags: c_int,
    mode: mode_t,
) -> c_int {
    call(|process| {
        // SAFETY: the interface's.
        let path = unsafe { memory::string(path) }?;
        let fd = process.openat(None, path, OpenFlags::empty(), Mode::new(mode))?;
        Ok(fd.0 as c_int)
    })
}

/// # Safety
/// As `memory` says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rump_sys_read(fd: c_int, buf: *mut u8, length: size_t) -> ssize_t {
    // SAFETY: the interface's.
    call(|process| process.read(Fd(fd as u32), unsafe { memory::buffer(buf, length) }?))
}
