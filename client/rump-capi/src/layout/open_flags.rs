//! `O_*` of open(2), fcntl(2) and pipe2(2).

use libc::c_int;
use rump_abi::{Errno, OpenFlags};
use rump_kpi::{KError, KResult};

/// The host's numbers, of which some have several bits.
const FLAGS: &[(c_int, OpenFlags)] = &[
    (libc::O_CREAT, OpenFlags::CREAT),
    (libc::O_EXCL, OpenFlags::EXCL),
    (libc::O_TRUNC, OpenFlags::TRUNC),
    (libc::O_APPEND, OpenFlags::APPEND),
    (libc::O_NONBLOCK, OpenFlags::NONBLOCK),
    (libc::O_SYNC, OpenFlags::SYNC),
    (libc::O_DSYNC, OpenFlags::DSYNC),
    (libc::O_NOFOLLOW, OpenFlags::NOFOLLOW),
    (libc::O_DIRECTORY, OpenFlags::DIRECTORY),
    (libc::O_CLOEXEC, OpenFlags::CLOEXEC),
];

/// What would mean something else if it were left out.
#[cfg(any(target_os = "linux", target_os = "android"))]
const REFUSED: &[c_int] = &[libc::O_PATH, libc::O_TMPFILE];
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const REFUSED: &[c_int] = &[];

/// The kernel's flags. Others than it has are ignored, as hosts do (`O_NOCTTY`, `O_DIRECT`, `O_NOATIME`). Errors:
/// EOPNOTSUPP (`O_PATH`, `O_TMPFILE`).
pub(crate) fn from_host(bits: c_int) -> KResult<OpenFlags> {
    if REFUSED.iter().any(|flag| bits & flag == *flag) {
        return Err(KError::new(Errno::EOPNOTSUPP, "neither O_PATH nor O_TMPFILE is there"));
    }
    let access = match bits & libc::O_ACCMODE {
        libc::O_RDONLY => OpenFlags::empty(),
        libc::O_WRONLY => OpenFlags::WRONLY,
        libc::O_RDWR => OpenFlags::RDWR,
        _ => OpenFlags::WRONLY | OpenFlags::RDWR,
    };
    let is_set = |(host, _): &&(c_int, OpenFlags)| bits & host == *host;
    Ok(FLAGS.iter().filter(is_set).fold(access, |flags, (_, ours)| flags | *ours))
}

/// The host's flags for those of an open file.
pub(crate) fn to_host(flags: OpenFlags) -> c_int {
    let access = match (flags.contains(OpenFlags::WRONLY), flags.contains(OpenFlags::RDWR)) {
        (true, _) => libc::O_WRONLY,
        (false, true) => libc::O_RDWR,
        (false, false) => libc::O_RDONLY,
    };
    let is_set = |(_, ours): &&(c_int, OpenFlags)| flags.contains(*ours);
    FLAGS.iter().filter(is_set).fold(access, |bits, (host, _)| bits | host)
}
