//! mount(2).

use super::call;
use crate::memory;
use libc::{c_char, c_int, c_void, size_t};
use rump_abi::{Errno, MountFlags};
use rump_kern::MountArgs;

/// # Safety
/// As `memory` says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rump_sys_mount(
    fs_type: *const c_char,
    dir: *const c_char,
    _flags: c_int,
    _args: *const c_void,
    _length: size_t,
) -> c_int {
    call(|process| {
        // SAFETY: the interface's.
        let (fs_type, dir) = unsafe { (memory::string(fs_type)?, memory::string(dir)?) };
        let fs_type = std::str::from_utf8(fs_type).map_err(|_| Errno::ENODEV)?;
        process.mount(
            fs_type,
            dir,
            MountArgs { source: None, flags: MountFlags::empty(), options: String::new() },
        )
    })
}
