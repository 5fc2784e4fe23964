//! chflags(2), revoke(2).

use super::{call, fd};
use crate::pointer::Text;
use libc::{c_int, c_ulong};
use rump_abi::{Errno, FileFlags};
use rump_kpi::KResult;

/// NetBSD's numbers. Errors: EINVAL (others).
fn flags(bits: c_ulong) -> KResult<FileFlags> {
    let bits = u32::try_from(bits).ok();
    bits.and_then(FileFlags::from_bits).ok_or_else(|| Errno::EINVAL.into())
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_chflags(path: Text, bits: c_ulong) -> c_int {
    call(|process| process.chflags(path.bytes()?, flags(bits)?))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_lchflags(path: Text, bits: c_ulong) -> c_int {
    call(|process| process.lchflags(path.bytes()?, flags(bits)?))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_fchflags(number: c_int, bits: c_ulong) -> c_int {
    call(|process| process.fchflags(fd(number)?, flags(bits)?))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_revoke(path: Text) -> c_int {
    call(|process| process.revoke(path.bytes()?))
}
