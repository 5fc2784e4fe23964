//! Echo messages of ICMP and ICMPv6 (RFC 792, RFC 4443) over a raw socket, or one of datagrams where the host allows no
//! raw ones.
//!
//! Of the latter, Linux chooses the identifier, makes the checksum, and gives it the answers to it alone, without a
//! header of IPv4 and without what routers complain of.

use crate::calls::Calls;
use etherparse::icmpv4::{CODE_DST_UNREACH_HOST, CODE_DST_UNREACH_NET, CODE_DST_UNREACH_PORT};
use etherparse::{
    IcmpEchoHeader, Icmpv4Header, Icmpv4Slice, Icmpv4Type, Icmpv6Header, Icmpv6Slice, Icmpv6Type, IpNumber,
    LaxIpv4Slice, LaxIpv6Slice,
};
use rump_abi::sockopt::{
    ICMP6_FILTER, IP_RECVTTL, IP_TTL, IPPROTO_ICMPV6, IPPROTO_IP, IPPROTO_IPV6, IPV6_RECVHOPLIMIT,
    IPV6_UNICAST_HOPS, SO_RCVBUF, SO_SNDBUF, SOL_SOCKET,
};
use rump_abi::{AddressFamily, Errno, MessageFlags, OpenFlags, SocketAddress, SocketType};
use rump_kern::{Fd, Received, SendMessage};
use rump_kpi::socket::{Control, OptionValue};
use rump_kpi::{KError, KResult};
use std::net::SocketAddr;

const ICMP: u8 = 1;
const ICMPV6: u8 = 58;
/// Types that quote the packet which they are about.
const UNREACHABLE: u8 = 3;
const TIME_EXCEEDED: u8 = 11;
/// The same of ICMPv6: unreachable, too big, time exceeded, a wrong header.
const QUOTING_V6: std::ops::RangeInclusive<u8> = 1..=4;
const ECHO_REPLY_V6: u8 = 129;
/// Bytes of the header of ICMPv6.
const HEADER_BYTES: usize = 8;
/// Longer than any packet.
const BUFFER_BYTES: usize = 65_536;

/// A socket that asks one host.
pub struct Socket<'a, P: Calls> {
    process: &'a P,
    fd: Fd,
    to: SocketAddress,
    /// That of our requests; none of a socket of datagrams, which gets no other answers.
    identifier: Option<u16>,
}

/// What was heard of a request.
pub enum Heard {
    /// It was answered.
    Answer(Answer),
    /// Somebody on the way says that it cannot be.
    Complaint(Complaint),
}

/// An answer.
pub struct Answer {
    /// Who answered.
    pub from: SocketAddr,
    /// Which request.
    pub sequence: u16,
    /// Bytes of ICMP.
    pub bytes: usize,
    /// How many more routers might have passed it on.
    pub time_to_live: u8,
}

/// A complaint.
pub struct Complaint {
    /// Who complains.
    pub from: SocketAddr,
    /// Of which request.
    pub sequence: u16,
    /// In words.
    pub what: String,
}

impl<P: Calls> Drop for Socket<'_, P> {
    fn drop(&mut self) {
        // It fails only in a kernel that was halted.
        let _ = self.process.close(self.fd);
    }
}

impl<'a, P: Calls> Socket<'a, P> {
    /// Errors: EACCES (the host allows it in neither form), those of making a socket.
    pub fn open(process: &'a P, address: SocketAddr, ttl: Option<u8>) -> KResult<Self> {
        let (family, protocol, to) = match address {
            SocketAddr::V4(address) => (AddressFamily::Inet, ICMP, SocketAddress::Inet(address)),
            SocketAddr::V6(address) => (AddressFamily::Inet6, ICMPV6, SocketAddress::Inet6(address)),
        };
        let open = |kind| process.socket(family, kind, protocol, OpenFlags::NONBLOCK);
        let (fd, identifier) = match open(SocketType::Raw) {
            Err(error) if is_refusal(&error) => (open(SocketType::Datagram).map_err(refused)?, None),
            // The kernel is ours, and nobody else in it asks.
            raw => (raw?, Some(std::process::id() as u16)),
        };
        let socket = Self { process, fd, to, identifier };
        socket.set_up(ttl)?;
        Ok(socket)
    }

    fn set_up(&self, ttl: Option<u8>) -> KResult<()> {
        let set = |level, name, value: OptionValue| self.process.setsockopt(self.fd, level, name, &value);
        for option in [SO_RCVBUF, SO_SNDBUF] {
            set(SOL_SOCKET, option, OptionValue::Number(1 << 20))?;
        }
        let is_raw = self.identifier.is_some();
        match self.is_v4() {
            // It has the header.
            true if is_raw => {}
            true => set(IPPROTO_IP, IP_RECVTTL, OptionValue::Number(1))?,
            false => set(IPPROTO_IPV6, IPV6_RECVHOPLIMIT, OptionValue::Number(1))?,
        }
        if is_raw && !self.is_v4() {
            set(IPPROTO_ICMPV6, ICMP6_FILTER, OptionValue::Bytes(filter()))?;
        }
        if let Some(ttl) = ttl {
            let (level, name) =
                if self.is_v4() { (IPPROTO_IP, IP_TTL) } else { (IPPROTO_IPV6, IPV6_UNICAST_HOPS) };
            set(level, name, OptionValue::Number(ttl.into()))?;
        }
        Ok(())
    }

    /// What can be polled.
    pub fn fd(&self) -> Fd {
        self.fd
    }

    /// The address that requests are sent from. Errors: those of connecting.
    pub fn source(&self) -> KResult<SocketAddr> {
        super::source_to(self.process, &self.to)
    }

    fn is_v4(&self) -> bool {
        matches!(self.to, SocketAddress::Inet(_))
    }

    /// Sends a request with so many bytes of content. Errors: those of sending.
    pub fn send(&self, sequence: u16, bytes: u16) -> KResult<()> {
        let content: Vec<u8> = (0..bytes).map(|at| at as u8).collect();
        let echo = IcmpEchoHeader { id: self.identifier.unwrap_or_default(), seq: sequence };
        let header = match self.is_v4() {
            true => Icmpv4Header::with_checksum(Icmpv4Type::EchoRequest(echo), &content).to_bytes().to_vec(),
            // The kernel makes the checksum: it knows the address that the request is sent from.
            false => Icmpv6Header::new(Icmpv6Type::EchoRequest(echo)).to_bytes().to_vec(),
        };
        let message =
            SendMessage { parts: &[&header, &content], to: Some(&self.to), ..SendMessage::default() };
        self.process.sendmsg(self.fd, &message, MessageFlags::empty()).map(drop)
    }

    /// The next thing that was heard of our requests; none if nothing waits. Errors: those of receiving.
    pub fn receive(&self) -> KResult<Option<Heard>> {
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let message = self.process.recvmsg(self.fd, &mut [&mut buffer], 0, MessageFlags::DONTWAIT);
            let message = match message {
                Ok(message) => message,
                Err(error) if error.errno == Errno::EAGAIN => return Ok(None),
                Err(error) => return Err(error),
            };
            let bytes = &buffer[..message.length];
            let heard = match (self.is_v4(), self.identifier) {
                (true, Some(identifier)) => interpret(bytes, identifier),
                (true, None) => interpret_datagram(bytes, &message),
                (false, identifier) => interpret_v6(bytes, &message, identifier),
            };
            if let Some(heard) = heard {
                return Ok(Some(heard));
            }
        }
    }
}

fn is_refusal(error: &KError) -> bool {
    matches!(error.errno, Errno::EPERM | Errno::EACCES)
}

/// Why there is no socket of datagrams, after a raw one was refused.
fn refused(error: KError) -> KError {
    if !is_refusal(&error) {
        return error;
    }
    KError::new(
        error.errno,
        "the host lets us ask nobody: raw sockets need CAP_NET_RAW, and those of datagrams a group of ours in the \
         range of the sysctl net.ipv4.ping_group_range",
    )
}

/// All types of ICMPv6 but those that are asked for are kept away.
fn filter() -> Vec<u8> {
    let mut blocked = [u32::MAX; 8];
    for kind in QUOTING_V6.chain([ECHO_REPLY_V6]) {
        blocked[usize::from(kind >> 5)] &= !(1 << (kind & 31));
    }
    blocked.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

/// What a message of ICMPv6 says of our requests.
fn interpret_v6(bytes: &[u8], message: &Received, identifier: Option<u16>) -> Option<Heard> {
    let is_ours = |id| identifier.is_none_or(|own| own == id);
    let icmp = Icmpv6Slice::from_slice(bytes).ok()?;
    let Some(SocketAddress::Inet6(from)) = message.from else { return None };
    let from = SocketAddr::from(from);
    match icmp.icmp_type() {
        Icmpv6Type::EchoReply(IcmpEchoHeader { id, seq }) if is_ours(id) => {
            let (bytes, time_to_live) = (bytes.len(), hop_limit(message));
            Some(Heard::Answer(Answer { from, sequence: seq, bytes, time_to_live }))
        }
        _ if QUOTING_V6.contains(&icmp.type_u8()) => {
            let (quoted, _) = LaxIpv6Slice::from_slice(bytes.get(HEADER_BYTES..)?).ok()?;
            let payload = quoted.payload();
            let is_icmp = payload.ip_number == IpNumber::IPV6_ICMP;
            let request = Icmpv6Slice::from_slice(payload.payload).ok().filter(|_| is_icmp)?;
            let Icmpv6Type::EchoRequest(IcmpEchoHeader { id, seq }) = request.icmp_type() else {
                return None;
            };
            let word = u32::from_be_bytes(bytes[4..HEADER_BYTES].try_into().ok()?);
            let what = complaint_v6(icmp.type_u8(), icmp.code_u8(), word);
            is_ours(id).then_some(Heard::Complaint(Complaint { from, sequence: seq, what }))
        }
        _ => None,
    }
}

/// How many more routers might have passed a message on; zero if that is not told.
fn hop_limit(message: &Received) -> u8 {
    let limit = message.control.iter().find_map(|control| match control {
        Control::HopLimit(limit) => Some(*limit),
        _ => None,
    });
    limit.unwrap_or_default()
}

/// In the words of iputils; `word` is what the message has behind its checksum.
fn complaint_v6(kind: u8, code: u8, word: u32) -> String {
    let unreachable = |why: &str| format!("Destination unreachable: {why}");
    match (kind, code) {
        (1, 0) => unreachable("No route"),
        (1, 1) => unreachable("Administratively prohibited"),
        (1, 2) => unreachable("Beyond scope of source address"),
        (1, 3) => unreachable("Address unreachable"),
        (1, 4) => unreachable("Port unreachable"),
        (1, code) => unreachable(&format!("Unknown code {code}")),
        (2, _) => format!("Packet too big: mtu={word}"),
        (3, 0) => "Time exceeded: Hop limit".into(),
        (3, _) => "Time exceeded: Defragmentation failure".into(),
        (_, code) => format!("Parameter problem: code {code}, at byte {word}"),
    }
}

/// What a message of ICMP without a header before it says of our requests.
fn interpret_datagram(bytes: &[u8], message: &Received) -> Option<Heard> {
    let icmp = Icmpv4Slice::from_slice(bytes).ok()?;
    let Some(SocketAddress::Inet(from)) = message.from else { return None };
    let Icmpv4Type::EchoReply(IcmpEchoHeader { seq, .. }) = icmp.icmp_type() else { return None };
    let (from, time_to_live) = (from.into(), hop_limit(message));
    Some(Heard::Answer(Answer { from, sequence: seq, bytes: bytes.len(), time_to_live }))
}

/// What a packet says of our requests.
fn interpret(packet: &[u8], identifier: u16) -> Option<Heard> {
    let (ip, _) = LaxIpv4Slice::from_slice(packet).ok()?;
    let icmp = Icmpv4Slice::from_slice(ip.payload().payload).ok()?;
    let from = SocketAddr::from((ip.header().source_addr(), 0));
    match icmp.icmp_type() {
        Icmpv4Type::EchoReply(IcmpEchoHeader { id, seq }) if id == identifier => {
            Some(Heard::Answer(Answer {
                from,
                sequence: seq,
                bytes: icmp.slice().len(),
                time_to_live: ip.header().ttl(),
            }))
        }
        _ if matches!(icmp.type_u8(), UNREACHABLE | TIME_EXCEEDED) => {
            let (quoted, _) = LaxIpv4Slice::from_slice(icmp.payload()).ok()?;
            let request = Icmpv4Slice::from_slice(quoted.payload().payload).ok()?;
            let Icmpv4Type::EchoRequest(IcmpEchoHeader { id, seq }) = request.icmp_type() else {
                return None;
            };
            let what = complaint(icmp.type_u8(), icmp.code_u8());
            (id == identifier).then_some(Heard::Complaint(Complaint { from, sequence: seq, what }))
        }
        _ => None,
    }
}

fn complaint(kind: u8, code: u8) -> String {
    match (kind, code) {
        (TIME_EXCEEDED, 0) => "Time to live exceeded".into(),
        (TIME_EXCEEDED, _) => "Fragment reassembly time exceeded".into(),
        (_, CODE_DST_UNREACH_NET) => "Destination Net Unreachable".into(),
        (_, CODE_DST_UNREACH_HOST) => "Destination Host Unreachable".into(),
        (_, CODE_DST_UNREACH_PORT) => "Destination Port Unreachable".into(),
        (_, code) => format!("Destination unreachable, code {code}"),
    }
}
