//! Control data: `struct cmsghdr`, walked and written by the rules of the host's `CMSG_` macros.

use super::sockaddr::{bytes_of, structure};
use super::time;
use libc::{c_int, cmsghdr};
use rump_abi::{AddressFamily, Errno};
use rump_kern::{Fd, Received};
use rump_kpi::KResult;
use rump_kpi::socket::Control;
use std::mem::{size_of, zeroed};
use std::net::{IpAddr, Ipv4Addr};

/// What goes with a message that is sent.
#[derive(Default)]
pub(crate) struct Sent {
    pub(crate) rights: Vec<Fd>,
    pub(crate) control: Vec<Control>,
}

/// Where the data of a header begin, and where the next header is, after so many bytes.
const fn aligned(length: usize) -> usize {
    // SAFETY: it computes.
    unsafe { libc::CMSG_SPACE(length as u32) as usize - libc::CMSG_SPACE(0) as usize }
}

fn head() -> usize {
    // SAFETY: it computes.
    unsafe { libc::CMSG_LEN(0) as usize }
}

/// What control data say. Errors: EINVAL (a header that does not fit, data that are too short, or nothing that can be sent).
pub(crate) fn read(mut bytes: &[u8]) -> KResult<Sent> {
    let mut sent = Sent::default();
    while bytes.len() >= size_of::<cmsghdr>() {
        // SAFETY: any bytes are a header.
        let header: cmsghdr = unsafe { structure(bytes) }?;
        let length = header.cmsg_len as usize;
        if length < head() || length > bytes.len() {
            return Err(Errno::EINVAL.into());
        }
        one(&mut sent, (header.cmsg_level, header.cmsg_type), &bytes[head()..length])?;
        bytes = bytes.get(head() + aligned(length - head())..).unwrap_or_default();
    }
    Ok(sent)
}

fn int(data: &[u8]) -> KResult<c_int> {
    Ok(c_int::from_ne_bytes(*data.first_chunk().ok_or(Errno::EINVAL)?))
}

fn byte(data: &[u8]) -> KResult<u8> {
    match *data {
        [byte] => Ok(byte),
        _ => u8::try_from(int(data)?).map_err(|_| Errno::EINVAL.into()),
    }
}

fn one(sent: &mut Sent, kind: (c_int, c_int), data: &[u8]) -> KResult<()> {
    let control = match kind {
        (libc::SOL_SOCKET, libc::SCM_RIGHTS) => {
            let numbers = data.chunks_exact(size_of::<c_int>()).map(int);
            for number in numbers {
                sent.rights.push(Fd(u32::try_from(number?).map_err(|_| Errno::EBADF)?));
            }
            return Ok(());
        }
        // The kernel knows who sends.
        #[cfg(target_os = "linux")]
        (libc::SOL_SOCKET, libc::SCM_CREDENTIALS) => return Ok(()),
        #[cfg(target_os = "linux")]
        (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
            // SAFETY: any bytes are one.
            let info: libc::in_pktinfo = unsafe { structure(data) }?;
            let from = Ipv4Addr::from(u32::from_be(info.ipi_spec_dst.s_addr));
            Control::PacketInfo { to: from.into(), interface: info.ipi_ifindex as u32 }
        }
        (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
            // SAFETY: any bytes are one.
            let info: libc::in6_pktinfo = unsafe { structure(data) }?;
            let from: IpAddr = info.ipi6_addr.s6_addr.into();
            Control::PacketInfo { to: from, interface: info.ipi6_ifindex as u32 }
        }
        (libc::IPPROTO_IP, libc::IP_TTL) | (libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT) => {
            Control::HopLimit(byte(data)?)
        }
        (libc::IPPROTO_IP, libc::IP_TOS) | (libc::IPPROTO_IPV6, libc::IPV6_TCLASS) => {
            Control::TrafficClass(byte(data)?)
        }
        #[cfg(target_os = "linux")]
        (libc::SOL_UDP, libc::UDP_SEGMENT) => {
            Control::SegmentBytes(u16::from_ne_bytes(*data.first_chunk().ok_or(Errno::EINVAL)?))
        }
        _ => return Err(Errno::EINVAL.into()),
    };
    sent.control.push(control);
    Ok(())
}

/// How many descriptors fit into control data of so many bytes.
pub(crate) fn rights_that_fit(room: usize) -> usize {
    room.saturating_sub(head()) / size_of::<c_int>()
}

/// Control data of a message that came to a socket of a family, where there is room for `room` bytes; the second part of the
/// answer: it did not all fit.
pub(crate) fn written(received: &Received, family: AddressFamily, room: usize) -> (Vec<u8>, bool) {
    let mut bytes = Vec::new();
    let mut is_cut = false;
    for control in &received.control {
        let Some((kind, data)) = of_control(control, family) else { continue };
        is_cut |= !push(&mut bytes, kind, &data, room);
    }
    if !received.rights.is_empty() {
        let data: Vec<u8> = received.rights.iter().flat_map(|fd| (fd.0 as c_int).to_ne_bytes()).collect();
        is_cut |= !push(&mut bytes, (libc::SOL_SOCKET, libc::SCM_RIGHTS), &data, room);
    }
    (bytes, is_cut)
}

/// Appends one, if it fits; the padding behind the last may be missing.
fn push(bytes: &mut Vec<u8>, (level, kind): (c_int, c_int), data: &[u8], room: usize) -> bool {
    let begin = bytes.len();
    if begin + head() + data.len() > room {
        return false;
    }
    // SAFETY: all zeros is a header.
    let mut header: cmsghdr = unsafe { zeroed() };
    header.cmsg_len = (head() + data.len()) as _;
    (header.cmsg_level, header.cmsg_type) = (level, kind);
    // SAFETY: it was zero.
    bytes.extend(unsafe { bytes_of(&header) });
    bytes.resize(begin + head(), 0);
    bytes.extend(data);
    bytes.resize((begin + head() + aligned(data.len())).min(room), 0);
    true
}

fn of_control(control: &Control, family: AddressFamily) -> Option<((c_int, c_int), Vec<u8>)> {
    let is_v6 = family == AddressFamily::Inet6;
    let int = |number: c_int| number.to_ne_bytes().to_vec();
    Some(match *control {
        #[cfg(target_os = "linux")]
        Control::Credentials(who) => {
            let bytes = [who.pid, who.uid, who.gid].map(u32::to_ne_bytes).concat();
            ((libc::SOL_SOCKET, libc::SCM_CREDENTIALS), bytes)
        }
        #[cfg(target_os = "linux")]
        Control::PacketInfo { to: IpAddr::V4(to), interface } => {
            let number = interface.to_ne_bytes();
            let bytes = [&number, &to.octets(), &to.octets()].map(|part| part.as_slice()).concat();
            ((libc::IPPROTO_IP, libc::IP_PKTINFO), bytes)
        }
        Control::PacketInfo { to: IpAddr::V6(to), interface } => {
            let bytes = [to.octets().as_slice(), &interface.to_ne_bytes()].concat();
            ((libc::IPPROTO_IPV6, libc::IPV6_PKTINFO), bytes)
        }
        #[cfg(not(target_os = "linux"))]
        Control::Destination(to) => ((libc::IPPROTO_IP, libc::IP_RECVDSTADDR), to.octets().to_vec()),
        Control::Timestamp(at) => {
            let time = time::to_timeval(at);
            // SAFETY: it was zero.
            let bytes = unsafe { bytes_of(&time) }.to_vec();
            ((libc::SOL_SOCKET, libc::SCM_TIMESTAMP), bytes)
        }
        Control::HopLimit(limit) if is_v6 => ((libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT), int(limit.into())),
        Control::HopLimit(limit) => ((libc::IPPROTO_IP, libc::IP_TTL), int(limit.into())),
        Control::TrafficClass(class) if is_v6 => ((libc::IPPROTO_IPV6, libc::IPV6_TCLASS), int(class.into())),
        Control::TrafficClass(class) => ((libc::IPPROTO_IP, libc::IP_TOS), vec![class]),
        #[cfg(target_os = "linux")]
        Control::SegmentBytes(size) => ((libc::SOL_UDP, libc::UDP_GRO), int(size.into())),
        _ => return None,
    })
}
