//! `PF_INET` and `PF_INET6` over the sockets of the host: the way onto the Internet without privilege or set-up.
//!
//! A kernel has either this or a stack of its own. What the protocols do is the host's: addresses, routes, what
//! `SO_REUSEPORT` shares, how large buffers get. What a kernel does is the kernel's: who may have raw sockets and ports
//! below 1024 (the host has to agree), blocking, timeouts, lingering. There are no interfaces to be configured.
//!
//! Being woken: an operation that answers EAGAIN, and a look that finds something not ready, first let the host tell of
//! it ([`HostSocket::notify`](rump_hyper::socket::HostSocket::notify)). Whoever waits is registered before that, and so
//! what happens between his look and his sleep wakes him. Nobody is told of what nobody looked for: a socket that is
//! always busy costs no wake-ups. A queue of events (kqueue) waits for more of what is there as well, and so whoever asks for
//! amounts is told of every change from then on. There are no locks.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod socket;
mod translate;

use alloc::sync::Arc;
use rump_hyper::socket::HostSockets;
use rump_kpi::socket::{Caller, Domain, NetEnvironment, ProtocolFamily, Socket};
use rump_kpi::{AddressFamily, Component, Errno, KResult, SocketType};

/// The families, over the sockets of a host.
pub fn component(host: Arc<dyn HostSockets>) -> Component {
    Component::Protocols(Arc::new(Sockin { host }))
}

struct Sockin {
    host: Arc<dyn HostSockets>,
}

impl ProtocolFamily for Sockin {
    fn families(&self) -> &'static [AddressFamily] {
        &[AddressFamily::Inet, AddressFamily::Inet6]
    }

    fn attach(&self, _environment: &NetEnvironment) -> KResult<Arc<dyn Domain>> {
        Ok(Arc::new(Self { host: self.host.clone() }))
    }
}

impl Domain for Sockin {
    fn socket(
        &self,
        family: AddressFamily,
        kind: SocketType,
        protocol: u8,
        caller: Caller,
    ) -> KResult<Arc<dyn Socket>> {
        if kind == SocketType::Raw && caller.uid != 0 {
            return Err(Errno::EACCES.into());
        }
        Ok(Arc::new(socket::Socket::open(&*self.host, family, kind, protocol)?))
    }
}
