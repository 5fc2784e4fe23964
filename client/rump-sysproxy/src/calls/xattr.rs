//! getxattr(2), setxattr(2), listxattr(2), removexattr(2) and their like.

use super::call::{Answer, Call, answer};
use rump_abi::{Errno, XattrFlags};
use rump_kpi::KResult;

/// Bytes of a name, with the NUL that ends it.
const NAME_MAX: usize = 256;
/// Bytes of a value at most, as the kernel has it.
const VALUE_MAX: u64 = 65_536;

/// The name of an attribute. Errors: EFAULT.
fn name(call: &mut Call<'_>) -> KResult<Vec<u8>> {
    call.name(1, NAME_MAX)
}

/// What is given, where the arguments from `at` on tell of room; without any, it answers how much it takes.
fn give(call: &mut Call<'_>, at: usize, bytes: &[u8]) -> Answer {
    let (address, room) = (call.slot(at)?, call.slot(at + 1)?);
    match room {
        0 => {}
        room if room < bytes.len() as u64 => return Err(Errno::ERANGE.into()),
        _ => call.put_bytes(address, bytes)?,
    }
    answer(Ok(bytes.len()))
}

/// The value of which the arguments from `at` on tell. Of one that is too long there is enough for the kernel to say so, in the
/// order of its checks. Errors: EFAULT.
pub(super) fn value_at(call: &mut Call<'_>, at: usize) -> KResult<Vec<u8>> {
    let (address, length) = (call.slot(at)?, call.slot(at + 1)?);
    call.bytes(address, length.min(VALUE_MAX + 1) as usize)
}

/// A value, and what is to become of one that is there. Errors: EINVAL (flags), EFAULT.
fn value(call: &mut Call<'_>) -> KResult<(Vec<u8>, XattrFlags)> {
    let flags = XattrFlags::from_bits(call.uint(4)?).ok_or(Errno::EINVAL)?;
    Ok((value_at(call, 2)?, flags))
}

pub(super) fn setxattr(call: &mut Call<'_>) -> Answer {
    let (path, name, (value, flags)) = (call.path(0)?, name(call)?, value(call)?);
    answer(call.process.setxattr(path, name, value, flags))
}

pub(super) fn lsetxattr(call: &mut Call<'_>) -> Answer {
    let (path, name, (value, flags)) = (call.path(0)?, name(call)?, value(call)?);
    answer(call.process.lsetxattr(path, name, value, flags))
}

pub(super) fn fsetxattr(call: &mut Call<'_>) -> Answer {
    let (fd, name, (value, flags)) = (call.fd(0)?, name(call)?, value(call)?);
    answer(call.process.fsetxattr(fd, name, value, flags))
}

pub(super) fn getxattr(call: &mut Call<'_>) -> Answer {
    let (path, name) = (call.path(0)?, name(call)?);
    let value = call.process.getxattr(path, name)?;
    give(call, 2, &value)
}

pub(super) fn lgetxattr(call: &mut Call<'_>) -> Answer {
    let (path, name) = (call.path(0)?, name(call)?);
    let value = call.process.lgetxattr(path, name)?;
    give(call, 2, &value)
}

pub(super) fn fgetxattr(call: &mut Call<'_>) -> Answer {
    let (fd, name) = (call.fd(0)?, name(call)?);
    let value = call.process.fgetxattr(fd, name)?;
    give(call, 2, &value)
}

/// Each name is ended by a NUL.
fn give_names(call: &mut Call<'_>, names: &[Vec<u8>]) -> Answer {
    let list: Vec<u8> = names.iter().flat_map(|name| name.iter().copied().chain([0])).collect();
    give(call, 1, &list)
}

pub(super) fn listxattr(call: &mut Call<'_>) -> Answer {
    let path = call.path(0)?;
    let names = call.process.listxattr(path)?;
    give_names(call, &names)
}

pub(super) fn llistxattr(call: &mut Call<'_>) -> Answer {
    let path = call.path(0)?;
    let names = call.process.llistxattr(path)?;
    give_names(call, &names)
}

pub(super) fn flistxattr(call: &mut Call<'_>) -> Answer {
    let names = call.process.flistxattr(call.fd(0)?)?;
    give_names(call, &names)
}

pub(super) fn removexattr(call: &mut Call<'_>) -> Answer {
    let (path, name) = (call.path(0)?, name(call)?);
    answer(call.process.removexattr(path, name))
}

pub(super) fn lremovexattr(call: &mut Call<'_>) -> Answer {
    let (path, name) = (call.path(0)?, name(call)?);
    answer(call.process.lremovexattr(path, name))
}

pub(super) fn fremovexattr(call: &mut Call<'_>) -> Answer {
    let (fd, name) = (call.fd(0)?, name(call)?);
    answer(call.process.fremovexattr(fd, name))
}
