//! What changes at descriptors of a server's kernel: one thread waits for all of them in a kqueue of the kernel's, and
//! wakes who watches.
//!
//! A descriptor stays in the kqueue until it is closed, and tells of changes only (`EV_CLEAR`). A child has neither the
//! thread nor the kqueue, and begins anew.

use crate::guard::Inside;
use libc::c_int;
use rump_abi::event::{Event, EventFlags, Filter};
use rump_capi::remote;
use rump_kern::Fd;
use std::collections::BTreeMap;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// Events that are taken at once.
const EVENTS: usize = 64;

/// Those who watch a descriptor, by numbers of their own.
type Watching = BTreeMap<u64, Waker>;

struct Watcher {
    queue: Fd,
    /// By descriptors that are in the kqueue.
    watching: Mutex<BTreeMap<c_int, Watching>>,
}

/// Null: nobody watched yet. What was here once stays: a thread may be using it.
static WATCHER: AtomicPtr<Watcher> = AtomicPtr::new(null_mut());
static LAST: AtomicU64 = AtomicU64::new(0);

fn current() -> Option<&'static Watcher> {
    // SAFETY: it stays.
    unsafe { WATCHER.load(Ordering::Acquire).as_ref() }
}

/// As long as it is there, nobody begins to watch or ends it.
pub type Held = MutexGuard<'static, BTreeMap<c_int, Watching>>;

pub fn hold() -> Option<Held> {
    current().map(Watcher::watching)
}

/// In a child.
pub fn leave() {
    WATCHER.store(null_mut(), Ordering::Release);
}

/// A descriptor is closed: its number may be another one's soon.
pub fn forget(rump: c_int) {
    if let Some(watcher) = current() {
        let gone = watcher.watching().remove(&rump);
        // Whoever waits is to see that it is closed.
        gone.iter().flat_map(BTreeMap::values).for_each(Waker::wake_by_ref);
    }
}

/// As long as it is there, changes wake.
pub struct Watch {
    watcher: &'static Watcher,
    rump: c_int,
    number: u64,
}

impl Drop for Watch {
    fn drop(&mut self) {
        let gone = self.watcher.watching().get_mut(&self.rump).and_then(|of| of.remove(&self.number));
        drop(gone);
    }
}

/// Wakes from now on whenever what can be done with a descriptor changes. None: it cannot be watched. Whoever calls is inside.
pub fn watch(rump: c_int, waker: &Waker) -> Option<Watch> {
    let watcher = match current() {
        Some(watcher) => watcher,
        None => begin()?,
    };
    let number = LAST.fetch_add(1, Ordering::Relaxed);
    let is_new = {
        let mut watching = watcher.watching();
        let is_new = !watching.contains_key(&rump);
        watching.entry(rump).or_default().insert(number, waker.clone());
        is_new
    };
    let watch = Watch { watcher, rump, number };
    if is_new && !watcher.enter(rump) {
        watcher.watching().remove(&rump);
        return None;
    }
    Some(watch)
}

/// Makes the kqueue and the thread. None: there is no room for them.
fn begin() -> Option<&'static Watcher> {
    let queue = remote::process()?.kqueue().ok()?;
    let made = Box::into_raw(Box::new(Watcher { queue, watching: Mutex::default() }));
    if WATCHER.compare_exchange(null_mut(), made, Ordering::AcqRel, Ordering::Acquire).is_err() {
        // Another thread was faster.
        // SAFETY: nobody else knows of it.
        drop(unsafe { Box::from_raw(made) });
        let _ = remote::process()?.close(queue);
        return current();
    }
    let watcher = current()?;
    let is_begun = std::thread::Builder::new().name("rump watcher".into()).spawn(|| watcher.wait()).is_ok();
    if !is_begun {
        leave();
    }
    is_begun.then_some(watcher)
}

impl Watcher {
    fn watching(&self) -> MutexGuard<'_, BTreeMap<c_int, Watching>> {
        self.watching.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a descriptor into the kqueue; false: neither reading nor writing of it can be watched.
    fn enter(&self, rump: c_int) -> bool {
        let flags = EventFlags::ADD | EventFlags::CLEAR | EventFlags::RECEIPT;
        let entry = |filter| Event { ident: rump as u64, filter, flags, fflags: 0, data: 0, udata: 0 };
        let changes = [entry(Filter::Read), entry(Filter::Write)];
        let answers =
            remote::process().map(|process| process.kevent(self.queue, &changes, changes.len(), None));
        matches!(answers, Some(Ok(answers)) if answers.iter().any(|answer| answer.data == 0))
    }

    /// Wakes until the server has gone, or another one is there.
    fn wait(&'static self) {
        let _inside = Inside::enter();
        while let Some(Ok(events)) =
            remote::process().map(|process| process.kevent(self.queue, &[], EVENTS, None))
        {
            let watching = self.watching();
            let of_events = events.iter().filter_map(|event| watching.get(&(event.ident as c_int)));
            let wakers: Vec<Waker> = of_events.flat_map(BTreeMap::values).cloned().collect();
            drop(watching);
            wakers.into_iter().for_each(Waker::wake);
        }
        let own = std::ptr::from_ref(self).cast_mut();
        // Whoever watches next has a watcher of its own.
        let _ = WATCHER.compare_exchange(own, null_mut(), Ordering::AcqRel, Ordering::Acquire);
        let all = std::mem::take(&mut *self.watching());
        all.values().flat_map(BTreeMap::values).for_each(Waker::wake_by_ref);
    }
}
