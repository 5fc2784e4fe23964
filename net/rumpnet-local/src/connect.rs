//! Listening, connecting and accepting.

use crate::end::{End, Link, Listen};
use crate::inbox::Inbox;
use crate::names::key_of;
use crate::socket::LocalSocket;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::sync::atomic::Ordering;
use rump_kpi::socket::{Caller, Name, Socket};
use rump_kpi::{Errno, KError, KResult, SocketAddress};

/// Connections that wait at most, whatever was asked for (`net.core.somaxconn` of Linux).
const BACKLOG_MAX: u32 = 4096;

impl LocalSocket {
    /// Errors: EOPNOTSUPP (datagrams), EINVAL (no name, or connected).
    pub(crate) fn listen_for(&self, backlog: u32, caller: Caller) -> KResult<()> {
        if self.end.is_datagram() {
            return Err(Errno::EOPNOTSUPP.into());
        }
        if self.end.name.lock().is_none() {
            return Err(KError::new(Errno::EINVAL, "the socket has no name"));
        }
        let backlog = backlog.min(BACKLOG_MAX) as usize;
        let mut link = self.end.link.lock();
        let woken = match &mut *link {
            Link::Connected { .. } => return Err(Errno::EINVAL.into()),
            Link::Listening(listen) => {
                (listen.backlog, listen.credentials) = (backlog, caller);
                listen.places.take_wanting()
            }
            Link::None => {
                let (pending, places) = (VecDeque::new(), Inbox::default());
                *link = Link::Listening(Listen { backlog, pending, credentials: caller, places });
                alloc::vec![self.end.waiters.clone()]
            }
        };
        drop(link);
        woken.iter().for_each(|waiters| waiters.wake());
        Ok(())
    }

    /// Errors: EOPNOTSUPP (datagrams), EINVAL (it does not listen, or was shut down), EAGAIN.
    pub(crate) fn accept_next(&self) -> KResult<(Arc<dyn Socket>, SocketAddress)> {
        if self.end.is_datagram() {
            return Err(Errno::EOPNOTSUPP.into());
        }
        let mut link = self.end.link.lock();
        let Link::Listening(listen) = &mut *link else { return Err(Errno::EINVAL.into()) };
        let Some(accepted) = listen.pending.pop_front() else {
            let is_refused = self.end.inbox.lock().is_refused;
            return Err(if is_refused { Errno::EINVAL } else { Errno::EAGAIN }.into());
        };
        let woken = listen.places.take_wanting();
        drop(link);
        woken.iter().for_each(|waiters| waiters.wake());
        accepted.is_pending.store(false, Ordering::Relaxed);
        let from = accepted.end.peer().map(|peer| peer.address());
        Ok((accepted, from.unwrap_or(SocketAddress::Local(alloc::vec::Vec::new()))))
    }

    /// Errors: EAFNOSUPPORT, EINVAL (no name), ECONNREFUSED (nobody has it, or nobody listens), EPROTOTYPE, EISCONN,
    /// EINVAL (it listens), EPERM (a datagram socket that is connected elsewhere), EAGAIN (too many wait).
    pub(crate) fn connect_to(&self, name: &Name, caller: Caller) -> KResult<()> {
        if *name == Name::Address(SocketAddress::Unspecified) {
            return self.dissolve();
        }
        let other = self.find(name)?;
        if self.end.is_datagram() {
            return self.settle_on(other, caller);
        }
        if Arc::ptr_eq(&other, &self.end) {
            return Err(Errno::ECONNREFUSED.into());
        }
        let server = LocalSocket::new(&self.local, self.end.kind);
        let (mut own, mut others) = self.end.lock_links(&other);
        match &*own {
            Link::None => {}
            Link::Connected { .. } => return Err(Errno::EISCONN.into()),
            Link::Listening(_) => return Err(Errno::EINVAL.into()),
        }
        let Link::Listening(listen) = &mut *others else { return Err(Errno::ECONNREFUSED.into()) };
        if other.inbox.lock().is_refused {
            return Err(Errno::ECONNREFUSED.into());
        }
        if listen.is_full() {
            listen.places.want_room(&self.end.waiters);
            return Err(Errno::EAGAIN.into());
        }
        let limit = other.send_limit.load(Ordering::Relaxed);
        server.end.send_limit.store(limit, Ordering::Relaxed);
        let wants = other.wants_credentials.load(Ordering::Relaxed);
        server.end.wants_credentials.store(wants, Ordering::Relaxed);
        let mut bound = other.name.lock().clone();
        if let Some(bound) = &mut bound {
            bound.key = None;
        }
        *server.end.name.lock() = bound;
        *server.end.link.lock() = Link::Connected { peer: self.end.clone(), credentials: caller };
        server.is_pending.store(true, Ordering::Relaxed);
        *own = Link::Connected { peer: server.end.clone(), credentials: listen.credentials };
        listen.pending.push_back(Arc::new(server));
        drop((own, others));
        other.waiters.wake();
        self.end.waiters.wake();
        Ok(())
    }

    /// Takes back where datagrams go; what waits is from whom they went to, and is lost. Errors: EINVAL (a connection).
    fn dissolve(&self) -> KResult<()> {
        if !self.end.is_datagram() {
            return Err(Errno::EINVAL.into());
        }
        let before = core::mem::replace(&mut *self.end.link.lock(), Link::None);
        let Link::Connected { peer, .. } = before else { return Ok(()) };
        let mut inbox = self.end.inbox.lock();
        let unread = inbox.clear();
        let woken = inbox.take_wanting();
        drop(inbox);
        // Who talks to this alone hears that it was not heard.
        if !unread.is_empty() && peer.peer().is_some_and(|other| Arc::ptr_eq(&other, &self.end)) {
            peer.inbox.lock().error = Some(Errno::ECONNRESET);
            peer.waiters.wake();
        }
        woken.iter().for_each(|waiters| waiters.wake());
        self.end.waiters.wake();
        Ok(())
    }

    /// Says where datagrams go, and from whom they are taken. Errors: EPERM.
    fn settle_on(&self, other: Arc<End>, caller: Caller) -> KResult<()> {
        self.check_takes(&other)?;
        let before = core::mem::replace(
            &mut *self.end.link.lock(),
            Link::Connected { peer: other, credentials: caller },
        );
        drop(before);
        self.end.waiters.wake();
        Ok(())
    }

    /// Errors: EPERM (`other` takes datagrams of another only).
    pub(crate) fn check_takes(&self, other: &Arc<End>) -> KResult<()> {
        match &*other.link.lock() {
            Link::Connected { peer, .. } if !Arc::ptr_eq(peer, &self.end) => Err(Errno::EPERM.into()),
            _ => Ok(()),
        }
    }

    /// Who has a name. Errors: EAFNOSUPPORT, EINVAL (none), ECONNREFUSED, EPROTOTYPE.
    pub(crate) fn find(&self, name: &Name) -> KResult<Arc<End>> {
        let key = key_of(name, self.end.kind)?.and_then(|bound| bound.key).ok_or(Errno::EINVAL)?;
        let other = self.local.names.lock().find(&key)?;
        if other.kind == self.end.kind { Ok(other) } else { Err(Errno::EPROTOTYPE.into()) }
    }
}
