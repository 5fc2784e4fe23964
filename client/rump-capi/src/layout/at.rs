//! Directories and flags of the at-calls.

use libc::c_int;
use rump_abi::{AtFlags, Errno};
use rump_kern::{AT_FDCWD, Fd};
use rump_kpi::KResult;

/// The directory that relative paths begin at. A number that no descriptor has is refused where it is needed.
pub(crate) fn dir(number: c_int) -> Option<Fd> {
    if number == libc::AT_FDCWD { AT_FDCWD } else { Some(Fd(number as u32)) }
}

/// The flags, of which a call knows `known`. Errors: EINVAL (others).
pub(crate) fn flags(bits: c_int, known: AtFlags) -> KResult<AtFlags> {
    let all = [
        (libc::AT_SYMLINK_NOFOLLOW, AtFlags::SYMLINK_NOFOLLOW),
        (libc::AT_SYMLINK_FOLLOW, AtFlags::SYMLINK_FOLLOW),
        (libc::AT_REMOVEDIR, AtFlags::REMOVEDIR),
        (libc::AT_EACCESS, AtFlags::EACCESS),
    ];
    let mut rest = bits;
    let mut flags = AtFlags::empty();
    // Linux has two flags with one number: AT_REMOVEDIR and AT_EACCESS.
    for (host, ours) in all.into_iter().filter(|(host, ours)| known.contains(*ours) && bits & host != 0) {
        flags |= ours;
        rest &= !host;
    }
    if rest == 0 { Ok(flags) } else { Err(Errno::EINVAL.into()) }
}
