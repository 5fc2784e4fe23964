//! The functions of `rumpclient.h`.

use super::{RumpclientFork, connect, connection, executing, fork_by};
use crate::errno::{self, answer};
use crate::pointer::{Place, Source, Text};
use libc::{c_char, c_int, pid_t, size_t, time_t};
use rump_abi::Errno;
use rump_client::Retry;
use rump_client::memory::Region;
use rump_kpi::KResult;
use std::ffi::CString;
use std::ptr;

/// The number that the host's last call failed with.
fn host_error() -> c_int {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO)
}

#[unsafe(no_mangle)]
pub extern "C" fn rumpclient_init() -> c_int {
    answer(connect().map(drop))
}

/// # Safety
/// The arguments are those of the call, as NetBSD has them, and what they name is there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rumpclient_syscall(
    number: c_int,
    arguments: Source,
    length: size_t,
    values: Place<[i64; 2]>,
) -> c_int {
    let call = || {
        let number = u32::try_from(number).map_err(|_| Errno::ENOSYS)?;
        // SAFETY: the interface's.
        let all = unsafe { Region::everything() };
        values.store(connection()?.call_with(number, arguments.bytes(length)?, &[all])?)
    };
    errno::status(call())
}

#[unsafe(no_mangle)]
pub extern "C" fn rumpclient_prefork() -> *mut RumpclientFork {
    match RumpclientFork::announce() {
        Ok(fork) => Box::into_raw(Box::new(fork)),
        Err(error) => {
            errno::set(errno::number(error.errno));
            ptr::null_mut()
        }
    }
}

/// # Safety
/// It is what `rumpclient_prefork` answered in the parent.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rumpclient_fork_init(fork: *mut RumpclientFork) -> c_int {
    // SAFETY: the interface's. A child that shares memory leaves it to the parent, and others have a copy.
    answer(unsafe { &*fork }.begin())
}

/// # Safety
/// It is what `rumpclient_prefork` answered, and nobody else's any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rumpclient_fork_cancel(fork: *mut RumpclientFork) {
    // SAFETY: the interface's.
    unsafe { Box::from_raw(fork) }.cancel();
}

/// # Safety
/// As of `rumpclient_fork_cancel`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rumpclient_fork_vparent(fork: *mut RumpclientFork) {
    // SAFETY: the interface's.
    let fork = unsafe { Box::from_raw(fork) };
    fork.return_to_parent();
}

#[unsafe(no_mangle)]
pub extern "C" fn rumpclient_fork() -> pid_t {
    // SAFETY: what the program does in a child is the program's.
    fork_by(|| unsafe { libc::fork() })
}

/// A child that shares its parent's memory could not be another process.
#[unsafe(no_mangle)]
pub extern "C" fn rumpclient_vfork() -> pid_t {
    rumpclient_fork()
}

/// # Safety
/// As of execve(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rumpclient_exec(
    path: Text,
    words: *const *const c_char,
    environment: *const *const c_char,
) -> c_int {
    let execute = || -> KResult<()> {
        let executing = executing()?;
        let variable = CString::new(executing.variable.as_str()).map_err(|_| Errno::EINVAL)?;
        // SAFETY: the interface's: a list that ends with null.
        let given = (0..).map(|at| unsafe { *environment.add(at) }).take_while(|entry| !entry.is_null());
        let all: Vec<_> = given.chain([variable.as_ptr(), ptr::null()]).collect();
        let path = CString::new(path.bytes()?).map_err(|_| Errno::EINVAL)?;
        // SAFETY: lists that end with null.
        unsafe { libc::execve(path.as_ptr(), words, all.as_ptr()) };
        Err(errno::of_host(host_error()).unwrap_or(Errno::EIO).into())
    };
    answer(execute())
}

/// The parent ends when the child is one.
#[unsafe(no_mangle)]
pub extern "C" fn rumpclient_daemon(stays: c_int, keeps_terminal: c_int) -> c_int {
    let fork = match RumpclientFork::announce() {
        Ok(fork) => fork,
        Err(error) => return answer(Err::<c_int, _>(error)),
    };
    // SAFETY: numbers; what the program does in a child is the program's. The server knows the child for a while after its
    // parent has gone.
    if unsafe { libc::daemon(stays, keeps_terminal) } != 0 {
        let number = host_error();
        fork.cancel();
        errno::set(number);
        return -1;
    }
    answer(fork.begin())
}

#[unsafe(no_mangle)]
pub extern "C" fn rumpclient_setconnretry(seconds: time_t) {
    if let (Ok(connection), Some(retry)) = (connection(), Retry::from_number(seconds as i64)) {
        connection.set_retry(retry);
    }
}
