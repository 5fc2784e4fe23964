//! What a fork finds: a child has the threads of its parent no more, but the locks that they had. So whoever forks has all of
//! this library's, in this order, and both let go of them: that of `carrier`, of `popen`, those of `paths`, `calls::stdio`,
//! `calls::epoll` and `watcher`.
//!
//! What the program does before a fork by pthread_atfork(3) comes before they are taken, and what it does after one, after they
//! are let go: ours is the first that is registered. A child of _Fork(3), which runs nothing of that, finds them as they were.

use crate::calls::{epoll, process, stdio};
use crate::{carrier, guard, paths, watcher};
use std::ptr::null_mut;
use std::sync::MutexGuard;
use std::sync::atomic::{AtomicPtr, Ordering};

/// All of them, the last one first.
struct Held {
    _watcher: Option<watcher::Held>,
    _epoll: epoll::Held,
    _stdio: stdio::Held,
    _paths: paths::Held,
    _popen: MutexGuard<'static, ()>,
    _carrier: carrier::Held,
}

/// Those of the fork that is under way: there is one at a time, which they see to.
static HELD: AtomicPtr<Held> = AtomicPtr::new(null_mut());

/// When this library is loaded.
pub fn begin() {
    // SAFETY: functions that take locks and let go of them.
    unsafe { libc::pthread_atfork(Some(take), Some(let_go), Some(let_go_in_child)) };
}

extern "C" fn take() {
    // A program that the kernel begins is none of ours.
    if guard::is_inside() {
        return;
    }
    let _carrier = carrier::hold();
    let _popen = process::hold_popen();
    let _paths = paths::hold();
    let _stdio = stdio::hold();
    let _epoll = epoll::hold();
    let _watcher = watcher::hold();
    let held = Held { _watcher, _epoll, _stdio, _paths, _popen, _carrier };
    HELD.store(Box::into_raw(Box::new(held)), Ordering::Release);
}

extern "C" fn let_go() {
    let held = HELD.swap(null_mut(), Ordering::AcqRel);
    if !held.is_null() {
        // SAFETY: `take` made it, and nobody else has it.
        drop(unsafe { Box::from_raw(held) });
    }
}

extern "C" fn let_go_in_child() {
    carrier::leave();
    let_go();
}
