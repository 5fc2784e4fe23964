//! One end: what others see of a socket, which they may keep longer than it lives.

use crate::inbox::Inbox;
use crate::names::Bound;
use crate::socket::LocalSocket;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use core::time::Duration;
use rump_kpi::socket::Caller;
use rump_kpi::sync::{Mutex, MutexGuard};
use rump_kpi::{PollEvents, SocketAddress, SocketType, WaitQueue};

/// What may wait in a buffer at first (`net.core.wmem_default` of Linux).
const BUFFER: usize = 212_992;

/// See the module.
pub(crate) struct End {
    pub(crate) kind: SocketType,
    pub(crate) waiters: Arc<WaitQueue>,
    pub(crate) link: Mutex<Link>,
    pub(crate) inbox: Mutex<Inbox>,
    pub(crate) name: Mutex<Option<Bound>>,
    pub(crate) send_limit: AtomicUsize,
    pub(crate) receive_limit: AtomicUsize,
    /// It sends no more.
    pub(crate) has_finished: AtomicBool,
    /// Messages are received with who sent them.
    pub(crate) wants_credentials: AtomicBool,
    /// Switches of options that mean nothing here.
    pub(crate) switches: AtomicUsize,
    pub(crate) linger: Mutex<Option<Duration>>,
}

/// With whom an end has to do.
pub(crate) enum Link {
    /// With nobody.
    None,
    /// With those who connect.
    Listening(Listen),
    /// With one: its connection, or to whom its datagrams go.
    Connected {
        peer: Arc<End>,
        /// Who that was then.
        credentials: Caller,
    },
}

/// What an end that listens keeps.
pub(crate) struct Listen {
    pub(crate) backlog: usize,
    pub(crate) pending: VecDeque<Arc<LocalSocket>>,
    /// Who listens.
    pub(crate) credentials: Caller,
    /// Who waits for a place, behind the backlog. An inbox whose messages nobody sends.
    pub(crate) places: Inbox,
}

impl Listen {
    pub(crate) fn is_full(&self) -> bool {
        self.pending.len() > self.backlog
    }
}

impl End {
    pub(crate) fn new(kind: SocketType) -> Arc<Self> {
        Arc::new(Self {
            kind,
            waiters: Arc::default(),
            link: Mutex::new(Link::None),
            inbox: Mutex::default(),
            name: Mutex::default(),
            send_limit: AtomicUsize::new(BUFFER),
            receive_limit: AtomicUsize::new(BUFFER),
            has_finished: AtomicBool::new(false),
            wants_credentials: AtomicBool::new(false),
            switches: AtomicUsize::new(0),
            linger: Mutex::new(None),
        })
    }

    pub(crate) fn has_borders(&self) -> bool {
        self.kind != SocketType::Stream
    }

    pub(crate) fn is_datagram(&self) -> bool {
        self.kind == SocketType::Datagram
    }

    /// What it answers as its name.
    pub(crate) fn path(&self) -> Vec<u8> {
        self.name.lock().as_ref().map(|bound| bound.path.clone()).unwrap_or_default()
    }

    pub(crate) fn address(&self) -> SocketAddress {
        SocketAddress::Local(self.path())
    }

    pub(crate) fn has_finished(&self) -> bool {
        self.has_finished.load(Ordering::Acquire)
    }

    /// The end that it is connected to.
    pub(crate) fn peer(&self) -> Option<Arc<End>> {
        match &*self.link.lock() {
            Link::Connected { peer, .. } => Some(peer.clone()),
            _ => None,
        }
    }

    /// What may wait in `peer` of what this end sends.
    pub(crate) fn limit_at(&self, peer: &End) -> usize {
        let limit = if self.is_datagram() { &peer.receive_limit } else { &self.send_limit };
        limit.load(Ordering::Relaxed)
    }

    /// Both links, taken in the order of addresses. They are different ends.
    pub(crate) fn lock_links<'a>(&'a self, other: &'a End) -> (MutexGuard<'a, Link>, MutexGuard<'a, Link>) {
        if core::ptr::from_ref(self) < core::ptr::from_ref(other) {
            let own = self.link.lock();
            (own, other.link.lock())
        } else {
            let others = other.link.lock();
            (self.link.lock(), others)
        }
    }

    /// What can be done now. Who finds no room is woken when there is.
    pub(crate) fn ready(&self) -> PollEvents {
        let peer = match &*self.link.lock() {
            Link::Listening(listen) => {
                return if listen.pending.is_empty() { PollEvents::empty() } else { PollEvents::IN };
            }
            Link::Connected { peer, .. } => Some(peer.clone()),
            Link::None => None,
        };
        let mut ready = PollEvents::empty();
        let inbox = self.inbox.lock();
        let no_more = inbox.is_refused || inbox.is_ended;
        ready.set(PollEvents::IN, !inbox.messages().is_empty() || no_more);
        ready.set(PollEvents::ERR, inbox.error.is_some());
        drop(inbox);
        let Some(peer) = peer else {
            // A stream that was never connected hangs, as on Linux.
            ready |= PollEvents::OUT;
            ready.set(PollEvents::HUP, !self.is_datagram());
            return ready;
        };
        let limit = self.limit_at(&peer);
        let mut inbox = peer.inbox.lock();
        let sends_no_more = self.has_finished() || inbox.is_refused;
        let can_send = sends_no_more || inbox.has_room(limit);
        if !can_send {
            inbox.want_room(&self.waiters);
        }
        ready.set(PollEvents::OUT, can_send);
        ready.set(PollEvents::HUP, no_more && sends_no_more && !self.is_datagram());
        ready
    }
}
