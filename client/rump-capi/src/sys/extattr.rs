//! extattr_get_file(2) and its family, as the BSDs have them: attributes of a namespace, whose names lack its prefix.

use super::call;
use crate::pointer::{Room, Source, Text};
use libc::{c_int, size_t, ssize_t};
use rump_abi::Errno;
use rump_kern::{ExtattrNamespace, ExtattrOf};
use rump_kpi::KResult;

/// A namespace by NetBSD's number. Errors: EINVAL.
fn space(number: c_int) -> KResult<ExtattrNamespace> {
    let all = [ExtattrNamespace::User, ExtattrNamespace::System];
    all.into_iter().find(|space| *space as c_int == number).ok_or_else(|| Errno::EINVAL.into())
}

/// Whose attributes a call is about, as C says it.
enum Of<'a> {
    File(&'a Text),
    Link(&'a Text),
    Open(c_int),
}

impl Of<'_> {
    /// Errors: EFAULT.
    fn kernel(&self) -> KResult<ExtattrOf<'_>> {
        Ok(match self {
            Self::File(path) => ExtattrOf::File(path.bytes()?),
            Self::Link(path) => ExtattrOf::Link(path.bytes()?),
            Self::Open(fd) => ExtattrOf::Open(super::fd(*fd)?),
        })
    }
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

fn extattr_get(of: Of<'_>, namespace: c_int, name: &Text, room: &mut Room, size: usize) -> ssize_t {
    call(|process| give(&process.extattr_get(of.kernel()?, space(namespace)?, name.bytes()?)?, room, size))
}

/// Answers how many bytes the attribute has now.
fn extattr_set(of: Of<'_>, namespace: c_int, name: &Text, data: &Source, size: usize) -> c_int {
    call(|process| {
        let (of, space, name) = (of.kernel()?, space(namespace)?, name.bytes()?);
        // None is longer than 64 KiB.
        Ok(process.extattr_set(of, space, name, data.bytes(size)?)? as c_int)
    })
}

fn extattr_delete(of: Of<'_>, namespace: c_int, name: &Text) -> c_int {
    call(|process| process.extattr_delete(of.kernel()?, space(namespace)?, name.bytes()?))
}

/// Gives names, each behind a byte that is its length.
fn extattr_list(of: Of<'_>, namespace: c_int, room: &mut Room, size: usize) -> ssize_t {
    call(|process| {
        let mut list = Vec::new();
        for name in process.extattr_list(of.kernel()?, space(namespace)?)? {
            // No name is longer than 255 bytes.
            list.push(name.len() as u8);
            list.extend_from_slice(&name);
        }
        give(&list, room, size)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_extattr_get_file(
    path: Text,
    namespace: c_int,
    name: Text,
    mut data: Room,
    size: size_t,
) -> ssize_t {
    extattr_get(Of::File(&path), namespace, &name, &mut data, size)
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_extattr_get_link(
    path: Text,
    namespace: c_int,
    name: Text,
    mut data: Room,
    size: size_t,
) -> ssize_t {
    extattr_get(Of::Link(&path), namespace, &name, &mut data, size)
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_extattr_get_fd(
    fd: c_int,
    namespace: c_int,
    name: Text,
    mut data: Room,
    size: size_t,
) -> ssize_t {
    extattr_get(Of::Open(fd), namespace, &name, &mut data, size)
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_extattr_set_file(
    path: Text,
    namespace: c_int,
    name: Text,
    data: Source,
    size: size_t,
) -> c_int {
    extattr_set(Of::File(&path), namespace, &name, &data, size)
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_extattr_set_link(
    path: Text,
    namespace: c_int,
    name: Text,
    data: Source,
    size: size_t,
) -> c_int {
    extattr_set(Of::Link(&path), namespace, &name, &data, size)
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_extattr_set_fd(
    fd: c_int,
    namespace: c_int,
    name: Text,
    data: Source,
    size: size_t,
) -> c_int {
    extattr_set(Of::Open(fd), namespace, &name, &data, size)
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_extattr_delete_file(path: Text, namespace: c_int, name: Text) -> c_int {
    extattr_delete(Of::File(&path), namespace, &name)
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_extattr_delete_link(path: Text, namespace: c_int, name: Text) -> c_int {
    extattr_delete(Of::Link(&path), namespace, &name)
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_extattr_delete_fd(fd: c_int, namespace: c_int, name: Text) -> c_int {
    extattr_delete(Of::Open(fd), namespace, &name)
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_extattr_list_file(
    path: Text,
    namespace: c_int,
    mut data: Room,
    size: size_t,
) -> ssize_t {
    extattr_list(Of::File(&path), namespace, &mut data, size)
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_extattr_list_link(
    path: Text,
    namespace: c_int,
    mut data: Room,
    size: size_t,
) -> ssize_t {
    extattr_list(Of::Link(&path), namespace, &mut data, size)
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_extattr_list_fd(
    fd: c_int,
    namespace: c_int,
    mut data: Room,
    size: size_t,
) -> ssize_t {
    extattr_list(Of::Open(fd), namespace, &mut data, size)
}
