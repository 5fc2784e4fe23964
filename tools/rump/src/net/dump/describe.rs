//! A frame in a line, about as tcpdump has it, or as a record.
//!
//! Frames are hostile: they are taken apart by a parser that expects anything (etherparse), and what it says of them is
//! printed as numbers and known words alone.

use super::Frame;
use etherparse::{
    ArpOperation, ArpPacketSlice, EtherType, Icmpv4Type, Icmpv6Type, LaxIpPayloadSlice, LaxLinkExtSlice,
    LaxNetSlice, LaxSlicedPacket, LinkSlice, TcpSlice, TransportSlice, UdpSlice,
};
use serde::Serialize;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// See the module.
#[derive(Serialize)]
pub struct Description {
    /// Seconds since 1970, with nine digits of a fraction.
    time: String,
    /// Bytes of the frame.
    length: usize,
    ether_source: String,
    ether_destination: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    vlans: Vec<u16>,
    /// What it carries: IP, IP6, ARP, or the number of something else.
    network: String,
    /// TCP, UDP, ICMP, ICMP6, or the number of something else.
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<String>,
    /// With a port if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination: Option<String>,
    /// The rest of the line.
    info: String,
    /// It ends too early, or contradicts itself.
    is_malformed: bool,
    #[serde(skip)]
    clock: Duration,
}

impl Description {
    /// Of a frame.
    pub fn of(frame: &Frame) -> Self {
        let mut this = Self {
            time: format!("{}.{:09}", frame.time.as_secs(), frame.time.subsec_nanos()),
            length: frame.length,
            ether_source: String::new(),
            ether_destination: String::new(),
            vlans: Vec::new(),
            network: "ether".into(),
            protocol: None,
            source: None,
            destination: None,
            info: format!("length {}", frame.length),
            is_malformed: false,
            clock: frame.time,
        };
        match LaxSlicedPacket::from_ethernet(&frame.bytes) {
            Ok(packet) => this.add_packet(&packet),
            Err(_) => this.is_malformed = true,
        }
        this
    }

    fn add_packet(&mut self, packet: &LaxSlicedPacket<'_>) {
        self.is_malformed = packet.stop_err.is_some();
        let mut carried = None;
        if let Some(LinkSlice::Ethernet2(ether)) = &packet.link {
            self.ether_source = mac(&ether.source());
            self.ether_destination = mac(&ether.destination());
            carried = Some(ether.ether_type());
        }
        for extension in &packet.link_exts {
            if let LaxLinkExtSlice::Vlan(tag) = extension {
                self.vlans.push(tag.vlan_identifier().value());
                carried = Some(tag.ether_type());
            }
        }
        match &packet.net {
            Some(LaxNetSlice::Arp(arp)) => self.add_arp(arp),
            Some(LaxNetSlice::Ipv4(ip)) => {
                self.network = "IP".into();
                let header = ip.header();
                let ends = (header.source_addr().into(), header.destination_addr().into());
                let fragment = (header.fragments_offset().byte_offset().into(), header.more_fragments());
                let is_fragment = header.is_fragmenting_payload();
                self.add_ip(ends, ip.payload(), is_fragment.then_some(fragment), packet);
            }
            Some(LaxNetSlice::Ipv6(ip)) => {
                self.network = "IP6".into();
                let header = ip.header();
                let ends = (header.source_addr().into(), header.destination_addr().into());
                let fragment = ip.is_payload_fragmented().then_some((0, true));
                self.add_ip(ends, ip.payload(), fragment, packet);
            }
            None => {
                if let Some(EtherType(number)) = carried {
                    self.network = format!("ethertype 0x{number:04x}");
                }
            }
        }
    }

    fn add_arp(&mut self, arp: &ArpPacketSlice<'_>) {
        self.network = "ARP".into();
        let address = |bytes: &[u8]| match <[u8; 4]>::try_from(bytes) {
            Ok(octets) => Ipv4Addr::from(octets).to_string(),
            Err(_) => crate::output::hex(bytes),
        };
        let (sender, target) = (address(arp.sender_protocol_addr()), address(arp.target_protocol_addr()));
        self.info = match arp.operation() {
            ArpOperation::REQUEST => format!("Request who-has {target} tell {sender}"),
            ArpOperation::REPLY => format!("Reply {sender} is-at {}", mac(arp.sender_hw_addr())),
            ArpOperation(number) => format!("operation {number}"),
        };
        self.info += &format!(", length {}", arp.slice().len());
        (self.source, self.destination) = (Some(sender), Some(target));
    }

    fn add_ip(
        &mut self,
        (from, to): (IpAddr, IpAddr),
        payload: &LaxIpPayloadSlice<'_>,
        fragment: Option<(u32, bool)>,
        packet: &LaxSlicedPacket<'_>,
    ) {
        self.is_malformed |= payload.incomplete;
        let number = payload.ip_number.0;
        let (protocol, ports, info) = match &packet.transport {
            Some(TransportSlice::Tcp(tcp)) => {
                ("TCP".into(), Some((tcp.source_port(), tcp.destination_port())), tcp_info(tcp))
            }
            Some(TransportSlice::Udp(udp)) => {
                ("UDP".into(), Some((udp.source_port(), udp.destination_port())), udp_info(udp))
            }
            Some(TransportSlice::Icmpv4(icmp)) => {
                let what = icmp4_info(&icmp.icmp_type(), icmp.type_u8(), icmp.code_u8());
                ("ICMP".into(), None, format!("ICMP {what}, length {}", icmp.slice().len()))
            }
            Some(TransportSlice::Icmpv6(icmp)) => {
                let what = icmp6_info(&icmp.icmp_type(), icmp.type_u8(), icmp.code_u8());
                ("ICMP6".into(), None, format!("ICMP6 {what}, length {}", icmp.slice().len()))
            }
            None => {
                let protocol = format!("ip-proto-{number}");
                let info = format!("{protocol}, length {}", payload.payload.len());
                (protocol, None, info)
            }
        };
        self.info = match fragment {
            Some((offset, more)) => format!("{info}, fragment at {offset}{}", if more { "+" } else { "" }),
            None => info,
        };
        let end = |address: IpAddr, port: Option<u16>| match port {
            Some(port) => SocketAddr::new(address, port).to_string(),
            None => address.to_string(),
        };
        self.source = Some(end(from, ports.map(|(from, _)| from)));
        self.destination = Some(end(to, ports.map(|(_, to)| to)));
        self.protocol = Some(protocol);
    }
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let second = self.clock.as_secs() % 86_400;
        let (hour, minute) = (second / 3600, second / 60 % 60);
        write!(f, "{hour:02}:{minute:02}:{:02}.{:06}", second % 60, self.clock.subsec_micros())?;
        for vlan in &self.vlans {
            write!(f, " vlan {vlan}")?;
        }
        match (&self.network[..], &self.source, &self.destination) {
            ("ARP", ..) => write!(f, " ARP, {}", self.info)?,
            (network, Some(source), Some(destination)) => {
                write!(f, " {network} {source} > {destination}: {}", self.info)?;
            }
            (network, ..) => {
                write!(f, " {} > {}, {network}, {}", self.ether_source, self.ether_destination, self.info)?;
            }
        }
        f.write_str(if self.is_malformed { " [malformed]" } else { "" })
    }
}

/// As tcpdump has them: `[S.]`.
fn tcp_info(tcp: &TcpSlice<'_>) -> String {
    let flags = [
        (tcp.fin(), 'F'),
        (tcp.syn(), 'S'),
        (tcp.rst(), 'R'),
        (tcp.psh(), 'P'),
        (tcp.ack(), '.'),
        (tcp.urg(), 'U'),
        (tcp.ece(), 'E'),
        (tcp.cwr(), 'W'),
    ];
    let set: String = flags.iter().filter_map(|(is_set, letter)| is_set.then_some(*letter)).collect();
    let flags = if set.is_empty() { "none" } else { &set };
    let mut text = format!("Flags [{flags}], seq {}", tcp.sequence_number());
    if tcp.ack() {
        text += &format!(", ack {}", tcp.acknowledgment_number());
    }
    text + &format!(", win {}, length {}", tcp.window_size(), tcp.payload().len())
}

fn udp_info(udp: &UdpSlice<'_>) -> String {
    format!("UDP, length {}", udp.payload().len())
}

fn icmp4_info(kind: &Icmpv4Type, number: u8, code: u8) -> String {
    match kind {
        Icmpv4Type::EchoRequest(echo) => format!("echo request, id {}, seq {}", echo.id, echo.seq),
        Icmpv4Type::EchoReply(echo) => format!("echo reply, id {}, seq {}", echo.id, echo.seq),
        Icmpv4Type::DestinationUnreachable(_) => format!("destination unreachable, code {code}"),
        Icmpv4Type::TimeExceeded(_) => format!("time exceeded, code {code}"),
        Icmpv4Type::Redirect(_) => format!("redirect, code {code}"),
        _ => format!("type {number}, code {code}"),
    }
}

fn icmp6_info(kind: &Icmpv6Type, number: u8, code: u8) -> String {
    const KNOWN: &[(u8, &str)] = &[
        (133, "router solicitation"),
        (134, "router advertisement"),
        (135, "neighbor solicitation"),
        (136, "neighbor advertisement"),
        (143, "multicast listener report v2"),
    ];
    match kind {
        Icmpv6Type::EchoRequest(echo) => format!("echo request, id {}, seq {}", echo.id, echo.seq),
        Icmpv6Type::EchoReply(echo) => format!("echo reply, id {}, seq {}", echo.id, echo.seq),
        Icmpv6Type::DestinationUnreachable(_) => format!("destination unreachable, code {code}"),
        Icmpv6Type::PacketTooBig { mtu } => format!("packet too big, mtu {mtu}"),
        Icmpv6Type::TimeExceeded(_) => format!("time exceeded, code {code}"),
        _ => match KNOWN.iter().find(|(known, _)| *known == number) {
            Some((_, name)) => (*name).into(),
            None => format!("type {number}, code {code}"),
        },
    }
}

fn mac(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}
