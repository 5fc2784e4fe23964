//! Sockets, as netstat(1) asks for them: behind the name of a table stand `PCB_ALL`, zero, the bytes of a structure, and how
//! many of them at most.

use super::net::domain;
use crate::Process;
use alloc::vec::Vec;
use core::net::SocketAddr;
use rump_abi::netbsd::pcb::*;
use rump_abi::netbsd::{Layout, sockaddr};
use rump_abi::{AddressFamily, Errno, SocketAddress, SocketType};
use rump_kpi::KResult;
use rump_kpi::device::{SocketInfo, SocketProtocol};

/// What sockets of a table carry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Tcp,
    Udp,
    Raw,
}

/// Those of a kind and a family, in the order in which they were made; of each as much as is wanted. Errors: EINVAL (the name
/// does not go on as it should), ENOENT (the protocols are not linked), ENXIO (halted).
pub(super) fn list(process: &Process, kind: Kind, family: AddressFamily, rest: &[i32]) -> KResult<Vec<u8>> {
    let [PCB_ALL, _, bytes, count] = *rest else { return Err(Errno::EINVAL.into()) };
    let bytes = usize::try_from(bytes).ok().filter(|bytes| *bytes > 0).ok_or(Errno::EINVAL)?;
    let count = usize::try_from(count).map_err(|_| Errno::EINVAL)?;
    let domain = domain(process)?;
    let sockets = domain.network().ok_or(Errno::ENOENT)?.sockets();
    let is_v6 = family == AddressFamily::Inet6;
    let is_one = |info: &&SocketInfo| kind_of(info) == kind && info.local.is_ipv6() == is_v6;
    let mut all = Vec::new();
    for info in sockets.iter().filter(is_one).take(count) {
        all.extend_from_slice(&said(family, info).to_bytes()[..bytes.min(KinfoPcb::SIZE)]);
    }
    Ok(all)
}

fn kind_of(info: &SocketInfo) -> Kind {
    match info.protocol {
        SocketProtocol::Tcp(_) => Kind::Tcp,
        SocketProtocol::Udp => Kind::Udp,
        SocketProtocol::Raw(_) => Kind::Raw,
    }
}

fn said(family: AddressFamily, info: &SocketInfo) -> KinfoPcb {
    let (kind, protocol, tcp_state) = match info.protocol {
        SocketProtocol::Tcp(state) => (SocketType::Stream, 6, state as i32),
        SocketProtocol::Udp => (SocketType::Datagram, 17, 0),
        SocketProtocol::Raw(protocol) => (SocketType::Raw, protocol.into(), 0),
    };
    let state = match (info.remote, info.local.port()) {
        (Some(_), _) => INP_CONNECTED,
        (None, 0) => INP_ATTACHED,
        (None, _) => INP_BOUND,
    };
    KinfoPcb {
        family: family as u32,
        kind: kind as u32,
        protocol,
        state,
        tcp_state,
        received: info.received as u64,
        to_send: info.to_send as u64,
        local: place(info.local),
        remote: place(info.remote.unwrap_or_else(|| nobody(info.local))),
    }
}

/// The address of nobody, of the version of another.
fn nobody(other: SocketAddr) -> SocketAddr {
    match other {
        SocketAddr::V4(_) => ([0; 4], 0).into(),
        SocketAddr::V6(_) => ([0; 16], 0).into(),
    }
}

fn place(address: SocketAddr) -> [u8; PCB_ADDRESS] {
    let bytes = sockaddr::to_bytes(&match address {
        SocketAddr::V4(address) => SocketAddress::Inet(address),
        SocketAddr::V6(address) => SocketAddress::Inet6(address),
    });
    let mut place = [0; PCB_ADDRESS];
    place[..bytes.len()].copy_from_slice(&bytes);
    place
}
