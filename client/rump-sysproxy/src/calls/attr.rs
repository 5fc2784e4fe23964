//! chmod(2), chown(2), chflags(2), utimes(2) and their like.

use super::call::{Answer, Call, Time, answer};
use rump_abi::netbsd::time::{Timespec, UTIME_NOW, UTIME_OMIT};
use rump_abi::{AtFlags, Errno, FileFlags};
use rump_kpi::{KResult, SetTime};

pub(super) fn chmod(call: &mut Call<'_>) -> Answer {
    let path = call.path(0)?;
    answer(call.process.chmod(path, call.mode(1)?))
}

pub(super) fn lchmod(call: &mut Call<'_>) -> Answer {
    let path = call.path(0)?;
    answer(call.process.lchmod(path, call.mode(1)?))
}

pub(super) fn fchmod(call: &mut Call<'_>) -> Answer {
    answer(call.process.fchmod(call.fd(0)?, call.mode(1)?))
}

pub(super) fn fchmodat(call: &mut Call<'_>) -> Answer {
    let (path, flags) = (call.path(1)?, call.at_flags(3, AtFlags::SYMLINK_NOFOLLOW)?);
    answer(call.process.fchmodat(call.dir(0)?, path, call.mode(2)?, flags))
}

pub(super) fn chown(call: &mut Call<'_>) -> Answer {
    let path = call.path(0)?;
    answer(call.process.chown(path, call.id(1)?, call.id(2)?))
}

pub(super) fn lchown(call: &mut Call<'_>) -> Answer {
    let path = call.path(0)?;
    answer(call.process.lchown(path, call.id(1)?, call.id(2)?))
}

pub(super) fn fchown(call: &mut Call<'_>) -> Answer {
    answer(call.process.fchown(call.fd(0)?, call.id(1)?, call.id(2)?))
}

pub(super) fn fchownat(call: &mut Call<'_>) -> Answer {
    let (path, flags) = (call.path(1)?, call.at_flags(4, AtFlags::SYMLINK_NOFOLLOW)?);
    answer(call.process.fchownat(call.dir(0)?, path, call.id(2)?, call.id(3)?, flags))
}

/// Errors: EOPNOTSUPP (no file has them).
fn file_flags(call: &Call<'_>) -> KResult<FileFlags> {
    let flags = u32::try_from(call.slot(1)?).ok().and_then(FileFlags::from_bits);
    flags.ok_or_else(|| Errno::EOPNOTSUPP.into())
}

pub(super) fn chflags(call: &mut Call<'_>) -> Answer {
    let path = call.path(0)?;
    answer(call.process.chflags(path, file_flags(call)?))
}

pub(super) fn lchflags(call: &mut Call<'_>) -> Answer {
    let path = call.path(0)?;
    answer(call.process.lchflags(path, file_flags(call)?))
}

pub(super) fn fchflags(call: &mut Call<'_>) -> Answer {
    answer(call.process.fchflags(call.fd(0)?, file_flags(call)?))
}

type Times = [Option<SetTime>; 2];

/// Two times, or the present for both. Errors: EFAULT, those of `one`.
fn both<T: Time>(call: &mut Call<'_>, at: usize, one: fn(T) -> KResult<Option<SetTime>>) -> KResult<Times> {
    match call.read_if::<[T; 2]>(at)? {
        None => Ok([Some(SetTime::Now); 2]),
        Some([access, modification]) => Ok([one(access)?, one(modification)?]),
    }
}

/// Errors: EINVAL (parts that are not of one second).
fn to(time: &impl Time) -> KResult<Option<SetTime>> {
    Ok(Some(SetTime::To(time.moment()?)))
}

fn timevals<T: Time>(call: &mut Call<'_>) -> KResult<Times> {
    both(call, 1, |time: T| to(&time))
}

fn timespecs(call: &mut Call<'_>, at: usize) -> KResult<Times> {
    both(call, at, |time: Timespec| match time.nsec {
        UTIME_NOW => Ok(Some(SetTime::Now)),
        UTIME_OMIT => Ok(None),
        _ => to(&time),
    })
}

pub(super) fn utimes<T: Time>(call: &mut Call<'_>) -> Answer {
    let (path, times) = (call.path(0)?, timevals::<T>(call)?);
    answer(call.process.utimensat(None, path, times, AtFlags::empty()))
}

pub(super) fn lutimes<T: Time>(call: &mut Call<'_>) -> Answer {
    let (path, times) = (call.path(0)?, timevals::<T>(call)?);
    answer(call.process.utimensat(None, path, times, AtFlags::SYMLINK_NOFOLLOW))
}

pub(super) fn futimes<T: Time>(call: &mut Call<'_>) -> Answer {
    let times = timevals::<T>(call)?;
    answer(call.process.futimens(call.fd(0)?, times))
}

pub(super) fn futimens(call: &mut Call<'_>) -> Answer {
    let times = timespecs(call, 1)?;
    answer(call.process.futimens(call.fd(0)?, times))
}

pub(super) fn utimensat(call: &mut Call<'_>) -> Answer {
    let (path, times) = (call.path(1)?, timespecs(call, 2)?);
    let flags = call.at_flags(3, AtFlags::SYMLINK_NOFOLLOW)?;
    answer(call.process.utimensat(call.dir(0)?, path, times, flags))
}
