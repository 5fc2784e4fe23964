//! What goes with a message, in the form that the server has.

use rump_abi::netbsd::Layout;
use rump_abi::netbsd::control::*;
use rump_abi::netbsd::time::Timeval;
use rump_abi::sockopt::*;
use rump_kern::Fd;
use rump_kpi::socket::{Caller, Control};
use std::net::{IpAddr, Ipv4Addr};

/// Control data for what is sent. What nobody can send is left out, as the kernel does.
pub(super) fn sent(rights: &[Fd], controls: &[Control]) -> Vec<u8> {
    let mut bytes = Vec::new();
    if !rights.is_empty() {
        let data: Vec<u8> = rights.iter().flat_map(|fd| fd.0.to_bytes()).collect();
        push(&mut bytes, Item { level: SOL_SOCKET, kind: SCM_RIGHTS, data: &data }, usize::MAX);
    }
    for control in controls {
        let (level, kind, data) = match *control {
            Control::PacketInfo { to: IpAddr::V4(to), interface } => {
                (IPPROTO_IP, IP_PKTINFO, InPktinfo { address: to.octets(), interface }.to_bytes())
            }
            Control::PacketInfo { to: IpAddr::V6(to), interface } => {
                (IPPROTO_IPV6, IPV6_PKTINFO, In6Pktinfo { address: to.octets(), interface }.to_bytes())
            }
            // Whatever the family of the socket is, the server takes it so.
            Control::HopLimit(limit) => (IPPROTO_IP, IP_TTL, vec![limit]),
            Control::TrafficClass(class) => (IPPROTO_IP, IP_TOS, vec![class]),
            Control::SegmentBytes(size) => (IPPROTO_UDP, UDP_SEGMENT, size.to_bytes()),
            Control::Rights(_)
            | Control::Credentials(_)
            | Control::Destination(_)
            | Control::Timestamp(_) => {
                continue;
            }
        };
        push(&mut bytes, Item { level, kind, data: &data }, usize::MAX);
    }
    bytes
}

/// What came: descriptors, and what else. What makes no sense, and what nobody knows, is left out.
pub(super) fn came(bytes: &[u8]) -> (Vec<Fd>, Vec<Control>) {
    let (mut rights, mut controls) = (Vec::new(), Vec::new());
    for item in items(bytes).flatten() {
        if let (SOL_SOCKET, SCM_RIGHTS) = (item.level, item.kind) {
            rights.extend(item.data.chunks_exact(u32::SIZE).filter_map(u32::read).map(Fd));
        } else {
            controls.extend(one(item));
        }
    }
    (rights, controls)
}

/// A number in a byte or in an `int`.
fn byte(data: &[u8]) -> Option<u8> {
    match *data {
        [byte] => Some(byte),
        _ => u8::try_from(i32::read(data)?).ok(),
    }
}

fn one(item: Item<'_>) -> Option<Control> {
    let data = item.data;
    Some(match (item.level, item.kind) {
        (SOL_SOCKET, SCM_CREDS) => {
            let who = Sockcred::read(data)?;
            Control::Credentials(Caller { pid: who.pid as u32, uid: who.euid, gid: who.egid })
        }
        (SOL_SOCKET, SCM_TIMESTAMP) => Control::Timestamp(Timeval::read(data)?.time()?),
        (IPPROTO_IP, IP_RECVPKTINFO | IP_PKTINFO) => {
            let info = InPktinfo::read(data)?;
            Control::PacketInfo { to: IpAddr::from(info.address), interface: info.interface }
        }
        (IPPROTO_IPV6, IPV6_PKTINFO) => {
            let info = In6Pktinfo::read(data)?;
            Control::PacketInfo { to: IpAddr::from(info.address), interface: info.interface }
        }
        (IPPROTO_IP, IP_RECVDSTADDR) => Control::Destination(Ipv4Addr::from(<[u8; 4]>::read(data)?)),
        (IPPROTO_IP, IP_RECVTTL) | (IPPROTO_IPV6, IPV6_HOPLIMIT) => Control::HopLimit(byte(data)?),
        (IPPROTO_IP, IP_TOS) | (IPPROTO_IPV6, IPV6_TCLASS) => Control::TrafficClass(byte(data)?),
        (IPPROTO_UDP, UDP_GRO) => Control::SegmentBytes(u16::try_from(i32::read(data)?).ok()?),
        _ => return None,
    })
}
