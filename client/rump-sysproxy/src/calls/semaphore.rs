//! The calls beneath sem_init(3) and sem_open(3).

use super::call::{Answer, Call, Time, answer};
use rump_abi::netbsd::time::Timespec;
use rump_abi::{Errno, OpenFlags};
use rump_kern::{SemaphoreId, Sharing};
use rump_kpi::KResult;

/// Errors: EINVAL (no semaphore has such a number).
fn semaphore(call: &Call<'_>) -> KResult<SemaphoreId> {
    u32::try_from(call.slot(0)?).map(SemaphoreId).map_err(|_| Errno::EINVAL.into())
}

pub(super) fn init(call: &mut Call<'_>) -> Answer {
    let made = call.process.ksem_init(call.uint(0)?, Sharing::Private)?;
    let given = call.put(1, &u64::from(made.0));
    if given.is_err() {
        call.process.ksem_destroy(made)?;
    }
    answer(given)
}

pub(super) fn open(call: &mut Call<'_>) -> Answer {
    let name = call.path(0)?;
    let flags = OpenFlags::from_bits(call.uint(1)?).ok_or(Errno::EINVAL)?;
    let opened = call.process.ksem_open(name, flags, call.mode(2)?, call.uint(3)?)?;
    let given = call.put(4, &u64::from(opened.0));
    if given.is_err() {
        call.process.ksem_close(opened)?;
    }
    answer(given)
}

pub(super) fn unlink(call: &mut Call<'_>) -> Answer {
    let name = call.path(0)?;
    answer(call.process.ksem_unlink(name))
}

pub(super) fn close(call: &mut Call<'_>) -> Answer {
    answer(call.process.ksem_close(semaphore(call)?))
}

pub(super) fn post(call: &mut Call<'_>) -> Answer {
    answer(call.process.ksem_post(semaphore(call)?))
}

pub(super) fn wait(call: &mut Call<'_>) -> Answer {
    answer(call.process.ksem_wait(semaphore(call)?))
}

pub(super) fn trywait(call: &mut Call<'_>) -> Answer {
    answer(call.process.ksem_trywait(semaphore(call)?))
}

pub(super) fn timedwait(call: &mut Call<'_>) -> Answer {
    let until = call.read::<Timespec>(1)?.moment()?;
    answer(call.process.ksem_timedwait(semaphore(call)?, until))
}

pub(super) fn getvalue(call: &mut Call<'_>) -> Answer {
    let value = call.process.ksem_getvalue(semaphore(call)?)?;
    answer(call.put(1, &value))
}

pub(super) fn destroy(call: &mut Call<'_>) -> Answer {
    answer(call.process.ksem_destroy(semaphore(call)?))
}
