//! aio_read(2), aio_suspend(2), lio_listio(2) and their like. A request is known by the address of its `struct aiocb`.
//!
//! What was read is in the client's memory once `aio_error` or `aio_return` says that the request is done, once `aio_suspend`
//! that names it returns, or `lio_listio` that waited: not before. So it is with the members that are the kernel's.

use super::call::{Answer, Call, Time, answer};
use super::requests::{Request, Use};
use super::timer::notify;
use rump_abi::netbsd::aio::*;
use rump_abi::netbsd::signal::Sigevent;
use rump_abi::{Errno, OpenFlags};
use rump_kern::{
    AIO_LISTIO_MAX, AioCancel, AioKey, AioOperation, AioRequest, AioStatus, AioSync, Fd, ListMode, Notify,
};
use rump_kpi::KResult;
use std::sync::Arc;

/// A request that is about to begin.
struct Entered {
    request: AioRequest,
    held: Arc<Request>,
    /// What was known by its key before.
    before: Option<Arc<Request>>,
}

/// Takes in what a block asks for. Errors: EFAULT, EINVAL (more bytes than there can be, or no such way to be told), EAGAIN.
fn enter(call: &mut Call<'_>, block: u64, operation: AioOperation) -> KResult<Entered> {
    let (key, asked) = (AioKey(block), call.read_at::<Aiocb>(block)?);
    enter_block(call, key, &asked, operation)
}

fn enter_block(call: &mut Call<'_>, key: AioKey, asked: &Aiocb, operation: AioOperation) -> KResult<Entered> {
    let length = i64::try_from(asked.nbytes).ok().and_then(|length| usize::try_from(length).ok());
    let length = length.ok_or(Errno::EINVAL)?;
    if asked.buf == 0 && length > 0 {
        return Err(Errno::EFAULT.into());
    }
    let notify = notify(Some(asked.sigevent))?;
    let (process, requests) = (call.process, call.requests);
    let (held, before) = match operation {
        AioOperation::Read => {
            requests.enter(process, key, (Use::Read(asked.buf), length), |length| Ok(vec![0; length]))
        }
        AioOperation::Write => {
            requests.enter(process, key, (Use::Write, length), |length| call.bytes(asked.buf, length))
        }
    }?;
    let request = AioRequest {
        key,
        fd: Fd(asked.fildes as u32),
        // No file reaches that far, and what has no offsets does not care.
        offset: u64::try_from(asked.offset).unwrap_or(u64::MAX),
        buffer: held.clone(),
        notify,
    };
    Ok(Entered { request, held, before })
}

/// Answers whether requests began as well as `result`; those that did not are as they were.
fn begun(call: &Call<'_>, entered: Vec<Entered>, result: KResult<()>) -> KResult<()> {
    for one in entered {
        match &result {
            Ok(()) => one.held.submitted(),
            Err(_) => call.requests.leave(one.request.key, &one.held, one.before),
        }
    }
    result
}

fn submit(call: &mut Call<'_>, operation: AioOperation) -> Answer {
    let block = call.slot(0)?;
    let entered = enter(call, block, operation)?;
    let begins = match operation {
        AioOperation::Read => call.process.aio_read(&entered.request),
        AioOperation::Write => call.process.aio_write(&entered.request),
    };
    answer(begun(call, vec![entered], begins))
}

pub(super) fn aio_read(call: &mut Call<'_>) -> Answer {
    submit(call, AioOperation::Read)
}

pub(super) fn aio_write(call: &mut Call<'_>) -> Answer {
    submit(call, AioOperation::Write)
}

pub(super) fn aio_fsync(call: &mut Call<'_>) -> Answer {
    let sync = match OpenFlags::from_bits_retain(call.uint(0)?) {
        OpenFlags::SYNC => AioSync::All,
        OpenFlags::DSYNC => AioSync::Data,
        _ => return Err(Errno::EINVAL.into()),
    };
    let (block, asked) = (call.slot(1)?, call.read::<Aiocb>(1)?);
    let notify = notify(Some(asked.sigevent))?;
    answer(call.process.aio_fsync(sync, AioKey(block), Fd(asked.fildes as u32), notify))
}

/// How far a request is, of which the client has what it read if it is done. Errors: EINVAL (no such request), EFAULT.
fn status(call: &mut Call<'_>, key: AioKey) -> KResult<AioStatus> {
    let status = call.process.aio_error(key)?;
    let (count, errno) = match &status {
        AioStatus::InProgress => return Ok(status),
        AioStatus::Done(count) => (*count, 0),
        AioStatus::Failed(error) => (0, error.errno as i32),
    };
    call.requests.finish(key, count, call.memory)?;
    let retval = if errno == 0 { count as i64 } else { -1 };
    let ended = Ended { state: JOB_DONE, errno, retval };
    call.put_at(key.0.checked_add(Ended::OFFSET).ok_or(Errno::EFAULT)?, &ended)?;
    Ok(status)
}

/// The client hears of those of some requests that are done. Errors: EFAULT.
fn tell(call: &mut Call<'_>, keys: &[AioKey]) -> KResult<()> {
    for key in keys {
        match status(call, *key) {
            // Nobody knows of it.
            Err(error) if error.errno == Errno::EINVAL => {}
            told => drop(told?),
        }
    }
    Ok(())
}

/// Answers the error number of the request itself.
pub(super) fn aio_error(call: &mut Call<'_>) -> Answer {
    call.read::<Aiocb>(0)?;
    let key = AioKey(call.slot(0)?);
    answer(status(call, key).map(|status| match status {
        AioStatus::InProgress => Errno::EINPROGRESS as u32,
        AioStatus::Done(_) => 0,
        AioStatus::Failed(error) => error.errno as u32,
    }))
}

/// Answers -1 for a request that failed.
pub(super) fn aio_return(call: &mut Call<'_>) -> Answer {
    call.read::<Aiocb>(0)?;
    let key = AioKey(call.slot(0)?);
    let is_failed = match status(call, key)? {
        AioStatus::InProgress => return Err(Errno::EINVAL.into()),
        AioStatus::Done(_) => false,
        AioStatus::Failed(_) => true,
    };
    let taken = call.process.aio_return(key);
    if is_failed { Ok([-1, 0]) } else { answer(taken) }
}

/// The addresses in a list, of which null ones do not count. Errors: EFAULT.
fn blocks(call: &mut Call<'_>, list: usize, count: usize) -> KResult<Vec<AioKey>> {
    let list = call.slot(list)?;
    let all: Vec<u64> = call.read_all(list, count)?;
    Ok(all.into_iter().filter(|block| *block != 0).map(AioKey).collect())
}

/// Errors: EAGAIN (as NetBSD has it: no requests, or too many).
pub(super) fn aio_suspend<T: Time>(call: &mut Call<'_>) -> Answer {
    let count = usize::try_from(call.int(1)?).ok().filter(|count| (1..=AIO_LISTIO_MAX).contains(count));
    let keys = blocks(call, 0, count.ok_or(Errno::EAGAIN)?)?;
    let timeout = call.read_if::<T>(2)?.map(|time| time.moment()).transpose()?;
    call.process.aio_suspend(&keys, timeout)?;
    answer(tell(call, &keys))
}

/// A request is known by its address, at which nobody looks.
pub(super) fn aio_cancel(call: &mut Call<'_>) -> Answer {
    let (fd, block) = (call.fd(0)?, call.slot(1)?);
    let cancelled = call.process.aio_cancel(fd, Some(block).filter(|block| *block != 0).map(AioKey));
    answer(cancelled.map(|cancelled| match cancelled {
        AioCancel::Canceled => AIO_CANCELED,
        AioCancel::NotCanceled => AIO_NOTCANCELED,
        AioCancel::AllDone => AIO_ALLDONE,
    }))
}

/// Errors: EINVAL (no such mode).
fn mode(call: &mut Call<'_>) -> KResult<ListMode> {
    Ok(match call.int(0)? {
        LIO_WAIT => ListMode::Wait,
        LIO_NOWAIT => match call.read_if::<Sigevent>(3)? {
            None => ListMode::NoWait(Notify::None),
            event => ListMode::NoWait(notify(event)?),
        },
        _ => return Err(Errno::EINVAL.into()),
    })
}

/// Takes in all that a list asks for. Errors: EFAULT, EINVAL, EAGAIN.
fn enter_list(
    call: &mut Call<'_>,
    blocks: &[AioKey],
    entered: &mut Vec<(AioOperation, Entered)>,
) -> KResult<()> {
    for key in blocks {
        let asked: Aiocb = call.read_at(key.0)?;
        let operation = match asked.lio_opcode {
            LIO_NOP => continue,
            LIO_READ => AioOperation::Read,
            LIO_WRITE => AioOperation::Write,
            _ => return Err(Errno::EINVAL.into()),
        };
        entered.push((operation, enter_block(call, *key, &asked, operation)?));
    }
    Ok(())
}

/// Errors: EINVAL (no such mode, or operation, or too many), EFAULT, EAGAIN, those of
/// [`Process::lio_listio`](rump_kern::Process::lio_listio).
pub(super) fn lio_listio(call: &mut Call<'_>) -> Answer {
    let count = usize::try_from(call.int(2)?).ok().filter(|count| *count <= AIO_LISTIO_MAX);
    let (mode, keys) = (mode(call)?, blocks(call, 1, count.ok_or(Errno::EINVAL)?)?);
    let mut entered = Vec::new();
    if let Err(error) = enter_list(call, &keys, &mut entered) {
        let entered = entered.into_iter().rev().map(|(_, entered)| entered).collect();
        return answer(begun(call, entered, Err(error)));
    }
    let list: Vec<_> = entered.iter().map(|(operation, one)| (*operation, one.request.clone())).collect();
    let done = call.process.lio_listio(&list, mode);
    // What did not begin has failed, and is known so.
    entered.iter().for_each(|(_, one)| one.held.submitted());
    if mode == ListMode::Wait {
        tell(call, &keys)?;
    }
    answer(done)
}
