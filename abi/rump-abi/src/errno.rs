//! Error numbers, with NetBSD's values (errno(2)).

use core::fmt;

macro_rules! errnos {
    ($($name:ident $number:literal $text:literal,)*) => {
        /// An error number. `as u16` gives NetBSD's value; hosts have other numbers for the same names.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u16)]
        #[allow(clippy::upper_case_acronyms)]
        pub enum Errno {
            $(#[doc = $text] $name = $number,)*
        }

        impl Errno {
            /// Every error number.
            pub const ALL: &[Errno] = &[$(Errno::$name),*];

            /// The symbolic name, e.g. `"ENOENT"`.
            pub fn name(self) -> &'static str {
                match self { $(Errno::$name => stringify!($name),)* }
            }

            /// The text shown to people, in lower case.
            pub fn text(self) -> &'static str {
                match self { $(Errno::$name => $text,)* }
            }
        }
    };
}

errnos! {
    EPERM 1 "operation not permitted",
    ENOENT 2 "no such file or directory",
    ESRCH 3 "no such process",
    EINTR 4 "interrupted system call",
    EIO 5 "input/output error",
    ENXIO 6 "device not configured",
    E2BIG 7 "argument list too long",
    ENOEXEC 8 "exec format error",
    EBADF 9 "bad file descriptor",
    ECHILD 10 "no child processes",
    EDEADLK 11 "resource deadlock avoided",
    ENOMEM 12 "cannot allocate memory",
    EACCES 13 "permission denied",
    EFAULT 14 "bad address",
    ENOTBLK 15 "block device required",
    EBUSY 16 "device busy",
    EEXIST 17 "file exists",
    EXDEV 18 "cross-device link",
    ENODEV 19 "operation not supported by device",
    ENOTDIR 20 "not a directory",
    EISDIR 21 "is a directory",
    EINVAL 22 "invalid argument",
    ENFILE 23 "too many open files in system",
    EMFILE 24 "too many open files",
    ENOTTY 25 "inappropriate ioctl for device",
    ETXTBSY 26 "text file busy",
    EFBIG 27 "file too large",
    ENOSPC 28 "no space left on device",
    ESPIPE 29 "illegal seek",
    EROFS 30 "read-only file system",
    EMLINK 31 "too many links",
    EPIPE 32 "broken pipe",
    EDOM 33 "numerical argument out of domain",
    ERANGE 34 "result too large",
    EAGAIN 35 "resource temporarily unavailable",
    EINPROGRESS 36 "operation now in progress",
    EALREADY 37 "operation already in progress",
    ENOTSOCK 38 "socket operation on non-socket",
    EDESTADDRREQ 39 "destination address required",
    EMSGSIZE 40 "message too long",
    EPROTOTYPE 41 "protocol wrong type for socket",
    ENOPROTOOPT 42 "protocol option not available",
    EPROTONOSUPPORT 43 "protocol not supported",
    ESOCKTNOSUPPORT 44 "socket type not supported",
    EOPNOTSUPP 45 "operation not supported",
    EPFNOSUPPORT 46 "protocol family not supported",
    EAFNOSUPPORT 47 "address family not supported by protocol family",
    EADDRINUSE 48 "address already in use",
    EADDRNOTAVAIL 49 "cannot assign requested address",
    ENETDOWN 50 "network is down",
    ENETUNREACH 51 "network is unreachable",
    ENETRESET 52 "network dropped connection on reset",
    ECONNABORTED 53 "software caused connection abort",
    ECONNRESET 54 "connection reset by peer",
    ENOBUFS 55 "no buffer space available",
    EISCONN 56 "socket is already connected",
    ENOTCONN 57 "socket is not connected",
    ESHUTDOWN 58 "cannot send after socket shutdown",
    ETOOMANYREFS 59 "too many references: cannot splice",
    ETIMEDOUT 60 "connection timed out",
    ECONNREFUSED 61 "connection refused",
    ELOOP 62 "too many levels of symbolic links",
    ENAMETOOLONG 63 "file name too long",
    EHOSTDOWN 64 "host is down",
    EHOSTUNREACH 65 "no route to host",
    ENOTEMPTY 66 "directory not empty",
    EDQUOT 69 "disc quota exceeded",
    ESTALE 70 "stale file handle",
    ENOLCK 77 "no locks available",
    ENOSYS 78 "function not implemented",
    EFTYPE 79 "inappropriate file type or format",
    EOVERFLOW 84 "value too large to be stored in data type",
    ENOTSUP 86 "not supported",
    ECANCELED 87 "operation canceled",
    ENOATTR 93 "attribute not found",
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl core::error::Error for Errno {}
