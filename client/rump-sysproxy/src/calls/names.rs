//! link(2), symlink(2), rename(2), unlink(2), mkdir(2), mknod(2), chdir(2) and their like.

use super::call::{Answer, Call, answer};
use rump_abi::netbsd::stat::device_number;
use rump_abi::{AtFlags, Errno, FileType};
use rump_kpi::KResult;

pub(super) fn link(call: &mut Call<'_>) -> Answer {
    let (old, new) = (call.path(0)?, call.path(1)?);
    answer(call.process.link(old, new))
}

pub(super) fn linkat(call: &mut Call<'_>) -> Answer {
    let (old, new) = (call.path(1)?, call.path(3)?);
    let flags = call.at_flags(4, AtFlags::SYMLINK_FOLLOW)?;
    answer(call.process.linkat(call.dir(0)?, old, call.dir(2)?, new, flags))
}

pub(super) fn symlink(call: &mut Call<'_>) -> Answer {
    let (target, path) = (call.path(0)?, call.path(1)?);
    answer(call.process.symlink(target, path))
}

pub(super) fn symlinkat(call: &mut Call<'_>) -> Answer {
    let (target, path) = (call.path(0)?, call.path(2)?);
    answer(call.process.symlinkat(target, call.dir(1)?, path))
}

pub(super) fn readlink(call: &mut Call<'_>) -> Answer {
    let path = call.path(0)?;
    let target = call.process.readlink(path)?;
    give(call, &target, 1)
}

pub(super) fn readlinkat(call: &mut Call<'_>) -> Answer {
    let path = call.path(1)?;
    let target = call.process.readlinkat(call.dir(0)?, path)?;
    give(call, &target, 2)
}

/// As much of a target as fits.
fn give(call: &mut Call<'_>, target: &[u8], at: usize) -> Answer {
    let (address, room) = (call.slot(at)?, call.slot(at + 1)?);
    let count = target.len().min(usize::try_from(room).unwrap_or(usize::MAX));
    call.put_bytes(address, &target[..count])?;
    answer(Ok(count))
}

pub(super) fn rename(call: &mut Call<'_>) -> Answer {
    let (old, new) = (call.path(0)?, call.path(1)?);
    answer(call.process.rename(old, new))
}

pub(super) fn renameat(call: &mut Call<'_>) -> Answer {
    let (old, new) = (call.path(1)?, call.path(3)?);
    answer(call.process.renameat(call.dir(0)?, old, call.dir(2)?, new))
}

pub(super) fn unlink(call: &mut Call<'_>) -> Answer {
    let path = call.path(0)?;
    answer(call.process.unlink(path))
}

pub(super) fn unlinkat(call: &mut Call<'_>) -> Answer {
    let (path, flags) = (call.path(1)?, call.at_flags(2, AtFlags::REMOVEDIR)?);
    answer(call.process.unlinkat(call.dir(0)?, path, flags))
}

pub(super) fn mkdir(call: &mut Call<'_>) -> Answer {
    let path = call.path(0)?;
    answer(call.process.mkdir(path, call.mode(1)?))
}

pub(super) fn mkdirat(call: &mut Call<'_>) -> Answer {
    let path = call.path(1)?;
    answer(call.process.mkdirat(call.dir(0)?, path, call.mode(2)?))
}

pub(super) fn rmdir(call: &mut Call<'_>) -> Answer {
    let path = call.path(0)?;
    answer(call.process.rmdir(path))
}

/// Errors: EINVAL (no type of files).
fn file_type(mode: u32) -> KResult<FileType> {
    FileType::from_mode(mode).ok_or_else(|| Errno::EINVAL.into())
}

pub(super) fn mknod(call: &mut Call<'_>) -> Answer {
    let (path, file_type) = (call.path(0)?, file_type(call.uint(1)?)?);
    answer(call.process.mknod(path, file_type, call.mode(1)?, device_number(call.slot(2)?)))
}

pub(super) fn mknodat(call: &mut Call<'_>) -> Answer {
    let (path, file_type) = (call.path(1)?, file_type(call.uint(2)?)?);
    let (dir, mode, device) = (call.dir(0)?, call.mode(2)?, device_number(call.slot(4)?));
    answer(call.process.mknodat(dir, path, file_type, mode, device))
}

pub(super) fn mkfifo(call: &mut Call<'_>) -> Answer {
    let path = call.path(0)?;
    answer(call.process.mkfifo(path, call.mode(1)?))
}

pub(super) fn mkfifoat(call: &mut Call<'_>) -> Answer {
    let path = call.path(1)?;
    answer(call.process.mkfifoat(call.dir(0)?, path, call.mode(2)?))
}

pub(super) fn chdir(call: &mut Call<'_>) -> Answer {
    let path = call.path(0)?;
    answer(call.process.chdir(path))
}

pub(super) fn fchdir(call: &mut Call<'_>) -> Answer {
    answer(call.process.fchdir(call.fd(0)?))
}

pub(super) fn chroot(call: &mut Call<'_>) -> Answer {
    let path = call.path(0)?;
    answer(call.process.chroot(path))
}

pub(super) fn fchroot(call: &mut Call<'_>) -> Answer {
    answer(call.process.fchroot(call.fd(0)?))
}

pub(super) fn getcwd(call: &mut Call<'_>) -> Answer {
    let mut path = call.process.getcwd()?;
    path.push(0);
    if call.slot(1)? < path.len() as u64 {
        return Err(Errno::ERANGE.into());
    }
    let address = call.slot(0)?;
    call.put_bytes(address, &path)?;
    answer(Ok(path.len()))
}

pub(super) fn revoke(call: &mut Call<'_>) -> Answer {
    let path = call.path(0)?;
    answer(call.process.revoke(path))
}
