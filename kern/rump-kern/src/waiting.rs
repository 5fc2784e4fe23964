//! How calls block: register, look, sleep.
//!
//! A call that cannot go on registers a waker of its own at the queues of what it waits for, looks again, and sleeps on
//! an event of the host until one of them, an interruption, a halt of the kernel or its deadline wakes it. A descriptor
//! that another thread closes wakes those who wait for its file; they look whether it is still theirs.
//!
//! Who has a waker of his own, a future for example, does the same with [`Process::watch`] and calls that do not block.

use crate::descriptors::OpenFile;
use crate::{Fd, Handling, Process};
use alloc::sync::Arc;
use alloc::task::Wake;
use alloc::vec::Vec;
use core::cell::Cell;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::Waker;
use core::time::Duration;
use rump_abi::{Errno, SignalSet};
use rump_hyper::{Event, Restart, Woken};
use rump_kpi::{KResult, Registration, WaitQueue};

struct EventWaker(Arc<dyn Event>);

impl Wake for EventWaker {
    fn wake(self: Arc<Self>) {
        self.0.set();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.set();
    }
}

/// What ends one call, however many others its process makes: see [`Process::interrupt_by`].
#[derive(Default)]
pub struct Interruption {
    /// A handler ran.
    has_come: AtomicBool,
    /// One that is not of `SA_RESTART` did.
    is_for_all: AtomicBool,
}

impl Interruption {
    fn ends(&self, is_restarted: bool) -> bool {
        let flag = if is_restarted { &self.is_for_all } else { &self.has_come };
        flag.load(Ordering::SeqCst)
    }
}

/// A call that blocks.
pub(crate) struct Sleeper<'a> {
    process: &'a Process,
    event: Arc<dyn Event>,
    waker: Waker,
    registrations: Vec<Registration>,
    /// By the monotonic clock.
    deadline: Option<Duration>,
    interruptions: u64,
    /// How many signals had come when it began.
    signals: u64,
    /// Those that do not end it.
    masked: SignalSet,
    /// Those that end it if they were noted before.
    pending: SignalSet,
    is_restarted: bool,
    /// A handler of a signal of the host's ran that ends it.
    is_ended: Cell<bool>,
}

impl<'a> Sleeper<'a> {
    /// It sleeps for `timeout` at most.
    pub(crate) fn new(process: &'a Process, timeout: Option<Duration>) -> Self {
        let host = &process.shared().host;
        let event = host.event();
        let waker = Waker::from(Arc::new(EventWaker(event.clone())));
        let deadline = timeout.map(|timeout| host.monotonic().saturating_add(timeout));
        let interruptions = process.interruptions();
        let mut sleeper = Self {
            process,
            event,
            waker,
            registrations: Vec::new(),
            deadline,
            interruptions,
            signals: process.arrivals().count(),
            masked: SignalSet::default(),
            pending: SignalSet::default(),
            is_restarted: false,
            is_ended: Cell::new(false),
        };
        sleeper.watch(process.sleepers());
        sleeper
    }

    /// It is one that goes on after a handler of `SA_RESTART`.
    pub(crate) fn restarted(mut self) -> Self {
        self.is_restarted = true;
        self
    }

    /// Signals of `set` do not end it.
    pub(crate) fn mask(&mut self, set: SignalSet) {
        self.masked = set;
    }

    /// Signals of `set` do not end it, but others do if they were noted before it began: the mask of `pselect`.
    pub(crate) fn swap_mask(&mut self, set: Option<SignalSet>) {
        if let Some(set) = set {
            self.masked = set;
            self.pending = !set;
        }
    }

    /// It is woken by `queue` from now on.
    pub(crate) fn watch(&mut self, queue: &Arc<WaitQueue>) {
        self.registrations.push(queue.register(&self.waker));
    }

    /// It is woken by no queue but that of its process.
    pub(crate) fn forget(&mut self) {
        self.registrations.truncate(1);
    }

    /// Errors: ENXIO (halted), EINTR.
    pub(crate) fn check(&self) -> KResult<()> {
        self.process.shared().check_running()?;
        if self.process.interruptions() == self.interruptions { Ok(()) } else { Err(Errno::EINTR.into()) }
    }

    /// Errors: EINTR (a signal came that ends it).
    pub(crate) fn check_signals(&self) -> KResult<()> {
        let has_come = self.is_ended.get()
            || self.process.arrivals().has_come(self.signals, self.masked, self.is_restarted)
            || self.process.interruption().is_some_and(|one| one.ends(self.is_restarted));
        if has_come || !(self.process.pending_signals() & self.pending).is_empty() {
            return Err(Errno::EINTR.into());
        }
        Ok(())
    }

    /// Sleeps until it is woken, or until `earlier`, or its deadline; answers whether that is still to come. Errors: EINTR (a
    /// signal came that ends it).
    pub(crate) fn sleep(&self, earlier: Option<Duration>) -> KResult<bool> {
        self.check_signals()?;
        let until = [self.deadline, earlier].into_iter().flatten().min();
        let now = || self.process.shared().host.monotonic();
        let left = until.map(|until| until.saturating_sub(now()));
        let restart = if self.is_restarted { Restart::Often } else { Restart::Never };
        // Who sleeps next is told: what is there until then is taken first.
        self.is_ended.set(self.event.wait_in_call(left, restart) == Woken::ByHandler);
        Ok(self.deadline.is_none_or(|deadline| now() < deadline))
    }
}

/// A waker that hears of a descriptor until this is dropped: see [`Process::watch`].
pub struct Watch {
    _registrations: [Option<Registration>; 2],
}

impl Process {
    /// Wakes `waker` whenever what can be done with a descriptor changes, also because it is closed, the process is
    /// interrupted, or the kernel halts: as long as the answer is kept, perhaps more often than needed, and from whatever
    /// thread makes the change. Whoever waits tries, watches, and tries again before he sleeps. Where nothing ever
    /// blocks, as with files of file systems, it is woken by none but the last two.
    ///
    /// Errors: EBADF, ENXIO (halted).
    pub fn watch(&self, fd: Fd, waker: &Waker) -> KResult<Watch> {
        let file = self.file(fd)?;
        let ends = Some(self.sleepers().register(waker));
        let changes = file.object.waiters().map(|waiters| waiters.register(waker));
        // A halt before the first registration woke nobody.
        self.shared().check_running()?;
        Ok(Watch { _registrations: [ends, changes] })
    }

    /// Lets every blocked call of this process answer EINTR. Calls that block later are not concerned.
    pub fn interrupt(&self) {
        self.count_interruption();
        self.sleepers().wake();
    }

    /// Ends the call that is made by [`Process::interruptible`], as a handler in its thread would: at once or when it comes to
    /// wait, by EINTR or with what is done already. Calls of other threads are not concerned.
    pub fn interrupt_by(&self, interruption: &Interruption, handling: Handling) {
        if handling == Handling::Ignored {
            return;
        }
        interruption.is_for_all.fetch_or(handling == Handling::Interrupts, Ordering::SeqCst);
        interruption.has_come.store(true, Ordering::SeqCst);
        self.sleepers().wake();
    }

    /// Does `attempt` until its answer is another than EAGAIN, for `timeout` at most. `fd` is where `file` was found.
    ///
    /// Errors: those of `attempt`; EAGAIN (`timeout`), EBADF (`fd` was closed meanwhile), ENXIO (halted), EINTR.
    pub(crate) fn blocking<T>(
        &self,
        fd: Fd,
        file: &Arc<OpenFile>,
        timeout: Option<Duration>,
        attempt: impl FnMut() -> KResult<T>,
    ) -> KResult<T> {
        self.blocking_masked(fd, file, timeout, None, attempt)
    }

    /// As [`Process::blocking`], with a mask of signals meanwhile.
    pub(crate) fn blocking_masked<T>(
        &self,
        fd: Fd,
        file: &Arc<OpenFile>,
        timeout: Option<Duration>,
        mask: Option<SignalSet>,
        mut attempt: impl FnMut() -> KResult<T>,
    ) -> KResult<T> {
        let would_block =
            |answer: &KResult<T>| answer.as_ref().err().is_some_and(|error| error.errno == Errno::EAGAIN);
        let mut seen = file.object.waiters().map(|waiters| waiters.changes());
        let answer = attempt();
        if !would_block(&answer) {
            return answer;
        }
        let Some(waiters) = file.object.waiters() else { return answer };
        // As Linux has it, one that waits for a time is not restarted.
        let mut sleeper = Sleeper::new(self, timeout);
        if timeout.is_none() {
            sleeper = sleeper.restarted();
        }
        sleeper.swap_mask(mask);
        sleeper.watch(waiters);
        loop {
            self.check_still(fd, file)?;
            sleeper.check()?;
            // The first attempt holds as long as nothing has changed.
            let changes = waiters.changes();
            if seen.replace(changes) != Some(changes) {
                let answer = attempt();
                if !would_block(&answer) {
                    return answer;
                }
            }
            if !sleeper.sleep(None)? {
                return attempt();
            }
        }
    }

    /// Waits, with the last reference to a socket, for what its `SO_LINGER` says. An interruption or a halt ends that.
    pub(crate) fn linger(&self, file: &Arc<OpenFile>) {
        let Ok(socket) = file.socket() else { return };
        let Some(time) = socket.socket.linger().filter(|time| !time.is_zero()) else { return };
        if Arc::strong_count(file) > 1 || file.is_nonblocking() {
            return;
        }
        let is_unfinished = || socket.socket.finish().is_err_and(|error| error.errno == Errno::EAGAIN);
        if !is_unfinished() {
            return;
        }
        let mut sleeper = Sleeper::new(self, Some(time));
        sleeper.watch(socket.socket.waiters());
        while is_unfinished() && sleeper.check().is_ok() && sleeper.sleep(None).unwrap_or(false) {}
    }

    /// Errors: EBADF (another file, or none), EIO (revoked).
    pub(crate) fn check_still(&self, fd: Fd, file: &Arc<OpenFile>) -> KResult<()> {
        let table = self.descriptors().read();
        if !Arc::ptr_eq(&table.find(fd)?.file, file) {
            return Err(Errno::EBADF.into());
        }
        file.check_not_revoked()
    }
}
