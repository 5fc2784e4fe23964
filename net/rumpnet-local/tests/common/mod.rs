//! A kernel with local sockets on this host, and calls that take time.
#![allow(dead_code)]

use rump_abi::{AddressFamily, Errno, OpenFlags, SocketAddress, SocketType};
use rump_host_posix::PosixHost;
use rump_kern::{Fd, Kernel, Process};
use rump_kpi::KResult;
use std::time::{Duration, Instant};

/// Longer than any call that is woken takes.
pub const LONG: Duration = Duration::from_secs(30);
/// Long enough for another thread to block.
pub const SHORT: Duration = Duration::from_millis(50);

pub fn kernel() -> Kernel {
    let builder = Kernel::builder(PosixHost::new()).component(rumpfs_tmpfs::component());
    builder.component(rumpnet_local::component()).boot().unwrap()
}

pub fn process() -> Process {
    kernel().process()
}

pub fn socket(p: &Process, kind: SocketType) -> Fd {
    p.socket(AddressFamily::Local, kind, 0, OpenFlags::empty()).unwrap()
}

pub fn pair(p: &Process, kind: SocketType) -> [Fd; 2] {
    p.socketpair(AddressFamily::Local, kind, 0, OpenFlags::empty()).unwrap()
}

pub fn path(path: &str) -> SocketAddress {
    SocketAddress::Local(path.as_bytes().to_vec())
}

#[track_caller]
pub fn fails<T>(result: KResult<T>, errno: Errno) {
    assert_eq!(result.err().map(|error| error.errno), Some(errno));
}

/// Does `call` on a thread of its own, and `then` once it had the time to block. The call is not to take long.
pub fn while_blocked<T: Send>(call: impl FnOnce() -> T + Send, then: impl FnOnce()) -> T {
    std::thread::scope(|scope| {
        let blocked = scope.spawn(call);
        std::thread::sleep(SHORT);
        let hang = Hang;
        then();
        let begin = Instant::now();
        while !blocked.is_finished() {
            assert!(begin.elapsed() < LONG, "the call is still blocked");
            std::thread::sleep(Duration::from_millis(1));
        }
        std::mem::forget(hang);
        blocked.join().unwrap()
    })
}

/// A panic while a thread is blocked would wait for it.
struct Hang;

impl Drop for Hang {
    fn drop(&mut self) {
        eprintln!("{:?}: a call may be blocked for ever", std::thread::current().name());
        std::process::abort();
    }
}
