//! Packets as bytes, made and read without the stack's help: IPv4 (RFC 791), IPv6 (RFC 8200), TCP (RFC 9293), UDP
//! (RFC 768), ICMP (RFC 792), ICMPv6 (RFC 4443). Whatever the stack sends must have the right checksums.

use crate::script::TcpOption;
use std::net::IpAddr;

const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMP: u8 = 1;
const ICMPV6: u8 = 58;

/// A packet of IP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// From where.
    pub source: IpAddr,
    /// Where to.
    pub destination: IpAddr,
    /// The traffic class.
    pub class: u8,
    /// The time to live.
    pub ttl: u8,
    /// The flow label; zero for IPv4.
    pub flow_label: u32,
    /// What is in it.
    pub content: Content,
}

/// What is in a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A segment of TCP.
    Tcp(WireSegment),
    /// A datagram of UDP.
    Udp {
        /// From and to which port.
        ports: (u16, u16),
        /// Its content.
        payload: Vec<u8>,
    },
    /// A message of ICMP or ICMPv6.
    Icmp {
        /// Type and code.
        kind: (u8, u8),
        /// The second word of its header.
        word: [u8; 4],
        /// What follows.
        payload: Vec<u8>,
    },
}

/// A segment of TCP, with the numbers of the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WireSegment {
    /// From and to which port.
    pub ports: (u16, u16),
    /// The first number.
    pub sequence: u32,
    /// What is acknowledged.
    pub ack: u32,
    /// Flags.
    pub flags: u16,
    /// The window.
    pub window: u16,
    /// The urgent pointer.
    pub urgent: u16,
    /// Options.
    pub options: Vec<TcpOption>,
    /// Its content.
    pub payload: Vec<u8>,
}

/// The byte that stands for a number of a stream, as scripts count them.
pub fn pattern(number: u32) -> u8 {
    (number % 251) as u8
}

/// `length` bytes from a number on.
pub fn content(start: u32, length: usize) -> Vec<u8> {
    (0..length).map(|at| pattern(start.wrapping_add(at as u32))).collect()
}

fn emit_option(option: &TcpOption, bytes: &mut Vec<u8>) {
    let mut put = |kind: u8, value: &[u8]| {
        bytes.extend([kind, 2 + value.len().min(253) as u8]);
        bytes.extend(&value[..value.len().min(253)]);
    };
    match option {
        TcpOption::Eol => bytes.push(0),
        TcpOption::Nop => bytes.push(1),
        TcpOption::Mss(size) => put(2, &size.to_be_bytes()),
        TcpOption::WindowScale(shift) => put(3, &[*shift]),
        TcpOption::SackPermitted => put(4, &[]),
        TcpOption::Sack(blocks) => {
            let words = blocks.iter().flat_map(|(begin, end)| [begin, end]);
            put(5, &words.flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>());
        }
        TcpOption::Timestamps(value, echo) => put(8, &[value.to_be_bytes(), echo.to_be_bytes()].concat()),
        TcpOption::Md5(digest) => put(19, digest),
        TcpOption::FastOpen(cookie) => put(34, cookie),
        TcpOption::FastOpenExperiment(cookie) => put(254, &[&[0xf9, 0x89], &cookie[..]].concat()),
        TcpOption::Other(kind, value) => put(*kind, value),
    }
}

/// How many bytes options take.
pub fn options_length(options: &[TcpOption]) -> usize {
    let mut bytes = Vec::new();
    options.iter().for_each(|option| emit_option(option, &mut bytes));
    bytes.len().div_ceil(4) * 4
}

/// Reads options. Errors: one that does not fit.
fn parse_options(mut rest: &[u8]) -> Result<Vec<TcpOption>, String> {
    let mut options = Vec::new();
    while let [kind, after @ ..] = rest {
        if *kind < 2 {
            options.push(if *kind == 0 { TcpOption::Eol } else { TcpOption::Nop });
            rest = after;
            continue;
        }
        let length = after.first().map_or(0, |length| usize::from(*length));
        let value = rest.get(2..length).ok_or_else(|| format!("option {kind} of {length} bytes"))?;
        rest = &rest[length..];
        let word = |at: usize| u32::from_be_bytes([value[at], value[at + 1], value[at + 2], value[at + 3]]);
        options.push(match (*kind, value.len()) {
            (2, 2) => TcpOption::Mss(u16::from_be_bytes([value[0], value[1]])),
            (3, 1) => TcpOption::WindowScale(value[0]),
            (4, 0) => TcpOption::SackPermitted,
            (5, 8..) if value.len() % 8 == 0 => TcpOption::Sack(
                (0..value.len() / 8).map(|block| (word(block * 8), word(block * 8 + 4))).collect(),
            ),
            (8, 8) => TcpOption::Timestamps(word(0), word(4)),
            (19, _) => TcpOption::Md5(value.into()),
            (34, _) => TcpOption::FastOpen(value.into()),
            (254, 2..) if value.starts_with(&[0xf9, 0x89]) => {
                TcpOption::FastOpenExperiment(value[2..].into())
            }
            _ => TcpOption::Other(*kind, value.into()),
        });
    }
    Ok(options)
}

/// The sum of RFC 1071, not yet complemented.
fn sum(parts: &[&[u8]]) -> u16 {
    let mut total: u64 = 0;
    for part in parts {
        for pair in part.chunks(2) {
            total += u64::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]));
        }
    }
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    total as u16
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().into(),
        IpAddr::V6(address) => address.octets().into(),
    }
}

/// What transports sum before their own header.
fn pseudo(source: IpAddr, destination: IpAddr, protocol: u8, length: usize) -> Vec<u8> {
    let mut bytes = octets(source);
    bytes.extend(octets(destination));
    if source.is_ipv4() {
        bytes.extend([0, protocol]);
        bytes.extend((length as u16).to_be_bytes());
    } else {
        bytes.extend((length as u32).to_be_bytes());
        bytes.extend([0, 0, 0, protocol]);
    }
    bytes
}

impl WireSegment {
    /// Its header, without a checksum.
    fn header(&self) -> Vec<u8> {
        let mut options = Vec::new();
        self.options.iter().for_each(|option| emit_option(option, &mut options));
        options.resize(options.len().div_ceil(4) * 4, 0);
        let mut bytes = Vec::new();
        bytes.extend(self.ports.0.to_be_bytes());
        bytes.extend(self.ports.1.to_be_bytes());
        bytes.extend(self.sequence.to_be_bytes());
        bytes.extend(self.ack.to_be_bytes());
        let offset = (5 + options.len() / 4) as u16;
        bytes.extend((offset << 12 | self.flags & 0x1ff).to_be_bytes());
        bytes.extend(self.window.to_be_bytes());
        bytes.extend([0, 0]);
        bytes.extend(self.urgent.to_be_bytes());
        bytes.extend(options);
        bytes
    }
}

impl Datagram {
    fn protocol(&self) -> u8 {
        match self.content {
            Content::Tcp(_) => TCP,
            Content::Udp { .. } => UDP,
            Content::Icmp { .. } if self.source.is_ipv4() => ICMP,
            Content::Icmp { .. } => ICMPV6,
        }
    }

    /// Its bytes, with all checksums.
    pub fn emit(&self) -> Vec<u8> {
        let (mut inner, checksum_at) = match &self.content {
            Content::Tcp(segment) => ([segment.header(), segment.payload.clone()].concat(), 16),
            Content::Udp { ports, payload } => {
                let mut bytes = [ports.0.to_be_bytes(), ports.1.to_be_bytes()].concat();
                bytes.extend(((8 + payload.len()) as u16).to_be_bytes());
                bytes.extend([0, 0]);
                bytes.extend(payload);
                (bytes, 6)
            }
            Content::Icmp { kind, word, payload } => {
                let mut bytes = vec![kind.0, kind.1, 0, 0];
                bytes.extend(word);
                bytes.extend(payload);
                (bytes, 2)
            }
        };
        let before = match self.protocol() {
            ICMP => Vec::new(),
            protocol => pseudo(self.source, self.destination, protocol, inner.len()),
        };
        let checksum = match !sum(&[&before, &inner]) {
            0 if self.protocol() == UDP => 0xffff,
            checksum => checksum,
        };
        inner[checksum_at..checksum_at + 2].copy_from_slice(&checksum.to_be_bytes());
        [self.header(inner.len()), inner].concat()
    }

    /// The header of IP over `length` bytes.
    fn header(&self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        if self.source.is_ipv4() {
            bytes.extend([0x45, self.class]);
            bytes.extend(((20 + length) as u16).to_be_bytes());
            // Do not fragment.
            bytes.extend([0, 0, 0x40, 0, self.ttl, self.protocol(), 0, 0]);
            bytes.extend(octets(self.source));
            bytes.extend(octets(self.destination));
            let checksum = !sum(&[&bytes]);
            bytes[10..12].copy_from_slice(&checksum.to_be_bytes());
        } else {
            bytes.extend((0x6000_0000 | u32::from(self.class) << 20 | self.flow_label).to_be_bytes());
            bytes.extend((length as u16).to_be_bytes());
            bytes.extend([self.protocol(), self.ttl]);
            bytes.extend(octets(self.source));
            bytes.extend(octets(self.destination));
        }
        bytes
    }

    /// Reads a packet. Errors: it is malformed, a checksum is wrong, or it is of another protocol or a fragment.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let (mut datagram, protocol, inner) = parse_ip(bytes)?;
        let short = || "a transport header that is cut".to_string();
        let before = match protocol {
            ICMP => Vec::new(),
            _ => pseudo(datagram.source, datagram.destination, protocol, inner.len()),
        };
        let has_none = protocol == UDP && datagram.source.is_ipv4() && inner.get(6..8) == Some(&[0, 0]);
        if !has_none && sum(&[&before, inner]) != 0xffff {
            return Err("a wrong checksum of the transport".into());
        }
        let word = |at: usize| inner.get(at..at + 4).map(|word| [word[0], word[1], word[2], word[3]]);
        let half = |at: usize| inner.get(at..at + 2).map(|half| u16::from_be_bytes([half[0], half[1]]));
        let (first, second) = (half(0).ok_or_else(short)?, half(2).ok_or_else(short)?);
        datagram.content = match protocol {
            TCP => Content::Tcp(parse_segment(inner)?),
            UDP => {
                if inner.len() < 8 || half(4).map(usize::from) != Some(inner.len()) {
                    return Err("a wrong length of UDP".into());
                }
                Content::Udp { ports: (first, second), payload: inner[8..].into() }
            }
            _ => Content::Icmp {
                kind: (inner[0], inner[1]),
                word: word(4).ok_or_else(short)?,
                payload: inner[8..].into(),
            },
        };
        Ok(datagram)
    }
}

/// The header of IP, and what is behind it.
fn parse_ip(bytes: &[u8]) -> Result<(Datagram, u8, &[u8]), String> {
    let version = bytes.first().map_or(0, |first| first >> 4);
    let mut datagram = Datagram {
        source: IpAddr::from([0; 4]),
        destination: IpAddr::from([0; 4]),
        class: 0,
        ttl: 0,
        flow_label: 0,
        content: Content::Udp { ports: (0, 0), payload: Vec::new() },
    };
    let short = || "an IP header that is cut".to_string();
    let half = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
    let (protocol, begin, end) = if version == 4 {
        let length = usize::from(bytes[0] & 0xf) * 4;
        let header = bytes.get(..length).filter(|header| header.len() >= 20).ok_or_else(short)?;
        if sum(&[header]) != 0xffff {
            return Err("a wrong checksum of IPv4".into());
        }
        if half(6) & 0x3fff != 0 {
            return Err("a fragment".into());
        }
        let address = |at: usize| IpAddr::from([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        (datagram.source, datagram.destination) = (address(12), address(16));
        (datagram.class, datagram.ttl) = (bytes[1], bytes[8]);
        (bytes[9], length, usize::from(half(2)))
    } else if version == 6 {
        let header = bytes.get(..40).ok_or_else(short)?;
        let address = |at: usize| {
            let octets: [u8; 16] = header[at..at + 16].try_into().unwrap_or_default();
            IpAddr::from(octets)
        };
        (datagram.source, datagram.destination) = (address(8), address(24));
        let word = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        (datagram.class, datagram.ttl) = ((word >> 20) as u8, bytes[7]);
        datagram.flow_label = word & 0xf_ffff;
        (bytes[6], 40, 40 + usize::from(half(4)))
    } else {
        return Err(format!("version {version} of IP"));
    };
    if ![TCP, UDP, ICMP, ICMPV6].contains(&protocol) {
        return Err(format!("protocol {protocol}"));
    }
    let inner = bytes.get(begin..end).filter(|_| end == bytes.len());
    Ok((datagram, protocol, inner.ok_or("a wrong length of IP")?))
}

fn parse_segment(bytes: &[u8]) -> Result<WireSegment, String> {
    let header = bytes.get(..20).ok_or("a TCP header that is cut")?;
    let half = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let word = |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let length = usize::from(header[12] >> 4) * 4;
    let options = bytes.get(20..length).ok_or("a TCP header that is cut")?;
    Ok(WireSegment {
        ports: (half(0), half(2)),
        sequence: word(4),
        ack: word(8),
        flags: half(12) & 0x1ff,
        window: half(14),
        urgent: half(18),
        options: parse_options(options)?,
        payload: bytes[length..].into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples() -> Vec<Datagram> {
        let options = vec![
            TcpOption::Mss(1460),
            TcpOption::Nop,
            TcpOption::Sack(vec![(1, 2), (3, 4)]),
            TcpOption::FastOpenExperiment(vec![1, 2, 3, 4, 5]),
        ];
        let segment = WireSegment {
            ports: (1, 2),
            sequence: 3,
            ack: 4,
            flags: 0x1ff,
            window: 5,
            urgent: 6,
            options,
            payload: content(3, 5),
        };
        let contents = [
            Content::Tcp(segment),
            Content::Udp { ports: (7, 8), payload: vec![9; 3] },
            Content::Icmp { kind: (3, 4), word: [0, 0, 5, 6], payload: vec![1; 9] },
        ];
        let mut all = Vec::new();
        for (source, destination) in [("192.0.2.1", "192.168.0.1"), ("2001:db8::1", "fd3d::1")] {
            for content in &contents {
                let (source, destination) = (source.parse().unwrap(), destination.parse().unwrap());
                let content = content.clone();
                all.push(Datagram { source, destination, class: 3, ttl: 64, flow_label: 0, content });
            }
        }
        all
    }

    #[test]
    fn packets_come_back_and_no_changed_bit_goes_unseen() {
        for datagram in samples() {
            let bytes = datagram.emit();
            assert_eq!(Datagram::parse(&bytes).as_ref(), Ok(&datagram));
            for bit in 0..bytes.len() * 8 {
                let mut damaged = bytes.clone();
                damaged[bit / 8] ^= 1 << (bit % 8);
                assert_ne!(Datagram::parse(&damaged).as_ref(), Ok(&datagram), "bit {bit}");
            }
            for length in 0..bytes.len() {
                assert!(Datagram::parse(&bytes[..length]).is_err(), "{length} bytes");
            }
        }
    }
}
