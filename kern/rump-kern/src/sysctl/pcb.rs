//! Sockets, as netstat(1) asks for them: behind the name of a table stand `PCB_ALL`, zero, the bytes of a structure, and how
//! many of them at most.

use super::net::domain;
use super::wanted;
use crate::Process;
use crate::descriptors::SocketFile;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::SocketAddr;
use rump_abi::netbsd::pcb::*;
use rump_abi::netbsd::sockaddr;
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
    let domain = domain(process)?;
    let sockets = domain.network().ok_or(Errno::ENOENT)?.sockets();
    let is_v6 = family == AddressFamily::Inet6;
    let is_one = |info: &&SocketInfo| kind_of(info) == kind && info.local.is_ipv6() == is_v6;
    wanted(bytes, count, sockets.iter().filter(is_one).map(|info| said(family, info)))
}

/// Those of `AF_LOCAL` of a type that processes have, in the order in which they were made. Errors: as [`list`].
pub(super) fn list_local(process: &Process, kind: SocketType, rest: &[i32]) -> KResult<Vec<u8>> {
    let [PCB_ALL, _, bytes, count] = *rest else { return Err(Errno::EINVAL.into()) };
    let mut all = BTreeMap::new();
    for other in process.others() {
        // Sockets are asked without the table's lock.
        let files: Vec<_> = other.descriptors().read().files().cloned().collect();
        let sockets = files.iter().filter_map(|file| file.socket().ok());
        let is_one =
            |file: &&SocketFile| file.socket.family() == AddressFamily::Local && file.socket.kind() == kind;
        all.extend(sockets.filter(is_one).map(|file| (file.number(), said_local(file))));
    }
    wanted(bytes, count, all.into_values())
}

fn said_local(file: &SocketFile) -> KinfoPcb {
    let socket = &file.socket;
    let nameless = || SocketAddress::Local(Vec::new());
    let (local, remote) = (socket.local_address(), socket.peer_address());
    let state = match (&local, &remote) {
        (_, Ok(_)) => INP_CONNECTED,
        (Ok(SocketAddress::Local(path)), _) if !path.is_empty() => INP_BOUND,
        _ => INP_ATTACHED,
    };
    let amounts = socket.amounts();
    KinfoPcb {
        socket: file.number(),
        family: AddressFamily::Local as u32,
        kind: socket.kind() as u32,
        protocol: 0,
        state,
        tcp_state: 0,
        received: amounts.to_receive as u64,
        to_send: 0,
        local: place(&local.unwrap_or_else(|_| nameless())),
        remote: place(&remote.unwrap_or_else(|_| nameless())),
    }
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
        socket: info.pcb,
        family: family as u32,
        kind: kind as u32,
        protocol,
        state,
        tcp_state,
        received: info.received as u64,
        to_send: info.to_send as u64,
        local: place(&of_ip(info.local)),
        remote: place(&of_ip(info.remote.unwrap_or_else(|| nobody(info.local)))),
    }
}

/// The address of nobody, of the version of another.
fn nobody(other: SocketAddr) -> SocketAddr {
    match other {
        SocketAddr::V4(_) => ([0; 4], 0).into(),
        SocketAddr::V6(_) => ([0; 16], 0).into(),
    }
}

fn of_ip(address: SocketAddr) -> SocketAddress {
    match address {
        SocketAddr::V4(address) => SocketAddress::Inet(address),
        SocketAddr::V6(address) => SocketAddress::Inet6(address),
    }
}

fn place(address: &SocketAddress) -> [u8; PCB_ADDRESS] {
    let bytes = sockaddr::to_bytes(address);
    let mut place = [0; PCB_ADDRESS];
    place[..bytes.len()].copy_from_slice(&bytes);
    place
}
