//! Asynchronous requests of a client: what the server has of them.
//!
//! Memory of a client can be asked for during a call alone. So what is written is taken when it is submitted, and what was read
//! is kept until a call says that it is done.
//!
//! Locks: the table, a leaf; the content of a request, which is held while that is sent, so that nobody hears that a request is
//! done before the client has what it read.

use crate::memory::ClientMemory;
use parking_lot::Mutex;
use rump_abi::Errno;
use rump_kern::{AioBuffer, AioKey, AioStatus, Process};
use rump_kpi::{KError, KResult};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Bytes of all requests of a client.
pub(super) const BYTES_MAX: usize = 64 << 20;
/// Requests whose bytes are kept.
const REQUESTS_MAX: usize = 1024;

/// The requests of a client.
#[derive(Default)]
pub struct Requests {
    bytes: Arc<AtomicUsize>,
    table: Mutex<BTreeMap<AioKey, Arc<Request>>>,
}

/// Room for so many bytes, as long as it is there.
struct Room {
    bytes: usize,
    all: Arc<AtomicUsize>,
}

impl Drop for Room {
    fn drop(&mut self) {
        self.all.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

struct Content {
    bytes: Vec<u8>,
    _room: Room,
}

/// The bytes of a request.
pub(super) struct Request {
    length: usize,
    /// Where they go.
    to: Option<u64>,
    content: Mutex<Option<Content>>,
    /// The kernel has it.
    is_submitted: AtomicBool,
}

/// What becomes of the bytes of a request.
pub(super) enum Use {
    /// They are written.
    Write,
    /// They are read, and go to an address.
    Read(u64),
}

impl AioBuffer for Request {
    fn length(&self) -> usize {
        self.length
    }

    fn read(&self, reader: &mut dyn FnMut(&[u8])) {
        reader(self.content.lock().as_ref().map_or(&[], |content| &content.bytes));
    }

    fn fill(&self, writer: &mut dyn FnMut(&mut [u8])) {
        writer(self.content.lock().as_mut().map_or(&mut [], |content| &mut content.bytes));
    }
}

impl Request {
    /// The kernel has it from now on.
    pub(super) fn submitted(&self) {
        self.is_submitted.store(true, Ordering::SeqCst);
    }

    /// It is done, and has so many bytes: those that were read go to the client, once, and none is kept. Errors: EFAULT.
    fn finish(&self, memory: &mut dyn ClientMemory, count: usize) -> KResult<()> {
        let mut content = self.content.lock();
        if let (Some(content), Some(to)) = (&*content, self.to) {
            let read = &content.bytes[..count.min(content.bytes.len())];
            if !read.is_empty() {
                memory.copyout(to, read)?;
            }
        }
        *content = None;
        Ok(())
    }
}

impl Requests {
    /// Takes in a request, before the kernel has it; `bytes` has as many as it is told. Answers it, and the one of its key
    /// before. Errors: EAGAIN (too many bytes, or requests, are kept), those of `bytes`.
    pub(super) fn enter(
        &self,
        process: &Process,
        key: AioKey,
        (how, length): (Use, usize),
        bytes: impl FnOnce(usize) -> KResult<Vec<u8>>,
    ) -> KResult<(Arc<Request>, Option<Arc<Request>>)> {
        let room = self.room(process, length)?;
        let content = Mutex::new(Some(Content { bytes: bytes(length)?, _room: room }));
        let to = if let Use::Read(to) = how { Some(to) } else { None };
        let request = Arc::new(Request { length, to, content, is_submitted: AtomicBool::new(false) });
        let before = self.table.lock().insert(key, request.clone());
        Ok((request, before))
    }

    /// Errors: EAGAIN.
    fn room(&self, process: &Process, bytes: usize) -> KResult<Room> {
        self.try_room(bytes)
            .or_else(|| {
                self.forget_written(process);
                self.try_room(bytes)
            })
            .ok_or_else(|| KError::new(Errno::EAGAIN, "too much is kept for requests that are not done"))
    }

    fn try_room(&self, bytes: usize) -> Option<Room> {
        if self.table.lock().len() >= REQUESTS_MAX {
            return None;
        }
        let with = |all: usize| all.checked_add(bytes).filter(|all| *all <= BYTES_MAX);
        self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, with).ok()?;
        Some(Room { bytes, all: self.bytes.clone() })
    }

    /// Nobody has to ask for what was written, or failed.
    fn forget_written(&self, process: &Process) {
        let all: Vec<_> = self.table.lock().iter().map(|(key, request)| (*key, request.clone())).collect();
        for (key, request) in
            all.into_iter().filter(|(_, request)| request.is_submitted.load(Ordering::SeqCst))
        {
            let is_wanted = match process.aio_error(key) {
                Ok(AioStatus::InProgress) => true,
                Ok(AioStatus::Done(_)) => request.to.is_some(),
                Ok(AioStatus::Failed(_)) | Err(_) => false,
            };
            if !is_wanted {
                *request.content.lock() = None;
                self.forget(key, &request);
            }
        }
    }

    /// The program is another, and the kernel forgets them, too. What was read goes nowhere.
    pub(crate) fn clear(&self) {
        let all = std::mem::take(&mut *self.table.lock());
        drop(all);
    }

    /// A request did not begin: the one before it is that of its key again.
    pub(super) fn leave(&self, key: AioKey, request: &Arc<Request>, before: Option<Arc<Request>>) {
        let mut table = self.table.lock();
        if table.get(&key).is_some_and(|there| Arc::ptr_eq(there, request)) {
            table.remove(&key);
            table.extend(before.map(|before| (key, before)));
        }
    }

    fn forget(&self, key: AioKey, request: &Arc<Request>) {
        self.leave(key, request, None);
    }

    /// A request is done, of so many bytes: what was read goes to the client, if it has not gone before. Errors: EFAULT.
    pub(super) fn finish(&self, key: AioKey, count: usize, memory: &mut dyn ClientMemory) -> KResult<()> {
        let found = self.table.lock().get(&key).cloned();
        if let Some(request) = found {
            request.finish(memory, count)?;
            self.forget(key, &request);
        }
        Ok(())
    }
}
