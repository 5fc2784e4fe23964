//! Frames as others might send them, and what there is in those that are seen.

use super::lan::Sent;
use bytes::Bytes;
use core::net::Ipv6Addr;
use rump_kpi::packet::Packet;
use rumpnet_inet::wire;
use rumpnet_inet::wire::checksum::pseudo_v6;
use rumpnet_inet::wire::ethernet::{EtherType, Frame, MacAddress};
use rumpnet_inet::wire::extension::skip_to_transport;
use rumpnet_inet::wire::icmpv6::{self, Message};
use rumpnet_inet::wire::ipv4::Protocol;
use rumpnet_inet::wire::ipv6::Ipv6;
use rumpnet_inet::wire::ndp;
use rumpnet_inet::wire::udp::Udp;

/// Who sends what no host does.
pub const STRANGER: MacAddress = MacAddress([2, 9, 9, 9, 9, 9]);

pub fn address(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

/// The address that a host makes for its link.
pub fn link_local(MacAddress([a, b, c, d, e, f]): MacAddress) -> Ipv6Addr {
    let words = |high: u8, low: u8| u16::from(high) << 8 | u16::from(low);
    Ipv6Addr::new(0xfe80, 0, 0, 0, words(a ^ 2, b), words(c, 0xff), words(0xfe, d), words(e, f))
}

/// A frame of IPv6 with any content.
pub fn frame(to: MacAddress, header: &Ipv6, content: &[u8]) -> Vec<u8> {
    let mut packet = Packet::with_content([Bytes::copy_from_slice(content)]);
    header.emit(&mut packet);
    Frame { destination: to, source: STRANGER, ether_type: EtherType::IPV6 }.emit(&mut packet);
    packet.to_vec()
}

/// A message of neighbour discovery from a stranger.
pub fn discovery(
    to: MacAddress,
    (source, destination): (Ipv6Addr, Ipv6Addr),
    message: &ndp::Message,
    options: &ndp::Options,
) -> Vec<u8> {
    let (kind, rest) = message.emit(options);
    let mut packet = Packet::with_content([]);
    let sum = |length| pseudo_v6(source, destination, Protocol::ICMPV6, length);
    icmpv6::emit(&mut packet, kind, 0, &rest, sum);
    wire::complete(&mut packet);
    frame(to, &Ipv6::new(source, destination, Protocol::ICMPV6, 255), &packet.to_vec())
}

/// A message of ICMPv6 with content, as what follows the header of IPv6.
pub fn icmp((source, destination): (Ipv6Addr, Ipv6Addr), message: Message, content: &[u8]) -> Vec<u8> {
    let mut packet = Packet::with_content([Bytes::copy_from_slice(content)]);
    message.emit(&mut packet, |length| pseudo_v6(source, destination, Protocol::ICMPV6, length));
    wire::complete(&mut packet);
    packet.to_vec()
}

/// A datagram of UDP, as what follows the header of IPv6.
pub fn datagram(
    (source, destination): (Ipv6Addr, Ipv6Addr),
    (from, to): (u16, u16),
    content: &[u8],
) -> Vec<u8> {
    let mut packet = Packet::with_content([Bytes::copy_from_slice(content)]);
    let ports = Udp { source: from, destination: to };
    ports.emit(&mut packet, |length| pseudo_v6(source, destination, Protocol::UDP, length));
    wire::complete(&mut packet);
    packet.to_vec()
}

/// The packet of IPv6 in a frame: its header, and what follows all headers.
pub fn read(sent: &Sent) -> Option<(Ipv6, Protocol, Packet)> {
    let mut packet = Packet::received(Bytes::from(sent.frame.clone()));
    let frame = Frame::take(&mut packet).unwrap();
    if frame.ether_type != EtherType::IPV6 {
        return None;
    }
    let header = Ipv6::take(&mut packet).unwrap();
    let transport = skip_to_transport(header.next_header, &mut packet)?;
    Some((header, transport, packet))
}

/// Messages of neighbour discovery that were sent.
pub fn discoveries(all: &[Sent]) -> Vec<(usize, Ipv6, ndp::Message, ndp::Options)> {
    let message = |sent: &Sent| {
        let (header, transport, packet) = read(sent)?;
        let bytes = packet.to_vec();
        if transport != Protocol::ICMPV6 || !(133..=137).contains(&bytes[0]) {
            return None;
        }
        let (message, options) = ndp::parse(bytes[0], &bytes[4..]).unwrap();
        assert_eq!(header.hop_limit, 255);
        Some((sent.host, header, message, options))
    };
    all.iter().filter_map(message).collect()
}

/// Complaints and echoes that were sent.
pub fn messages(all: &[Sent]) -> Vec<(usize, Ipv6, Message)> {
    let message = |sent: &Sent| {
        let (header, transport, mut packet) = read(sent)?;
        let kind = *packet.first(1)?.first()?;
        if transport != Protocol::ICMPV6 || (130..=143).contains(&kind) {
            return None;
        }
        Some((sent.host, header, Message::take(&mut packet).unwrap()))
    };
    all.iter().filter_map(message).collect()
}
