//! Asynchronous input and output: aio(7). A request is known by the address of its `struct aiocb`.

use super::{call, fd};
use crate::layout::signal;
use crate::layout::time::of_timespec;
use crate::pointer::{Value, Values};
use libc::{aiocb, c_int, sigevent, ssize_t, timespec};
use rump_abi::Errno;
use rump_kern::{
    AIO_LISTIO_MAX, AioBuffer, AioCancel, AioKey, AioOperation, AioRequest, AioStatus, AioSync, ListMode,
    Notify,
};
use rump_kpi::KResult;
use std::sync::Arc;

/// Memory of the program.
struct Memory {
    start: *mut u8,
    length: usize,
}

// SAFETY: aio(7) has the program leave the memory of a request where it is, and alone, until the request is done, and that is
// how long the kernel uses it, by one thread at a time. Which thread that is makes no difference to memory.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

impl Memory {
    /// Errors: EINVAL (more than there can be), EFAULT (null, but for none).
    fn of(block: &aiocb) -> KResult<Self> {
        let (start, length) = (block.aio_buf.cast::<u8>(), block.aio_nbytes);
        if length > isize::MAX as usize {
            return Err(Errno::EINVAL.into());
        }
        match (start.is_null(), length) {
            (true, 0) => Ok(Self { start: std::ptr::NonNull::dangling().as_ptr(), length }),
            (true, _) => Err(Errno::EFAULT.into()),
            (false, _) => Ok(Self { start, length }),
        }
    }
}

impl AioBuffer for Memory {
    fn length(&self) -> usize {
        self.length
    }

    fn read(&self, reader: &mut dyn FnMut(&[u8])) {
        // SAFETY: see above; it is not null, and not longer than memory can be.
        reader(unsafe { std::slice::from_raw_parts(self.start, self.length) });
    }

    fn fill(&self, writer: &mut dyn FnMut(&mut [u8])) {
        // SAFETY: as above.
        writer(unsafe { std::slice::from_raw_parts_mut(self.start, self.length) });
    }
}

/// A block of a request, where it is.
type Block = Value<aiocb>;

fn key(block: &Block) -> AioKey {
    AioKey(block.address() as u64)
}

/// How the program hears of a request; a block that was zeroed says nothing of it. Errors: EINVAL.
fn notify(event: &sigevent) -> KResult<Notify> {
    match (event.sigev_notify, event.sigev_signo) {
        (libc::SIGEV_SIGNAL, 0) => Ok(Notify::None),
        _ => signal::notify(event),
    }
}

/// What a block asks for. Errors: EFAULT (null, or its buffer is), EBADF (negative), EINVAL.
fn request(block: &Block) -> KResult<AioRequest> {
    let asked = block.read()?;
    Ok(AioRequest {
        key: key(block),
        fd: fd(asked.aio_fildes)?,
        // No file reaches that far, and what has no offsets does not care.
        offset: u64::try_from(asked.aio_offset).unwrap_or(u64::MAX),
        buffer: Arc::new(Memory::of(&asked)?),
        notify: notify(&asked.aio_sigevent)?,
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_aio_read(block: Block) -> c_int {
    call(|process| process.aio_read(&request(&block)?))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_aio_write(block: Block) -> c_int {
    call(|process| process.aio_write(&request(&block)?))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_aio_fsync(operation: c_int, block: Block) -> c_int {
    call(|process| {
        let sync = match operation {
            libc::O_SYNC => AioSync::All,
            libc::O_DSYNC => AioSync::Data,
            _ => return Err(Errno::EINVAL.into()),
        };
        let asked = block.read()?;
        process.aio_fsync(sync, key(&block), fd(asked.aio_fildes)?, notify(&asked.aio_sigevent)?)
    })
}

/// Answers the error number of the request itself: EINPROGRESS if it is not done, 0 if it did not fail.
#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_aio_error(block: Block) -> c_int {
    call(|process| {
        Ok(match process.aio_error(key(&block))? {
            AioStatus::InProgress => libc::EINPROGRESS,
            AioStatus::Done(_) => 0,
            AioStatus::Failed(error) => crate::errno::number(error.errno),
        })
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_aio_return(block: Block) -> ssize_t {
    call(|process| process.aio_return(key(&block)))
}

/// The blocks of a list, but for null ones. Errors: EINVAL (too many), EFAULT (null).
fn blocks(list: &Values<Block>, count: c_int) -> KResult<impl Iterator<Item = &Block>> {
    let count = usize::try_from(count).ok().filter(|count| *count <= AIO_LISTIO_MAX).ok_or(Errno::EINVAL)?;
    Ok(list.slice(count)?.iter().filter(|block| !block.is_null()))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_aio_suspend(list: Values<Block>, count: c_int, timeout: Value<timespec>) -> c_int {
    call(|process| {
        let keys: Vec<AioKey> = blocks(&list, count)?.map(key).collect();
        let timeout = timeout.optional().map(of_timespec).transpose()?;
        // As there is nothing to wait for, nothing is waited for.
        if keys.is_empty() { Ok(()) } else { process.aio_suspend(&keys, timeout) }
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_aio_cancel(number: c_int, block: Block) -> c_int {
    call(|process| {
        let of_file = fd(number)?;
        if block.optional().is_some_and(|asked| asked.aio_fildes != number) {
            return Err(Errno::EINVAL.into());
        }
        let one = (!block.is_null()).then(|| key(&block));
        Ok(match process.aio_cancel(of_file, one)? {
            AioCancel::Canceled => libc::AIO_CANCELED,
            AioCancel::NotCanceled => libc::AIO_NOTCANCELED,
            AioCancel::AllDone => libc::AIO_ALLDONE,
        })
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_lio_listio(
    mode: c_int,
    list: Values<Block>,
    count: c_int,
    event: Value<sigevent>,
) -> c_int {
    call(|process| {
        let mode = match mode {
            libc::LIO_WAIT => ListMode::Wait,
            libc::LIO_NOWAIT => {
                ListMode::NoWait(event.optional().map_or(Ok(Notify::None), |event| notify(&event))?)
            }
            _ => return Err(Errno::EINVAL.into()),
        };
        let mut requests = Vec::new();
        for block in blocks(&list, count)? {
            let operation = match block.read()?.aio_lio_opcode {
                libc::LIO_NOP => continue,
                libc::LIO_READ => AioOperation::Read,
                libc::LIO_WRITE => AioOperation::Write,
                _ => return Err(Errno::EINVAL.into()),
            };
            requests.push((operation, request(block)?));
        }
        process.lio_listio(&requests, mode)
    })
}
