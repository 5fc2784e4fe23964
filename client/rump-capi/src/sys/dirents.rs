//! getdents(2).

use super::call;
use crate::layout::dirent::Records;
use crate::pointer::Room;
use libc::{c_int, size_t};
use rump_abi::Errno;

/// Answers how many bytes of records there are, none at the end.
#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_getdents(fd: c_int, mut buf: Room, size: size_t) -> c_int {
    call(|process| {
        // The answer is an `int`.
        let size = size.min(c_int::MAX as usize);
        let mut records = Records::new(buf.bytes(size)?);
        let mut is_full = false;
        process.getdents_while(super::fd(fd)?, &mut |entry| {
            is_full = !records.add(&entry);
            !is_full
        })?;
        match records.used() {
            0 if is_full => Err(Errno::EINVAL.into()),
            used => Ok(used as c_int),
        }
    })
}
