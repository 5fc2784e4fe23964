//! What messages of ICMP say of a probe.

use etherparse::{
    IcmpEchoHeader, Icmpv4Slice, Icmpv4Type, Icmpv6Slice, Icmpv6Type, IpNumber, LaxIpv4Slice, LaxIpv6Slice,
    UdpHeaderSlice,
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const UNREACHABLE: u8 = 3;
const TIME_EXCEEDED: u8 = 11;
/// Of an unreachable destination: nobody has the port.
const PORT: u8 = 3;

const UNREACHABLE_V6: u8 = 1;
const TIME_EXCEEDED_V6: u8 = 3;
const PARAMETER_PROBLEM_V6: u8 = 4;
/// The same of IPv6.
const PORT_V6: u8 = 4;

/// What tells a probe from others.
#[derive(Clone, Copy)]
pub enum Probe {
    /// The port that it goes to.
    Datagram(u16),
    /// What stands in the request.
    Echo(IcmpEchoHeader),
}

/// What was heard of a probe.
pub struct Answer {
    /// From whom.
    pub from: IpAddr,
    /// What.
    pub what: What,
}

/// See there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A router may not pass it on.
    Passed,
    /// The host answers.
    Reached,
    /// It cannot be, and how that is written.
    Refused(Refusal),
}

/// Why it cannot be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// By a word of traceroute(8).
    Known(&'static str),
    /// By a code that has none.
    Code(u8),
}

impl Answer {
    /// What stands behind the time.
    pub fn error(&self) -> Option<String> {
        match self.what {
            What::Refused(Refusal::Known(word)) => Some(word.into()),
            What::Refused(Refusal::Code(code)) => Some(format!("!{code}")),
            What::Passed | What::Reached => None,
        }
    }
}

/// What a packet of IPv4 says of a probe; none: nothing.
pub fn of_v4(packet: &[u8], to: Ipv4Addr, probe: Probe) -> Option<Answer> {
    let (ip, _) = LaxIpv4Slice::from_slice(packet).ok()?;
    let (from, icmp) =
        (ip.header().source_addr().into(), Icmpv4Slice::from_slice(ip.payload().payload).ok()?);
    let (kind, code) = (icmp.type_u8(), icmp.code_u8());
    if !matches!(kind, UNREACHABLE | TIME_EXCEEDED) {
        let Icmpv4Type::EchoReply(echo) = icmp.icmp_type() else { return None };
        return is_echo(probe, echo).then_some(Answer { from, what: What::Reached });
    }
    let (quoted, _) = LaxIpv4Slice::from_slice(icmp.payload()).ok()?;
    let payload = quoted.payload();
    let is_probe = match payload.ip_number {
        IpNumber::UDP => is_datagram(probe, payload.payload),
        IpNumber::ICMP => match Icmpv4Slice::from_slice(payload.payload).ok()?.icmp_type() {
            Icmpv4Type::EchoRequest(echo) => is_echo(probe, echo),
            _ => false,
        },
        _ => false,
    };
    let what = match (kind, code) {
        (TIME_EXCEEDED, _) => What::Passed,
        // Nobody has the port, as was meant.
        (_, PORT) => What::Reached,
        (_, 0) => What::Refused(Refusal::Known("!N")),
        (_, 1) => What::Refused(Refusal::Known("!H")),
        (_, 2) => What::Refused(Refusal::Known("!P")),
        (_, 13) => What::Refused(Refusal::Known("!X")),
        (_, code) => What::Refused(Refusal::Code(code)),
    };
    (is_probe && quoted.header().destination_addr() == to).then_some(Answer { from, what })
}

/// What a message of ICMPv6 says of a probe; none: nothing.
pub fn of_v6(message: &[u8], from: Ipv6Addr, to: Ipv6Addr, probe: Probe) -> Option<Answer> {
    let (from, icmp) = (from.into(), Icmpv6Slice::from_slice(message).ok()?);
    let (kind, code) = (icmp.type_u8(), icmp.code_u8());
    if !matches!(kind, UNREACHABLE_V6 | TIME_EXCEEDED_V6 | PARAMETER_PROBLEM_V6) {
        let Icmpv6Type::EchoReply(echo) = icmp.icmp_type() else { return None };
        return is_echo(probe, echo).then_some(Answer { from, what: What::Reached });
    }
    let (quoted, _) = LaxIpv6Slice::from_slice(icmp.payload()).ok()?;
    let payload = quoted.payload();
    let is_probe = match payload.ip_number {
        IpNumber::UDP => is_datagram(probe, payload.payload),
        IpNumber::IPV6_ICMP => match Icmpv6Slice::from_slice(payload.payload).ok()?.icmp_type() {
            Icmpv6Type::EchoRequest(echo) => is_echo(probe, echo),
            _ => false,
        },
        _ => false,
    };
    let what = match (kind, code) {
        (TIME_EXCEEDED_V6, _) => What::Passed,
        (UNREACHABLE_V6, PORT_V6) => What::Reached,
        (UNREACHABLE_V6, 0) => What::Refused(Refusal::Known("!N")),
        (UNREACHABLE_V6, 1) => What::Refused(Refusal::Known("!X")),
        (UNREACHABLE_V6, 3) => What::Refused(Refusal::Known("!H")),
        (PARAMETER_PROBLEM_V6, 1) => What::Refused(Refusal::Known("!P")),
        (_, code) => What::Refused(Refusal::Code(code)),
    };
    (is_probe && quoted.header().destination_addr() == to).then_some(Answer { from, what })
}

fn is_echo(probe: Probe, other: IcmpEchoHeader) -> bool {
    matches!(probe, Probe::Echo(echo) if (echo.id, echo.seq) == (other.id, other.seq))
}

fn is_datagram(probe: Probe, bytes: &[u8]) -> bool {
    let Probe::Datagram(port) = probe else { return false };
    UdpHeaderSlice::from_slice(bytes).is_ok_and(|header| header.destination_port() == port)
}
