//! A request, and how far it is.

use super::{AioBuffer, AioKey, AioSync};
use crate::Notify;
use crate::descriptors::{Object, OpenFile};
use crate::process::WeakProcess;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use rump_abi::{Errno, OpenFlags};
use rump_kpi::sync::Mutex;
use rump_kpi::{KResult, Registration};

/// What is to be done.
#[derive(Clone)]
pub(crate) enum Action {
    Read {
        buffer: Arc<dyn AioBuffer>,
        offset: u64,
    },
    Write {
        buffer: Arc<dyn AioBuffer>,
        offset: u64,
    },
    Sync(AioSync),
    /// Nothing: it failed before it began.
    None,
}

/// A request.
pub(crate) struct Job {
    pub(crate) number: u64,
    pub(crate) key: AioKey,
    pub(crate) process: WeakProcess,
    pub(crate) file: Option<Arc<OpenFile>>,
    pub(crate) action: Action,
    pub(crate) notify: Notify,
    pub(crate) list: Option<Arc<List>>,
    /// Bytes that were written where not all could be at once.
    pub(crate) written: AtomicUsize,
    pub(crate) state: JobState,
}

/// How far a request is.
#[derive(Default)]
pub(crate) struct JobState(Mutex<Stage>);

#[derive(Default)]
pub(crate) enum Stage {
    /// Earlier ones come first.
    #[default]
    Held,
    /// The pool has it.
    Queued,
    Running {
        /// What it waits for may have come.
        is_woken: bool,
    },
    /// The file's queue has it.
    Waiting {
        _registration: Registration,
    },
    Done(KResult<usize>),
}

/// Requests that were submitted together.
pub(crate) struct List {
    /// That are not done, and the call itself.
    pub(crate) left: AtomicUsize,
    pub(crate) has_failed: AtomicBool,
    pub(crate) notify: Notify,
}

impl Job {
    /// Whether there are requests that have to come before it.
    pub(crate) fn is_in_order(&self) -> bool {
        match &self.action {
            Action::Sync(_) => true,
            Action::Read { .. } => !self.has_offsets(),
            Action::Write { .. } => !self.has_offsets() || self.appends(),
            Action::None => false,
        }
    }

    /// Whether it comes after an earlier request.
    pub(crate) fn follows(&self, earlier: &Self) -> bool {
        let (Some(file), Some(other)) = (&self.file, &earlier.file) else { return false };
        match (&self.action, &earlier.action) {
            (Action::Sync(_), _) => match (file.object.vnode(), other.object.vnode()) {
                (Some(vnode), Some(other)) => vnode.is(other),
                _ => false,
            },
            (Action::Read { .. }, Action::Read { .. }) | (Action::Write { .. }, Action::Write { .. }) => {
                Arc::ptr_eq(file, other)
            }
            _ => false,
        }
    }

    fn has_offsets(&self) -> bool {
        self.file.as_ref().is_some_and(|file| matches!(file.object, Object::Vnode(_)))
    }

    pub(crate) fn appends(&self) -> bool {
        self.file.as_ref().is_some_and(|file| file.status().contains(OpenFlags::APPEND))
    }

    pub(crate) fn set_stage(&self, stage: Stage) {
        let before = core::mem::replace(&mut *self.state.0.lock(), stage);
        drop(before);
    }

    pub(crate) fn is_done(&self) -> bool {
        matches!(*self.state.0.lock(), Stage::Done(_))
    }

    /// The result, once it is done.
    pub(crate) fn result(&self) -> Option<KResult<usize>> {
        match &*self.state.0.lock() {
            Stage::Done(result) => Some(result.clone()),
            _ => None,
        }
    }

    /// It need no longer be held; answers whether it was.
    pub(crate) fn release(&self) -> bool {
        let mut stage = self.state.0.lock();
        let is_held = matches!(*stage, Stage::Held);
        if is_held {
            *stage = Stage::Queued;
        }
        is_held
    }

    /// A thread of the pool begins; answers whether there is something to do.
    pub(crate) fn begin(&self) -> bool {
        let mut stage = self.state.0.lock();
        let is_queued = matches!(*stage, Stage::Queued);
        if is_queued {
            *stage = Stage::Running { is_woken: false };
        }
        is_queued
    }

    /// It would block: it waits, unless it was woken meanwhile; answers whether it does.
    pub(crate) fn wait(&self, registration: Registration) -> bool {
        let mut stage = self.state.0.lock();
        match &mut *stage {
            Stage::Running { is_woken } if *is_woken => {
                *is_woken = false;
                drop(stage);
                drop(registration);
                false
            }
            // It was forgotten meanwhile.
            Stage::Done(_) => {
                drop(stage);
                drop(registration);
                true
            }
            _ => {
                *stage = Stage::Waiting { _registration: registration };
                true
            }
        }
    }

    /// What it waits for may have come; answers whether it is the pool's again.
    pub(crate) fn wake(&self) -> bool {
        let mut stage = self.state.0.lock();
        match &mut *stage {
            Stage::Running { is_woken } => {
                *is_woken = true;
                false
            }
            Stage::Waiting { .. } => {
                let before = core::mem::replace(&mut *stage, Stage::Queued);
                drop(stage);
                drop(before);
                true
            }
            _ => false,
        }
    }

    /// It is done.
    pub(crate) fn finish(&self, result: KResult<usize>) -> Stage {
        core::mem::replace(&mut *self.state.0.lock(), Stage::Done(result))
    }

    /// Nobody wants it any more: it does not wait, though a thread that is about it goes on to the end of its attempt.
    pub(crate) fn forget(&self) {
        drop(self.finish(Err(Errno::ECANCELED.into())));
    }

    /// Cancels it, unless it was begun; answers how far it was then.
    pub(crate) fn cancel(&self) -> Option<Stage> {
        let mut stage = self.state.0.lock();
        match &*stage {
            Stage::Running { .. } | Stage::Done(_) => None,
            _ => Some(core::mem::replace(&mut *stage, Stage::Done(Err(Errno::ECANCELED.into())))),
        }
    }
}

impl List {
    /// One less is to be done; answers whether all are.
    pub(crate) fn leave(&self) -> bool {
        self.left.fetch_sub(1, Ordering::SeqCst) == 1
    }
}
