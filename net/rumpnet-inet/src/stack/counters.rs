//! What protocols did, in numbers. What is joined, or is to be cut by a device, counts once.

use super::{Dropped, Stack};
use crate::address::Version;
use crate::wire::Malformed;
use crate::wire::ipv4::Protocol;
use alloc::vec::Vec;
use core::net::IpAddr;
use rump_kpi::device::Counter;

/// Those of a version of IP.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ip {
    pub received: u64,
    pub delivered: u64,
    pub forwarded: u64,
    pub sent: u64,
}

/// Those of a protocol over IP.
#[derive(Clone, Copy, Debug, Default)]
struct Transport {
    received: u64,
    sent: u64,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    v4: Ip,
    v6: Ip,
    icmp: Transport,
    icmp6: Transport,
    igmp: Transport,
    tcp: Transport,
    udp: Transport,
    /// Connections that were made, by either side.
    pub established: u64,
}

impl Counters {
    pub(super) fn of(&mut self, version: Version) -> &mut Ip {
        match version {
            Version::V4 => &mut self.v4,
            Version::V6 => &mut self.v6,
        }
    }

    fn transport(&mut self, protocol: Protocol) -> Option<&mut Transport> {
        Some(match protocol {
            Protocol::ICMP => &mut self.icmp,
            Protocol::ICMPV6 => &mut self.icmp6,
            Protocol::IGMP => &mut self.igmp,
            Protocol::TCP => &mut self.tcp,
            Protocol::UDP => &mut self.udp,
            _ => return None,
        })
    }

    /// A packet is for somebody here.
    pub(super) fn note_delivered(&mut self, version: Version, protocol: Protocol) {
        self.of(version).delivered += 1;
        if let Some(transport) = self.transport(protocol) {
            transport.received += 1;
        }
    }

    /// A packet was made here.
    pub(super) fn note_sent(&mut self, source: IpAddr, protocol: Protocol) {
        self.of(if source.is_ipv4() { Version::V4 } else { Version::V6 }).sent += 1;
        if let Some(transport) = self.transport(protocol) {
            transport.sent += 1;
        }
    }
}

/// Reasons, and what is said of them.
const REASONS: [(Dropped, &str); 13] = [
    (Dropped::Malformed(Malformed::Short), "with data size < data length"),
    (Dropped::Malformed(Malformed::Header), "with bad headers"),
    (Dropped::Malformed(Malformed::Checksum), "with bad checksums"),
    (Dropped::Malformed(Malformed::Address), "with bad addresses"),
    (Dropped::InterfaceDown, "on interfaces that are down"),
    (Dropped::Nobody, "for an unknown protocol or a port with no socket"),
    (Dropped::NotForUs, "for others, not forwardable"),
    (Dropped::NoRoute, "discarded due to no route"),
    (Dropped::TimeToLive, "with no hops left"),
    (Dropped::SourceRoute, "with source routes"),
    (Dropped::Full, "dropped due to full socket buffers"),
    (Dropped::Unresolved, "to neighbours that do not answer"),
    (Dropped::Limited, "not complained of due to the rate limit"),
];

impl Stack {
    /// What was counted, those of one protocol together.
    pub fn counters(&self) -> Vec<Counter> {
        let mut all = Vec::new();
        let mut add = |protocol, what, count| all.push(Counter { protocol, what, count });
        let counters = &self.counters;
        for (protocol, ip) in [("ip", counters.v4), ("ip6", counters.v6)] {
            add(protocol, "total packets received", ip.received);
            add(protocol, "packets for this host", ip.delivered);
            add(protocol, "packets forwarded", ip.forwarded);
            add(protocol, "packets sent from this host", ip.sent);
        }
        for (protocol, icmp) in [("icmp", counters.icmp), ("icmp6", counters.icmp6), ("igmp", counters.igmp)]
        {
            add(protocol, "messages received", icmp.received);
            add(protocol, "messages sent", icmp.sent);
        }
        add("tcp", "packets received", counters.tcp.received);
        add("tcp", "packets sent", counters.tcp.sent);
        add("tcp", "data packets retransmitted", self.tcp.sent_again());
        add("tcp", "connections established (including accepts)", counters.established);
        add("udp", "datagrams received", counters.udp.received);
        add("udp", "datagrams output", counters.udp.sent);
        REASONS.iter().for_each(|(why, what)| add("drops", what, self.dropped(*why)));
        all
    }
}
