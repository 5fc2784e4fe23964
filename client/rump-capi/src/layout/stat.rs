//! `struct stat`.

use super::mode;
use rump_abi::{Stat, TimeSpec};

/// The host's structure. Numbers for which it has no room are cut.
pub(crate) fn to_host(stat: &Stat) -> libc::stat {
    // SAFETY: all zeros is one.
    let mut to: libc::stat = unsafe { std::mem::zeroed() };
    to.st_dev = stat.dev as _;
    to.st_ino = stat.ino.0 as _;
    to.st_mode = mode::to_host(Some(stat.file_type), stat.mode);
    to.st_nlink = stat.nlink as _;
    to.st_uid = stat.uid;
    to.st_gid = stat.gid;
    to.st_rdev = mode::device_to_host(stat.rdev);
    to.st_size = stat.size as _;
    to.st_blocks = stat.blocks as _;
    to.st_blksize = stat.blksize as _;
    set_times(&mut to, stat);
    to
}

#[cfg(not(target_os = "netbsd"))]
fn set_times(to: &mut libc::stat, stat: &Stat) {
    (to.st_atime, to.st_atime_nsec) = parts(stat.atime);
    (to.st_mtime, to.st_mtime_nsec) = parts(stat.mtime);
    (to.st_ctime, to.st_ctime_nsec) = parts(stat.ctime);
    #[cfg(any(target_os = "macos", target_os = "freebsd", target_os = "openbsd"))]
    {
        (to.st_birthtime, to.st_birthtime_nsec) = parts(stat.birthtime.unwrap_or(stat.ctime));
    }
}

#[cfg(target_os = "netbsd")]
fn set_times(to: &mut libc::stat, stat: &Stat) {
    (to.st_atime, to.st_atimensec) = parts(stat.atime);
    (to.st_mtime, to.st_mtimensec) = parts(stat.mtime);
    (to.st_ctime, to.st_ctimensec) = parts(stat.ctime);
    (to.st_birthtime, to.st_birthtimensec) = parts(stat.birthtime.unwrap_or(stat.ctime));
}

/// Seconds and nanoseconds as the structure has them.
fn parts<N: TryFrom<u32> + Default>(time: TimeSpec) -> (libc::time_t, N) {
    (time.sec as libc::time_t, N::try_from(time.nsec).unwrap_or_default())
}
