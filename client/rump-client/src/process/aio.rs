//! aio_read(3), aio_suspend(3), lio_listio(3) and their like.
//!
//! A request is a block of memory that the connection keeps for the server: `struct aiocb`, and behind it the bytes. The server
//! knows the request by the address of the block, and changes the block as long as it is there. What was read goes to the
//! buffer of the request when a call here finds that it is done.
//!
//! Lock: the table of requests, which is held while a buffer is filled, so that nobody hears that a request is done before.

use super::RemoteProcess;
use super::request::{Request, request};
use super::timer::event;
use crate::connection::{check, malformed};
use crate::lock::Mutex;
use rump_abi::netbsd::Layout;
use rump_abi::netbsd::aio::*;
use rump_abi::netbsd::numbers::*;
use rump_abi::netbsd::time::Timespec;
use rump_abi::{Errno, OpenFlags, TimeSpec};
use rump_kern::{
    AIO_LISTIO_MAX, AioBuffer, AioCancel, AioKey, AioOperation, AioRequest, AioStatus, AioSync, Fd, ListMode,
    Notify,
};
use rump_kpi::KResult;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// An address that no request has.
const NOWHERE: u64 = 1;

/// The requests of a process whose results nobody took.
#[derive(Default)]
pub(super) struct Requests(Mutex<HashMap<AioKey, Block>>);

struct Block {
    address: u64,
    /// What is read into, until it was.
    into: Option<Arc<dyn AioBuffer>>,
}

/// A block, and what it reads into.
struct Asked {
    bytes: Vec<u8>,
    into: Option<Arc<dyn AioBuffer>>,
}

impl Asked {
    fn of(asked: &AioRequest, operation: AioOperation) -> Self {
        let length = asked.buffer.length();
        let mut bytes = vec![0; Aiocb::SIZE + length];
        let (lio_opcode, into) = match operation {
            AioOperation::Read => (LIO_READ, Some(asked.buffer.clone())),
            AioOperation::Write => (LIO_WRITE, None),
        };
        if operation == AioOperation::Write {
            asked.buffer.read(&mut |content| {
                let count = content.len().min(length);
                bytes[Aiocb::SIZE..][..count].copy_from_slice(&content[..count]);
            });
        }
        let block = Aiocb {
            // A number that is no offset stays none.
            offset: asked.offset as i64,
            buf: bytes.as_ptr().addr() as u64 + Aiocb::SIZE as u64,
            nbytes: length as u64,
            lio_opcode,
            ..plain(asked.fd, asked.notify)
        };
        block.put(&mut bytes);
        Self { bytes, into }
    }
}

/// A block that reads and writes nothing.
fn plain(fd: Fd, notify: Notify) -> Aiocb {
    Aiocb {
        offset: 0,
        buf: 0,
        nbytes: 0,
        fildes: fd.0 as i32,
        lio_opcode: LIO_NOP,
        reqprio: 0,
        sigevent: event(notify),
        state: 0,
        errno: 0,
        retval: 0,
    }
}

impl RemoteProcess {
    /// As [`Process::aio_read`](rump_kern::Process::aio_read). Errors: EAGAIN as well (the server keeps 64 MiB for all requests,
    /// and 1024 of them); that a request of this key is in progress is checked first.
    pub fn aio_read(&self, request: &AioRequest) -> KResult<()> {
        self.submit(AIO_READ, request, AioOperation::Read)
    }

    /// As [`Process::aio_write`](rump_kern::Process::aio_write). Errors: as [`RemoteProcess::aio_read`].
    pub fn aio_write(&self, request: &AioRequest) -> KResult<()> {
        self.submit(AIO_WRITE, request, AioOperation::Write)
    }

    fn submit(&self, number: u32, asked: &AioRequest, operation: AioOperation) -> KResult<()> {
        self.make_way(asked.key)?;
        let address = self.enter(asked.key, Asked::of(asked, operation));
        self.begin(asked.key, request(number).with(address))
    }

    /// As [`Process::aio_fsync`](rump_kern::Process::aio_fsync). Errors: as [`RemoteProcess::aio_read`].
    pub fn aio_fsync(&self, sync: AioSync, key: AioKey, fd: Fd, notify: Notify) -> KResult<()> {
        let operation = match sync {
            AioSync::All => OpenFlags::SYNC,
            AioSync::Data => OpenFlags::DSYNC,
        };
        self.make_way(key)?;
        let address = self.enter(key, Asked { bytes: plain(fd, notify).to_bytes(), into: None });
        self.begin(key, request(AIO_FSYNC).with(operation).with(address))
    }

    fn begin(&self, key: AioKey, request: Request<'_>) -> KResult<()> {
        self.run(request).inspect_err(|_| self.forget(key))
    }

    /// As [`Process::aio_error`](rump_kern::Process::aio_error).
    pub fn aio_error(&self, key: AioKey) -> KResult<AioStatus> {
        let errno = match self.number(self.of_block(AIO_ERROR, key, &[0; Aiocb::SIZE])) {
            Ok(errno) => i32::try_from(errno).map_err(|_| malformed())?,
            Err(error) => {
                if error.errno == Errno::EINVAL {
                    self.forget(key);
                }
                return Err(error);
            }
        };
        if errno == Errno::EINPROGRESS as i32 {
            return Ok(AioStatus::InProgress);
        }
        let count = self.settle(key)?;
        match check(errno) {
            Ok(()) => count.map(AioStatus::Done).ok_or_else(malformed),
            Err(error) => Ok(AioStatus::Failed(error)),
        }
    }

    /// As [`Process::aio_return`](rump_kern::Process::aio_return).
    pub fn aio_return(&self, key: AioKey) -> KResult<usize> {
        let status = self.aio_error(key)?;
        if status == AioStatus::InProgress {
            return Err(Errno::EINVAL.into());
        }
        self.run(self.of_block(AIO_RETURN, key, &[0; Aiocb::SIZE]))?;
        self.forget(key);
        match status {
            AioStatus::Done(count) => Ok(count),
            AioStatus::Failed(error) => Err(error),
            AioStatus::InProgress => Err(Errno::EINVAL.into()),
        }
    }

    /// As [`Process::aio_suspend`](rump_kern::Process::aio_suspend). Errors: EAGAIN as well (no keys, or more than
    /// [`AIO_LISTIO_MAX`]).
    pub fn aio_suspend(&self, keys: &[AioKey], timeout: Option<TimeSpec>) -> KResult<()> {
        let list: Vec<u8> =
            keys.iter().flat_map(|key| self.address(*key).unwrap_or(NOWHERE).to_bytes()).collect();
        let timeout = timeout.map(|timeout| Timespec::from(timeout).to_bytes());
        self.run(request(__AIO_SUSPEND50).read(&list).with(keys.len()).read_if(timeout.as_ref()))?;
        self.settle_all(keys.iter())
    }

    /// As [`Process::aio_cancel`](rump_kern::Process::aio_cancel).
    pub fn aio_cancel(&self, fd: Fd, key: Option<AioKey>) -> KResult<AioCancel> {
        let address = key.map_or(0, |key| self.address(key).unwrap_or(NOWHERE));
        match i32::try_from(self.ask(request(AIO_CANCEL).with(fd).with(address))?) {
            Ok(AIO_CANCELED) => Ok(AioCancel::Canceled),
            Ok(AIO_NOTCANCELED) => Ok(AioCancel::NotCanceled),
            Ok(AIO_ALLDONE) => Ok(AioCancel::AllDone),
            _ => Err(malformed()),
        }
    }

    /// As [`Process::lio_listio`](rump_kern::Process::lio_listio). Errors: EAGAIN as well, as [`RemoteProcess::aio_read`], when
    /// nothing began.
    pub fn lio_listio(&self, list: &[(AioOperation, AioRequest)], mode: ListMode) -> KResult<()> {
        if list.len() > AIO_LISTIO_MAX {
            return Err(Errno::EINVAL.into());
        }
        let (mut keys, mut pointers) = (HashSet::new(), Vec::new());
        for (operation, asked) in list {
            if !keys.contains(&asked.key) && self.make_way(asked.key).is_ok() {
                keys.insert(asked.key);
                pointers.extend(self.enter(asked.key, Asked::of(asked, *operation)).to_bytes());
            }
        }
        let (mode, event) = match mode {
            ListMode::Wait => (LIO_WAIT, None),
            ListMode::NoWait(notify) => (LIO_NOWAIT, Some(event(notify).to_bytes())),
        };
        let request = request(LIO_LISTIO).with(mode).read(&pointers).with(keys.len());
        let done = self.run(request.read_if(event.as_ref()));
        self.settle_all(keys.iter())?;
        match done {
            // What was in progress before could not begin.
            Ok(()) if keys.len() < list.len() => Err(Errno::EIO.into()),
            done => done,
        }
    }

    /// The call of a request's block; without one, of a block that no request has.
    fn of_block<'a>(&self, number: u32, key: AioKey, none: &'a [u8]) -> Request<'a> {
        match self.address(key) {
            Some(address) => request(number).with(address),
            None => request(number).read(none),
        }
    }

    fn address(&self, key: AioKey) -> Option<u64> {
        self.requests.0.lock().get(&key).map(|block| block.address)
    }

    /// What was known by a key is known no more. Errors: EINVAL (it is in progress).
    fn make_way(&self, key: AioKey) -> KResult<()> {
        if self.address(key).is_none() {
            return Ok(());
        }
        match self.aio_error(key) {
            Ok(AioStatus::InProgress) => Err(Errno::EINVAL.into()),
            // How it ended, nobody wanted to know.
            Ok(_) => self.run(self.of_block(AIO_RETURN, key, &[0; Aiocb::SIZE])).map(|()| self.forget(key)),
            // It never began.
            Err(error) if error.errno == Errno::EINVAL => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Lets the server have a block; its address.
    fn enter(&self, key: AioKey, Asked { bytes, into }: Asked) -> u64 {
        let address = self.connection.keep(bytes);
        self.requests.0.lock().insert(key, Block { address, into });
        address
    }

    fn forget(&self, key: AioKey) {
        let found = self.requests.0.lock().remove(&key);
        if let Some(block) = found {
            self.connection.give_back(block.address);
        }
    }

    fn settle_all<'a>(&self, mut keys: impl Iterator<Item = &'a AioKey>) -> KResult<()> {
        keys.try_for_each(|key| self.settle(*key).map(drop))
    }

    /// What the server has read for a request that is done goes to where it is wanted. Answers how many bytes it has read or
    /// written, if it is done and did not fail. Errors: EIO.
    fn settle(&self, key: AioKey) -> KResult<Option<usize>> {
        let mut table = self.requests.0.lock();
        let Some(block) = table.get_mut(&key) else { return Ok(None) };
        let Some(bytes) = self.connection.kept(block.address) else { return Ok(None) };
        let (own, content) = bytes.split_at(Aiocb::SIZE);
        let own = Aiocb::read(own).ok_or_else(malformed)?;
        if own.state != JOB_DONE || own.errno != 0 {
            return Ok(None);
        }
        let count = usize::try_from(own.retval).ok().filter(|count| *count <= content.len());
        let count = count.ok_or_else(malformed)?;
        if let Some(into) = block.into.take() {
            into.fill(&mut |room| {
                let count = count.min(room.len());
                room[..count].copy_from_slice(&content[..count]);
            });
        }
        Ok(Some(count))
    }
}
