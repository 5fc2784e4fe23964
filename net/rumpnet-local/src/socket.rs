//! A socket: the one who holds an end, and lets go of it.

use crate::Local;
use crate::end::{End, Link};
use crate::names::key_of;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering};
use rump_kpi::socket::{Amounts, Caller, Incoming, Name, OptionValue, Outgoing, Right, Socket, take_error};
use rump_kpi::{
    AddressFamily, Errno, KResult, MessageFlags, PollEvents, Shutdown, SocketAddress, SocketType, WaitQueue,
};

/// See the module.
pub(crate) struct LocalSocket {
    pub(crate) local: Arc<Local>,
    pub(crate) end: Arc<End>,
    /// It was connected to and never accepted.
    pub(crate) is_pending: AtomicBool,
}

impl LocalSocket {
    pub(crate) fn new(local: &Arc<Local>, kind: SocketType) -> Self {
        Self { local: local.clone(), end: End::new(kind), is_pending: AtomicBool::new(false) }
    }

    /// Makes a pair of both, for `caller`.
    pub(crate) fn join(&self, other: &Self, caller: Caller) {
        for (end, peer) in [(&self.end, &other.end), (&other.end, &self.end)] {
            *end.link.lock() = Link::Connected { peer: peer.clone(), credentials: caller };
        }
    }

    /// The error that waits, once.
    pub(crate) fn take_error(&self) -> KResult<()> {
        take_error(&mut self.end.inbox.lock().error)
    }
}

impl Socket for LocalSocket {
    fn kind(&self) -> SocketType {
        self.end.kind
    }

    fn family(&self) -> AddressFamily {
        AddressFamily::Local
    }

    fn bind(&self, name: &Name, _caller: Caller) -> KResult<()> {
        let bound = key_of(name, self.end.kind)?;
        let mut own = self.end.name.lock();
        if own.is_some() {
            return Err(Errno::EINVAL.into());
        }
        let mut names = self.local.names.lock();
        let bound = bound.map_or_else(|| names.choose(self.end.kind), Ok)?;
        if let Some(key) = &bound.key {
            names.enter(key.clone(), &self.end)?;
        }
        *own = Some(bound);
        Ok(())
    }

    fn listen(&self, backlog: u32, caller: Caller) -> KResult<()> {
        self.listen_for(backlog, caller)
    }

    fn accept(&self) -> KResult<(Arc<dyn Socket>, SocketAddress)> {
        self.accept_next()
    }

    fn connect(&self, name: &Name, caller: Caller) -> KResult<()> {
        self.connect_to(name, caller)
    }

    fn send(&self, message: &mut Outgoing<'_>) -> KResult<usize> {
        self.send_message(message)
    }

    fn receive(&self, parts: &mut [&mut [u8]], flags: MessageFlags) -> KResult<Incoming> {
        self.receive_message(parts, flags)
    }

    fn shutdown(&self, how: Shutdown) -> KResult<()> {
        let peer = self.end.peer().filter(|_| !self.end.is_datagram());
        let mut woken = alloc::vec![self.end.waiters.clone()];
        if how.reads() {
            let mut inbox = self.end.inbox.lock();
            inbox.is_refused = true;
            woken.extend(inbox.take_wanting());
            drop(inbox);
            if let Link::Listening(listen) = &mut *self.end.link.lock() {
                woken.extend(listen.places.take_wanting());
            }
        }
        if how.writes() {
            self.end.has_finished.store(true, Ordering::Release);
            if let Some(peer) = &peer {
                peer.inbox.lock().is_ended = true;
            }
        }
        woken.extend(peer.map(|peer| peer.waiters.clone()));
        woken.iter().for_each(|waiters| waiters.wake());
        Ok(())
    }

    fn local_address(&self) -> KResult<SocketAddress> {
        Ok(self.end.address())
    }

    fn peer_address(&self) -> KResult<SocketAddress> {
        let peer = self.end.peer().ok_or(Errno::ENOTCONN)?;
        Ok(peer.address())
    }

    fn set_option(&self, level: i32, name: i32, value: &OptionValue) -> KResult<()> {
        self.change_option(level, name, value)
    }

    fn option(&self, level: i32, name: i32) -> KResult<OptionValue> {
        self.find_option(level, name)
    }

    fn ready(&self) -> PollEvents {
        self.end.ready()
    }

    fn amounts(&self) -> Amounts {
        let peer = match &*self.end.link.lock() {
            Link::Listening(listen) => {
                return Amounts { to_receive: listen.pending.len(), to_send: 0 };
            }
            Link::Connected { peer, .. } => Some(peer.clone()),
            Link::None => None,
        };
        let inbox = self.end.inbox.lock();
        let to_receive = match inbox.messages().front() {
            Some(first) if self.end.has_borders() => first.bytes.len(),
            _ => inbox.bytes(),
        };
        drop(inbox);
        let to_send = match peer {
            Some(peer) => peer.inbox.lock().room(self.end.limit_at(&peer)),
            None => self.end.send_limit.load(Ordering::Relaxed),
        };
        Amounts { to_receive, to_send }
    }

    fn waiters(&self) -> &Arc<WaitQueue> {
        &self.end.waiters
    }

    fn visit_rights(&self, visit: &mut dyn FnMut(&Right)) {
        let mut visit_end = |end: &End| {
            let inbox = end.inbox.lock();
            inbox.messages().iter().flat_map(|message| &message.rights).for_each(&mut *visit);
        };
        visit_end(&self.end);
        if let Link::Listening(listen) = &*self.end.link.lock() {
            listen.pending.iter().for_each(|pending| visit_end(&pending.end));
        }
    }
}

impl Drop for LocalSocket {
    fn drop(&mut self) {
        let key = self.end.name.lock().as_ref().and_then(|bound| bound.key.clone());
        if let Some(key) = key {
            self.local.names.lock().remove(&key);
        }
        let link = core::mem::replace(&mut *self.end.link.lock(), Link::None);
        let mut inbox = self.end.inbox.lock();
        (inbox.is_gone, inbox.is_refused) = (true, true);
        let unread = inbox.clear();
        let mut woken = inbox.take_wanting();
        drop(inbox);
        match link {
            Link::Connected { peer, .. } if !self.end.is_datagram() => {
                let is_lost = !unread.is_empty() || self.is_pending.load(Ordering::Relaxed);
                let mut inbox = peer.inbox.lock();
                inbox.is_ended = true;
                if is_lost {
                    inbox.error = Some(Errno::ECONNRESET);
                }
                drop(inbox);
                woken.push(peer.waiters.clone());
            }
            Link::Listening(mut listen) => woken.extend(listen.places.take_wanting()),
            Link::Connected { .. } | Link::None => {}
        }
        woken.iter().for_each(|waiters| waiters.wake());
    }
}
