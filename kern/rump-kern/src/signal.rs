//! Signals, as far as a rump kernel has them: its processes have no code of the client's to interrupt, so what becomes of a
//! signal is the client's choice, one for the kernel.
//!
//! The kernel raises SIGPIPE (writing where nobody reads), SIGXFSZ (the limit of the length of files), those of timers, and those
//! that are asked for with asynchronous I/O. No lock is held while the client is told.
//!
//! The first two are the thread's that made the call. The others are the process's, and end its calls that wait and do not mask
//! them (EINTR), as far as somebody handles them. What is ready meanwhile is answered rather than EINTR.

use crate::Process;
use crate::descriptors::OpenFile;
use crate::kernel::Shared;
use crate::waiting::Sleeper;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use rump_abi::{Errno, MessageFlags, ResourceLimit, Signal, SignalSet};
use rump_kpi::KResult;
use rump_kpi::sync::{Mutex, RwLock};

/// Takes a signal for a process, whose number comes first.
pub type RaiseSignal = dyn Fn(u32, Signal) -> Handling + Send + Sync;

/// What the client does with a signal, as calls that wait notice it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handling {
    /// Nothing: calls go on.
    Ignored,
    /// A handler of `SA_RESTART`: it ends only those calls that such a handler ends at the host (`poll`, sleeping).
    Restarts,
    /// A handler: it ends all calls.
    Interrupts,
}

/// Nobody handles it.
impl From<()> for Handling {
    fn from((): ()) -> Self {
        Self::Ignored
    }
}

/// What becomes of signals (`rump_boot_setsigmodel`).
#[derive(Clone, Default)]
pub enum SignalModel {
    /// A signal ends the kernel: it says so on its console, and halts.
    Panic,
    /// Nothing.
    #[default]
    Ignore,
    /// The client is told, on the thread that raised it, and does what it likes: to raise it at the host, for example.
    Raise(Arc<RaiseSignal>),
    /// It is noted, ends calls that wait, and can be asked for: [`Process::pending_signals`].
    Record,
}

/// The model of a kernel.
#[derive(Default)]
pub(crate) struct Signals(RwLock<SignalModel>);

impl Signals {
    pub(crate) fn new(model: SignalModel) -> Self {
        Self(RwLock::new(model))
    }

    pub(crate) fn set_model(&self, model: SignalModel) {
        let before = core::mem::replace(&mut *self.0.write(), model);
        // It may be the client's last reference to something.
        drop(before);
    }
}

/// The signals that were noted for a process.
#[derive(Default)]
pub(crate) struct Pending(AtomicU64);

/// The signals that came for a process, for its calls that wait.
#[derive(Default)]
pub(crate) struct Arrivals(Mutex<Came>);

#[derive(Default)]
struct Came {
    /// How many came.
    count: u64,
    /// Which of them was the last of each signal, of any handler and of those that restart nothing.
    last: BTreeMap<Signal, [u64; 2]>,
}

impl Arrivals {
    /// How many there were.
    pub(crate) fn count(&self) -> u64 {
        self.0.lock().count
    }

    /// One comes: its number. Calls that begin later do not hear of it.
    fn begin(&self) -> u64 {
        let mut came = self.0.lock();
        came.count += 1;
        came.count
    }

    /// It was handled.
    fn add(&self, number: u64, signal: Signal, handling: Handling) {
        let mut came = self.0.lock();
        let last = came.last.entry(signal).or_default();
        last[0] = last[0].max(number);
        if handling == Handling::Interrupts {
            last[1] = last[1].max(number);
        }
    }

    /// Whether one came that is not in `mask` after there were `count`, and ends a call that is restarted or not.
    pub(crate) fn has_come(&self, count: u64, mask: SignalSet, is_restarted: bool) -> bool {
        let came = self.0.lock();
        came.count > count
            && came
                .last
                .iter()
                .any(|(signal, last)| last[usize::from(is_restarted)] > count && !mask.contains(*signal))
    }
}

/// What became of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Posted {
    /// It was delivered, or noted.
    New,
    /// One like it was noted before.
    Again,
}

impl Shared {
    fn panic(&self, pid: u32, signal: Signal) {
        self.host.write_line(&format!("panic: {signal:?} for process {pid}"));
        // It may be halted already.
        let _ = self.halt();
    }
}

impl Process {
    /// Raises a signal for this process, whose calls that wait it ends. Errors: ENXIO (halted), ESRCH (the process ended).
    pub fn raise(&self, signal: Signal) -> KResult<()> {
        self.check_alive()?;
        self.post(signal);
        Ok(())
    }

    /// Changes what becomes of the signals of this process and of those that it forks, whatever becomes of others.
    pub fn set_signal_model(&self, model: SignalModel) {
        let before = self.change_standing(|standing| standing.signals.replace(model));
        // It may be the client's last reference to something.
        drop(before);
    }

    /// The signals that were noted ([`SignalModel::Record`]).
    pub fn pending_signals(&self) -> SignalSet {
        SignalSet::from_bits(self.pending().0.load(Ordering::SeqCst))
    }

    /// Takes those of `set` that were noted.
    pub fn accept_signals(&self, set: SignalSet) -> SignalSet {
        let before = self.pending().0.fetch_and(!set.bits(), Ordering::SeqCst);
        SignalSet::from_bits(before & set.bits())
    }

    /// Takes one of `set` that was noted, or waits for it, for `timeout` at most or for ever (sigtimedwait(2)). Errors: ENXIO
    /// (halted), EAGAIN (`timeout`), EINTR (another signal came).
    pub fn wait_for_signal(&self, set: SignalSet, timeout: Option<Duration>) -> KResult<Signal> {
        let mut sleeper = Sleeper::new(self, timeout);
        sleeper.mask(set);
        loop {
            sleeper.check()?;
            if let Some(signal) = self.accept_one_of(set) {
                return Ok(signal);
            }
            if !sleeper.sleep(None)? {
                return self.accept_one_of(set).ok_or_else(|| Errno::EAGAIN.into());
            }
        }
    }

    /// Takes one, but for those that another thread takes meanwhile.
    fn accept_one_of(&self, set: SignalSet) -> Option<Signal> {
        (self.pending_signals() & set).iter().find(|&signal| !self.accept_signals(signal.into()).is_empty())
    }

    /// Raises a signal that is the process's.
    pub(crate) fn post(&self, signal: Signal) -> Posted {
        let number = self.arrivals().begin();
        let (posted, handling) = self.deliver(signal);
        if handling != Handling::Ignored {
            self.arrivals().add(number, signal, handling);
            self.sleepers().wake();
        }
        posted
    }

    /// Raises a signal that is the calling thread's: calls of others go on.
    pub(crate) fn post_to_caller(&self, signal: Signal) {
        self.deliver(signal);
    }

    fn deliver(&self, signal: Signal) -> (Posted, Handling) {
        let own = self.standing().signals.clone();
        let model = own.unwrap_or_else(|| self.shared().signals.0.read().clone());
        match model {
            SignalModel::Panic => self.shared().panic(self.pid(), signal),
            SignalModel::Ignore => {}
            SignalModel::Raise(raise) => return (Posted::New, raise(self.pid(), signal)),
            SignalModel::Record => {
                let bit = SignalSet::from(signal).bits();
                let before = self.pending().0.fetch_or(bit, Ordering::SeqCst);
                let posted = if before & bit != 0 { Posted::Again } else { Posted::New };
                return (posted, Handling::Interrupts);
            }
        }
        (Posted::New, Handling::Ignored)
    }

    /// Raises SIGPIPE if that is why a write ended.
    pub(crate) fn post_broken_pipe<T>(&self, file: &OpenFile, written: &KResult<T>, flags: MessageFlags) {
        let is_broken = written.as_ref().is_err_and(|error| error.errno == Errno::EPIPE);
        let is_unwanted = flags.contains(MessageFlags::NOSIGNAL) || file.no_sigpipe();
        if is_broken && !is_unwanted {
            self.post_to_caller(Signal::SIGPIPE);
        }
    }

    /// Raises SIGXFSZ if a file that may grow to `limit` was to be longer.
    pub(crate) fn post_too_large<T>(&self, written: &KResult<T>, limit: u64) {
        let is_too_large = written.as_ref().is_err_and(|error| error.errno == Errno::EFBIG);
        if is_too_large && limit != ResourceLimit::INFINITY {
            self.post_to_caller(Signal::SIGXFSZ);
        }
    }
}
