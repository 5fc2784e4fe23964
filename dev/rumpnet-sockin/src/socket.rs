//! A socket of the host as one of the kernel.

use crate::translate::{address_of, answer, incoming, name_of, outgoing, value};
use alloc::sync::Arc;
use alloc::task::Wake;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::task::Waker;
use core::time::Duration;
use rump_hyper::socket::{self as host, HostSocket, HostSockets};
use rump_kpi::socket::{Amounts, Caller, Incoming, Name, OptionValue, Outgoing};
use rump_kpi::sockopt::{SO_ERROR, SO_LINGER, SOL_SOCKET};
use rump_kpi::{
    AddressFamily, Errno, KResult, MessageFlags, PollEvents, Shutdown, SocketAddress, SocketType, WaitQueue,
};

/// Ports below are the superuser's.
const FIRST_FREE_PORT: u16 = 1024;
/// All that can be waited for.
const EVENTS: PollEvents = PollEvents::IN.union(PollEvents::OUT).union(PollEvents::PRI);

/// See the module.
pub struct Socket {
    host: Arc<dyn HostSocket>,
    kind: SocketType,
    family: AddressFamily,
    waiters: Arc<WaitQueue>,
}

/// Wakes those who wait at a socket.
struct Changed(Arc<WaitQueue>);

impl Wake for Changed {
    fn wake(self: Arc<Self>) {
        self.0.wake();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.wake();
    }
}

fn queue() -> (Arc<WaitQueue>, Waker) {
    let waiters = Arc::<WaitQueue>::default();
    (waiters.clone(), Arc::new(Changed(waiters)).into())
}

impl Socket {
    /// Errors: those of the host.
    pub fn open(
        host: &dyn HostSockets,
        family: AddressFamily,
        kind: SocketType,
        protocol: u8,
    ) -> Result<Self, Errno> {
        let (waiters, changed) = queue();
        Ok(Self { host: host.socket(family, kind, protocol, changed)?, kind, family, waiters })
    }

    /// What a call answered that may have to be done again once one of `events` is so. Errors: ENOBUFS (nobody would
    /// tell of it) besides.
    fn after<T>(&self, events: PollEvents, answer: Result<T, Errno>) -> Result<T, Errno> {
        match &answer {
            Err(Errno::EAGAIN | Errno::EINPROGRESS) => {
                self.host.notify(events).map_err(|_| Errno::ENOBUFS)?
            }
            // An error that waited is taken: the socket looks different to others.
            Err(_) => self.waiters.wake(),
            Ok(_) => {}
        }
        answer
    }
}

/// Errors: EACCES.
fn check_port(address: SocketAddr, caller: Caller) -> Result<(), Errno> {
    let is_reserved = (1..FIRST_FREE_PORT).contains(&address.port());
    if is_reserved && caller.uid != 0 { Err(Errno::EACCES) } else { Ok(()) }
}

impl rump_kpi::socket::Socket for Socket {
    fn kind(&self) -> SocketType {
        self.kind
    }

    fn family(&self) -> AddressFamily {
        self.family
    }

    fn bind(&self, name: &Name, caller: Caller) -> KResult<()> {
        let address = address_of(self.family, name)?;
        check_port(address, caller)?;
        Ok(self.host.bind(address)?)
    }

    fn listen(&self, backlog: u32, _caller: Caller) -> KResult<()> {
        self.host.listen(backlog)?;
        self.waiters.wake();
        Ok(())
    }

    fn accept(&self) -> KResult<(Arc<dyn rump_kpi::socket::Socket>, SocketAddress)> {
        let (waiters, changed) = queue();
        let (host, from) = self.after(PollEvents::IN, self.host.accept(changed))?;
        let accepted = Self { host, kind: self.kind, family: self.family, waiters };
        Ok((Arc::new(accepted), name_of(from)))
    }

    fn connect(&self, name: &Name, _caller: Caller) -> KResult<()> {
        let begun = match name {
            Name::Address(SocketAddress::Unspecified) => self.host.disconnect(),
            name => self.host.connect(address_of(self.family, name)?),
        };
        // It is no more one that was never connected, which the host calls hung up.
        self.waiters.wake();
        Ok(self.after(PollEvents::OUT, begun)?)
    }

    fn send(&self, message: &mut Outgoing<'_>) -> KResult<usize> {
        let to = message.to.as_ref().map(|to| address_of(self.family, to)).transpose()?;
        let control = outgoing(&message.control)?;
        let sent = self.host.send(&host::Outgoing {
            parts: message.parts,
            to,
            control: &control,
            flags: message.flags,
        });
        let sent = self.after(PollEvents::OUT, sent)?;
        message.control.clear();
        Ok(sent)
    }

    fn receive(&self, parts: &mut [&mut [u8]], flags: MessageFlags) -> KResult<Incoming> {
        let awaited = if flags.contains(MessageFlags::OOB) { PollEvents::PRI } else { PollEvents::IN };
        Ok(incoming(self.after(awaited, self.host.receive(parts, flags))?))
    }

    fn send_batch(&self, messages: &mut [Outgoing<'_>]) -> (usize, KResult<()>) {
        let translated = |message: &Outgoing<'_>| {
            let to = message.to.as_ref().map(|to| address_of(self.family, to)).transpose()?;
            Ok((to, outgoing(&message.control)?))
        };
        let mut result = Ok(());
        let mut all = Vec::with_capacity(messages.len());
        for message in messages.iter() {
            match translated(message) {
                Ok(one) => all.push(one),
                Err(why) => {
                    // Those before it go first.
                    result = Err(why);
                    break;
                }
            }
        }
        let host: Vec<_> = messages
            .iter()
            .zip(&all)
            .map(|(message, (to, control))| host::Outgoing {
                parts: message.parts,
                to: *to,
                control,
                flags: message.flags,
            })
            .collect();
        let (count, sent) = self.host.send_batch(&host);
        let result = self.after(PollEvents::OUT, sent).and(result);
        messages.iter_mut().take(count).for_each(|message| message.control.clear());
        (count, result.map_err(Into::into))
    }

    fn receive_batch(
        &self,
        buffers: &mut [&mut [u8]],
        flags: MessageFlags,
        messages: &mut Vec<Incoming>,
    ) -> KResult<()> {
        let mut came = Vec::with_capacity(buffers.len());
        self.after(PollEvents::IN, self.host.receive_batch(buffers, flags, &mut came))?;
        messages.extend(came.into_iter().map(incoming));
        Ok(())
    }

    fn shutdown(&self, how: Shutdown) -> KResult<()> {
        self.host.shutdown(how)?;
        self.waiters.wake();
        Ok(())
    }

    fn local_address(&self) -> KResult<SocketAddress> {
        Ok(name_of(self.host.local_address()?))
    }

    fn peer_address(&self) -> KResult<SocketAddress> {
        Ok(name_of(self.host.peer_address()?))
    }

    fn set_option(&self, level: i32, name: i32, to: &OptionValue) -> KResult<()> {
        Ok(self.host.set_option(level, name, &value(to)?)?)
    }

    fn option(&self, level: i32, name: i32) -> KResult<OptionValue> {
        let found = answer(self.host.option(level, name)?);
        if (level, name) == (SOL_SOCKET, SO_ERROR) && found != OptionValue::Number(0) {
            self.waiters.wake();
        }
        Ok(found)
    }

    fn linger(&self) -> Option<Duration> {
        match self.host.option(SOL_SOCKET, SO_LINGER) {
            Ok(host::OptionValue::Linger(time)) => time,
            _ => None,
        }
    }

    fn finish(&self) -> KResult<()> {
        Ok(self.host.finish()?)
    }

    fn is_at_mark(&self) -> KResult<bool> {
        Ok(self.host.is_at_mark()?)
    }

    fn ready(&self) -> PollEvents {
        let ready = self.host.ready();
        // Those are told of at once, and so for ever.
        let is_over = ready.intersects(PollEvents::ERR | PollEvents::HUP);
        if !is_over && self.host.notify(EVENTS - ready).is_err() {
            return ready | PollEvents::ERR;
        }
        ready
    }

    fn amounts(&self) -> Amounts {
        // A queue of events asks, which may wait for more of what is there already. It hears nothing of what the host has
        // no means to tell of.
        let _ = self.host.notify_always();
        let host::Amounts { to_receive, to_send } = self.host.amounts();
        Amounts { to_receive, to_send }
    }

    fn waiters(&self) -> &Arc<WaitQueue> {
        &self.waiters
    }
}
