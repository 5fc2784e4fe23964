//! Sockets, as the tables of protocols have them (`net.inet.tcp.pcblist` and its like).

use super::RemoteNetwork;
use crate::connection::malformed;
use rump_abi::netbsd::pcb::{INP_CONNECTED, KinfoPcb, PCB_ALL};
use rump_abi::netbsd::sockaddr;
use rump_abi::{Errno, SocketAddress, SocketType, TcpState};
use rump_kpi::KResult;
use rump_kpi::device::{SocketInfo, SocketProtocol};
use std::net::SocketAddr;

/// Tables of each version of IP.
const TABLES: [&str; 3] = ["tcp", "udp", "raw"];
const FAMILIES: [(&str, &str); 2] = [("inet", ""), ("inet6", "6")];

/// Types of sockets of `AF_LOCAL`, and what their tables are called.
const LOCAL_TABLES: [(SocketType, &str); 3] =
    [(SocketType::Stream, "stream"), (SocketType::Datagram, "dgram"), (SocketType::SeqPacket, "seqpacket")];

/// A socket of `AF_LOCAL`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalSocket {
    /// What tells it from other sockets.
    pub pcb: u64,
    /// Its type.
    pub kind: SocketType,
    /// Its name, which may be empty.
    pub local: Vec<u8>,
    /// That of the other side, if there is one.
    pub remote: Option<Vec<u8>>,
}

impl RemoteNetwork {
    /// All sockets of IP. Errors: EIO, those of sysctl(3).
    pub fn sockets(&self) -> KResult<Vec<SocketInfo>> {
        let mut all = Vec::new();
        for (family, suffix) in FAMILIES {
            for protocol in TABLES {
                let name = format!("net.{family}.{protocol}{suffix}.pcblist");
                for socket in self.pcblist(&name)? {
                    all.push(info(&socket)?);
                }
            }
        }
        Ok(all)
    }

    /// All sockets of `AF_LOCAL` that processes have. Errors: EIO, those of sysctl(3).
    pub fn local_sockets(&self) -> KResult<Vec<LocalSocket>> {
        let mut all = Vec::new();
        for (kind, name) in LOCAL_TABLES {
            for socket in self.pcblist(&format!("net.local.{name}.pcblist"))? {
                let is_connected = socket.state == INP_CONNECTED;
                all.push(LocalSocket {
                    pcb: socket.socket,
                    kind,
                    local: path(&socket.local)?,
                    remote: if is_connected { Some(path(&socket.remote)?) } else { None },
                });
            }
        }
        Ok(all)
    }

    /// None if the kernel has not the protocol.
    fn pcblist(&self, name: &str) -> KResult<Vec<KinfoPcb>> {
        match self.process.sysctl_structures(name, [PCB_ALL, 0]) {
            Err(error) if error.errno == Errno::ENOENT => Ok(Vec::new()),
            done => done,
        }
    }
}

/// Errors: EIO.
fn info(socket: &KinfoPcb) -> KResult<SocketInfo> {
    let kind =
        [SocketType::Stream, SocketType::Datagram].into_iter().find(|kind| *kind as u32 == socket.kind);
    let protocol = match kind {
        Some(SocketType::Stream) => SocketProtocol::Tcp(tcp_state(socket.tcp_state).ok_or_else(malformed)?),
        Some(_) => SocketProtocol::Udp,
        None => SocketProtocol::Raw(u8::try_from(socket.protocol).map_err(|_| malformed())?),
    };
    let is_connected = socket.state == INP_CONNECTED;
    Ok(SocketInfo {
        pcb: socket.socket,
        protocol,
        local: address(&socket.local)?,
        remote: if is_connected { Some(address(&socket.remote)?) } else { None },
        received: usize::try_from(socket.received).unwrap_or(usize::MAX),
        to_send: usize::try_from(socket.to_send).unwrap_or(usize::MAX),
    })
}

/// Errors: EIO.
fn address(bytes: &[u8]) -> KResult<SocketAddr> {
    match sockaddr::parse(bytes) {
        Ok(SocketAddress::Inet(address)) => Ok(address.into()),
        Ok(SocketAddress::Inet6(address)) => Ok(address.into()),
        _ => Err(malformed()),
    }
}

/// Errors: EIO.
fn path(bytes: &[u8]) -> KResult<Vec<u8>> {
    let length = usize::from(bytes.first().copied().unwrap_or(0)).min(bytes.len());
    match sockaddr::parse(&bytes[..length]) {
        Ok(SocketAddress::Local(path)) => Ok(path),
        _ => Err(malformed()),
    }
}

/// The state of a number of NetBSD's (`TCPS_*`).
fn tcp_state(number: i32) -> Option<TcpState> {
    use TcpState::*;
    const STATES: [TcpState; 11] = [
        Closed,
        Listen,
        SynSent,
        SynReceived,
        Established,
        CloseWait,
        FinWait1,
        Closing,
        LastAck,
        FinWait2,
        TimeWait,
    ];
    STATES.get(usize::try_from(number).ok()?).copied()
}
