//! Being told when a socket can do more: one epoll instance, and one thread that sleeps in it.
//!
//! A socket is armed for what it was asked for and disarmed by the first of it (`EPOLLONESHOT`), so that the thread is
//! awake only if somebody waits. Arming looks at the socket itself, and so nothing that came before is missed. The thread
//! is begun when the first socket is armed, and ends when the last of those is closed.
//!
//! What a socket is armed for is noted under its lock, which is held while the host is told, and the note is taken back
//! before anybody is woken: whoever finds the note and does nothing is woken later.
//!
//! Lock order: `reactor`, then `entries`; `armed`, then `reactor`. Nobody is woken under any of them.

use crate::errno;
use crate::numbers::moved;
use rump_abi::{Errno, PollEvents};
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{EventfdFlags, eventfd};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno as Host;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::Waker;

/// Events that are taken at once.
const MOST_EVENTS: usize = 256;
/// The number of the eventfd that ends the thread.
const END: u64 = 0;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The epoll instance of a host, as long as a socket uses it.
#[derive(Default)]
pub struct Readiness {
    reactor: Mutex<Weak<Reactor>>,
}

impl Readiness {
    fn reactor(&self) -> Result<Arc<Reactor>, Errno> {
        let mut reactor = lock(&self.reactor);
        if let Some(reactor) = reactor.upgrade() {
            return Ok(reactor);
        }
        let new = Arc::new(Reactor::start()?);
        *reactor = Arc::downgrade(&new);
        Ok(new)
    }
}

/// What the thread and the sockets share.
struct Instance {
    epoll: OwnedFd,
    end: OwnedFd,
    entries: Mutex<HashMap<u64, Arc<Entry>>>,
}

/// Dropping it ends the thread.
struct Reactor {
    instance: Arc<Instance>,
    next: AtomicU64,
}

impl Reactor {
    fn start() -> Result<Self, Errno> {
        let made = || -> Result<Instance, Host> {
            let epoll = moved(epoll::create(CreateFlags::CLOEXEC)?);
            let end = moved(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
            epoll::add(&epoll, &end, EventData::new_u64(END), EventFlags::IN)?;
            Ok(Instance { epoll, end, entries: Mutex::default() })
        };
        let instance = Arc::new(made().map_err(errno::of_socket)?);
        let running = instance.clone();
        let thread = std::thread::Builder::new().name("host sockets".into());
        thread.spawn(move || running.run()).map_err(|_| Errno::EAGAIN)?;
        Ok(Self { instance, next: AtomicU64::new(END + 1) })
    }
}

impl Drop for Reactor {
    fn drop(&mut self) {
        // A new eventfd has room for it.
        let _ = rustix::io::write(&self.instance.end, &1_u64.to_ne_bytes());
    }
}

impl Instance {
    fn run(&self) {
        let mut events = Vec::with_capacity(MOST_EVENTS);
        loop {
            events.clear();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), None) {
                Ok(_) | Err(Host::INTR) => {}
                // The descriptor and the buffer are ours, so that it cannot be.
                Err(_) => return,
            }
            for event in &events {
                let number = event.data.u64();
                if number == END {
                    return;
                }
                // It may have been closed meanwhile.
                let entry = lock(&self.entries).get(&number).cloned();
                if let Some(entry) = entry {
                    entry.disarm();
                    entry.changed.wake_by_ref();
                }
            }
        }
    }
}

/// What a socket is armed for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Armed {
    /// The first of these.
    Once(PollEvents),
    /// Every change.
    Always,
}

struct Entry {
    changed: Waker,
    armed: Mutex<Armed>,
}

impl Entry {
    fn disarm(&self) {
        let mut armed = lock(&self.armed);
        if let Armed::Once(_) = *armed {
            *armed = Armed::Once(PollEvents::empty());
        }
    }
}

/// One socket's part in it.
pub struct Watch {
    readiness: Arc<Readiness>,
    entry: Arc<Entry>,
    /// Its number, once it was armed.
    place: OnceLock<(u64, Arc<Reactor>)>,
}

impl Watch {
    /// Of a new socket.
    pub fn new(readiness: Arc<Readiness>, changed: Waker) -> Self {
        let armed = Mutex::new(Armed::Once(PollEvents::empty()));
        Self { readiness, entry: Arc::new(Entry { changed, armed }), place: OnceLock::new() }
    }

    /// The host's epoll instance, for sockets that come of this one.
    pub fn readiness(&self) -> &Arc<Readiness> {
        &self.readiness
    }

    /// Wakes `changed` at the first of `events`, besides what is awaited already.
    pub fn arm(&self, socket: &OwnedFd, events: PollEvents) -> Result<(), Errno> {
        let mut armed = lock(&self.entry.armed);
        let Armed::Once(before) = *armed else { return Ok(()) };
        if !before.is_empty() && before.contains(events) {
            return Ok(());
        }
        self.tell(socket, flags_of(before | events) | EventFlags::ONESHOT)?;
        *armed = Armed::Once(before | events);
        Ok(())
    }

    /// Wakes `changed` at every change from now on.
    pub fn arm_always(&self, socket: &OwnedFd) -> Result<(), Errno> {
        let mut armed = lock(&self.entry.armed);
        if *armed != Armed::Always {
            self.tell(socket, flags_of(PollEvents::all()) | EventFlags::ET)?;
            *armed = Armed::Always;
        }
        Ok(())
    }

    fn tell(&self, socket: &OwnedFd, flags: EventFlags) -> Result<(), Errno> {
        if let Some((number, reactor)) = self.place.get() {
            let data = EventData::new_u64(*number);
            return epoll::modify(&reactor.instance.epoll, socket.as_fd(), data, flags)
                .map_err(errno::of_socket);
        }
        let reactor = self.readiness.reactor()?;
        let number = reactor.next.fetch_add(1, Ordering::Relaxed);
        lock(&reactor.instance.entries).insert(number, self.entry.clone());
        let added = epoll::add(&reactor.instance.epoll, socket.as_fd(), EventData::new_u64(number), flags);
        if let Err(why) = added {
            lock(&reactor.instance.entries).remove(&number);
            return Err(errno::of_socket(why));
        }
        // The lock of `armed` is held: nobody else does this.
        let _ = self.place.set((number, reactor));
        Ok(())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some((number, reactor)) = self.place.get() {
            let removed = lock(&reactor.instance.entries).remove(number);
            drop(removed);
        }
    }
}

fn flags_of(events: PollEvents) -> EventFlags {
    // Not RDHUP, which stays: who has something to send to a side that sends no more would be woken for ever. It comes
    // with IN.
    let mut flags = EventFlags::empty();
    flags.set(EventFlags::IN, events.contains(PollEvents::IN));
    flags.set(EventFlags::OUT, events.contains(PollEvents::OUT));
    flags.set(EventFlags::PRI, events.contains(PollEvents::PRI));
    flags
}
