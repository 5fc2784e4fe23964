//! An event that is asked for: whether it is to be reported, and what that changes.

use crate::descriptors::{Object, OpenFile};
use crate::{Fd, Process};
use alloc::sync::{Arc, Weak};
use core::time::Duration;
use rump_abi::event::*;
use rump_abi::{Errno, PollEvents, SocketType};
use rump_kpi::{KResult, Registration};

/// Timers do not go off more often.
const PERIOD_MIN: Duration = Duration::from_micros(100);

/// An event that is asked for.
pub(super) struct Note {
    pub(super) event: Event,
    pub(super) is_enabled: bool,
    pub(super) about: About,
}

/// What it is about.
pub(super) enum About {
    File { file: Weak<OpenFile>, _registration: Option<Registration> },
    Timer { next: Duration, period: Duration },
    User { is_triggered: bool },
}

impl Note {
    /// Whether it is about what is open now.
    pub(super) fn is_of(&self, process: &Process) -> bool {
        let About::File { file, .. } = &self.about else { return true };
        let Some(file) = file.upgrade() else { return false };
        let now = process.descriptors().read();
        now.find(Fd(self.event.ident as u32)).is_ok_and(|descriptor| Arc::ptr_eq(&descriptor.file, &file))
    }

    /// Whether it is about a device.
    pub(super) fn is_of_device(&self) -> bool {
        let About::File { file, .. } = &self.about else { return false };
        file.upgrade().is_some_and(|file| matches!(file.object, Object::Device(_)))
    }

    /// When the state of what it is about changes by itself.
    pub(super) fn deadline(&self) -> Option<Duration> {
        let About::File { file, .. } = &self.about else { return None };
        file.upgrade()?.object.deadline().filter(|_| self.is_enabled)
    }

    /// Errors: EINVAL (a negative or unknown time).
    pub(super) fn change(&mut self, change: &Event, now: Duration) -> KResult<()> {
        if change.flags.contains(EventFlags::ADD) {
            if let About::Timer { next, period } = &mut self.about {
                *period = period_of(change)?;
                *next = now.saturating_add(*period);
            }
            let keep = self.event.fflags;
            self.event = *change;
            if let About::User { .. } = self.about {
                self.event.fflags = keep & NOTE_FFLAGSMASK;
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
    pub(super) fn look(&self, process: &Process, now: Duration) -> Option<Event> {
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
                let is_once = event.flags.contains(EventFlags::ONESHOT);
                let times = if is_once { 1 } else { 1 + past.as_nanos() / period.as_nanos() };
                Some(Event { data: i64::try_from(times).unwrap_or(i64::MAX), ..event })
            }
            About::User { is_triggered } => is_triggered.then_some(Event { data: 0, ..event }),
        }
    }

    /// It was reported; answers whether it is to be looked at again without being noted.
    pub(super) fn reported(&mut self, now: Duration) -> bool {
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

/// How often a timer goes off. Errors: EINVAL.
pub(super) fn period_of(timer: &Event) -> KResult<Duration> {
    let count = u64::try_from(timer.data).map_err(|_| Errno::EINVAL)?;
    let period = match timer.fflags {
        NOTE_MSECONDS => Duration::from_millis(count),
        NOTE_SECONDS => Duration::from_secs(count),
        NOTE_USECONDS => Duration::from_micros(count),
        NOTE_NSECONDS => Duration::from_nanos(count),
        _ => return Err(Errno::EINVAL.into()),
    };
    Ok(period.max(PERIOD_MIN))
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
    match &file.object {
        Object::Socket(file) => file.socket.kind() != SocketType::Stream,
        object => matches!(object, Object::Device(_)),
    }
}
