//! Sending and receiving.

use crate::end::{End, Link};
use crate::inbox::{Inbox, Message, append, scatter};
use crate::socket::LocalSocket;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;
use rump_kpi::socket::{Caller, Control, Incoming, Outgoing, Right};
use rump_kpi::{Errno, KError, KResult, MessageFlags, SocketAddress};

impl LocalSocket {
    /// Errors: EOPNOTSUPP (out-of-band, or an address without a connection of a stream), EPERM (credentials of somebody
    /// else), EPIPE (of a stream), the error that waits, EISCONN (an address of a stream), EPIPE, ENOTCONN, those of [`LocalSocket::find`],
    /// EMSGSIZE, ECONNREFUSED (the other is gone), EAGAIN.
    pub(crate) fn send_message(&self, message: &mut Outgoing<'_>) -> KResult<usize> {
        if message.flags.contains(MessageFlags::OOB) {
            return Err(KError::new(Errno::EOPNOTSUPP, "local sockets have no out-of-band data"));
        }
        let sender = sender_of(message)?;
        let target = self.target(message)?;
        // As Linux has it, an end counts before the error, but for sequences of packets.
        if !self.end.has_borders() && target.inbox.lock().is_refused {
            return Err(Errno::EPIPE.into());
        }
        self.take_error()?;
        if self.end.has_finished() {
            return Err(Errno::EPIPE.into());
        }
        let length: usize = message.parts.iter().map(|part| part.len()).sum();
        if self.end.has_borders() && length > self.end.send_limit.load(Ordering::Relaxed) {
            return Err(Errno::EMSGSIZE.into());
        }
        if self.end.is_datagram() {
            self.check_takes(&target)?;
        } else if length == 0 && !self.end.has_borders() {
            return Ok(0);
        }
        let sent = self.put(&target, message, length, sender)?;
        target.waiters.wake();
        Ok(sent)
    }

    /// To whom it goes. Errors: EISCONN, EOPNOTSUPP, ENOTCONN, those of [`LocalSocket::find`].
    fn target(&self, message: &Outgoing<'_>) -> KResult<Arc<End>> {
        let peer = self.end.peer();
        match (&message.to, peer) {
            (Some(to), _) if self.end.is_datagram() => self.find(to),
            (Some(_), Some(_)) if !self.end.has_borders() => Err(Errno::EISCONN.into()),
            (Some(_), None) if !self.end.has_borders() => Err(Errno::EOPNOTSUPP.into()),
            (_, Some(peer)) => Ok(peer),
            (_, None) => Err(Errno::ENOTCONN.into()),
        }
    }

    /// Puts as much as there is room for into the inbox of `target`. Errors: ECONNREFUSED, EPIPE, EAGAIN.
    fn put(
        &self,
        target: &Arc<End>,
        message: &mut Outgoing<'_>,
        length: usize,
        sender: Caller,
    ) -> KResult<usize> {
        let limit = self.end.limit_at(target).max(if self.end.is_datagram() { length } else { 1 });
        let mut inbox = target.inbox.lock();
        if inbox.is_gone && self.end.is_datagram() {
            drop(inbox);
            self.part_from(target);
            return Err(Errno::ECONNREFUSED.into());
        }
        if inbox.is_refused {
            return Err(Errno::EPIPE.into());
        }
        let room = inbox.room(limit);
        let count = length.min(room);
        let is_too_little = if self.end.has_borders() { count < length } else { count == 0 };
        if is_too_little || (room == 0 && !inbox.messages().is_empty()) {
            inbox.want_room(&self.end.waiters);
            return Err(Errno::EAGAIN.into());
        }
        let rights = take_rights(message);
        if self.end.has_borders() || !rights.is_empty() || !inbox.join(message.parts, count, sender) {
            let mut bytes = Vec::with_capacity(count);
            append(&mut bytes, message.parts, count);
            let from = if self.end.is_datagram() { self.end.path() } else { Vec::new() };
            inbox.push(Message { bytes, taken: 0, from, sender, rights });
        }
        Ok(count)
    }

    /// Datagrams go to `gone` no more.
    fn part_from(&self, gone: &Arc<End>) {
        let mut link = self.end.link.lock();
        let is_it = matches!(&*link, Link::Connected { peer, .. } if Arc::ptr_eq(peer, gone));
        if is_it {
            *link = Link::None;
        }
    }

    /// Errors: EOPNOTSUPP (out-of-band), ENOTCONN, EINVAL (it listens), the error that waits, EAGAIN.
    pub(crate) fn receive_message(&self, parts: &mut [&mut [u8]], flags: MessageFlags) -> KResult<Incoming> {
        if flags.contains(MessageFlags::OOB) {
            return Err(Errno::EOPNOTSUPP.into());
        }
        let peer = self.end.peer();
        if !self.end.is_datagram() && peer.is_none() {
            return Err(Errno::ENOTCONN.into());
        }
        let limit = match peer {
            Some(peer) if !self.end.is_datagram() => peer.limit_at(&self.end),
            _ => self.end.receive_limit.load(Ordering::Relaxed),
        };
        let mut inbox = self.end.inbox.lock();
        if inbox.messages().is_empty() {
            return match inbox.error.take() {
                Some(errno) => Err(errno.into()),
                None if inbox.is_ended || inbox.is_refused => Ok(Incoming::default()),
                None => Err(Errno::EAGAIN.into()),
            };
        }
        let taken = if self.end.has_borders() {
            take_message(&mut inbox, parts, flags)
        } else {
            take_bytes(&mut inbox, parts, flags, self.wants_credentials())
        };
        let woken = if inbox.has_room(limit) { inbox.take_wanting() } else { Vec::new() };
        drop(inbox);
        woken.iter().for_each(|waiters| waiters.wake());
        Ok(self.finished(taken))
    }

    fn wants_credentials(&self) -> bool {
        self.end.wants_credentials.load(Ordering::Relaxed)
    }

    fn finished(&self, taken: Taken) -> Incoming {
        let Taken { length, from, rights, sender, flags } = taken;
        let mut control = Vec::new();
        if let Some(sender) = sender.filter(|_| self.wants_credentials()) {
            control.push(Control::Credentials(sender));
        }
        if !rights.is_empty() {
            control.push(Control::Rights(rights));
        }
        let from = self.end.is_datagram().then_some(SocketAddress::Local(from));
        Incoming { length, from, control, flags }
    }
}

/// What was received.
#[derive(Default)]
struct Taken {
    length: usize,
    from: Vec<u8>,
    rights: Vec<Right>,
    sender: Option<Caller>,
    flags: MessageFlags,
}

/// Takes one message, as much of it as there is room for.
fn take_message(inbox: &mut Inbox, parts: &mut [&mut [u8]], flags: MessageFlags) -> Taken {
    let Some(first) = inbox.messages().front() else { return Taken::default() };
    let (copied, whole) = (scatter(first.left(), parts, 0), first.left().len());
    let mut said = MessageFlags::empty();
    said.set(MessageFlags::TRUNC, copied < whole);
    let length = if flags.contains(MessageFlags::TRUNC) { whole } else { copied };
    let (sender, from) = (Some(first.sender), first.from.clone());
    let rights = if flags.contains(MessageFlags::PEEK) {
        first.rights.clone()
    } else {
        inbox.pop().map(|message| message.rights).unwrap_or_default()
    };
    Taken { length, from, rights, sender, flags: said }
}

/// Takes bytes of a stream: not beyond a message with rights, nor, with `by_sender`, of several senders.
fn take_bytes(inbox: &mut Inbox, parts: &mut [&mut [u8]], flags: MessageFlags, by_sender: bool) -> Taken {
    let wanted: usize = parts.iter().map(|part| part.len()).sum();
    let peeks = flags.contains(MessageFlags::PEEK);
    let (mut taken, mut at) = (Taken::default(), 0);
    while taken.length < wanted {
        let Some(message) = inbox.messages().get(at) else { break };
        if by_sender && taken.sender.is_some_and(|sender| sender != message.sender) {
            break;
        }
        taken.sender = Some(message.sender);
        let count = scatter(message.left(), parts, taken.length);
        taken.length += count;
        if peeks {
            taken.rights = message.rights.clone();
            at += 1;
        } else {
            taken.rights = inbox.take_front(count);
        }
        if !taken.rights.is_empty() {
            break;
        }
    }
    taken
}

/// Who is said to have sent a message. Errors: EPERM (somebody else, by other than the superuser).
fn sender_of(message: &Outgoing<'_>) -> KResult<Caller> {
    let given = message.control.iter().find_map(|control| match control {
        Control::Credentials(caller) => Some(*caller),
        _ => None,
    });
    match given {
        Some(given) if given != message.caller && message.caller.uid != 0 => Err(Errno::EPERM.into()),
        given => Ok(given.unwrap_or(message.caller)),
    }
}

/// Takes the rights that go with a message.
fn take_rights(message: &mut Outgoing<'_>) -> Vec<Right> {
    let mut rights = Vec::new();
    for control in core::mem::take(&mut message.control) {
        if let Control::Rights(more) = control {
            rights.extend(more);
        }
    }
    rights
}
