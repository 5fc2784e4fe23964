//! Echo messages of ICMP over a raw socket (RFC 792).

use etherparse::icmpv4::{CODE_DST_UNREACH_HOST, CODE_DST_UNREACH_NET, CODE_DST_UNREACH_PORT};
use etherparse::{IcmpEchoHeader, Icmpv4Header, Icmpv4Slice, Icmpv4Type, LaxIpv4Slice};
use kpi::socket::OptionValue;
use rumpkit::sockopt::{IP_TTL, IPPROTO_IP, SO_RCVBUF, SOL_SOCKET};
use rumpkit::{
    AddressFamily, Errno, Fd, KResult, MessageFlags, OpenFlags, Process, SocketAddress, SocketType, kpi,
};
use std::net::{Ipv4Addr, SocketAddrV4};

const ICMP: u8 = 1;
/// Types that quote the packet which they are about.
const UNREACHABLE: u8 = 3;
const TIME_EXCEEDED: u8 = 11;
/// Longer than any packet.
const BUFFER_BYTES: usize = 65_536;

/// A raw socket that asks one host.
pub struct Socket<'a> {
    process: &'a Process,
    fd: Fd,
    to: SocketAddress,
    identifier: u16,
}

/// What was heard of a request.
pub enum Heard {
    /// It was answered.
    Answer(Answer),
    /// Somebody on the way says that it cannot be.
    Complaint(Complaint),
}

/// An answer.
#[derive(Clone, Copy)]
pub struct Answer {
    /// Who answered.
    pub from: Ipv4Addr,
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
    pub from: Ipv4Addr,
    /// Of which request.
    pub sequence: u16,
    /// In words.
    pub what: String,
}

impl Drop for Socket<'_> {
    fn drop(&mut self) {
        // It fails only in a kernel that was halted.
        let _ = self.process.close(self.fd);
    }
}

impl<'a> Socket<'a> {
    /// Errors: those of making a socket.
    pub fn open(process: &'a Process, address: Ipv4Addr, ttl: Option<u8>) -> KResult<Self> {
        let fd = process.socket(AddressFamily::Inet, SocketType::Raw, ICMP, OpenFlags::NONBLOCK)?;
        let to = SocketAddress::Inet(SocketAddrV4::new(address, 0));
        // The kernel is ours, and nobody else in it asks.
        let socket = Self { process, fd, to, identifier: std::process::id() as u16 };
        for option in [SO_RCVBUF, rumpkit::sockopt::SO_SNDBUF] {
            process.setsockopt(fd, SOL_SOCKET, option, &OptionValue::Number(1 << 20))?;
        }
        if let Some(ttl) = ttl {
            process.setsockopt(fd, IPPROTO_IP, IP_TTL, &OptionValue::Number(ttl.into()))?;
        }
        Ok(socket)
    }

    /// What can be polled.
    pub fn fd(&self) -> Fd {
        self.fd
    }

    /// Sends a request with so many bytes of content. Errors: those of sending.
    pub fn send(&self, sequence: u16, bytes: u16) -> KResult<()> {
        let content: Vec<u8> = (0..bytes).map(|at| at as u8).collect();
        let echo = IcmpEchoHeader { id: self.identifier, seq: sequence };
        let header = Icmpv4Header::with_checksum(Icmpv4Type::EchoRequest(echo), &content);
        let message = [&header.to_bytes()[..], &content].concat();
        self.process.sendto(self.fd, &message, MessageFlags::empty(), &self.to).map(drop)
    }

    /// The next thing that was heard of our requests; none if nothing waits. Errors: those of receiving.
    pub fn receive(&self) -> KResult<Option<Heard>> {
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let length = match self.process.recv(self.fd, &mut buffer, MessageFlags::DONTWAIT) {
                Ok(length) => length,
                Err(error) if error.errno == Errno::EAGAIN => return Ok(None),
                Err(error) => return Err(error),
            };
            if let Some(heard) = interpret(&buffer[..length], self.identifier) {
                return Ok(Some(heard));
            }
        }
    }
}

/// What a packet says of our requests.
fn interpret(packet: &[u8], identifier: u16) -> Option<Heard> {
    let (ip, _) = LaxIpv4Slice::from_slice(packet).ok()?;
    let icmp = Icmpv4Slice::from_slice(ip.payload().payload).ok()?;
    let from = ip.header().source_addr();
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
