//! Queues of events (kqueue(2)).
//!
//! Each event that is asked for has a waker of its own, which notes its key; only events whose key is noted are looked
//! at. What is still so after it was reported is noted again, unless it is CLEAR.
//!
//! Lock order: `notes`, then those of sockets and pipes, then the leaf of [`Noted`]. Queues do not watch queues.

mod note;

use crate::descriptors::{Identity, Object};
use crate::process::WeakProcess;
use crate::{Fd, Process};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::task::Wake;
use alloc::vec::Vec;
use core::task::Waker;
use core::time::Duration;
use note::{About, Note, period_of};
use rump_abi::event::{Event, EventFlags, Filter};
use rump_abi::{Errno, PollEvents};
use rump_hyper::Hypervisor;
use rump_kpi::sync::Mutex;
use rump_kpi::{KResult, WaitQueue};

/// Timers and events of the caller's in one queue at most.
const NOTES_MAX: usize = 65_536;

type Key = (Filter, u64);

/// See the module.
pub(crate) struct Queue {
    host: Arc<dyn Hypervisor>,
    /// Whose descriptors the events are about.
    process: WeakProcess,
    identity: Identity,
    notes: Mutex<Notes>,
    noted: Arc<Noted>,
}

#[derive(Default)]
struct Notes {
    all: BTreeMap<Key, Note>,
    /// Those of devices, which may have deadlines.
    of_devices: BTreeSet<Key>,
    /// The last that was reported: the next ones come first, so that all have their turn.
    last: Option<Key>,
}

/// What is to be looked at.
#[derive(Default)]
struct Noted {
    keys: Mutex<BTreeSet<Key>>,
    waiters: Arc<WaitQueue>,
}

struct NoteWaker {
    noted: Arc<Noted>,
    key: Key,
}

impl Wake for NoteWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.noted.add(self.key);
    }
}

impl Noted {
    fn add(&self, key: Key) {
        let is_new = self.keys.lock().insert(key);
        if is_new {
            self.waiters.wake();
        }
    }
}

impl Notes {
    fn remove(&mut self, key: Key) {
        self.all.remove(&key);
        self.of_devices.remove(&key);
    }
}

impl Queue {
    pub(crate) fn new(process: &Process, identity: Identity) -> Arc<Self> {
        let (host, process) = (process.shared().host.clone(), process.downgrade());
        let (notes, noted) = (Mutex::default(), Arc::default());
        Arc::new(Self { host, process, identity, notes, noted })
    }

    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    pub(crate) fn waiters(&self) -> &Arc<WaitQueue> {
        &self.noted.waiters
    }

    pub(crate) fn ready(&self) -> PollEvents {
        if self.active() == 0 { PollEvents::empty() } else { PollEvents::IN }
    }

    /// When the next timer goes off.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        let timers = (Filter::Timer, 0)..=(Filter::Timer, u64::MAX);
        let next = |note: &Note| match note.about {
            About::Timer { next, .. } if note.is_enabled => Some(next),
            _ => None,
        };
        let notes = self.notes.lock();
        let of_timers = notes.all.range(timers).filter_map(|(_, note)| next(note));
        let of_devices = notes.of_devices.iter().filter_map(|key| notes.all.get(key)?.deadline());
        of_timers.chain(of_devices).min()
    }

    /// How many events can be reported.
    pub(crate) fn active(&self) -> usize {
        let Ok(process) = self.process.upgrade() else { return 0 };
        let notes = self.notes.lock();
        self.note_timers(&notes);
        // What is not so is noted no more, so that whoever waits is woken when it is.
        let mut keys = core::mem::take(&mut *self.noted.keys.lock());
        let now = self.host.monotonic();
        keys.retain(|key| notes.all.get(key).is_some_and(|note| note.look(&process, now).is_some()));
        let count = keys.len();
        self.noted.keys.lock().extend(keys);
        count
    }

    fn note_timers(&self, notes: &Notes) {
        let now = self.host.monotonic();
        let timers = (Filter::Timer, 0)..=(Filter::Timer, u64::MAX);
        let is_due = |note: &Note| matches!(note.about, About::Timer { next, .. } if next <= now);
        let due = notes.all.range(timers).filter(|(_, note)| is_due(note));
        let is_due = |key: &&Key| notes.all.get(*key).and_then(Note::deadline).is_some_and(|due| due <= now);
        let of_devices = notes.of_devices.iter().filter(is_due);
        self.noted.keys.lock().extend(due.map(|(key, _)| *key).chain(of_devices.copied()));
    }

    /// Does one change. Errors: EINVAL, EBADF (no descriptor), ENOENT (nothing to change), ENOMEM.
    pub(crate) fn change(&self, process: &Process, change: &Event) -> KResult<()> {
        let key = (change.filter, change.ident);
        let mut notes = self.notes.lock();
        if change.flags.contains(EventFlags::DELETE) {
            let removed = notes.all.remove(&key).ok_or(Errno::ENOENT)?;
            notes.of_devices.remove(&key);
            self.noted.keys.lock().remove(&key);
            drop((notes, removed));
            return Ok(());
        }
        if change.flags.contains(EventFlags::ADD) && !notes.all.get(&key).is_some_and(|n| n.is_of(process)) {
            let note = self.note(process, change, notes.all.len())?;
            if note.is_of_device() {
                notes.of_devices.insert(key);
            } else {
                notes.of_devices.remove(&key);
            }
            notes.all.insert(key, note);
        }
        let now = self.host.monotonic();
        let note = notes.all.get_mut(&key).ok_or(Errno::ENOENT)?;
        note.change(change, now)?;
        drop(notes);
        self.noted.add(key);
        Ok(())
    }

    fn note(&self, process: &Process, event: &Event, count: usize) -> KResult<Note> {
        let about = match event.filter {
            Filter::Read | Filter::Write => self.about_file(process, event)?,
            _ if count >= NOTES_MAX => return Err(Errno::ENOMEM.into()),
            Filter::Timer => About::Timer { next: Duration::MAX, period: period_of(event)? },
            Filter::User => About::User { is_triggered: false },
        };
        Ok(Note { event: *event, is_enabled: true, about })
    }

    fn about_file(&self, process: &Process, event: &Event) -> KResult<About> {
        let file = process.file(Fd(u32::try_from(event.ident).map_err(|_| Errno::EBADF)?))?;
        if matches!(file.object, Object::Queue(_)) {
            return Err(Errno::EINVAL.into());
        }
        let key = (event.filter, event.ident);
        let waker = Waker::from(Arc::new(NoteWaker { noted: self.noted.clone(), key }));
        let registration = file.object.waiters().map(|waiters| waiters.register(&waker));
        Ok(About::File { file: Arc::downgrade(&file), _registration: registration })
    }

    /// Takes up to `max` events that can be reported.
    pub(crate) fn collect(&self, process: &Process, max: usize) -> Vec<Event> {
        let mut notes = self.notes.lock();
        self.note_timers(&notes);
        let keys = core::mem::take(&mut *self.noted.keys.lock());
        let (mut events, mut again) = (Vec::new(), Vec::new());
        let (early, late): (Vec<Key>, Vec<Key>) = keys.iter().partition(|key| Some(**key) <= notes.last);
        let now = self.host.monotonic();
        for key in late.into_iter().chain(early) {
            if events.len() == max {
                again.push(key);
                continue;
            }
            let Some(note) = notes.all.get_mut(&key) else { continue };
            let Some(event) = note.look(process, now) else {
                if !note.is_of(process) {
                    notes.remove(key);
                }
                continue;
            };
            events.push(event);
            if note.reported(now) {
                again.push(key);
            }
            if event.flags.contains(EventFlags::ONESHOT) {
                notes.remove(key);
            }
            notes.last = Some(key);
        }
        self.noted.keys.lock().extend(again);
        events
    }
}
