//! Booting and the kernel as a whole: rump(3).

use crate::instance::Instance;
use crate::{errno, lwp};
use libc::c_int;
use rump_abi::AddressFamily;
use std::fmt::Write;

/// The version of the interface as NetBSD counts it (`__NetBSD_Version__`): whose calls these are, 10.0.
const VERSION: c_int = 1_000_000_000;

/// Boots the classic kernel; once it is there, does nothing. Answers 0, or an error number of the host.
#[unsafe(no_mangle)]
pub extern "C" fn rump_init() -> c_int {
    errno::status(Instance::boot_classic())
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_getversion() -> c_int {
    VERSION
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_pub_getversion() -> c_int {
    VERSION
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_nativeabi_p() -> c_int {
    1
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_printevcnts() {
    if let Ok(instance) = lwp::instance() {
        let text = counters(&instance);
        text.lines().for_each(|line| instance.host.services.write_line(line));
    }
}

/// What was counted, as a table. A kernel without protocols counts nothing.
fn counters(instance: &Instance) -> String {
    let domain = instance.kernel.protocols(AddressFamily::Inet);
    let counters = domain.ok().and_then(|domain| Some(domain.network()?.counters())).unwrap_or_default();
    let mut table = format!("{:>12}  event\n", "count");
    for counter in counters.iter().filter(|counter| counter.count > 0) {
        // A text takes all.
        let _ = writeln!(table, "{:>12}  {} {}", counter.count, counter.protocol, counter.what);
    }
    table
}
