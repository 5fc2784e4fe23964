//! stat(2), access(2), pathconf(2) and their like.

use super::call::{Answer, Call, answer};
use rump_abi::netbsd::Layout;
use rump_abi::netbsd::stat::StatBuf;
use rump_abi::{AtFlags, Errno, Stat};
use rump_kern::PathConf;
use rump_kpi::KResult;

/// A structure that attributes are told in; calls have been with several, as the years went by.
pub(super) trait Buffer: Layout + for<'a> From<&'a Stat> {}

impl<T: Layout + for<'a> From<&'a Stat>> Buffer for T {}

fn give<T: Buffer>(call: &mut Call<'_>, at: usize, stat: &Stat) -> Answer {
    answer(call.put(at, &T::from(stat)))
}

pub(super) fn stat<T: Buffer>(call: &mut Call<'_>) -> Answer {
    let path = call.path(0)?;
    let stat = call.process.stat(path)?;
    give::<T>(call, 1, &stat)
}

pub(super) fn lstat<T: Buffer>(call: &mut Call<'_>) -> Answer {
    let path = call.path(0)?;
    let stat = call.process.lstat(path)?;
    give::<T>(call, 1, &stat)
}

pub(super) fn fstat<T: Buffer>(call: &mut Call<'_>) -> Answer {
    let stat = call.process.fstat(call.fd(0)?)?;
    give::<T>(call, 1, &stat)
}

pub(super) fn fstatat(call: &mut Call<'_>) -> Answer {
    let (path, flags) = (call.path(1)?, call.at_flags(3, AtFlags::SYMLINK_NOFOLLOW)?);
    let stat = call.process.fstatat(call.dir(0)?, path, flags)?;
    give::<StatBuf>(call, 2, &stat)
}

pub(super) fn access(call: &mut Call<'_>) -> Answer {
    let path = call.path(0)?;
    answer(call.process.access(path, call.uint(1)?))
}

pub(super) fn faccessat(call: &mut Call<'_>) -> Answer {
    let known = AtFlags::EACCESS | AtFlags::SYMLINK_NOFOLLOW;
    let (path, flags) = (call.path(1)?, call.at_flags(3, known)?);
    answer(call.process.faccessat(call.dir(0)?, path, call.uint(2)?, flags))
}

const LIMITS: [PathConf; 14] = [
    PathConf::LinkMax,
    PathConf::MaxCanon,
    PathConf::MaxInput,
    PathConf::NameMax,
    PathConf::PathMax,
    PathConf::PipeBuf,
    PathConf::ChownRestricted,
    PathConf::NoTrunc,
    PathConf::Vdisable,
    PathConf::SyncIo,
    PathConf::FileSizeBits,
    PathConf::SymlinkMax,
    PathConf::TwoSymlinks,
    PathConf::AclExtended,
];

/// Errors: EINVAL (no such limit).
fn limit(number: u32) -> KResult<PathConf> {
    LIMITS.into_iter().find(|limit| *limit as u32 == number).ok_or_else(|| Errno::EINVAL.into())
}

/// What is not limited is -1.
fn limited(limit: Option<u64>) -> Answer {
    Ok([limit.map_or(-1, |limit| limit as i64), 0])
}

pub(super) fn pathconf(call: &mut Call<'_>) -> Answer {
    let (path, limit) = (call.path(0)?, limit(call.uint(1)?)?);
    limited(call.process.pathconf(path, limit)?)
}

pub(super) fn fpathconf(call: &mut Call<'_>) -> Answer {
    limited(call.process.fpathconf(call.fd(0)?, limit(call.uint(1)?)?)?)
}
