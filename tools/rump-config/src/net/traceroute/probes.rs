//! Sockets that probes leave by, and that hear of them.

use super::answer::{self, Answer, Probe};
use etherparse::{IcmpEchoHeader, Icmpv4Header, Icmpv4Type};
use rump_cli::bell::{Bell, Waited};
use rump_client::RemoteProcess;
use rump_client::abi::sockopt::{IP_TTL, IPPROTO_IP, IPPROTO_IPV6, IPV6_UNICAST_HOPS};
use rump_client::abi::{
    AddressFamily, Errno, MessageFlags, OpenFlags, PollEvents, SocketAddress, SocketType,
};
use rump_client::kern::Fd;
use rump_client::kpi::KResult;
use rump_client::kpi::socket::OptionValue;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

const ICMP: u8 = 1;
const ICMPV6: u8 = 58;
const ECHO_REQUEST_V6: u8 = 128;
/// Longer than what an error quotes.
const BUFFER_BYTES: usize = 4096;

/// Bytes of the headers of IP and of UDP or ICMP.
pub fn headers(to: IpAddr) -> u16 {
    if to.is_ipv4() { 28 } else { 48 }
}

/// What came of waiting.
pub enum Waiting {
    /// An answer.
    Heard(Answer),
    /// Nothing in time.
    Over,
    /// A signal.
    Rung,
}

/// See the module.
pub struct Probes<'a> {
    process: &'a RemoteProcess,
    hears: Fd,
    /// Of UDP; with echo requests the socket that hears.
    sends: Option<Fd>,
    to: SocketAddr,
    first_port: u16,
    content: Vec<u8>,
    identifier: u16,
}

impl<'a> Probes<'a> {
    /// Probes of so many bytes of content. Errors: those of sockets.
    pub fn open(
        process: &'a RemoteProcess,
        to: SocketAddr,
        by_echo: bool,
        first_port: u16,
        bytes: usize,
    ) -> KResult<Self> {
        let (family, protocol) =
            if to.is_ipv4() { (AddressFamily::Inet, ICMP) } else { (AddressFamily::Inet6, ICMPV6) };
        let open = |kind, protocol| process.socket(family, kind, protocol, OpenFlags::NONBLOCK);
        let hears = open(SocketType::Raw, protocol)?;
        let sends = if by_echo { None } else { Some(open(SocketType::Datagram, 0)?) };
        let identifier = std::process::id() as u16;
        Ok(Self { process, hears, sends, to, first_port, content: vec![0; bytes], identifier })
    }

    fn port(&self, number: u16) -> u16 {
        // There is no port zero.
        self.first_port.wrapping_add(number).max(1)
    }

    /// Sends the probe of a number, which so many hops may pass. Errors: those of sendto(2).
    pub fn send(&self, hop: u8, number: u16) -> KResult<()> {
        let fd = self.sends.unwrap_or(self.hears);
        let (level, option) =
            if self.to.is_ipv4() { (IPPROTO_IP, IP_TTL) } else { (IPPROTO_IPV6, IPV6_UNICAST_HOPS) };
        self.process.setsockopt(fd, level, option, &OptionValue::Number(hop.into()))?;
        let (port, bytes) = match self.sends {
            Some(_) => (self.port(number), self.content.clone()),
            None => (0, self.echo(number)),
        };
        let mut to = self.to;
        to.set_port(port);
        let to = match to {
            SocketAddr::V4(to) => SocketAddress::Inet(to),
            SocketAddr::V6(to) => SocketAddress::Inet6(to),
        };
        match self.process.sendto(fd, &bytes, MessageFlags::empty(), &to) {
            // Somebody refused one before; this one is sent again.
            Err(error) if error.errno == Errno::ECONNREFUSED => {
                self.process.sendto(fd, &bytes, MessageFlags::empty(), &to).map(drop)
            }
            done => done.map(drop),
        }
    }

    /// An echo request; the kernel makes the checksum of one of IPv6.
    fn echo(&self, number: u16) -> Vec<u8> {
        if self.to.is_ipv4() {
            let echo = Icmpv4Type::EchoRequest(IcmpEchoHeader { id: self.identifier, seq: number });
            let header = Icmpv4Header::with_checksum(echo, &self.content).to_bytes();
            return [&header[..], &self.content].concat();
        }
        let [identifier, number] = [self.identifier, number].map(u16::to_be_bytes);
        [&[ECHO_REQUEST_V6, 0, 0, 0][..], &identifier, &number, &self.content].concat()
    }

    /// Waits for what is said of the probe of a number. Errors: those of recvfrom(2).
    pub fn wait(&self, number: u16, until: Instant, bell: &Bell<RemoteProcess>) -> KResult<Waiting> {
        let mut buffer = vec![0; BUFFER_BYTES];
        let probe = match self.sends {
            Some(_) => Probe::Datagram(self.port(number)),
            None => Probe::Echo(IcmpEchoHeader { id: self.identifier, seq: number }),
        };
        loop {
            match self.process.recvfrom(self.hears, &mut buffer, MessageFlags::DONTWAIT) {
                Ok((count, from)) => {
                    let packet = &buffer[..count.min(BUFFER_BYTES)];
                    let answer = match (self.to.ip(), from) {
                        (IpAddr::V4(to), _) => answer::of_v4(packet, to, probe),
                        (IpAddr::V6(to), Some(SocketAddress::Inet6(from))) => {
                            answer::of_v6(packet, *from.ip(), to, probe)
                        }
                        _ => None,
                    };
                    if let Some(answer) = answer {
                        return Ok(Waiting::Heard(answer));
                    }
                    continue;
                }
                Err(error) if error.errno == Errno::EAGAIN => {}
                Err(error) => return Err(error),
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Waiting::Over);
            }
            if bell.wait(self.hears, PollEvents::IN, Some(left))? == Waited::Rung {
                return Ok(Waiting::Rung);
            }
        }
    }
}
