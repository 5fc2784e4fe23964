//! Semaphores of the kernel: `_ksem_*`, of which NetBSD's libc makes sem_open(3) and its like.

use super::call;
use crate::layout::open_flags;
use crate::layout::time::of_timespec;
use crate::pointer::{Place, Text, Value};
use libc::{c_int, c_uint, intptr_t, mode_t, timespec};
use rump_abi::{Errno, Mode};
use rump_kern::{SemaphoreId, Sharing};
use rump_kpi::KResult;

/// Errors: EINVAL.
fn semaphore(number: intptr_t) -> KResult<SemaphoreId> {
    u32::try_from(number).map(SemaphoreId).map_err(|_| Errno::EINVAL.into())
}

/// With the number of `USYNC_PROCESS` (0x50535244) where the semaphore is stored, other processes can use it, too.
#[unsafe(no_mangle)]
pub extern "C" fn rump_sys__ksem_init(value: c_uint, to: Place<intptr_t>) -> c_int {
    const SHARED: intptr_t = 0x5053_5244;
    call(|process| {
        let sharing = if to.read()? == SHARED { Sharing::Shared } else { Sharing::Private };
        to.store(process.ksem_init(value, sharing)?.0 as intptr_t)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys__ksem_open(
    name: Text,
    flags: c_int,
    mode: mode_t,
    value: c_uint,
    to: Place<intptr_t>,
) -> c_int {
    call(|process| {
        if to.is_null() {
            return Err(Errno::EFAULT.into());
        }
        let flags = open_flags::from_host(flags)?;
        let mode = Mode::new(mode as u32 & 0o777);
        to.store(process.ksem_open(name.bytes()?, flags, mode, value)?.0 as intptr_t)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys__ksem_close(number: intptr_t) -> c_int {
    call(|process| process.ksem_close(semaphore(number)?))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys__ksem_unlink(name: Text) -> c_int {
    call(|process| process.ksem_unlink(name.bytes()?))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys__ksem_post(number: intptr_t) -> c_int {
    call(|process| process.ksem_post(semaphore(number)?))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys__ksem_wait(number: intptr_t) -> c_int {
    call(|process| process.ksem_wait(semaphore(number)?))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys__ksem_trywait(number: intptr_t) -> c_int {
    call(|process| process.ksem_trywait(semaphore(number)?))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys__ksem_timedwait(number: intptr_t, until: Value<timespec>) -> c_int {
    call(|process| {
        let until = of_timespec(until.read()?)?;
        process.ksem_timedwait(semaphore(number)?, until)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys__ksem_getvalue(number: intptr_t, to: Place<c_uint>) -> c_int {
    call(|process| to.store(process.ksem_getvalue(semaphore(number)?)?))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys__ksem_destroy(number: intptr_t) -> c_int {
    call(|process| process.ksem_destroy(semaphore(number)?))
}
