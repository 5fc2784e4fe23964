//! link(2), symlink(2), readlink(2), rename(2), unlink(2), mkdir(2), rmdir(2), mknod(2), mkfifo(2).

use super::call;
use crate::layout::{at, mode};
use crate::pointer::{Room, Text};
use libc::{c_int, dev_t, mode_t, size_t, ssize_t};
use rump_abi::{AtFlags, Errno};

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_link(old: Text, new: Text) -> c_int {
    call(|process| process.link(old.bytes()?, new.bytes()?))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_linkat(
    old_dir: c_int,
    old: Text,
    new_dir: c_int,
    new: Text,
    flags: c_int,
) -> c_int {
    call(|process| {
        let flags = at::flags(flags, AtFlags::SYMLINK_FOLLOW)?;
        process.linkat(at::dir(old_dir), old.bytes()?, at::dir(new_dir), new.bytes()?, flags)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_symlink(target: Text, path: Text) -> c_int {
    call(|process| process.symlink(target.bytes()?, path.bytes()?))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_symlinkat(target: Text, dir: c_int, path: Text) -> c_int {
    call(|process| process.symlinkat(target.bytes()?, at::dir(dir), path.bytes()?))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_readlink(path: Text, buf: Room, size: size_t) -> ssize_t {
    rump_sys_readlinkat(libc::AT_FDCWD, path, buf, size)
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_readlinkat(dir: c_int, path: Text, mut buf: Room, size: size_t) -> ssize_t {
    call(|process| {
        if size == 0 {
            return Err(Errno::EINVAL.into());
        }
        let target = process.readlinkat(at::dir(dir), path.bytes()?)?;
        let length = target.len().min(size);
        buf.bytes(length)?.copy_from_slice(&target[..length]);
        Ok(length)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_rename(old: Text, new: Text) -> c_int {
    call(|process| process.rename(old.bytes()?, new.bytes()?))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_renameat(old_dir: c_int, old: Text, new_dir: c_int, new: Text) -> c_int {
    call(|process| process.renameat(at::dir(old_dir), old.bytes()?, at::dir(new_dir), new.bytes()?))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_unlink(path: Text) -> c_int {
    call(|process| process.unlink(path.bytes()?))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_unlinkat(dir: c_int, path: Text, flags: c_int) -> c_int {
    call(|process| {
        let flags = at::flags(flags, AtFlags::REMOVEDIR)?;
        process.unlinkat(at::dir(dir), path.bytes()?, flags)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_mkdir(path: Text, mode: mode_t) -> c_int {
    call(|process| process.mkdir(path.bytes()?, mode::permissions(mode)))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_mkdirat(dir: c_int, path: Text, mode: mode_t) -> c_int {
    call(|process| process.mkdirat(at::dir(dir), path.bytes()?, mode::permissions(mode)))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_rmdir(path: Text) -> c_int {
    call(|process| process.rmdir(path.bytes()?))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_mknod(path: Text, mode: mode_t, device: dev_t) -> c_int {
    rump_sys_mknodat(libc::AT_FDCWD, path, mode, device)
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_mknodat(dir: c_int, path: Text, mode: mode_t, device: dev_t) -> c_int {
    call(|process| {
        let (file_type, permissions) = (mode::file_type(mode)?, mode::permissions(mode));
        process.mknodat(at::dir(dir), path.bytes()?, file_type, permissions, mode::device(device))
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_mkfifo(path: Text, mode: mode_t) -> c_int {
    call(|process| process.mkfifo(path.bytes()?, mode::permissions(mode)))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_mkfifoat(dir: c_int, path: Text, mode: mode_t) -> c_int {
    call(|process| process.mkfifoat(at::dir(dir), path.bytes()?, mode::permissions(mode)))
}
