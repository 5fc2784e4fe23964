//! Sockets of TCP, as the kernel sees them.

use super::options::Level;
use super::{Shared, address_of, check_port, name_of, stream_options};
use crate::address::Version;
use crate::stack::Stack;
use crate::tcp::{TcpId, copy_out};
use alloc::sync::Arc;
use core::net::SocketAddr;
use core::time::Duration;
use rump_kpi::socket::{Amounts, Caller, Incoming, Name, OptionValue, Outgoing, Socket};
use rump_kpi::{
    AddressFamily, Errno, KResult, MessageFlags, PollEvents, Shutdown, SocketAddress, SocketType, WaitQueue,
};

/// A socket of TCP.
pub struct Stream {
    shared: Arc<Shared>,
    id: TcpId,
    version: Version,
    waiters: Arc<WaitQueue>,
}

impl Stream {
    /// Of a socket that was made just now. Errors: EBADF.
    pub(super) fn new(shared: Arc<Shared>, id: TcpId) -> KResult<Self> {
        let (version, waiters) = {
            let stack = shared.stack.lock();
            let pcb = stack.tcp.find(id)?;
            (pcb.version, pcb.waiters.clone())
        };
        Ok(Self { shared, id, version, waiters })
    }

    fn look<T>(&self, look: impl FnOnce(&mut Stack) -> Result<T, Errno>) -> KResult<T> {
        Ok(look(&mut self.shared.stack.lock())?)
    }

    fn receive_urgent(&self, parts: &mut [&mut [u8]], peek: bool) -> KResult<Incoming> {
        let byte = self.look(|stack| stack.tcp_receive_urgent(self.id, peek))?;
        let place = parts.iter_mut().find_map(|part| part.first_mut());
        let length = usize::from(place.map(|place| *place = byte).is_some());
        Ok(Incoming { length, flags: MessageFlags::OOB, ..Incoming::default() })
    }

    fn address(&self, which: impl FnOnce(&crate::tcp::Pcb) -> SocketAddr) -> KResult<SocketAddress> {
        self.look(|stack| Ok(name_of(self.version, which(stack.tcp.find(self.id)?))))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let _ = self.shared.drive(|stack, now| stack.tcp_close(now, self.id));
    }
}

impl Socket for Stream {
    fn kind(&self) -> SocketType {
        SocketType::Stream
    }

    fn family(&self) -> AddressFamily {
        self.version.family()
    }

    fn pcb(&self) -> u64 {
        self.id.pcb()
    }

    fn bind(&self, name: &Name, caller: Caller) -> KResult<()> {
        let address = address_of(self.version, name)?;
        check_port(address, caller)?;
        self.look(|stack| stack.tcp_bind(self.id, address))
    }

    fn listen(&self, backlog: u32, _caller: Caller) -> KResult<()> {
        self.look(|stack| stack.tcp_listen(self.id, backlog as usize))
    }

    fn accept(&self) -> KResult<(Arc<dyn Socket>, SocketAddress)> {
        let id = self.look(|stack| stack.tcp_accept(self.id))?;
        let stream = Self::new(self.shared.clone(), id)?;
        let remote = stream.address(|pcb| pcb.remote)?;
        Ok((Arc::new(stream), remote))
    }

    fn connect(&self, name: &Name, _caller: Caller) -> KResult<()> {
        if *name == Name::Address(SocketAddress::Unspecified) {
            return Ok(self.shared.drive(|stack, now| stack.tcp_disconnect(now, self.id))?);
        }
        let address = address_of(self.version, name)?;
        Ok(self.shared.drive(|stack, now| stack.tcp_connect(now, self.id, address))?)
    }

    fn send(&self, message: &mut Outgoing<'_>) -> KResult<usize> {
        let is_urgent = message.flags.contains(MessageFlags::OOB);
        Ok(self.shared.drive(|stack, now| match is_urgent {
            true => stack.tcp_send_urgent(now, self.id, message.parts),
            false => stack.tcp_send(now, self.id, message.parts),
        })?)
    }

    fn receive(&self, parts: &mut [&mut [u8]], flags: MessageFlags) -> KResult<Incoming> {
        let peek = flags.contains(MessageFlags::PEEK);
        if flags.contains(MessageFlags::OOB) {
            return self.receive_urgent(parts, peek);
        }
        let limit = parts.iter().map(|part| part.len()).sum();
        let pieces = self.shared.drive(|stack, now| stack.tcp_take(now, self.id, limit, peek))?;
        // Under no lock: the other side goes on meanwhile.
        Ok(Incoming { length: copy_out(&pieces, parts), ..Incoming::default() })
    }

    fn shutdown(&self, how: Shutdown) -> KResult<()> {
        Ok(self.shared.drive(|stack, now| stack.tcp_shutdown(now, self.id, how))?)
    }

    fn local_address(&self) -> KResult<SocketAddress> {
        self.address(|pcb| pcb.local)
    }

    fn peer_address(&self) -> KResult<SocketAddress> {
        self.look(|stack| {
            let pcb = stack.tcp.find(self.id)?;
            if pcb.state.is_synchronized() {
                Ok(name_of(self.version, pcb.remote))
            } else {
                Err(Errno::ENOTCONN)
            }
        })
    }

    fn set_option(&self, level: i32, name: i32, value: &OptionValue) -> KResult<()> {
        let option = (Level::of(level)?, name);
        Ok(self.shared.drive(|stack, now| stream_options::set(stack, now, self.id, option, value))?)
    }

    fn option(&self, level: i32, name: i32) -> KResult<OptionValue> {
        let now = (self.shared.environment.monotonic)();
        self.look(|stack| stream_options::find(stack, now, self.id, (Level::of(level)?, name)))
    }

    fn ready(&self) -> PollEvents {
        self.look(|stack| Ok(stack.tcp.find(self.id)?.ready())).unwrap_or(PollEvents::NVAL)
    }

    fn amounts(&self) -> Amounts {
        self.look(|stack| Ok(stack.tcp.find(self.id)?.amounts())).unwrap_or_default()
    }

    fn linger(&self) -> Option<Duration> {
        self.look(|stack| Ok(stack.tcp.find(self.id)?.choices.linger)).ok().flatten()
    }

    fn finish(&self) -> KResult<()> {
        Ok(self.shared.drive(|stack, now| stack.tcp_finish(now, self.id))?)
    }

    fn is_at_mark(&self) -> KResult<bool> {
        self.look(|stack| Ok(stack.tcp.find(self.id)?.is_at_mark()))
    }

    fn waiters(&self) -> &Arc<WaitQueue> {
        &self.waiters
    }
}
