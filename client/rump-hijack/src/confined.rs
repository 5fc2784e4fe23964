//! Programs that forbid themselves system calls (seccomp(2)), such as the process of `sshd` that has a connection until its
//! user is known. From then on this library makes no calls by itself but those without which there is no kernel: read(2) and
//! write(2) on the stream to a server.
//!
//! Filters that came with the program, of whoever began it, are not known of.

use crate::guard::Inside;
use libc::{c_int, c_ulong};
use std::sync::atomic::{AtomicBool, Ordering};

static IS_CONFINED: AtomicBool = AtomicBool::new(false);

/// Whether the program did.
pub fn is_confined() -> bool {
    IS_CONFINED.load(Ordering::Relaxed)
}

/// Goes on with the fewest calls.
pub fn begin() {
    let _inside = Inside::enter();
    IS_CONFINED.store(true, Ordering::Relaxed);
    rump_client::use_plain_calls();
}

interpose! {
    [prctl](option: c_int, a: c_ulong, b: c_ulong, c: c_ulong, d: c_ulong) -> c_int, |host| {
        if option == libc::PR_SET_SECCOMP {
            begin();
        }
        host(option, a, b, c, d)
    }
}
