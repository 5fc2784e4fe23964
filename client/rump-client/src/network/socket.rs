//! Sockets, as the tables of protocols have them (`net.inet.tcp.pcblist` and its like).

use super::RemoteNetwork;
use crate::connection::malformed;
use rump_abi::netbsd::Layout;
use rump_abi::netbsd::pcb::{INP_CONNECTED, KinfoPcb, PCB_ALL};
use rump_abi::netbsd::sockaddr;
use rump_abi::{Errno, SocketAddress, SocketType, TcpState};
use rump_kpi::KResult;
use rump_kpi::device::{SocketInfo, SocketProtocol};
use std::net::SocketAddr;

/// Tables of each version of IP.
const TABLES: [&str; 3] = ["tcp", "udp", "raw"];
const FAMILIES: [(&str, &str); 2] = [("inet", ""), ("inet6", "6")];

impl RemoteNetwork {
    /// All sockets of IP. Errors: EIO, those of sysctl(3).
    pub fn sockets(&self) -> KResult<Vec<SocketInfo>> {
        let mut all = Vec::new();
        for (family, suffix) in FAMILIES {
            for protocol in TABLES {
                let name = format!("net.{family}.{protocol}{suffix}.pcblist");
                match self.process.sysctl_numbers(&name) {
                    Ok(name) => all.extend(self.pcblist(name)?),
                    // The kernel has not the protocol.
                    Err(error) if error.errno == Errno::ENOENT => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(all)
    }

    fn pcblist(&self, mut name: Vec<i32>) -> KResult<Vec<SocketInfo>> {
        name.extend([PCB_ALL, 0, KinfoPcb::SIZE as i32, i32::MAX]);
        let bytes = self.bytes(&name)?;
        let sockets = bytes.chunks_exact(KinfoPcb::SIZE).filter_map(KinfoPcb::read);
        sockets.map(|socket| info(&socket)).collect()
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
