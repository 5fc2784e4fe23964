//! What goes with a message, as control data of NetBSD's say it.

use rump_abi::netbsd::Layout;
use rump_abi::netbsd::control::*;
use rump_abi::netbsd::time::Timeval;
use rump_abi::sockopt::*;
use rump_abi::{AddressFamily, Errno};
use rump_kern::{Fd, Received};
use rump_kpi::KResult;
use rump_kpi::socket::{Caller, Control};
use std::net::IpAddr;

/// What goes with a message that is sent.
#[derive(Default)]
pub(crate) struct Sent {
    pub(crate) rights: Vec<Fd>,
    pub(crate) control: Vec<Control>,
}

/// What control data say. Errors: EINVAL (a header that does not fit, data that are too short, or nothing that can be sent).
pub(crate) fn read(bytes: &[u8]) -> KResult<Sent> {
    let mut sent = Sent::default();
    for item in items(bytes) {
        one(&mut sent, item.ok_or(Errno::EINVAL)?)?;
    }
    Ok(sent)
}

/// A number that may be a byte or an `int`. Errors: EINVAL.
fn byte(data: &[u8]) -> KResult<u8> {
    match *data {
        [byte] => Ok(byte),
        _ => {
            let number = i32::read(data).and_then(|number| u8::try_from(number).ok());
            number.ok_or_else(|| Errno::EINVAL.into())
        }
    }
}

fn one(sent: &mut Sent, item: Item<'_>) -> KResult<()> {
    let data = item.data;
    let control = match (item.level, item.kind) {
        (SOL_SOCKET, SCM_RIGHTS) => {
            sent.rights.extend(data.chunks_exact(i32::SIZE).filter_map(u32::read).map(Fd));
            return Ok(());
        }
        // The kernel knows who sends.
        (SOL_SOCKET, SCM_CREDS) => return Ok(()),
        (IPPROTO_IP, IP_PKTINFO | IP_RECVPKTINFO) => {
            let info = InPktinfo::read(data).ok_or(Errno::EINVAL)?;
            Control::PacketInfo { to: IpAddr::from(info.address), interface: info.interface }
        }
        (IPPROTO_IPV6, IPV6_PKTINFO) => {
            let info = In6Pktinfo::read(data).ok_or(Errno::EINVAL)?;
            Control::PacketInfo { to: IpAddr::from(info.address), interface: info.interface }
        }
        (IPPROTO_IP, IP_TTL) | (IPPROTO_IPV6, IPV6_HOPLIMIT) => Control::HopLimit(byte(data)?),
        (IPPROTO_IP, IP_TOS) | (IPPROTO_IPV6, IPV6_TCLASS) => Control::TrafficClass(byte(data)?),
        (IPPROTO_UDP, UDP_SEGMENT) => Control::SegmentBytes(u16::read(data).ok_or(Errno::EINVAL)?),
        _ => return Err(Errno::EINVAL.into()),
    };
    sent.control.push(control);
    Ok(())
}

/// How many descriptors fit into control data of so many bytes.
pub(crate) fn rights_that_fit(room: usize) -> usize {
    room.saturating_sub(DATA) / i32::SIZE
}

/// Control data of a message that came to a socket of a family, where there is room for `room` bytes, descriptors first, as
/// they would be lost; the second part of the answer: it did not all fit.
pub(crate) fn written(received: &Received, family: AddressFamily, room: usize) -> (Vec<u8>, bool) {
    let (mut bytes, mut is_cut) = (Vec::new(), false);
    if !received.rights.is_empty() {
        let data: Vec<u8> = received.rights.iter().flat_map(|fd| fd.0.to_bytes()).collect();
        is_cut |= !push(&mut bytes, Item { level: SOL_SOCKET, kind: SCM_RIGHTS, data: &data }, room);
    }
    for control in &received.control {
        let Some((level, kind, data)) = of_control(control, family) else { continue };
        is_cut |= !push(&mut bytes, Item { level, kind, data: &data }, room);
    }
    (bytes, is_cut)
}

fn of_control(control: &Control, family: AddressFamily) -> Option<(i32, i32, Vec<u8>)> {
    let is_v6 = family == AddressFamily::Inet6;
    Some(match *control {
        Control::Rights(_) => return None,
        Control::Credentials(Caller { pid, uid, gid }) => {
            let who = Sockcred { pid: pid as i32, uid, euid: uid, gid, egid: gid, ngroups: 0 };
            (SOL_SOCKET, SCM_CREDS, who.to_bytes())
        }
        Control::PacketInfo { to: IpAddr::V4(to), interface } => {
            let info = InPktinfo { address: to.octets(), interface };
            (IPPROTO_IP, IP_RECVPKTINFO, info.to_bytes())
        }
        Control::PacketInfo { to: IpAddr::V6(to), interface } => {
            let info = In6Pktinfo { address: to.octets(), interface };
            (IPPROTO_IPV6, IPV6_PKTINFO, info.to_bytes())
        }
        Control::Destination(to) => (IPPROTO_IP, IP_RECVDSTADDR, to.octets().to_vec()),
        Control::Timestamp(at) => (SOL_SOCKET, SCM_TIMESTAMP, Timeval::from(at).to_bytes()),
        Control::HopLimit(limit) if is_v6 => (IPPROTO_IPV6, IPV6_HOPLIMIT, i32::from(limit).to_bytes()),
        Control::HopLimit(limit) => (IPPROTO_IP, IP_RECVTTL, vec![limit]),
        Control::TrafficClass(class) if is_v6 => (IPPROTO_IPV6, IPV6_TCLASS, i32::from(class).to_bytes()),
        Control::TrafficClass(class) => (IPPROTO_IP, IP_TOS, vec![class]),
        Control::SegmentBytes(size) => (IPPROTO_UDP, UDP_GRO, i32::from(size).to_bytes()),
    })
}
