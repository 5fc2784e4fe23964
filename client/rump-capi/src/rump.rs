//! Booting and the kernel as a whole: rump(3).

use crate::errno;
use crate::instance::Instance;
use libc::c_int;

/// Boots the classic kernel; once it is there, does nothing. Answers 0, or an error number of the host.
#[unsafe(no_mangle)]
pub extern "C" fn rump_init() -> c_int {
    errno::status(Instance::boot_classic())
}
