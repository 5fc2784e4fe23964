//! Pipes and fifos (pipe(2), pipe(7), mkfifo(3)).
//!
//! Nothing here blocks. What is written with up to [`PIPE_BUF`] bytes is not mixed with what others write. The lock of a
//! pipe is a leaf, and nobody is woken while it is held.

use crate::descriptors::Identity;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::{Arc, Weak};
use rump_abi::{AccessMode, Errno, FileType, Ino, PollEvents, Stat};
use rump_kpi::socket::Amounts;
use rump_kpi::sync::Mutex;
use rump_kpi::{KResult, WaitQueue};
use rump_vfs::Vnode;

/// Bytes that are written as one.
pub const PIPE_BUF: usize = 4096;

/// Bytes that wait in a pipe at most.
const CAPACITY: usize = 65_536;

/// What two kinds of ends share.
pub(crate) struct Pipe {
    state: Mutex<State>,
    waiters: Arc<WaitQueue>,
}

#[derive(Default)]
struct State {
    bytes: VecDeque<u8>,
    readers: Ends,
    writers: Ends,
}

/// Ends of one kind.
#[derive(Clone, Copy, Default)]
struct Ends {
    /// That are open.
    open: usize,
    /// That were ever opened, so that whoever waits for one sees it though it is gone again.
    ever: u64,
}

impl Ends {
    fn enter(&mut self) {
        self.open += 1;
        self.ever += 1;
    }

    /// How many there were before one who opens the other side and waits: one that is there need not come.
    fn before(self) -> u64 {
        self.ever - u64::from(self.open > 0)
    }
}

/// An open end, or both ends at once.
pub(crate) struct PipeEnd {
    pipe: Arc<Pipe>,
    access: AccessMode,
    /// Readers and writers that there were before it ([`Ends::before`]).
    before: [u64; 2],
    identity: Identity,
    /// Of a fifo.
    vnode: Option<Arc<Vnode>>,
}

impl Pipe {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), waiters: Arc::default() })
    }

    pub(crate) fn waiters(&self) -> &Arc<WaitQueue> {
        &self.waiters
    }

    /// Whether somebody could read what was written.
    pub(crate) fn has_reader(&self) -> bool {
        self.state.lock().readers.open != 0
    }
}

impl PipeEnd {
    /// Opens an end.
    pub(crate) fn new(
        pipe: Arc<Pipe>,
        access: AccessMode,
        identity: Identity,
        vnode: Option<Arc<Vnode>>,
    ) -> Self {
        let mut state = pipe.state.lock();
        let before = [state.readers.before(), state.writers.before()];
        if access.reads() {
            state.readers.enter();
        }
        if access.writes() {
            state.writers.enter();
        }
        drop(state);
        pipe.waiters.wake();
        Self { pipe, access, before, identity, vnode }
    }

    pub(crate) fn vnode(&self) -> Option<&Arc<Vnode>> {
        self.vnode.as_ref()
    }

    pub(crate) fn waiters(&self) -> &Arc<WaitQueue> {
        &self.pipe.waiters
    }

    /// Whether the other side was there when this end was opened, or came since. It may be gone again.
    pub(crate) fn is_answered(&self) -> bool {
        let state = self.pipe.state.lock();
        match self.access {
            AccessMode::Read => state.writers.ever != self.before[1],
            AccessMode::Write => state.readers.ever != self.before[0],
            AccessMode::ReadWrite => true,
        }
    }

    /// Takes bytes; zero at the end. Errors: EAGAIN.
    pub(crate) fn read(&self, parts: &mut [&mut [u8]]) -> KResult<usize> {
        if parts.iter().all(|part| part.is_empty()) {
            return Ok(0);
        }
        let mut state = self.pipe.state.lock();
        if state.bytes.is_empty() {
            return if state.writers.open == 0 { Ok(0) } else { Err(Errno::EAGAIN.into()) };
        }
        let mut total = 0;
        for part in parts {
            total += take_front(&mut state.bytes, part);
        }
        drop(state);
        self.pipe.waiters.wake();
        Ok(total)
    }

    /// Adds as many bytes as there is room for, all or none of up to [`PIPE_BUF`]. Errors: EPIPE, EAGAIN.
    pub(crate) fn write(&self, parts: &[&[u8]]) -> KResult<usize> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        if length == 0 {
            return Ok(0);
        }
        let mut state = self.pipe.state.lock();
        if state.readers.open == 0 {
            return Err(Errno::EPIPE.into());
        }
        let room = CAPACITY - state.bytes.len();
        if room == 0 || (length <= PIPE_BUF && room < length) {
            return Err(Errno::EAGAIN.into());
        }
        let mut left = room;
        for part in parts {
            let count = part.len().min(left);
            state.bytes.extend(&part[..count]);
            left -= count;
        }
        drop(state);
        self.pipe.waiters.wake();
        Ok(room - left)
    }

    pub(crate) fn ready(&self) -> PollEvents {
        let state = self.pipe.state.lock();
        let mut ready = PollEvents::empty();
        if self.access.reads() {
            // Of a fifo that nobody wrote to yet, the end is not reported.
            let hung_up = state.writers.open == 0 && state.writers.ever != self.before[1];
            ready.set(PollEvents::IN, !state.bytes.is_empty());
            ready.set(PollEvents::HUP, hung_up);
        }
        if self.access.writes() {
            ready.set(PollEvents::OUT, CAPACITY - state.bytes.len() >= PIPE_BUF);
            ready.set(PollEvents::ERR, state.readers.open == 0);
        }
        ready
    }

    pub(crate) fn amounts(&self) -> Amounts {
        let waiting = self.pipe.state.lock().bytes.len();
        Amounts { to_receive: waiting, to_send: CAPACITY - waiting }
    }

    /// Errors: EIO.
    pub(crate) fn stat(&self) -> KResult<Stat> {
        match &self.vnode {
            Some(vnode) => vnode.stat(),
            None => Ok(self.identity.stat(FileType::Fifo, 0o600, 0)),
        }
    }
}

impl Drop for PipeEnd {
    fn drop(&mut self) {
        let mut state = self.pipe.state.lock();
        if self.access.reads() {
            state.readers.open -= 1;
        }
        if self.access.writes() {
            state.writers.open -= 1;
        }
        if state.readers.open == 0 && state.writers.open == 0 {
            // What nobody read is not for those who open a fifo later.
            state.bytes = VecDeque::new();
        }
        drop(state);
        self.pipe.waiters.wake();
    }
}

fn take_front(bytes: &mut VecDeque<u8>, part: &mut [u8]) -> usize {
    let count = part.len().min(bytes.len());
    let (front, back) = bytes.as_slices();
    let from_front = count.min(front.len());
    part[..from_front].copy_from_slice(&front[..from_front]);
    part[from_front..count].copy_from_slice(&back[..count - from_front]);
    bytes.drain(..count);
    count
}

/// The pipes of fifos that are open, by the identity of their nodes, which those who use the pipes keep.
#[derive(Default)]
pub(crate) struct Fifos(Mutex<BTreeMap<(u64, Ino), Weak<Pipe>>>);

impl Fifos {
    /// The pipe of a fifo. Errors: EIO.
    pub(crate) fn pipe(&self, vnode: &Vnode) -> KResult<Arc<Pipe>> {
        let stat = vnode.stat()?;
        let mut pipes = self.0.lock();
        if let Some(pipe) = pipes.get(&(stat.dev, stat.ino)).and_then(Weak::upgrade) {
            return Ok(pipe);
        }
        pipes.retain(|_, pipe| pipe.strong_count() != 0);
        let pipe = Pipe::new();
        pipes.insert((stat.dev, stat.ino), Arc::downgrade(&pipe));
        Ok(pipe)
    }
}
