//! Sockets between processes of one kernel: `PF_LOCAL` (unix(4), unix(7); IEEE Std 1003.1-2024, XBD `sys/un.h`).
//!
//! Supported: streams, datagrams and messages in order (`SOCK_SEQPACKET`); names of files, names of their own (that begin
//! with NUL) and names that are chosen; pairs; open files and credentials in messages; PEEK, TRUNC, DONTWAIT, WAITALL.
//! Options: `SO_SNDBUF`, `SO_RCVBUF`, `SO_ERROR`, `SO_ACCEPTCONN`, `LOCAL_PEEREID`, `LOCAL_CREDS`. Where BSD and Linux
//! differ it is as on Linux, but for `recv` of what is not connected (ENOTCONN, as POSIX says). There are no out-of-band
//! data.
//!
//! # Memory
//! What waits in a socket is bounded: of connections by the sender's `SO_SNDBUF`, of datagrams by the receiver's
//! `SO_RCVBUF`. Each message counts with what it costs besides its bytes.
//!
//! # Locks
//! In this order: `End::link` (of two ends, in the order of their addresses; of one that listens, then those of
//! connections that wait), `End::inbox`, and the leaves `End::name`, `End::linger` and `Local::names`. Nobody is woken,
//! and no open file is dropped, while one is held.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod connect;
mod end;
mod inbox;
mod names;
mod options;
mod socket;
mod transfer;

use alloc::sync::Arc;
use names::Names;
use rump_kpi::socket::{Caller, Domain, NetEnvironment, ProtocolFamily, Socket};
use rump_kpi::sync::Mutex;
use rump_kpi::{AddressFamily, Component, Errno, KResult, SocketType};
use socket::LocalSocket;

struct Family;

impl ProtocolFamily for Family {
    fn families(&self) -> &'static [AddressFamily] {
        &[AddressFamily::Local]
    }

    fn attach(&self, _environment: &NetEnvironment) -> KResult<Arc<dyn Domain>> {
        Ok(Arc::new(Attached(Arc::default())))
    }
}

/// The component to list when a kernel is built.
pub fn component() -> Component {
    Component::Protocols(Arc::new(Family))
}

/// What the sockets of one kernel share.
#[derive(Default)]
pub(crate) struct Local {
    pub(crate) names: Mutex<Names>,
}

struct Attached(Arc<Local>);

impl Domain for Attached {
    fn socket(
        &self,
        _family: AddressFamily,
        kind: SocketType,
        protocol: u8,
        _caller: Caller,
    ) -> KResult<Arc<dyn Socket>> {
        check(kind, protocol)?;
        Ok(Arc::new(LocalSocket::new(&self.0, kind)))
    }

    fn pair(&self, kind: SocketType, protocol: u8, caller: Caller) -> KResult<[Arc<dyn Socket>; 2]> {
        check(kind, protocol)?;
        let pair = [(); 2].map(|()| LocalSocket::new(&self.0, kind));
        pair[0].join(&pair[1], caller);
        Ok(pair.map(|socket| Arc::new(socket) as Arc<dyn Socket>))
    }
}

/// Errors: ESOCKTNOSUPPORT, EPROTONOSUPPORT.
fn check(kind: SocketType, protocol: u8) -> KResult<()> {
    if kind == SocketType::Raw {
        return Err(Errno::ESOCKTNOSUPPORT.into());
    }
    if protocol != 0 && protocol != AddressFamily::Local as u8 {
        return Err(Errno::EPROTONOSUPPORT.into());
    }
    Ok(())
}
