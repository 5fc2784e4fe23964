//! Queues of events (kqueue(2)).
//!
//! Each event that is asked for has a waker of its own, which notes its key; only events whose key is noted are looked
//! at. What is still so after it was reported is noted again, unless it is CLEAR.
//!
//! Lock order: `notes`, then those of sockets and pipes, then the leaf of [`Noted`]. Queues do not watch queues.

use crate::descriptors::{Identity, Object, OpenFile};
use crate::process::WeakProcess;
use crate::{Fd, Process};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::{Arc, Weak};
use alloc::task::Wake;
use alloc::vec::Vec;
use core::task::Waker;
use core::time::Duration;
use rump_abi::event::*;
use rump_abi::{Errno, PollEvents, SocketType};
use rump_hyper::Hypervisor;
use rump_kpi::sync::Mutex;
use rump_kpi::{KResult, Registration, WaitQueue};

/// Timers and events of the caller's in one queue at most.
const NOTES_MAX: usize = 65_536;

/// Timers do not go off more often.
const PERIOD_MIN: Duration = Duration::from_micros(100);

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

/// An event that is asked for.
struct Note {
    event: Event,
    is_enabled: bool,
    about: About,
}

enum About {
    File { file: Weak<OpenFile>, _registration: Option<Registration> },
    Timer { next: Duration, period: Duration },
    User { is_triggered: bool },
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
        self.notes.lock().all.range(timers).filter_map(|(_, note)| next(note)).min()
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
        self.noted.keys.lock().extend(due.map(|(key, _)| *key));
    }

    /// Does one change. Errors: EINVAL, EBADF (no descriptor), ENOENT (nothing to change), ENOMEM.
    pub(crate) fn change(&self, process: &Process, change: &Event) -> KResult<()> {
        let key = (change.filter, change.ident);
        let mut notes = self.notes.lock();
        if change.flags.contains(EventFlags::DELETE) {
            let removed = notes.all.remove(&key).ok_or(Errno::ENOENT)?;
            self.noted.keys.lock().remove(&key);
            drop((notes, removed));
            return Ok(());
        }
        if change.flags.contains(EventFlags::ADD) && !notes.all.get(&key).is_some_and(|n| n.is_of(process)) {
            let note = self.note(process, change, notes.all.len())?;
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
            Filter::Timer => About::Timer { next: Duration::MAX, period: Duration::MAX },
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
                    notes.all.remove(&key);
                }
                continue;
            };
            events.push(event);
            if note.reported(now) {
                again.push(key);
            }
            if event.flags.contains(EventFlags::ONESHOT) {
                notes.all.remove(&key);
            }
            notes.last = Some(key);
        }
        self.noted.keys.lock().extend(again);
        events
    }
}

impl Note {
    /// Whether it is about what is open now.
    fn is_of(&self, process: &Process) -> bool {
        let About::File { file, .. } = &self.about else { return true };
        let Some(file) = file.upgrade() else { return false };
        let now = process.descriptors().read();
        now.find(Fd(self.event.ident as u32)).is_ok_and(|descriptor| Arc::ptr_eq(&descriptor.file, &file))
    }

    /// Errors: EINVAL (a negative or unknown time).
    fn change(&mut self, change: &Event, now: Duration) -> KResult<()> {
        if change.flags.contains(EventFlags::ADD) {
            let keep = self.event.fflags;
            self.event = *change;
            if let About::User { .. } = self.about {
                self.event.fflags = keep & NOTE_FFLAGSMASK;
            }
            if let About::Timer { next, period } = &mut self.about {
                *period = period_of(change)?.max(PERIOD_MIN);
                *next = now.saturating_add(*period);
            }
        }
        if change.flags.contains(EventFlags::DISABLE) {
            self.is_enabled = false;
        } else if change.flags.intersects(EventFlags::ENABLE | EventFlags::ADD) {
            self.is_enabled = true;
        }
        if let About::User { is_triggered } = &mut self.about {
            *is_triggered |= change.fflags & NOTE_TRIGGER != 0;
            let given = change.fflags & NOTE_FFLAGSMASK;
            let flags = &mut self.event.fflags;
            match change.fflags & NOTE_FFCTRLMASK {
                NOTE_FFAND => *flags &= given,
                NOTE_FFOR => *flags |= given,
                NOTE_FFCOPY => *flags = given,
                _ => {}
            }
        }
        Ok(())
    }

    /// The event, if it is to be reported now.
    fn look(&self, process: &Process, now: Duration) -> Option<Event> {
        if !self.is_enabled || !self.is_of(process) {
            return None;
        }
        let mut event = self.event;
        event.flags =
            event.flags.intersection(EventFlags::ONESHOT | EventFlags::CLEAR | EventFlags::DISPATCH);
        match &self.about {
            About::File { file, .. } => look_at_file(&*file.upgrade()?, event),
            About::Timer { next, period } => {
                let past = now.checked_sub(*next)?;
                let times = 1 + past.as_nanos() / period.as_nanos();
                Some(Event { data: i64::try_from(times).unwrap_or(i64::MAX), ..event })
            }
            About::User { is_triggered } => is_triggered.then_some(Event { data: 0, ..event }),
        }
    }

    /// It was reported; answers whether it is to be looked at again without being noted.
    fn reported(&mut self, now: Duration) -> bool {
        if self.event.flags.contains(EventFlags::DISPATCH) {
            self.is_enabled = false;
        }
        let is_clear = self.event.flags.contains(EventFlags::CLEAR);
        match &mut self.about {
            About::File { .. } => !is_clear,
            About::Timer { next, period } => {
                let past = now.saturating_sub(*next).as_nanos() % period.as_nanos();
                let left = period.saturating_sub(Duration::from_nanos(past as u64));
                *next = now.saturating_add(left);
                false
            }
            About::User { is_triggered } => {
                *is_triggered &= !is_clear;
                *is_triggered
            }
        }
    }
}

/// Errors: EINVAL.
fn period_of(timer: &Event) -> KResult<Duration> {
    let count = u64::try_from(timer.data).map_err(|_| Errno::EINVAL)?;
    Ok(match timer.fflags {
        NOTE_MSECONDS => Duration::from_millis(count),
        NOTE_SECONDS => Duration::from_secs(count),
        NOTE_USECONDS => Duration::from_micros(count),
        NOTE_NSECONDS => Duration::from_nanos(count),
        _ => return Err(Errno::EINVAL.into()),
    })
}

fn look_at_file(file: &OpenFile, mut event: Event) -> Option<Event> {
    let least = if event.fflags & NOTE_LOWAT != 0 { event.data } else { 0 };
    event.fflags = 0;
    if let Object::Vnode(vnode) = &file.object {
        let left = vnode.stat().ok()?.size as i64 - i64::try_from(*file.offset.lock()).unwrap_or(i64::MAX);
        let is_active = event.filter == Filter::Write || left != 0;
        return is_active.then_some(Event { data: left, ..event });
    }
    let (ready, amounts) = (file.object.ready(), file.object.amounts().ok()?);
    let (awaited, amount) = match event.filter {
        Filter::Read => (PollEvents::IN, amounts.to_receive),
        _ => (PollEvents::OUT, amounts.to_send),
    };
    event.data = i64::try_from(amount).unwrap_or(i64::MAX);
    let is_ready = ready.contains(awaited) && event.data >= least;
    let is_end = ready.intersects(PollEvents::HUP | PollEvents::ERR)
        || (event.filter == Filter::Read && is_ready && amount == 0 && !has_borders(file));
    event.flags.set(EventFlags::EOF, is_end);
    (is_ready || is_end).then_some(event)
}

/// Whether something of no bytes can be received.
fn has_borders(file: &OpenFile) -> bool {
    file.socket().is_ok_and(|file| file.socket.kind() != SocketType::Stream)
}
