//! Sending and receiving messages: send(2), recv(2), sendmmsg(2), recvmmsg(2).

use super::pipe::after;
use crate::descriptors::{Descriptor, OpenFile, SocketFile};
use crate::{Fd, Process};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;
use rump_abi::{AccessMode, Errno, MessageFlags, PollEvents, SocketAddress, SocketType};
use rump_kpi::KResult;
use rump_kpi::socket::{Control, Incoming, Outgoing};

/// Messages that one call sends or receives at most; Linux's bound.
const BATCH_MAX: usize = 1024;

/// A message that is sent (`struct msghdr`).
#[derive(Clone, Copy, Default)]
pub struct SendMessage<'a> {
    /// Its bytes, in parts.
    pub parts: &'a [&'a [u8]],
    /// To whom, unless that is settled.
    pub to: Option<&'a SocketAddress>,
    /// Descriptors whose open files go with it (`SCM_RIGHTS`).
    pub rights: &'a [Fd],
    /// What else goes with it.
    pub control: &'a [Control],
}

/// A message that came.
#[derive(Default)]
pub struct Received {
    /// Bytes that were put into the buffers; with TRUNC asked for, the length of the message.
    pub length: usize,
    /// Who sent it, if there is more than one who could.
    pub from: Option<SocketAddress>,
    /// Descriptors of the open files that came with it.
    pub rights: Vec<Fd>,
    /// What else came with it.
    pub control: Vec<Control>,
    /// TRUNC, CTRUNC, EOR, OOB, MCAST, BCAST.
    pub flags: MessageFlags,
}

impl Process {
    /// Sends bytes; on a stream it blocks until all are sent. Errors: as [`Process::sendmsg`].
    pub fn send(&self, fd: Fd, bytes: &[u8], flags: MessageFlags) -> KResult<usize> {
        self.sendmsg(fd, &SendMessage { parts: &[bytes], ..SendMessage::default() }, flags)
    }

    /// Sends bytes to an address. Errors: as [`Process::sendmsg`].
    pub fn sendto(&self, fd: Fd, bytes: &[u8], flags: MessageFlags, to: &SocketAddress) -> KResult<usize> {
        self.sendmsg(fd, &SendMessage { parts: &[bytes], to: Some(to), ..SendMessage::default() }, flags)
    }

    /// Sends a message. With EPIPE comes SIGPIPE, unless the flags have NOSIGNAL.
    ///
    /// Errors: EBADF (`fd`, then of `rights`), ENOTSOCK, EINVAL (more than 253 rights), EOPNOTSUPP (of a
    /// queue of events), ETOOMANYREFS, EINVAL (the path is too long), those of the path walk, EACCES, those of the family: EOPNOTSUPP, EPIPE, ENOTCONN, EDESTADDRREQ,
    /// EISCONN, EMSGSIZE, ECONNRESET, ECONNREFUSED, EPERM, ENETUNREACH, ENOBUFS; EAGAIN (non-blocking, DONTWAIT, or
    /// `SO_SNDTIMEO`), ENXIO (halted), EINTR, EBADF (closed meanwhile). An error after the first bytes of a stream only
    /// ends the call.
    pub fn sendmsg(&self, fd: Fd, message: &SendMessage<'_>, flags: MessageFlags) -> KResult<usize> {
        let file = self.file(fd)?;
        let socket = file.socket()?;
        let outgoing = self.outgoing(socket, message, flags)?;
        self.send_outgoing(fd, &file, socket, outgoing)
    }

    /// What a family is given to send. Errors: EBADF (of the rights), EINVAL, EOPNOTSUPP, ETOOMANYREFS, those of the path
    /// walk, EACCES.
    fn outgoing<'a>(
        &self,
        socket: &SocketFile,
        message: &SendMessage<'a>,
        flags: MessageFlags,
    ) -> KResult<Outgoing<'a>> {
        let files: KResult<Vec<_>> = message.rights.iter().map(|fd| self.file(*fd)).collect();
        let mut control = message.control.to_vec();
        if !message.rights.is_empty() {
            control.push(Control::Rights(self.shared().rights.send(files?)?));
        }
        let to = message.to.map(|to| self.resolve(&*socket.socket, to)).transpose()?;
        Ok(Outgoing { parts: message.parts, to, control, flags, caller: self.caller() })
    }

    /// As `write` does. Errors: those of [`Process::sendmsg`].
    pub(crate) fn send_parts(&self, fd: Fd, file: &Arc<OpenFile>, parts: &[&[u8]]) -> KResult<usize> {
        let (control, flags, caller) = (Vec::new(), MessageFlags::empty(), self.caller());
        let outgoing = Outgoing { parts, to: None, control, flags, caller };
        self.send_outgoing(fd, file, file.socket()?, outgoing)
    }

    fn send_outgoing(
        &self,
        fd: Fd,
        file: &Arc<OpenFile>,
        socket: &SocketFile,
        mut outgoing: Outgoing<'_>,
    ) -> KResult<usize> {
        if file.is_nonblocking() || outgoing.flags.contains(MessageFlags::DONTWAIT) {
            let sent = socket.socket.send(&mut outgoing);
            self.post_broken_pipe(file, &sent, outgoing.flags);
            return sent;
        }
        let length: usize = outgoing.parts.iter().map(|part| part.len()).sum();
        let is_stream = socket.socket.kind() == SocketType::Stream;
        let mut sent = 0;
        let all = self.blocking(fd, file, socket.send_timeout.value(), || {
            loop {
                sent += if sent == 0 {
                    socket.socket.send(&mut outgoing)?
                } else {
                    let control = core::mem::take(&mut outgoing.control);
                    let (to, flags, caller) = (outgoing.to.clone(), outgoing.flags, outgoing.caller);
                    let parts = after(outgoing.parts, sent);
                    socket.socket.send(&mut Outgoing { parts: &parts, to, control, flags, caller })?
                };
                if sent >= length || !is_stream {
                    return Ok(());
                }
            }
        });
        self.post_broken_pipe(file, &all, outgoing.flags);
        match all {
            Err(error) if sent == 0 => Err(error),
            _ => Ok(sent),
        }
    }

    /// Sends messages in order, 1024 at most; answers how many were sent. Errors: as [`Process::sendmsg`], of the first.
    pub fn sendmmsg(&self, fd: Fd, messages: &[SendMessage<'_>], flags: MessageFlags) -> KResult<usize> {
        let messages = &messages[..messages.len().min(BATCH_MAX)];
        let file = self.file(fd)?;
        let socket = file.socket()?;
        if socket.socket.kind() == SocketType::Stream {
            return self.send_each(fd, messages, flags);
        }
        let is_blocking = !file.is_nonblocking() && !flags.contains(MessageFlags::DONTWAIT);
        let mut prepared = Vec::with_capacity(messages.len());
        let mut result = messages.iter().try_for_each(|message| {
            prepared.push(self.outgoing(socket, message, flags)?);
            Ok(())
        });
        let mut sent = 0;
        while sent < prepared.len() {
            let mut attempt = || match socket.socket.send_batch(&mut prepared[sent..]) {
                (0, Err(error)) => Err(error),
                some => Ok(some),
            };
            let timeout = socket.send_timeout.value();
            let answer = if is_blocking { self.blocking(fd, &file, timeout, attempt) } else { attempt() };
            let stopped = match answer {
                Ok((count, Err(error))) if is_blocking && error.errno == Errno::EAGAIN => {
                    // There will be room for the others.
                    sent += count;
                    continue;
                }
                Ok((count, stopped)) => {
                    sent += count;
                    stopped
                }
                Err(error) => Err(error),
            };
            if stopped.is_err() {
                result = stopped;
                break;
            }
        }
        self.post_broken_pipe(&file, &result, flags);
        match result {
            Err(error) if sent == 0 => Err(error),
            _ => Ok(sent),
        }
    }

    fn send_each(&self, fd: Fd, messages: &[SendMessage<'_>], flags: MessageFlags) -> KResult<usize> {
        for (count, message) in messages.iter().enumerate() {
            match self.sendmsg(fd, message, flags) {
                Ok(_) => {}
                Err(error) if count == 0 => return Err(error),
                Err(_) => return Ok(count),
            }
        }
        Ok(messages.len())
    }

    /// Receives bytes: of a stream what is there, or with WAITALL all that was asked for; else one message. Open files
    /// that come with them are closed. Errors: as [`Process::recvmsg`].
    pub fn recv(&self, fd: Fd, buf: &mut [u8], flags: MessageFlags) -> KResult<usize> {
        let file = self.file(fd)?;
        Ok(self.receive(fd, &file, &mut [buf], flags)?.length)
    }

    /// Receives bytes, and says from whom. Errors: as [`Process::recvmsg`].
    pub fn recvfrom(
        &self,
        fd: Fd,
        buf: &mut [u8],
        flags: MessageFlags,
    ) -> KResult<(usize, Option<SocketAddress>)> {
        let file = self.file(fd)?;
        let incoming = self.receive(fd, &file, &mut [buf], flags)?;
        Ok((incoming.length, incoming.from))
    }

    /// Receives a message. Up to `rights_max` open files that come with it get descriptors, as far as there are free
    /// ones; the others are closed, and CTRUNC says so.
    ///
    /// Errors: EBADF, ENOTSOCK, those of the family: EOPNOTSUPP, ENOTCONN, ECONNRESET; EAGAIN (non-blocking, DONTWAIT,
    /// or `SO_RCVTIMEO`), ENXIO (halted), EINTR, EBADF (closed meanwhile).
    pub fn recvmsg(
        &self,
        fd: Fd,
        parts: &mut [&mut [u8]],
        rights_max: usize,
        flags: MessageFlags,
    ) -> KResult<Received> {
        let file = self.file(fd)?;
        let incoming = self.receive(fd, &file, parts, flags)?;
        Ok(self.received(incoming, rights_max, flags))
    }

    /// What a program gets of a message.
    fn received(&self, incoming: Incoming, rights_max: usize, flags: MessageFlags) -> Received {
        let Incoming { length, from, control, flags: said } = incoming;
        let mut received = Received { length, from, flags: said, ..Received::default() };
        for control in control {
            match control {
                Control::Rights(rights) => {
                    let files = rights.iter().filter_map(|right| self.shared().rights.receive(right));
                    let cloexec = flags.contains(MessageFlags::CMSG_CLOEXEC);
                    for (count, file) in files.enumerate() {
                        let place =
                            if count < rights_max { self.enter_received(file, cloexec) } else { None };
                        if place.is_none() {
                            received.flags |= MessageFlags::CTRUNC;
                        }
                        received.rights.extend(place);
                    }
                }
                other => received.control.push(other),
            }
        }
        received
    }

    fn enter_received(&self, file: Arc<OpenFile>, cloexec: bool) -> Option<Fd> {
        let kept = file.clone();
        let entered = self.descriptors().write().insert(0, Descriptor { file, cloexec });
        drop(kept);
        entered.ok()
    }

    /// Receives messages in order, each into its buffer, 1024 at most; blocks for the first, with WAITFORONE, else for all,
    /// but looks after each whether `timeout` is over, as Linux does. An error after the first message is left for the
    /// next call. Errors: as [`Process::recvmsg`], of the first.
    pub fn recvmmsg(
        &self,
        fd: Fd,
        bufs: &mut [&mut [u8]],
        rights_max: usize,
        flags: MessageFlags,
        timeout: Option<Duration>,
    ) -> KResult<Vec<Received>> {
        let wanted = bufs.len().min(BATCH_MAX);
        let host = &self.shared().host;
        let end = timeout.map(|timeout| host.monotonic().saturating_add(timeout));
        let file = self.file(fd)?;
        let socket = file.socket()?;
        let (mut all, mut flags) = (Vec::with_capacity(wanted), flags);
        while all.len() < wanted {
            let is_over = end.is_some_and(|end| host.monotonic() >= end);
            if !all.is_empty() && (is_over || socket.socket.ready().contains(PollEvents::ERR)) {
                break;
            }
            // What is received after that time is the last.
            let (from, to) = (all.len(), if is_over { all.len() + 1 } else { wanted });
            match self.receive_some(fd, &file, &mut bufs[from..to], flags, &mut all) {
                Err(error) if all.is_empty() => return Err(error),
                Err(_) => break,
                Ok(()) if flags.contains(MessageFlags::WAITFORONE) => flags |= MessageFlags::DONTWAIT,
                Ok(()) => {}
            }
        }
        Ok(all.into_iter().map(|incoming| self.received(incoming, rights_max, flags)).collect())
    }

    /// Receives one message at least, unless there are some and an error waits.
    fn receive_some(
        &self,
        fd: Fd,
        file: &Arc<OpenFile>,
        bufs: &mut [&mut [u8]],
        flags: MessageFlags,
        all: &mut Vec<Incoming>,
    ) -> KResult<()> {
        let socket = file.socket()?;
        if socket.socket.kind() == SocketType::Stream {
            all.push(self.receive(fd, file, &mut bufs[..1], flags)?);
            return Ok(());
        }
        let before = all.len();
        let mut attempt = || {
            if before > 0 && socket.socket.ready().contains(PollEvents::ERR) {
                return Ok(());
            }
            match socket.socket.receive_batch(bufs, flags, all) {
                Err(error) if all.len() == before => Err(error),
                _ => Ok(()),
            }
        };
        if file.is_nonblocking() || flags.contains(MessageFlags::DONTWAIT) {
            return attempt();
        }
        self.blocking(fd, file, socket.receive_timeout.value(), attempt)
    }

    pub(crate) fn receive(
        &self,
        fd: Fd,
        file: &Arc<OpenFile>,
        parts: &mut [&mut [u8]],
        flags: MessageFlags,
    ) -> KResult<Incoming> {
        let socket = file.socket()?;
        debug_assert_eq!(file.access, AccessMode::ReadWrite);
        if file.is_nonblocking() || flags.contains(MessageFlags::DONTWAIT) {
            return socket.socket.receive(parts, flags);
        }
        let timeout = socket.receive_timeout.value();
        let waits_for_all = flags & (MessageFlags::WAITALL | MessageFlags::PEEK) == MessageFlags::WAITALL;
        if !waits_for_all || socket.socket.kind() != SocketType::Stream {
            return self.blocking(fd, file, timeout, || socket.socket.receive(parts, flags));
        }
        let wanted: usize = parts.iter().map(|part| part.len()).sum();
        let mut all = Incoming::default();
        let done = self.blocking(fd, file, timeout, || {
            loop {
                let more = socket.socket.receive(&mut rest(parts, all.length), flags)?;
                let is_end = more.length == 0;
                let has_control = !more.control.is_empty();
                all.length += more.length;
                all.from = more.from.or(all.from.take());
                all.flags |= more.flags;
                all.control.extend(more.control);
                if is_end || has_control || all.length >= wanted {
                    return Ok(());
                }
            }
        });
        match done {
            Err(error) if all.length == 0 => Err(error),
            _ => Ok(all),
        }
    }
}

/// What remains of `parts` after `skip` bytes.
fn rest<'a>(parts: &'a mut [&mut [u8]], mut skip: usize) -> Vec<&'a mut [u8]> {
    let mut left = Vec::with_capacity(parts.len());
    for part in parts {
        let from = skip.min(part.len());
        skip -= from;
        left.push(&mut part[from..]);
    }
    left
}
