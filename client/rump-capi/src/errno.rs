//! Error numbers of the host for those of the kernel, and answers of calls.

use libc::c_int;
use rump_abi::Errno;
use rump_kpi::{KError, KResult};

macro_rules! numbers {
    ($($name:ident)*; $($other:ident => $host:ident)*) => {
        /// The host's number. What the host has no name for is the nearest that it has.
        pub(crate) fn number(errno: Errno) -> c_int {
            match errno {
                $(Errno::$name => libc::$name,)*
                $(Errno::$other => libc::$host,)*
            }
        }
    };
}

numbers! {
    EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EDEADLK ENOMEM EACCES EFAULT ENOTBLK EBUSY EEXIST EXDEV
    ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG ENOSPC ESPIPE EROFS EMLINK EPIPE EDOM ERANGE EAGAIN
    EINPROGRESS EALREADY ENOTSOCK EDESTADDRREQ EMSGSIZE EPROTOTYPE ENOPROTOOPT EPROTONOSUPPORT ESOCKTNOSUPPORT EOPNOTSUPP
    EPFNOSUPPORT EAFNOSUPPORT EADDRINUSE EADDRNOTAVAIL ENETDOWN ENETUNREACH ENETRESET ECONNABORTED ECONNRESET ENOBUFS
    EISCONN ENOTCONN ESHUTDOWN ETOOMANYREFS ETIMEDOUT ECONNREFUSED ELOOP ENAMETOOLONG EHOSTDOWN EHOSTUNREACH ENOTEMPTY
    EDQUOT ESTALE ENOLCK ENOSYS EOVERFLOW ENOTSUP ECANCELED;
    EFTYPE => EINVAL
    ENOATTR => ENODATA
}

/// The error for a number of the host, but for zero. What has no name here is EIO.
pub fn of_host(number: c_int) -> Option<Errno> {
    let known = Errno::ALL.iter().copied().find(|&errno| self::number(errno) == number);
    (number != 0).then(|| known.unwrap_or(Errno::EIO))
}

/// The host's number for the kernel's, as a number; zero is none.
pub(crate) fn number_of(of_kernel: i64) -> c_int {
    let known = Errno::ALL.iter().find(|errno| **errno as i64 == of_kernel);
    match known {
        Some(errno) => number(*errno),
        None if of_kernel == 0 => 0,
        None => libc::EIO,
    }
}

/// What a call answers in C: -1 for an error, whose number is in `errno`.
pub(crate) trait Answer {
    type C: From<i8>;
    fn answer(self) -> Self::C;
}

impl Answer for () {
    type C = c_int;
    fn answer(self) -> c_int {
        0
    }
}

impl Answer for usize {
    type C = isize;
    fn answer(self) -> isize {
        // No buffer is longer.
        self as isize
    }
}

impl Answer for c_int {
    type C = c_int;
    fn answer(self) -> c_int {
        self
    }
}

impl Answer for i64 {
    type C = i64;
    fn answer(self) -> i64 {
        self
    }
}

/// Answers a system call.
pub(crate) fn answer<T: Answer>(result: KResult<T>) -> T::C {
    match result {
        Ok(value) => value.answer(),
        Err(error) => {
            set(number(error.errno));
            T::C::from(-1)
        }
    }
}

/// Answers a call that gives the number itself: 0 for none.
pub fn status(result: KResult<()>) -> c_int {
    result.map_or_else(|error: KError| number(error.errno), |()| 0)
}

/// Sets the caller's `errno`.
pub(crate) fn set(number: c_int) {
    // SAFETY: the place is the calling thread's own.
    unsafe { *place() = number }
}

#[cfg(any(target_os = "solaris", target_os = "illumos"))]
use libc::___errno as place;
#[cfg(any(target_os = "netbsd", target_os = "openbsd", target_os = "android"))]
use libc::__errno as place;
#[cfg(any(target_os = "linux", target_os = "dragonfly"))]
use libc::__errno_location as place;
#[cfg(any(target_os = "macos", target_os = "freebsd"))]
use libc::__error as place;
