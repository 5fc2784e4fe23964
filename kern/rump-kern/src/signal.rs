//! Signals, as far as a rump kernel has them: its processes have no code of the client's to interrupt, so what becomes of a
//! signal is the client's choice, one for the kernel.
//!
//! The kernel raises SIGPIPE (writing where nobody reads), SIGXFSZ (the limit of the length of files), those of timers, and those that are asked for with asynchronous
//! I/O. No lock is held while the client is told.

use crate::Process;
use crate::descriptors::OpenFile;
use crate::kernel::Shared;
use alloc::format;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};
use rump_abi::{Errno, MessageFlags, ResourceLimit, Signal, SignalSet};
use rump_kpi::KResult;
use rump_kpi::sync::RwLock;

/// Takes a signal for a process, whose number comes first.
pub type RaiseSignal = dyn Fn(u32, Signal) + Send + Sync;

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
    /// It is noted, and can be asked for: [`Process::pending_signals`].
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
    /// Raises a signal for this process. Errors: ENXIO (halted), ESRCH (the process ended).
    pub fn raise(&self, signal: Signal) -> KResult<()> {
        self.check_alive()?;
        self.post(signal);
        Ok(())
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

    pub(crate) fn post(&self, signal: Signal) -> Posted {
        let model = self.shared().signals.0.read().clone();
        match model {
            SignalModel::Panic => self.shared().panic(self.pid(), signal),
            SignalModel::Ignore => {}
            SignalModel::Raise(raise) => raise(self.pid(), signal),
            SignalModel::Record => {
                let bit = SignalSet::from(signal).bits();
                if self.pending().0.fetch_or(bit, Ordering::SeqCst) & bit != 0 {
                    return Posted::Again;
                }
            }
        }
        Posted::New
    }

    /// Raises SIGPIPE if that is why a write ended.
    pub(crate) fn post_broken_pipe<T>(&self, file: &OpenFile, written: &KResult<T>, flags: MessageFlags) {
        let is_broken = written.as_ref().is_err_and(|error| error.errno == Errno::EPIPE);
        let is_unwanted = flags.contains(MessageFlags::NOSIGNAL) || file.no_sigpipe();
        if is_broken && !is_unwanted {
            self.post(Signal::SIGPIPE);
        }
    }

    /// Raises SIGXFSZ if a file that may grow to `limit` was to be longer.
    pub(crate) fn post_too_large<T>(&self, written: &KResult<T>, limit: u64) {
        let is_too_large = written.as_ref().is_err_and(|error| error.errno == Errno::EFBIG);
        if is_too_large && limit != ResourceLimit::INFINITY {
            self.post(Signal::SIGXFSZ);
        }
    }
}
