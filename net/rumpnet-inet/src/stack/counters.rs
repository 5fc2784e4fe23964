//! What protocols did, in numbers, in NetBSD's arrays. What is joined, or is to be cut by a device, counts once.

use super::{Dropped, Stack};
use crate::address::Version;
use crate::reassembly;
use crate::wire::Malformed;
use crate::wire::ipv4::Protocol;
use alloc::vec;
use alloc::vec::Vec;
use rump_kpi::device::Counter;
use rump_kpi::netbsd::statistics::*;

/// See the module.
#[derive(Debug)]
pub(crate) struct Counters {
    /// In the order of [`Counted::ALL`].
    all: [Vec<u64>; Counted::ALL.len()],
}

impl Default for Counters {
    fn default() -> Self {
        Self { all: Counted::ALL.map(|of| vec![0; of.places()]) }
    }
}

/// UDP over a version of IP, as what counts.
pub(super) fn udp(version: Version) -> Counted {
    match version {
        Version::V4 => Counted::Udp,
        Version::V6 => Counted::Udp6,
    }
}

impl Counters {
    /// One more of it.
    pub(crate) fn count(&mut self, of: Counted, place: usize) {
        if let Some(count) = self.all[of as usize].get_mut(place) {
            *count += 1;
        }
    }

    /// One more of either version of IP.
    pub(super) fn count_ip(&mut self, version: Version, (v4, v6): (usize, usize)) {
        match version {
            Version::V4 => self.count(Counted::Ip, v4),
            Version::V6 => self.count(Counted::Ip6, v6),
        }
    }

    /// A packet is for somebody here.
    pub(super) fn note_delivered(&mut self, version: Version, protocol: Protocol) {
        self.count_ip(version, (IP_STAT_DELIVERED, IP6_STAT_DELIVERED));
        match (protocol, version) {
            (Protocol::IGMP, Version::V4) => self.count(Counted::Igmp, IGMP_STAT_RCV_TOTAL),
            (Protocol::TCP, _) => self.count(Counted::Tcp, TCP_STAT_RCVTOTAL),
            (Protocol::UDP, Version::V4) => self.count(Counted::Udp, UDP_STAT_IPACKETS),
            (Protocol::UDP, Version::V6) => self.count(Counted::Udp6, UDP6_STAT_IPACKETS),
            _ => {}
        }
    }

    /// A packet was made here; `kind` is its first byte.
    pub(super) fn note_sent(&mut self, version: Version, protocol: Protocol, kind: u8) {
        self.count_ip(version, (IP_STAT_LOCALOUT, IP6_STAT_LOCALOUT));
        match (protocol, version) {
            (Protocol::ICMP, Version::V4) => self.count_icmp(ICMP_STAT_OUTHIST, kind),
            (Protocol::ICMPV6, Version::V6) => self.count_icmp6(ICMP6_STAT_OUTHIST, kind),
            (Protocol::IGMP, Version::V4) => self.count(Counted::Igmp, IGMP_STAT_SND_REPORTS),
            (Protocol::TCP, _) => self.count(Counted::Tcp, TCP_STAT_SNDTOTAL),
            (Protocol::UDP, Version::V4) => self.count(Counted::Udp, UDP_STAT_OPACKETS),
            (Protocol::UDP, Version::V6) => self.count(Counted::Udp6, UDP6_STAT_OPACKETS),
            _ => {}
        }
    }

    /// A message of ICMP, among those that came or were sent.
    pub(super) fn count_icmp(&mut self, histogram: usize, kind: u8) {
        if kind < ICMP_TYPES {
            self.count(Counted::Icmp, histogram + usize::from(kind));
        }
    }

    /// The same of ICMPv6.
    pub(super) fn count_icmp6(&mut self, histogram: usize, kind: u8) {
        self.count(Counted::Icmp6, histogram + usize::from(kind));
    }

    /// What a protocol does not take.
    pub(super) fn note_dropped(&mut self, of: Counted, why: Dropped) {
        if let Some(place) = place_of(of, why) {
            self.count(of, place);
        }
    }
}

/// Where a protocol counts what it does not take for a reason, if it tells that.
fn place_of(of: Counted, why: Dropped) -> Option<usize> {
    use Malformed::{Address, Checksum, Header, Short};
    Some(match (of, why) {
        (Counted::Ip, Dropped::Malformed(why)) => match why {
            Short => IP_STAT_TOOSHORT,
            Header => IP_STAT_BADHLEN,
            Checksum => IP_STAT_BADSUM,
            Address => IP_STAT_BADADDR,
        },
        (Counted::Ip, Dropped::SourceRoute) => IP_STAT_BADOPTIONS,
        (Counted::Ip, Dropped::Nobody) => IP_STAT_NOPROTO,
        (Counted::Ip, Dropped::NotForUs | Dropped::TimeToLive) => IP_STAT_CANTFORWARD,
        (Counted::Ip, Dropped::NoRoute) => IP_STAT_NOROUTE,
        (Counted::Ip6, Dropped::Malformed(why)) => match why {
            Short => IP6_STAT_TOOSHORT,
            Header | Checksum => IP6_STAT_BADVERS,
            Address => IP6_STAT_BADSCOPE,
        },
        (Counted::Ip6, Dropped::SourceRoute | Dropped::Nobody) => IP6_STAT_BADOPTIONS,
        (Counted::Ip6, Dropped::NotForUs | Dropped::TimeToLive) => IP6_STAT_CANTFORWARD,
        (Counted::Ip6, Dropped::NoRoute) => IP6_STAT_NOROUTE,
        (Counted::Icmp, Dropped::Malformed(Short)) => ICMP_STAT_TOOSHORT,
        (Counted::Icmp, Dropped::Malformed(Checksum)) => ICMP_STAT_CHECKSUM,
        (Counted::Icmp, Dropped::Malformed(_)) => ICMP_STAT_BADCODE,
        (Counted::Icmp6, Dropped::Malformed(Short)) => ICMP6_STAT_TOOSHORT,
        (Counted::Icmp6, Dropped::Malformed(Checksum)) => ICMP6_STAT_CHECKSUM,
        (Counted::Icmp6, Dropped::Malformed(Header)) => ICMP6_STAT_BADCODE,
        (Counted::Icmp6, Dropped::Malformed(Address)) => ICMP6_STAT_BADLEN,
        (Counted::Icmp6, Dropped::Limited) => ICMP6_STAT_TOOFREQ,
        (Counted::Igmp, Dropped::Malformed(Short)) => IGMP_STAT_RCV_TOOSHORT,
        (Counted::Igmp, Dropped::Malformed(Checksum)) => IGMP_STAT_RCV_BADSUM,
        (Counted::Igmp, Dropped::Malformed(_)) => IGMP_STAT_RCV_BADQUERIES,
        (Counted::Tcp, Dropped::Malformed(Short)) => TCP_STAT_RCVSHORT,
        (Counted::Tcp, Dropped::Malformed(Checksum)) => TCP_STAT_RCVBADSUM,
        (Counted::Tcp, Dropped::Malformed(_)) => TCP_STAT_RCVBADOFF,
        (Counted::Tcp, Dropped::Nobody | Dropped::NotForUs) => TCP_STAT_NOPORT,
        (Counted::Udp, Dropped::Malformed(Short)) => UDP_STAT_HDROPS,
        (Counted::Udp, Dropped::Malformed(Checksum)) => UDP_STAT_BADSUM,
        (Counted::Udp, Dropped::Malformed(_)) => UDP_STAT_BADLEN,
        (Counted::Udp, Dropped::Nobody) => UDP_STAT_NOPORT,
        (Counted::Udp, Dropped::Full) => UDP_STAT_FULLSOCK,
        (Counted::Udp6, Dropped::Malformed(Short)) => UDP6_STAT_HDROPS,
        (Counted::Udp6, Dropped::Malformed(Checksum)) => UDP6_STAT_BADSUM,
        (Counted::Udp6, Dropped::Malformed(_)) => UDP6_STAT_BADLEN,
        (Counted::Udp6, Dropped::Nobody) => UDP6_STAT_NOPORT,
        (Counted::Udp6, Dropped::Full) => UDP6_STAT_FULLSOCK,
        _ => return None,
    })
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
    /// The array of a protocol.
    pub fn statistics(&self, of: Counted) -> Vec<u64> {
        let mut all = self.counters.all[of as usize].clone();
        let mut put = |place: usize, count: u64| {
            if let Some(there) = all.get_mut(place) {
                *there += count;
            }
        };
        match of {
            Counted::Ip => {
                let reassembly::Given { fragments, packets } = self.reassembly.given_up();
                put(IP_STAT_FRAGDROPPED, fragments);
                put(IP_STAT_FRAGTIMEOUT, packets);
            }
            Counted::Ip6 => {
                let reassembly::Given { fragments, packets } = self.reassembly_v6.given_up();
                put(IP6_STAT_FRAGDROPPED, fragments);
                put(IP6_STAT_FRAGTIMEOUT, packets);
            }
            Counted::Tcp => self.tcp.totals().told().into_iter().for_each(|(place, count)| put(place, count)),
            Counted::Icmp | Counted::Igmp | Counted::Udp | Counted::Icmp6 | Counted::Udp6 => {}
        }
        all
    }

    /// What was counted, those of one protocol together, and then why packets were dropped.
    pub fn counters(&self) -> Vec<Counter> {
        let of = |of: Counted| Counter::of(of, self.statistics(of));
        let drops =
            REASONS.iter().map(|(why, what)| Counter { protocol: "drops", what, count: self.dropped(*why) });
        Counted::ALL.into_iter().flat_map(of).chain(drops).collect()
    }
}
