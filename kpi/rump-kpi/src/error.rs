//! The kernel's error: a number for programs, and a text for people.

use alloc::borrow::Cow;
use core::fmt;
use rump_abi::Errno;

/// An error number and what it is about: the thing, the place and the value, where those are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KError {
    /// The number that a system call answers.
    pub errno: Errno,
    /// What happened, in lower case; empty when the number says it all.
    pub what: Cow<'static, str>,
}

/// Result of a call into the kernel or a component.
pub type KResult<T> = Result<T, KError>;

impl KError {
    /// An error with a text.
    pub fn new(errno: Errno, what: impl Into<Cow<'static, str>>) -> Self {
        Self { errno, what: what.into() }
    }
}

impl From<Errno> for KError {
    fn from(errno: Errno) -> Self {
        Self { errno, what: Cow::Borrowed("") }
    }
}

impl fmt::Display for KError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.what.is_empty() { self.errno.text() } else { &self.what })
    }
}

impl core::error::Error for KError {}

/// The error as programs of the standard library expect it. The kernel's own is inside ([`std::io::Error::get_ref`]); the
/// host's numbers differ, and so there is no raw one.
#[cfg(feature = "std")]
impl From<KError> for std::io::Error {
    fn from(error: KError) -> Self {
        Self::new(kind_of(error.errno), error)
    }
}

#[cfg(feature = "std")]
fn kind_of(errno: Errno) -> std::io::ErrorKind {
    use std::io::ErrorKind;
    match errno {
        Errno::EPERM | Errno::EACCES => ErrorKind::PermissionDenied,
        Errno::ENOENT => ErrorKind::NotFound,
        Errno::EINTR => ErrorKind::Interrupted,
        Errno::E2BIG => ErrorKind::ArgumentListTooLong,
        Errno::EDEADLK => ErrorKind::Deadlock,
        Errno::ENOMEM | Errno::ENOBUFS => ErrorKind::OutOfMemory,
        Errno::EBUSY => ErrorKind::ResourceBusy,
        Errno::EEXIST => ErrorKind::AlreadyExists,
        Errno::EXDEV => ErrorKind::CrossesDevices,
        Errno::ENOTDIR => ErrorKind::NotADirectory,
        Errno::EISDIR => ErrorKind::IsADirectory,
        Errno::EINVAL => ErrorKind::InvalidInput,
        Errno::ETXTBSY => ErrorKind::ExecutableFileBusy,
        Errno::EFBIG => ErrorKind::FileTooLarge,
        Errno::ENOSPC => ErrorKind::StorageFull,
        Errno::ESPIPE => ErrorKind::NotSeekable,
        Errno::EROFS => ErrorKind::ReadOnlyFilesystem,
        Errno::EMLINK => ErrorKind::TooManyLinks,
        Errno::EPIPE | Errno::ESHUTDOWN => ErrorKind::BrokenPipe,
        Errno::EAGAIN => ErrorKind::WouldBlock,
        Errno::EADDRINUSE => ErrorKind::AddrInUse,
        Errno::EADDRNOTAVAIL => ErrorKind::AddrNotAvailable,
        Errno::ENETDOWN => ErrorKind::NetworkDown,
        Errno::ENETUNREACH => ErrorKind::NetworkUnreachable,
        Errno::EHOSTUNREACH | Errno::EHOSTDOWN => ErrorKind::HostUnreachable,
        Errno::ECONNABORTED => ErrorKind::ConnectionAborted,
        Errno::ECONNRESET => ErrorKind::ConnectionReset,
        Errno::ECONNREFUSED => ErrorKind::ConnectionRefused,
        Errno::ENOTCONN => ErrorKind::NotConnected,
        Errno::ETIMEDOUT => ErrorKind::TimedOut,
        Errno::ENOTEMPTY => ErrorKind::DirectoryNotEmpty,
        Errno::EDQUOT => ErrorKind::QuotaExceeded,
        Errno::ESTALE => ErrorKind::StaleNetworkFileHandle,
        Errno::ENOSYS | Errno::ENOTSUP | Errno::EOPNOTSUPP | Errno::EAFNOSUPPORT => ErrorKind::Unsupported,
        _ => ErrorKind::Other,
    }
}
