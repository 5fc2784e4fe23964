//! getxattr(2), listxattr(2), setxattr(2), removexattr(2), as Linux has them.

use super::call;
use crate::pointer::{Room, Source, Text};
use libc::{c_int, size_t, ssize_t};
use rump_abi::{Errno, XattrFlags};
use rump_kpi::KResult;

/// A value, or only its length where there is room for nothing. Errors: ERANGE (it does not fit).
fn give(value: &[u8], room: &mut Room, size: usize) -> KResult<usize> {
    if size == 0 {
        return Ok(value.len());
    }
    if value.len() > size {
        return Err(Errno::ERANGE.into());
    }
    room.bytes(value.len())?.copy_from_slice(value);
    Ok(value.len())
}

/// Names, each with a zero behind it.
fn give_names(names: &[Vec<u8>], room: &mut Room, size: usize) -> KResult<usize> {
    let mut list = Vec::new();
    for name in names {
        list.extend_from_slice(name);
        list.push(0);
    }
    give(&list, room, size)
}

/// Linux's numbers, which hosts share that have the calls. Errors: EINVAL.
fn flags(bits: c_int) -> KResult<XattrFlags> {
    XattrFlags::from_bits(bits as u32).ok_or_else(|| Errno::EINVAL.into())
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_getxattr(path: Text, name: Text, mut value: Room, size: size_t) -> ssize_t {
    call(|process| give(&process.getxattr(path.bytes()?, name.bytes()?)?, &mut value, size))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_lgetxattr(path: Text, name: Text, mut value: Room, size: size_t) -> ssize_t {
    call(|process| give(&process.lgetxattr(path.bytes()?, name.bytes()?)?, &mut value, size))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_fgetxattr(fd: c_int, name: Text, mut value: Room, size: size_t) -> ssize_t {
    call(|process| give(&process.fgetxattr(super::fd(fd)?, name.bytes()?)?, &mut value, size))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_listxattr(path: Text, mut list: Room, size: size_t) -> ssize_t {
    call(|process| give_names(&process.listxattr(path.bytes()?)?, &mut list, size))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_llistxattr(path: Text, mut list: Room, size: size_t) -> ssize_t {
    call(|process| give_names(&process.llistxattr(path.bytes()?)?, &mut list, size))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_flistxattr(fd: c_int, mut list: Room, size: size_t) -> ssize_t {
    call(|process| give_names(&process.flistxattr(super::fd(fd)?)?, &mut list, size))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_setxattr(
    path: Text,
    name: Text,
    value: Source,
    size: size_t,
    bits: c_int,
) -> c_int {
    call(|process| process.setxattr(path.bytes()?, name.bytes()?, value.bytes(size)?, flags(bits)?))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_lsetxattr(
    path: Text,
    name: Text,
    value: Source,
    size: size_t,
    bits: c_int,
) -> c_int {
    call(|process| process.lsetxattr(path.bytes()?, name.bytes()?, value.bytes(size)?, flags(bits)?))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_fsetxattr(
    fd: c_int,
    name: Text,
    value: Source,
    size: size_t,
    bits: c_int,
) -> c_int {
    call(|process| process.fsetxattr(super::fd(fd)?, name.bytes()?, value.bytes(size)?, flags(bits)?))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_removexattr(path: Text, name: Text) -> c_int {
    call(|process| process.removexattr(path.bytes()?, name.bytes()?))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_lremovexattr(path: Text, name: Text) -> c_int {
    call(|process| process.lremovexattr(path.bytes()?, name.bytes()?))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_fremovexattr(fd: c_int, name: Text) -> c_int {
    call(|process| process.fremovexattr(super::fd(fd)?, name.bytes()?))
}
