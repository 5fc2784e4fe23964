//! Asynchronous input and output: aio_read(3), aio_suspend(3), lio_listio(3).

use crate::aio::{Action, AioBuffer, AioKey, AioSync, Job, JobState, List};
use crate::clock::{Moment, checked_length};
use crate::descriptors::{Object, OpenFile};
use crate::{Fd, Notify, Process};
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use rump_abi::{Errno, MessageFlags, TimeSpec};
use rump_kpi::character::Patience;
use rump_kpi::socket::Outgoing;
use rump_kpi::{KError, KResult};

/// Requests in one call of `lio_listio`.
pub const AIO_LISTIO_MAX: usize = 512;

/// A request (`struct aiocb`).
#[derive(Clone)]
pub struct AioRequest {
    /// What it is known by.
    pub key: AioKey,
    /// The file.
    pub fd: Fd,
    /// Where it reads or writes; of no meaning for what has no offsets, and for writing with APPEND.
    pub offset: u64,
    /// What is read into, or written from.
    pub buffer: Arc<dyn AioBuffer>,
    /// How the process hears that it is done.
    pub notify: Notify,
}

/// What a request of a list does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AioOperation {
    /// Read (`LIO_READ`).
    Read,
    /// Write (`LIO_WRITE`).
    Write,
}

/// Whether `lio_listio` waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListMode {
    /// Until all are done (`LIO_WAIT`).
    Wait,
    /// It does not (`LIO_NOWAIT`); how the process hears that all are done.
    NoWait(Notify),
}

/// How far a request is (`aio_error`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AioStatus {
    /// Not done.
    InProgress,
    /// Done; how many bytes.
    Done(usize),
    /// It failed; ECANCELED if it was cancelled.
    Failed(KError),
}

/// What `aio_cancel` did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AioCancel {
    /// All that were not done are cancelled.
    Canceled,
    /// Some go on.
    NotCanceled,
    /// All were done.
    AllDone,
}

impl Process {
    /// Begins to read. Errors: ENXIO (halted), EBADF (not open, or not for reading), EINVAL (the offset is too large, or a
    /// request of this key is in progress), EAGAIN (512 are in progress).
    pub fn aio_read(&self, request: &AioRequest) -> KResult<()> {
        self.submit(request, AioOperation::Read, None)
    }

    /// Begins to write. Errors: as [`Process::aio_read`], EBADF if not for writing.
    pub fn aio_write(&self, request: &AioRequest) -> KResult<()> {
        self.submit(request, AioOperation::Write, None)
    }

    /// Begins to make durable what was written to a file, by earlier requests too. Errors: ENXIO (halted), EBADF (not open,
    /// or not for writing), EINVAL (not a file of a file system, or a request of this key is in progress), EAGAIN (512 are in
    /// progress).
    pub fn aio_fsync(&self, sync: AioSync, key: AioKey, fd: Fd, notify: Notify) -> KResult<()> {
        let file = self.writable(fd)?;
        file.vnode()?;
        self.submit_action(key, file, Action::Sync(sync), notify, None)
    }

    /// How far a request is. Errors: ENXIO (halted), EINVAL (no such request, or its result was taken).
    pub fn aio_error(&self, key: AioKey) -> KResult<AioStatus> {
        self.shared().check_running()?;
        self.shared().aio.help();
        Ok(match self.jobs().find(key)?.result() {
            None => AioStatus::InProgress,
            Some(Ok(count)) => AioStatus::Done(count),
            Some(Err(error)) => AioStatus::Failed(error),
        })
    }

    /// Takes the result of a request that is done. Errors: ENXIO (halted), EINVAL (no such request, or not done), that of the
    /// request.
    pub fn aio_return(&self, key: AioKey) -> KResult<usize> {
        self.shared().check_running()?;
        self.shared().aio.help();
        self.jobs().take(key)
    }

    /// Waits until one of some requests is done, for `timeout` at most; one that is not known is done. Errors: ENXIO
    /// (halted), EINVAL (a timeout that makes no sense), EINTR, EAGAIN (`timeout`).
    pub fn aio_suspend(&self, keys: &[AioKey], timeout: Option<TimeSpec>) -> KResult<()> {
        self.shared().check_running()?;
        let until = match timeout {
            Some(timeout) => {
                let now = self.shared().clock.monotonic();
                Some(Moment::Monotonic(now.saturating_add(checked_length(timeout)?)))
            }
            None => None,
        };
        let is_done = |key: &AioKey| self.jobs().find(*key).map_or(true, |job| job.is_done());
        let answer = self.wait_until(until, Some(self.jobs().done()), || {
            self.shared().aio.help();
            keys.iter().any(is_done).then_some(())
        })?;
        answer.ok_or_else(|| Errno::EAGAIN.into())
    }

    /// Cancels the requests to a descriptor, or one of them; those that were begun go on. Errors: ENXIO (halted), EBADF.
    pub fn aio_cancel(&self, fd: Fd, key: Option<AioKey>) -> KResult<AioCancel> {
        let file = self.file(fd)?;
        let is_meant = |job: &Arc<Job>| {
            let is_of_file = job.file.as_ref().is_some_and(|of| Arc::ptr_eq(of, &file));
            is_of_file && key.is_none_or(|key| key == job.key)
        };
        let mut answer = AioCancel::AllDone;
        for job in self.jobs().active().into_iter().filter(is_meant) {
            if let Some(stage) = job.cancel() {
                drop(stage);
                self.after_job(&job);
                if answer == AioCancel::AllDone {
                    answer = AioCancel::Canceled;
                }
            } else if !job.is_done() {
                answer = AioCancel::NotCanceled;
            }
        }
        self.shared().aio.help();
        Ok(answer)
    }

    /// Begins several requests. One that cannot begin fails as if it had.
    ///
    /// Errors: ENXIO (halted), EINVAL (more than [`AIO_LISTIO_MAX`]), EAGAIN (some could not begin, as too many are in
    /// progress), EIO (some could not begin, or failed while this waited), EINTR (while it waited; they go on).
    pub fn lio_listio(&self, list: &[(AioOperation, AioRequest)], mode: ListMode) -> KResult<()> {
        self.shared().check_running()?;
        if list.len() > AIO_LISTIO_MAX {
            return Err(Errno::EINVAL.into());
        }
        let notify = if let ListMode::NoWait(notify) = mode { notify } else { Notify::None };
        let together =
            Arc::new(List { left: AtomicUsize::new(1), has_failed: AtomicBool::new(false), notify });
        let mut failure = None;
        for (operation, request) in list {
            together.left.fetch_add(1, Ordering::SeqCst);
            let Err(error) = self.submit(request, *operation, Some(&together)) else { continue };
            together.left.fetch_sub(1, Ordering::SeqCst);
            let is_crowded = error.errno == Errno::EAGAIN;
            let failed = |number| self.job(number, request.key, None, Action::None, Notify::None, None);
            // Without room for that either, nothing is known of it.
            let _ = self.jobs().enter_failed(request.key, failed, error);
            if is_crowded || failure.is_none() {
                failure = Some(if is_crowded { Errno::EAGAIN } else { Errno::EIO });
            }
        }
        let is_done = together.leave();
        if is_done {
            self.notify(notify);
        }
        if mode == ListMode::Wait && !is_done {
            self.wait_until(None, Some(self.jobs().done()), || {
                self.shared().aio.help();
                (together.left.load(Ordering::SeqCst) == 0).then_some(())
            })?;
        }
        if mode == ListMode::Wait && together.has_failed.load(Ordering::SeqCst) {
            failure = failure.or(Some(Errno::EIO));
        }
        failure.map_or(Ok(()), |errno| Err(errno.into()))
    }

    /// Errors: ENXIO (halted), EBADF, EINVAL, EAGAIN.
    fn submit(&self, request: &AioRequest, operation: AioOperation, list: Option<&Arc<List>>) -> KResult<()> {
        let (buffer, offset) = (request.buffer.clone(), request.offset);
        let (file, action) = match operation {
            AioOperation::Read => (self.readable(request.fd)?, Action::Read { buffer, offset }),
            AioOperation::Write => (self.writable(request.fd)?, Action::Write { buffer, offset }),
        };
        if matches!(file.object, Object::Vnode(_)) {
            super::rw::check_offset(offset)?;
        }
        self.submit_action(request.key, file, action, request.notify, list)
    }

    fn submit_action(
        &self,
        key: AioKey,
        file: Arc<OpenFile>,
        action: Action,
        notify: Notify,
        list: Option<&Arc<List>>,
    ) -> KResult<()> {
        let job = |number| self.job(number, key, Some(file), action, notify, list.cloned());
        if let Some(job) = self.jobs().enter(key, job)? {
            self.shared().aio.submit(job);
        }
        Ok(())
    }

    fn job(
        &self,
        number: u64,
        key: AioKey,
        file: Option<Arc<OpenFile>>,
        action: Action,
        notify: Notify,
        list: Option<Arc<List>>,
    ) -> Job {
        let (process, written, state) = (self.downgrade(), AtomicUsize::new(0), JobState::default());
        Job { number, key, process, file, action, notify, list, written, state }
    }

    /// Does a request as far as it goes without blocking. Errors: EAGAIN (it is not done), those of the file.
    pub(crate) fn attempt(&self, job: &Job) -> KResult<usize> {
        self.shared().check_running()?;
        let file = job.file.as_ref().ok_or(Errno::EBADF)?;
        let mut answer = Ok(0);
        match &job.action {
            Action::None => {}
            Action::Read { buffer, offset } => buffer.fill(&mut |bytes| {
                answer = self.read_now(file, bytes, *offset);
            }),
            Action::Write { buffer, offset } => buffer.read(&mut |bytes| {
                answer = match &file.object {
                    Object::Vnode(_) if job.appends() => self.append_to(file, &[bytes]),
                    Object::Vnode(_) => self.write_at(file, &[bytes], *offset),
                    _ => self.write_rest(file, bytes, &job.written),
                };
            }),
            Action::Sync(sync) => {
                let node = file.vnode()?.node()?;
                match sync {
                    AioSync::All => node.fsync()?,
                    AioSync::Data => node.fdatasync()?,
                }
            }
        }
        answer
    }

    fn read_now(&self, file: &OpenFile, bytes: &mut [u8], offset: u64) -> KResult<usize> {
        match &file.object {
            Object::Vnode(_) => super::rw::read_at(file, &mut [bytes], offset),
            Object::Socket(socket) => Ok(socket.socket.receive(&mut [bytes], MessageFlags::empty())?.length),
            Object::Pipe(end) => end.read(&mut [bytes]),
            Object::Device(device) => device.file.read(&mut [bytes], Patience::None),
            Object::Queue(_) => Err(Errno::EINVAL.into()),
        }
    }

    /// Writes what was not written yet. Errors: EAGAIN (some is left), those of the file for the first bytes.
    fn write_rest(&self, file: &OpenFile, bytes: &[u8], written: &AtomicUsize) -> KResult<usize> {
        loop {
            let before = written.load(Ordering::Relaxed);
            let rest = bytes.get(before..).unwrap_or(&[]);
            let answer = match &file.object {
                Object::Socket(socket) => {
                    let (flags, caller) = (MessageFlags::empty(), self.caller());
                    let control = alloc::vec::Vec::new();
                    socket.socket.send(&mut Outgoing { parts: &[rest], to: None, control, flags, caller })
                }
                Object::Pipe(end) => end.write(&[rest]),
                Object::Device(device) => device.file.write(&[rest]),
                Object::Vnode(_) | Object::Queue(_) => Err(Errno::EINVAL.into()),
            };
            match answer {
                Ok(count) => {
                    written.store(before + count, Ordering::Relaxed);
                    if count == 0 || before + count >= bytes.len() {
                        return Ok(before + count);
                    }
                    if file.is_nonblocking() {
                        return Ok(before + count);
                    }
                }
                Err(error) if error.errno != Errno::EAGAIN && before != 0 => return Ok(before),
                Err(error) => return Err(error),
            }
        }
    }

    pub(crate) fn finish_job(&self, job: &Arc<Job>, result: KResult<usize>) {
        drop(job.finish(result));
        self.after_job(job);
    }

    /// A request is done: others may begin, and who waits hears of it, unless it was forgotten.
    fn after_job(&self, job: &Arc<Job>) {
        let Some(free) = self.jobs().leave(job) else { return };
        for free in free {
            self.shared().aio.enqueue(free);
        }
        let mut of_list = Notify::None;
        if let Some(list) = &job.list {
            if matches!(job.result(), Some(Err(_))) {
                list.has_failed.store(true, Ordering::SeqCst);
            }
            if list.leave() {
                of_list = list.notify;
            }
        }
        self.jobs().done().wake();
        self.notify(job.notify);
        self.notify(of_list);
    }

    fn notify(&self, notify: Notify) {
        if let Notify::Signal(signal) = notify {
            self.post(signal);
        }
    }
}
