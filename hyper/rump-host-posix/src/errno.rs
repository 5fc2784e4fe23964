//! Host error numbers become ours here, and nowhere else.

use rump_abi::Errno;
use rump_hyper::HostError;
use rustix::io::Errno as Host;
use std::io;
use std::path::Path;

const TABLE: &[(Host, Errno)] = &[
    (Host::PERM, Errno::EPERM),
    (Host::NOENT, Errno::ENOENT),
    (Host::INTR, Errno::EINTR),
    (Host::IO, Errno::EIO),
    (Host::NXIO, Errno::ENXIO),
    (Host::BADF, Errno::EBADF),
    (Host::NOMEM, Errno::ENOMEM),
    (Host::ACCESS, Errno::EACCES),
    (Host::BUSY, Errno::EBUSY),
    (Host::EXIST, Errno::EEXIST),
    (Host::NODEV, Errno::ENODEV),
    (Host::NOTDIR, Errno::ENOTDIR),
    (Host::ISDIR, Errno::EISDIR),
    (Host::INVAL, Errno::EINVAL),
    (Host::NFILE, Errno::ENFILE),
    (Host::MFILE, Errno::EMFILE),
    (Host::TXTBSY, Errno::ETXTBSY),
    (Host::FBIG, Errno::EFBIG),
    (Host::NOSPC, Errno::ENOSPC),
    (Host::SPIPE, Errno::ESPIPE),
    (Host::ROFS, Errno::EROFS),
    (Host::AGAIN, Errno::EAGAIN),
    (Host::LOOP, Errno::ELOOP),
    (Host::NAMETOOLONG, Errno::ENAMETOOLONG),
    (Host::DQUOT, Errno::EDQUOT),
    (Host::STALE, Errno::ESTALE),
    (Host::NOLCK, Errno::ENOLCK),
    (Host::NOSYS, Errno::ENOSYS),
    (Host::OVERFLOW, Errno::EOVERFLOW),
    (Host::NOTSUP, Errno::ENOTSUP),
    (Host::ADDRINUSE, Errno::EADDRINUSE),
    (Host::ADDRNOTAVAIL, Errno::EADDRNOTAVAIL),
    (Host::CONNREFUSED, Errno::ECONNREFUSED),
    (Host::CONNRESET, Errno::ECONNRESET),
    (Host::HOSTUNREACH, Errno::EHOSTUNREACH),
    (Host::NETDOWN, Errno::ENETDOWN),
    (Host::NETUNREACH, Errno::ENETUNREACH),
    (Host::TIMEDOUT, Errno::ETIMEDOUT),
];

/// Our number for a host's; what has no counterpart is EIO.
fn number(error: &io::Error) -> Errno {
    let host = error.raw_os_error();
    TABLE.iter().find(|(from, _)| Some(from.raw_os_error()) == host).map_or(Errno::EIO, |&(_, to)| to)
}

/// An error about `thing`, with the name in its text.
pub fn named(thing: &str, error: io::Error) -> HostError {
    let errno = number(&error);
    let text = if errno == Errno::EIO { error.to_string() } else { errno.text().to_string() };
    HostError { errno, what: format!("{thing}: {text}") }
}

/// An error about a host file.
pub fn of_path(path: &Path, error: io::Error) -> HostError {
    named(&path.display().to_string(), error)
}
