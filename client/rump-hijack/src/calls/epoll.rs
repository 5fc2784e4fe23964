//! epoll(7): a set of the host's, which has a bell in it for those of its descriptors that are the rump kernel's.
//!
//! A descriptor is looked at when its watch says that something changed, and as long as it was ready when it was looked
//! at last.

use super::poll::{Deadline, length};
use crate::descriptors;
use crate::errno::fail;
use crate::guard::Inside;
use crate::wake::{Bell, Watch, watch};
use crate::{carrier, sys};
use libc::{
    EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD, EPOLLET, EPOLLIN, EPOLLONESHOT, POLLNVAL, c_int, c_short,
    epoll_event, pollfd, sigset_t, timespec,
};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};
use std::time::Duration;

/// What the bell is known by in its set: no pointer, and no number that programs count to.
const BELL: u64 = 0xb311_7275_6d70_b311;

/// A descriptor of the kernel in a set.
struct Entry {
    rump: c_int,
    interest: epoll_event,
    /// It was told once, and is to be told no more.
    is_off: bool,
    change: Arc<Change>,
    _watch: Option<Watch>,
}

/// Whether something may have changed at a descriptor.
struct Change {
    is_there: AtomicBool,
    bell: Arc<Bell>,
}

impl Wake for Change {
    fn wake(self: Arc<Self>) {
        self.is_there.store(true, Ordering::Release);
        self.bell.ring();
    }
}

struct Set {
    bell: Arc<Bell>,
    entries: Mutex<Entries>,
}

type Sets = BTreeMap<c_int, Arc<Set>>;

static SETS: Mutex<Sets> = Mutex::new(BTreeMap::new());
/// Whether there ever was one.
static IS_ANY: AtomicBool = AtomicBool::new(false);

fn sets() -> MutexGuard<'static, Sets> {
    SETS.lock().unwrap_or_else(PoisonError::into_inner)
}

type Entries = BTreeMap<c_int, Entry>;

/// As long as it is there, nothing changes.
pub struct Held {
    /// Each before the set that it is of.
    _entries: Vec<(MutexGuard<'static, Entries>, Arc<Set>)>,
    _sets: MutexGuard<'static, Sets>,
}

pub fn hold() -> Held {
    let sets = sets();
    let of_set = |set: &Arc<Set>| {
        // SAFETY: the set stays beside it, and is let go after it.
        let entries = unsafe {
            std::mem::transmute::<MutexGuard<'_, Entries>, MutexGuard<'static, Entries>>(set.entries())
        };
        (entries, set.clone())
    };
    Held { _entries: sets.values().map(of_set).collect(), _sets: sets }
}

fn set_of(epoll: c_int) -> Option<Arc<Set>> {
    if !IS_ANY.load(Ordering::Acquire) {
        return None;
    }
    sets().get(&epoll).cloned()
}

/// A number is closed: of a set, or of a descriptor in sets.
pub fn forget(fd: c_int) {
    if !IS_ANY.load(Ordering::Acquire) {
        return;
    }
    let all: Vec<Arc<Set>> = {
        let mut sets = sets();
        sets.remove(&fd).into_iter().chain(sets.values().cloned()).collect()
    };
    // A watch ends without a lock of ours.
    let gone: Vec<_> = all.iter().filter_map(|set| set.entries().remove(&fd)).collect();
    let _inside = Inside::enter();
    drop((gone, all));
}

/// The set of a number, made if it has none. Errors: those of the host, in `errno`.
fn make(epoll: c_int) -> Option<Arc<Set>> {
    if let Some(set) = set_of(epoll) {
        return Some(set);
    }
    let bell = Bell::new()?;
    let mut interest = epoll_event { events: EPOLLIN as u32, u64: BELL };
    let _inside = Inside::enter();
    // SAFETY: an event.
    if unsafe { libc::epoll_ctl(epoll, EPOLL_CTL_ADD, bell.fd(), &mut interest) } != 0 {
        return None;
    }
    let set = Arc::new(Set { bell, entries: Mutex::default() });
    sets().insert(epoll, set.clone());
    IS_ANY.store(true, Ordering::Release);
    Some(set)
}

impl Set {
    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Errors: EEXIST, ENOENT, EPERM (a file, which never blocks), EINVAL, as epoll_ctl(2) has them.
    fn control(&self, operation: c_int, fd: c_int, rump: c_int, interest: Option<epoll_event>) -> c_int {
        let is_there = self.entries().contains_key(&fd);
        match (operation, interest) {
            (EPOLL_CTL_ADD, Some(_)) if is_there => fail(libc::EEXIST),
            (EPOLL_CTL_MOD | EPOLL_CTL_DEL, _) if !is_there => fail(libc::ENOENT),
            (EPOLL_CTL_DEL, _) => {
                let gone = self.entries().remove(&fd);
                let _inside = Inside::enter();
                drop(gone);
                0
            }
            (EPOLL_CTL_ADD, Some(_)) if never_blocks(rump) => fail(libc::EPERM),
            (EPOLL_CTL_ADD, Some(interest)) => {
                let change = Arc::new(Change { is_there: AtomicBool::new(true), bell: self.bell.clone() });
                let _watch = watch(rump, &Waker::from(change.clone()));
                let entry = Entry { rump, interest, is_off: false, change, _watch };
                self.entries().insert(fd, entry);
                self.bell.ring();
                0
            }
            (EPOLL_CTL_MOD, Some(interest)) => {
                if let Some(entry) = self.entries().get_mut(&fd) {
                    (entry.interest, entry.is_off) = (interest, false);
                    entry.change.is_there.store(true, Ordering::Release);
                }
                self.bell.ring();
                0
            }
            _ => fail(libc::EINVAL),
        }
    }

    /// What is ready of the kernel's, as many as there is room for.
    fn ready(&self, most: usize) -> Vec<epoll_event> {
        let mut found = Vec::new();
        let looked_at: Vec<(c_int, c_int, epoll_event, Arc<Change>)> = {
            let entries = self.entries();
            let changed = entries
                .iter()
                .filter(|(_, entry)| !entry.is_off && entry.change.is_there.load(Ordering::Acquire));
            changed.map(|(fd, entry)| (*fd, entry.rump, entry.interest, entry.change.clone())).collect()
        };
        for (fd, rump, interest, change) in looked_at {
            if found.len() == most {
                // Somebody else may have the rest.
                self.bell.ring();
                break;
            }
            // What changes from now on is seen next time.
            change.is_there.store(false, Ordering::Release);
            let events = look(rump, interest.events);
            if events & POLLNVAL as u32 != 0 {
                forget(fd);
            } else if events != 0 {
                found.push(epoll_event { events, u64: interest.u64 });
                if interest.events & EPOLLET as u32 == 0 {
                    change.is_there.store(true, Ordering::Release);
                }
                if interest.events & EPOLLONESHOT as u32 != 0 {
                    self.entries().entry(fd).and_modify(|entry| entry.is_off = true);
                }
            }
        }
        found
    }
}

/// Whether it is a file or a directory.
fn never_blocks(rump: c_int) -> bool {
    // SAFETY: all zeros is one.
    let mut stat: libc::stat = unsafe { std::mem::zeroed() };
    let answer = carrier::call(|| sys::rump_sys_fstat(rump, &mut stat));
    answer == 0 && matches!(stat.st_mode & libc::S_IFMT, libc::S_IFREG | libc::S_IFDIR)
}

/// What of the events is so at a descriptor of the kernel. They have the numbers of poll(2).
fn look(rump: c_int, events: u32) -> u32 {
    let mut entry = pollfd { fd: rump, events: (events & 0x3ff) as c_short, revents: 0 };
    match carrier::call(|| sys::rump_sys_poll(&mut entry, 1, 0)) {
        0.. => entry.revents as u16 as u32,
        _ => POLLNVAL as u32,
    }
}

/// epoll_wait(2) of a set with descriptors of the kernel.
fn wait(
    set: &Set,
    room: &mut [epoll_event],
    deadline: &Deadline,
    host: impl Fn(&mut [epoll_event], Option<Duration>) -> c_int,
) -> c_int {
    // One more for the bell.
    let mut from_host = vec![epoll_event { events: 0, u64: 0 }; room.len() + 1];
    loop {
        let mut found = set.ready(room.len());
        let left = if found.is_empty() { deadline.left() } else { Some(Duration::ZERO) };
        let free = room.len() - found.len() + 1;
        let asked = host(&mut from_host[..free], left);
        let Ok(asked) = usize::try_from(asked) else {
            if found.is_empty() {
                return -1;
            }
            break give(room, &found);
        };
        let has_rung = from_host[..asked].iter().any(|event| { event.u64 } == BELL);
        if has_rung {
            set.bell.still();
        }
        let others = from_host[..asked].iter().filter(|event| { event.u64 } != BELL);
        found.extend(others.take(room.len() - found.len()));
        if !found.is_empty() || asked == 0 && deadline.is_over() {
            break give(room, &found);
        }
    }
}

fn give(room: &mut [epoll_event], found: &[epoll_event]) -> c_int {
    room[..found.len()].copy_from_slice(found);
    found.len() as c_int
}

/// The caller's room for events. Errors: EINVAL.
///
/// # Safety
/// There is room for so many.
unsafe fn room<'a>(events: *mut epoll_event, count: c_int) -> Option<&'a mut [epoll_event]> {
    let count = usize::try_from(count).ok().filter(|count| *count > 0 && !events.is_null())?;
    // SAFETY: the caller's promise.
    Some(unsafe { std::slice::from_raw_parts_mut(events, count) })
}

/// Waits by epoll_pwait(2), which counts milliseconds.
fn ask(epoll: c_int, room: &mut [epoll_event], left: Option<Duration>, mask: *const sigset_t) -> c_int {
    let _inside = Inside::enter();
    // A time that is not over is not cut to none.
    let milliseconds =
        left.map_or(-1, |left| left.as_nanos().div_ceil(1_000_000).min(c_int::MAX as u128) as c_int);
    // SAFETY: room for so many; the mask is the caller's.
    unsafe { libc::epoll_pwait(epoll, room.as_mut_ptr(), room.len() as c_int, milliseconds, mask) }
}

fn wait_in(
    set: &Set,
    epoll: c_int,
    events: *mut epoll_event,
    count: c_int,
    deadline: &Deadline,
    mask: *const sigset_t,
) -> c_int {
    // SAFETY: the caller's promise.
    match unsafe { room(events, count) } {
        Some(room) => wait(set, room, deadline, |room, left| ask(epoll, room, left, mask)),
        None => fail(libc::EINVAL),
    }
}

interpose! {
    [epoll_ctl](epoll: c_int, operation: c_int, fd: c_int, event: *mut epoll_event) -> c_int, |host| {
        let Some(rump) = descriptors::find(fd) else { return host(epoll, operation, fd, event) };
        // SAFETY: the caller's promise.
        let interest = unsafe { event.as_ref() }.copied();
        match make(epoll) {
            Some(set) => set.control(operation, fd, rump, interest),
            None => -1,
        }
    }

    [epoll_wait](epoll: c_int, events: *mut epoll_event, count: c_int, milliseconds: c_int) -> c_int, |host| {
        let Some(set) = set_of(epoll) else { return host(epoll, events, count, milliseconds) };
        wait_in(&set, epoll, events, count, &Deadline::after_milliseconds(milliseconds), std::ptr::null())
    }

    [epoll_pwait](
        epoll: c_int,
        events: *mut epoll_event,
        count: c_int,
        milliseconds: c_int,
        mask: *const sigset_t,
    ) -> c_int, |host| {
        let Some(set) = set_of(epoll) else { return host(epoll, events, count, milliseconds, mask) };
        wait_in(&set, epoll, events, count, &Deadline::after_milliseconds(milliseconds), mask)
    }

    [epoll_pwait2](
        epoll: c_int,
        events: *mut epoll_event,
        count: c_int,
        timeout: *const timespec,
        mask: *const sigset_t,
    ) -> c_int, |host| {
        let Some(set) = set_of(epoll) else { return host(epoll, events, count, timeout, mask) };
        match length(timeout) {
            Ok(length) => wait_in(&set, epoll, events, count, &Deadline::after(length), mask),
            Err(number) => fail(number),
        }
    }
}
