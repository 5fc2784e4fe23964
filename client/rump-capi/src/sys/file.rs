//! getpid(2).

use super::call;
use libc::c_int;

/// Answers the number of the process.
#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_getpid() -> c_int {
    call(|process| Ok(process.pid() as c_int))
}
