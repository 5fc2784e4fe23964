//! extattr_get_file(2) and its family, as the BSDs have them: attributes of a namespace, whose names lack its prefix.

use super::call;
use crate::pointer::{Room, Source, Text};
use libc::{c_int, size_t, ssize_t};
use rump_abi::{Errno, XattrFlags};
use rump_kpi::KResult;

/// Namespaces, with NetBSD's numbers.
const USER: c_int = 1;
const SYSTEM: c_int = 2;

/// How names of a namespace begin here. Errors: EINVAL.
fn prefix(namespace: c_int) -> KResult<&'static [u8]> {
    match namespace {
        USER => Ok(b"user."),
        SYSTEM => Ok(b"trusted."),
        _ => Err(Errno::EINVAL.into()),
    }
}

/// Errors: EINVAL (the namespace), EFAULT.
fn full_name(namespace: c_int, name: &Text) -> KResult<Vec<u8>> {
    Ok([prefix(namespace)?, name.bytes()?].concat())
}

/// As much as fits, or only the length where there is no room at all.
fn give(value: &[u8], room: &mut Room, size: usize) -> KResult<usize> {
    if room.is_null() {
        return Ok(value.len());
    }
    let length = value.len().min(size);
    room.bytes(length)?.copy_from_slice(&value[..length]);
    Ok(length)
}

/// Names of a namespace, each behind a byte that is its length.
fn give_names(namespace: c_int, names: &[Vec<u8>], room: &mut Room, size: usize) -> KResult<usize> {
    let prefix = prefix(namespace)?;
    let mut list = Vec::new();
    for name in names.iter().filter_map(|name| name.strip_prefix(prefix)) {
        // No name is longer than 255 bytes.
        list.push(name.len() as u8);
        list.extend_from_slice(name);
    }
    give(&list, room, size)
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_extattr_get_file(
    path: Text,
    namespace: c_int,
    name: Text,
    mut data: Room,
    size: size_t,
) -> ssize_t {
    call(|process| give(&process.getxattr(path.bytes()?, full_name(namespace, &name)?)?, &mut data, size))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_extattr_get_link(
    path: Text,
    namespace: c_int,
    name: Text,
    mut data: Room,
    size: size_t,
) -> ssize_t {
    call(|process| give(&process.lgetxattr(path.bytes()?, full_name(namespace, &name)?)?, &mut data, size))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_extattr_get_fd(
    fd: c_int,
    namespace: c_int,
    name: Text,
    mut data: Room,
    size: size_t,
) -> ssize_t {
    call(|process| give(&process.fgetxattr(super::fd(fd)?, full_name(namespace, &name)?)?, &mut data, size))
}

/// Answers how many bytes it has now.
#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_extattr_set_file(
    path: Text,
    namespace: c_int,
    name: Text,
    data: Source,
    size: size_t,
) -> c_int {
    call(|process| {
        let (path, name, value) = (path.bytes()?, full_name(namespace, &name)?, data.bytes(size)?);
        process.setxattr(path, name, value, XattrFlags::empty())?;
        Ok(size as c_int)
    })
}

/// Answers how many bytes it has now.
#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_extattr_set_link(
    path: Text,
    namespace: c_int,
    name: Text,
    data: Source,
    size: size_t,
) -> c_int {
    call(|process| {
        let (path, name, value) = (path.bytes()?, full_name(namespace, &name)?, data.bytes(size)?);
        process.lsetxattr(path, name, value, XattrFlags::empty())?;
        Ok(size as c_int)
    })
}

/// Answers how many bytes it has now.
#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_extattr_set_fd(
    fd: c_int,
    namespace: c_int,
    name: Text,
    data: Source,
    size: size_t,
) -> c_int {
    call(|process| {
        let (name, value) = (full_name(namespace, &name)?, data.bytes(size)?);
        process.fsetxattr(super::fd(fd)?, name, value, XattrFlags::empty())?;
        Ok(size as c_int)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_extattr_delete_file(path: Text, namespace: c_int, name: Text) -> c_int {
    call(|process| process.removexattr(path.bytes()?, full_name(namespace, &name)?))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_extattr_delete_link(path: Text, namespace: c_int, name: Text) -> c_int {
    call(|process| process.lremovexattr(path.bytes()?, full_name(namespace, &name)?))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_extattr_delete_fd(fd: c_int, namespace: c_int, name: Text) -> c_int {
    call(|process| process.fremovexattr(super::fd(fd)?, full_name(namespace, &name)?))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_extattr_list_file(
    path: Text,
    namespace: c_int,
    mut data: Room,
    size: size_t,
) -> ssize_t {
    call(|process| give_names(namespace, &process.listxattr(path.bytes()?)?, &mut data, size))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_extattr_list_link(
    path: Text,
    namespace: c_int,
    mut data: Room,
    size: size_t,
) -> ssize_t {
    call(|process| give_names(namespace, &process.llistxattr(path.bytes()?)?, &mut data, size))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_extattr_list_fd(
    fd: c_int,
    namespace: c_int,
    mut data: Room,
    size: size_t,
) -> ssize_t {
    call(|process| give_names(namespace, &process.flistxattr(super::fd(fd)?)?, &mut data, size))
}
