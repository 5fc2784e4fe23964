//! Control messages (cmsg(3), ip(7), ipv6(7)): a length, a level and a type, then the content, each padded to a word.

use libc::c_int;
use rump_abi::TimeSpec;
use rump_hyper::socket::Control;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const WORD: usize = size_of::<usize>();
/// Bytes before the content.
const HEADER: usize = (WORD + 8).next_multiple_of(WORD);

/// Whether a socket hears of the address that a message was sent to, and in which form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tells {
    /// With the interface.
    pub packet_info: bool,
    /// Alone.
    pub destination: bool,
}

/// Writes what goes with a message of a socket whose addresses are like `like`.
pub fn encode(control: &[Control], like: &SocketAddr) -> Vec<u8> {
    let mut bytes = Vec::new();
    for control in control {
        let one = c_int::to_ne_bytes;
        match *control {
            Control::PacketInfo { address: IpAddr::V4(address), interface } => {
                push(&mut bytes, libc::IPPROTO_IP, libc::IP_PKTINFO, &info_v4(address, interface));
            }
            Control::Destination(address) => {
                push(&mut bytes, libc::IPPROTO_IP, libc::IP_PKTINFO, &info_v4(address, 0));
            }
            Control::PacketInfo { address: IpAddr::V6(address), interface } => {
                let content = [&address.octets()[..], &interface.to_ne_bytes()].concat();
                push(&mut bytes, libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, &content);
            }
            Control::HopLimit(limit) if like.is_ipv4() => {
                push(&mut bytes, libc::IPPROTO_IP, libc::IP_TTL, &one(limit.into()));
            }
            Control::HopLimit(limit) => {
                push(&mut bytes, libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT, &one(limit.into()));
            }
            Control::TrafficClass(class) if like.is_ipv4() => {
                push(&mut bytes, libc::IPPROTO_IP, libc::IP_TOS, &one(class.into()));
            }
            Control::TrafficClass(class) => {
                push(&mut bytes, libc::IPPROTO_IPV6, libc::IPV6_TCLASS, &one(class.into()));
            }
            Control::SegmentBytes(size) => {
                push(&mut bytes, libc::SOL_UDP, libc::UDP_SEGMENT, &size.to_ne_bytes());
            }
            // Of what came alone.
            Control::Timestamp(_) => {}
        }
    }
    bytes
}

/// `struct in_pktinfo`, of what is sent: the interface, our address, and one that is not looked at.
fn info_v4(address: Ipv4Addr, interface: u32) -> [u8; 12] {
    let mut content = [0; 12];
    content[..4].copy_from_slice(&interface.to_ne_bytes());
    content[4..8].copy_from_slice(&address.octets());
    content
}

fn push(bytes: &mut Vec<u8>, level: c_int, kind: c_int, content: &[u8]) {
    bytes.extend((HEADER + content.len()).to_ne_bytes());
    bytes.extend(level.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.resize(bytes.len().next_multiple_of(WORD), 0);
    bytes.extend(content);
    bytes.resize(bytes.len().next_multiple_of(WORD), 0);
}

/// Reads what came with a message. What is not known here is passed over.
pub fn decode(mut bytes: &[u8], tells: Tells) -> Vec<Control> {
    let mut control = Vec::new();
    while let Some(length) = word(bytes).filter(|length| (HEADER..=bytes.len()).contains(length)) {
        let number =
            |at: usize| c_int::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        known(number(WORD), number(WORD + 4), &bytes[HEADER..length], tells, &mut control);
        bytes = bytes.get(length.next_multiple_of(WORD)..).unwrap_or_default();
    }
    control
}

fn word(bytes: &[u8]) -> Option<usize> {
    bytes.first_chunk().copied().map(usize::from_ne_bytes)
}

fn known(level: c_int, kind: c_int, content: &[u8], tells: Tells, control: &mut Vec<Control>) {
    let number = || content.first_chunk().copied().map(c_int::from_ne_bytes);
    let byte = || number().and_then(|number| u8::try_from(number).ok());
    match (level, kind) {
        (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) => control.extend(time(content).map(Control::Timestamp)),
        (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
            let Some((interface, rest)) = content.split_first_chunk() else { return };
            let Some(address) = rest.get(4..).and_then(|rest| rest.first_chunk::<4>()) else { return };
            let (address, interface) = (Ipv4Addr::from(*address), u32::from_ne_bytes(*interface));
            if tells.packet_info {
                control.push(Control::PacketInfo { address: address.into(), interface });
            }
            if tells.destination {
                control.push(Control::Destination(address));
            }
        }
        (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
            let Some((address, rest)) = content.split_first_chunk::<16>() else { return };
            let Some(interface) = rest.first_chunk().copied().map(u32::from_ne_bytes) else { return };
            control.push(Control::PacketInfo { address: Ipv6Addr::from(*address).into(), interface });
        }
        (libc::IPPROTO_IP, libc::IP_TTL) | (libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT) => {
            control.extend(byte().map(Control::HopLimit));
        }
        (libc::SOL_UDP, libc::UDP_GRO) => {
            let size = number().and_then(|number| u16::try_from(number).ok());
            control.extend(size.map(Control::SegmentBytes));
        }
        (libc::IPPROTO_IPV6, libc::IPV6_TCLASS) => control.extend(byte().map(Control::TrafficClass)),
        _ => {}
    }
}

/// `struct timespec`, of words.
fn time(content: &[u8]) -> Option<TimeSpec> {
    let (seconds, rest) = content.split_first_chunk()?;
    let nanoseconds = isize::from_ne_bytes(*rest.first_chunk()?);
    let sec = isize::from_ne_bytes(*seconds) as i64;
    Some(TimeSpec { sec, nsec: u32::try_from(nanoseconds).ok().filter(|nsec| *nsec < 1_000_000_000)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let like = "[::1]:1".parse().unwrap();
        let all = [
            Control::PacketInfo { address: "fe80::1".parse().unwrap(), interface: 3 },
            Control::HopLimit(9),
            Control::TrafficClass(0xb8),
        ];
        let bytes = encode(&all, &like);
        assert_eq!(bytes.len() % WORD, 0);
        assert_eq!(decode(&bytes, Tells::default()), all);
        // However it is cut, nothing else comes of it.
        for end in 0..bytes.len() {
            assert!(all.starts_with(&decode(&bytes[..end], Tells::default())));
        }
    }

    #[test]
    fn lengths_that_cannot_be_end_it() {
        for length in [0, 1, HEADER - 1, 99, usize::MAX] {
            let mut bytes = encode(&[Control::HopLimit(9)], &"[::1]:1".parse().unwrap());
            bytes[..WORD].copy_from_slice(&length.to_ne_bytes());
            assert_eq!(decode(&bytes, Tells::default()), []);
        }
    }
}
