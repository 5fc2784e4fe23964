//! statvfs1(2), getvfsstat(2), pathconf(2).

use super::{call, fd};
use crate::layout::statvfs;
use crate::pointer::{Place, Text};
use libc::{c_int, c_long, size_t};
use rump_abi::Errno;
use rump_kern::PathConf;
use rump_kpi::KResult;

/// Whether the numbers may be those of before, which they never are: NetBSD's `ST_WAIT` and `ST_NOWAIT`. Errors: EINVAL.
pub(super) fn check_flags(flags: c_int) -> KResult<()> {
    if matches!(flags, 1 | 2) { Ok(()) } else { Err(Errno::EINVAL.into()) }
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_statvfs1(path: Text, buf: Place<libc::statvfs>, flags: c_int) -> c_int {
    call(|process| {
        check_flags(flags)?;
        buf.store(statvfs::to_host(&process.mounted(path.bytes()?)?))
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_fstatvfs1(number: c_int, buf: Place<libc::statvfs>, flags: c_int) -> c_int {
    call(|process| {
        check_flags(flags)?;
        buf.store(statvfs::to_host(&process.fmounted(fd(number)?)?))
    })
}

/// Answers how many there are, or, with a place, how many were stored.
#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_getvfsstat(buf: Place<libc::statvfs>, size: size_t, flags: c_int) -> c_int {
    call(|process| {
        check_flags(flags)?;
        let all = process.getvfsstat()?;
        if buf.is_null() {
            return Ok(all.len() as c_int);
        }
        let room = size / size_of::<libc::statvfs>();
        Ok(buf.store_all(room, all.iter().map(statvfs::to_host))? as c_int)
    })
}

/// What the host's number asks for. Errors: EINVAL.
fn asked(name: c_int) -> KResult<PathConf> {
    Ok(match name {
        libc::_PC_LINK_MAX => PathConf::LinkMax,
        libc::_PC_MAX_CANON => PathConf::MaxCanon,
        libc::_PC_MAX_INPUT => PathConf::MaxInput,
        libc::_PC_NAME_MAX => PathConf::NameMax,
        libc::_PC_PATH_MAX => PathConf::PathMax,
        libc::_PC_PIPE_BUF => PathConf::PipeBuf,
        libc::_PC_CHOWN_RESTRICTED => PathConf::ChownRestricted,
        libc::_PC_NO_TRUNC => PathConf::NoTrunc,
        libc::_PC_VDISABLE => PathConf::Vdisable,
        libc::_PC_SYNC_IO => PathConf::SyncIo,
        libc::_PC_FILESIZEBITS => PathConf::FileSizeBits,
        libc::_PC_SYMLINK_MAX => PathConf::SymlinkMax,
        libc::_PC_2_SYMLINKS => PathConf::TwoSymlinks,
        _ => return Err(Errno::EINVAL.into()),
    })
}

/// What C has of a limit: -1 for none.
fn limit(limit: Option<u64>) -> c_long {
    limit.map_or(-1, |limit| c_long::try_from(limit).unwrap_or(c_long::MAX))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_pathconf(path: Text, name: c_int) -> c_long {
    call(|process| Ok(limit(process.pathconf(path.bytes()?, asked(name)?)?)))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_fpathconf(number: c_int, name: c_int) -> c_long {
    call(|process| Ok(limit(process.fpathconf(fd(number)?, asked(name)?)?)))
}
