//! A routing socket.

use super::hub::Hub;
use super::inbox::{Inbox, MOST_LIMIT, Told};
use super::request;
use crate::ops::Shared;
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_kpi::netbsd::route::{MESSAGE_MAX, Malformed, Message, RO_MSGFILTER, RTM_GET, RtMsghdr};
use rump_kpi::socket::{Amounts, Caller, Incoming, Name, OptionValue, Outgoing, Socket};
use rump_kpi::sockopt::{SO_ERROR, SO_RCVBUF, SO_SNDBUF, SO_USELOOPBACK, SOL_SOCKET};
use rump_kpi::{
    AddressFamily, Errno, KResult, MessageFlags, PollEvents, Shutdown, SocketAddress, SocketType, WaitQueue,
};

/// The level of its own options.
const LEVEL: i32 = AddressFamily::Route as i32;

/// See the module.
pub(crate) struct RouteSocket {
    shared: Arc<Shared>,
    inbox: Arc<Inbox>,
}

impl RouteSocket {
    /// One that hears of a family alone, or of all (zero).
    pub(crate) fn new(shared: Arc<Shared>, family: u8) -> Self {
        let (inbox, clock) = (Arc::new(Inbox::new(family)), shared.clock());
        shared.drive(|stack, _| shared.hub.add(stack, clock, &inbox));
        Self { shared, inbox }
    }

    /// Errors: EINVAL (malformed, or not one message), EPROTONOSUPPORT (another version), EOPNOTSUPP (not about a route),
    /// EACCES (a change by other than the superuser), those of the request.
    fn request(&self, bytes: &[u8], caller: Caller) -> Result<(), Errno> {
        let (message, length) = Message::parse(bytes).map_err(|malformed| match malformed {
            Malformed::Version => Errno::EPROTONOSUPPORT,
            Malformed::Length | Malformed::Address => Errno::EINVAL,
        })?;
        if length != bytes.len() {
            return Err(Errno::EINVAL);
        }
        let Message::Route(header, addresses) = message else { return Err(Errno::EOPNOTSUPP) };
        let header = RtMsghdr { pid: caller.pid as i32, ..header };
        let clock = self.shared.clock();
        let (answer, woken) = self.shared.drive(|stack, _| {
            let answer = match header.kind {
                RTM_GET => request::answer(stack, clock, &header, &addresses),
                _ if caller.uid != 0 => Err(Errno::EACCES),
                _ => request::answer(stack, clock, &header, &addresses),
            };
            let hub: &Hub = &self.shared.hub;
            match answer {
                Ok((said, told)) if header.kind != RTM_GET => {
                    (Ok(()), hub.tell(&Message::Route(said, told), Some(&self.inbox)))
                }
                Ok((said, told)) => (Ok(()), self.hear(&Message::Route(said, told))),
                Err(errno) => {
                    let header = RtMsghdr { errno: errno as i32, ..header };
                    (Err(errno), self.hear(&Message::Route(header, addresses)))
                }
            }
        });
        woken.iter().for_each(|waiters| waiters.wake());
        answer
    }

    /// Is told what no other is. Answers whom to wake.
    fn hear(&self, message: &Message) -> Vec<Arc<WaitQueue>> {
        let is_wanted = self.inbox.state().lock().hears_itself;
        let is_told = is_wanted && self.inbox.put(&Told::new(message));
        is_told.then(|| self.inbox.waiters().clone()).into_iter().collect()
    }
}

impl Socket for RouteSocket {
    fn kind(&self) -> SocketType {
        SocketType::Raw
    }

    fn family(&self) -> AddressFamily {
        AddressFamily::Route
    }

    fn bind(&self, _name: &Name, _caller: Caller) -> KResult<()> {
        Err(Errno::EOPNOTSUPP.into())
    }

    fn listen(&self, _backlog: u32, _caller: Caller) -> KResult<()> {
        Err(Errno::EOPNOTSUPP.into())
    }

    fn accept(&self) -> KResult<(Arc<dyn Socket>, SocketAddress)> {
        Err(Errno::EOPNOTSUPP.into())
    }

    fn connect(&self, _name: &Name, _caller: Caller) -> KResult<()> {
        Err(Errno::EOPNOTSUPP.into())
    }

    fn send(&self, message: &mut Outgoing<'_>) -> KResult<usize> {
        if message.flags.contains(MessageFlags::OOB) {
            return Err(Errno::EOPNOTSUPP.into());
        }
        if message.to.is_some() {
            return Err(Errno::EISCONN.into());
        }
        let length: usize = message.parts.iter().map(|part| part.len()).sum();
        if length > MESSAGE_MAX {
            return Err(Errno::EMSGSIZE.into());
        }
        self.request(&message.parts.concat(), message.caller)?;
        Ok(length)
    }

    fn receive(&self, parts: &mut [&mut [u8]], flags: MessageFlags) -> KResult<Incoming> {
        if flags.contains(MessageFlags::OOB) {
            return Err(Errno::EOPNOTSUPP.into());
        }
        let mut state = self.inbox.state().lock();
        let next =
            if flags.contains(MessageFlags::PEEK) { state.messages.front().cloned() } else { state.take() };
        let Some(message) = next else {
            return if state.is_shut { Ok(Incoming::default()) } else { Err(Errno::EAGAIN.into()) };
        };
        drop(state);
        let mut rest: &[u8] = &message;
        for part in parts {
            let count = part.len().min(rest.len());
            part[..count].copy_from_slice(&rest[..count]);
            rest = &rest[count..];
        }
        let is_whole = rest.is_empty() || flags.contains(MessageFlags::TRUNC);
        let length = if is_whole { message.len() } else { message.len() - rest.len() };
        let flags = if rest.is_empty() { MessageFlags::empty() } else { MessageFlags::TRUNC };
        Ok(Incoming { length, flags, ..Incoming::default() })
    }

    fn shutdown(&self, how: Shutdown) -> KResult<()> {
        if how.reads() {
            self.inbox.state().lock().shut();
            self.inbox.waiters().wake();
        }
        Ok(())
    }

    fn local_address(&self) -> KResult<SocketAddress> {
        Ok(SocketAddress::Unspecified)
    }

    fn peer_address(&self) -> KResult<SocketAddress> {
        Err(Errno::ENOTCONN.into())
    }

    fn set_option(&self, level: i32, name: i32, value: &OptionValue) -> KResult<()> {
        let mut state = self.inbox.state().lock();
        match (level, name, value) {
            (SOL_SOCKET, SO_RCVBUF, OptionValue::Number(bytes)) => {
                let bytes = usize::try_from(*bytes).ok().filter(|bytes| (1..=MOST_LIMIT).contains(bytes));
                state.limit = bytes.ok_or(Errno::EINVAL)?;
            }
            // A request is done when it is sent.
            (SOL_SOCKET, SO_SNDBUF, OptionValue::Number(1..)) => {}
            (SOL_SOCKET, SO_USELOOPBACK, OptionValue::Number(number)) => state.hears_itself = *number != 0,
            (LEVEL, RO_MSGFILTER, OptionValue::Bytes(kinds)) => {
                let mut bits =
                    kinds.iter().map(|kind| 1_u64.checked_shl((*kind).into()).ok_or(Errno::EINVAL));
                let bits = bits.try_fold(0, |all, bit| Ok::<_, Errno>(all | bit?))?;
                state.kinds = if kinds.is_empty() { u64::MAX } else { bits };
            }
            (SOL_SOCKET, SO_RCVBUF | SO_SNDBUF | SO_USELOOPBACK, _) | (LEVEL, RO_MSGFILTER, _) => {
                return Err(Errno::EINVAL.into());
            }
            _ => return Err(Errno::ENOPROTOOPT.into()),
        }
        Ok(())
    }

    fn option(&self, level: i32, name: i32) -> KResult<OptionValue> {
        let state = self.inbox.state().lock();
        Ok(OptionValue::Number(match (level, name) {
            (SOL_SOCKET, SO_RCVBUF) => state.limit as i64,
            (SOL_SOCKET, SO_SNDBUF) => MESSAGE_MAX as i64,
            (SOL_SOCKET, SO_USELOOPBACK) => state.hears_itself.into(),
            (SOL_SOCKET, SO_ERROR) => 0,
            _ => return Err(Errno::ENOPROTOOPT.into()),
        }))
    }

    fn ready(&self) -> PollEvents {
        let state = self.inbox.state().lock();
        let mut ready = PollEvents::OUT;
        ready.set(PollEvents::IN, state.is_shut || !state.messages.is_empty());
        ready
    }

    fn amounts(&self) -> Amounts {
        let to_receive = self.inbox.state().lock().messages.front().map_or(0, |message| message.len());
        Amounts { to_receive, to_send: MESSAGE_MAX }
    }

    fn waiters(&self) -> &Arc<WaitQueue> {
        self.inbox.waiters()
    }
}

impl Drop for RouteSocket {
    fn drop(&mut self) {
        self.shared.drive(|stack, _| self.shared.hub.remove(stack, &self.inbox));
    }
}
