//! Groups on links: what routers ask and are told (RFC 3376, RFC 3810).

use super::Stack;
use super::input::Arrived;
use super::output::{Options, Path};
use crate::address::Version;
use crate::interface::{Interface, InterfaceId};
use crate::multicast::Report;
use crate::time::Instant;
use crate::wire::checksum::pseudo;
use crate::wire::group::{self, Age, Query, Record, igmp, mld};
use crate::wire::ipv4::{Ipv4, Protocol};
use crate::wire::ipv6::Ipv6;
use crate::wire::{self, icmpv6};
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use rump_kpi::netbsd::statistics::*;
use rump_kpi::packet::Packet;

/// Routers look at the packet though it is not for them (RFC 2113).
const ROUTER_ALERT_V4: [u8; 4] = [0x94, 4, 0, 0];
/// The same for IPv6 (RFC 2711): a header of options, with its padding; what follows is ICMPv6.
const ROUTER_ALERT_V6: [u8; 8] = [58, 0, 5, 2, 0, 0, 1, 0];
/// Where reports of the third age go.
const ALL_REPORTS_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 22);
const ALL_REPORTS_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x16);
const ALL_ROUTERS_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 2);
const ALL_ROUTERS_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
/// Bytes of headers before the records of a report.
const HEADERS: usize = 64;

impl Stack {
    pub(super) fn input_igmp(&mut self, now: Instant, arrived: &Arrived, header: &Ipv4, packet: Packet) {
        let bytes = match wire::igmp::take(&packet) {
            Ok(bytes) => bytes,
            Err(why) => return self.drop_malformed(arrived.interface, Counted::Igmp, why),
        };
        match bytes[0] {
            // From the link (RFC 3376, section 9.1).
            igmp::QUERY if header.time_to_live == 1 => {
                self.counters.count(Counted::Igmp, IGMP_STAT_RCV_QUERIES);
                self.asked_for_groups(now, arrived.interface, Version::V4, &bytes);
            }
            igmp::REPORT_1 | igmp::REPORT_2 => {
                self.counters.count(Counted::Igmp, IGMP_STAT_RCV_REPORTS);
                let group = Ipv4Addr::new(bytes[4], bytes[5], bytes[6], bytes[7]);
                self.heard_of_group(now, arrived.interface, group.into());
            }
            _ => {}
        }
    }

    /// `bytes` is all of the message.
    pub(super) fn input_mld(&mut self, now: Instant, id: InterfaceId, header: &Ipv6, bytes: &[u8]) {
        // RFC 3810, section 5.1.14.
        if header.hop_limit != 1 || !header.source.is_unicast_link_local() {
            return self.drop_malformed(id, Counted::Icmp6, wire::Malformed::Address);
        }
        match bytes.first() {
            Some(&mld::QUERY) => self.asked_for_groups(now, id, Version::V6, bytes),
            _ => {
                let group = bytes.get(8..24).and_then(|octets| <[u8; 16]>::try_from(octets).ok());
                if let Some(group) = group {
                    self.heard_of_group(now, id, Ipv6Addr::from(group).into());
                }
            }
        }
    }

    fn asked_for_groups(&mut self, now: Instant, id: InterfaceId, version: Version, bytes: &[u8]) {
        let query = match Query::parse(version, bytes) {
            Ok(query) => query,
            Err(why) => {
                let of = if version == Version::V4 { Counted::Igmp } else { Counted::Icmp6 };
                return self.drop_malformed(id, of, why);
            }
        };
        let Some(interface) = self.interfaces.get_mut(&id) else { return };
        let groups = interface.groups_of_mut(version);
        groups.asked(now, &query, &mut self.random);
        if let Some(deadline) = groups.next_deadline() {
            self.wake_at(deadline);
        }
    }

    fn heard_of_group(&mut self, now: Instant, id: InterfaceId, group: IpAddr) {
        if let Some(interface) = self.interfaces.get_mut(&id) {
            interface.groups_of_mut(Version::of(group)).heard(now, group);
        }
    }

    pub(super) fn poll_groups(&mut self, now: Instant, id: InterfaceId) {
        for version in [Version::V4, Version::V6] {
            let Some(interface) = self.interfaces.get_mut(&id) else { return };
            let is_told = !interface.is_loopback();
            let reports = interface.groups_of_mut(version).poll(now, &mut self.random);
            for report in reports.into_iter().filter(|_| is_told) {
                self.send_report(now, id, version, report);
            }
        }
    }

    fn send_report(&mut self, now: Instant, id: InterfaceId, version: Version, report: Report) {
        let all: (IpAddr, IpAddr) = match version {
            Version::V4 => (ALL_REPORTS_V4.into(), ALL_ROUTERS_V4.into()),
            Version::V6 => (ALL_REPORTS_V6.into(), ALL_ROUTERS_V6.into()),
        };
        match report {
            Report::Records(records) => {
                let Some(mtu) = self.interfaces.get(&id).map(|interface| interface.mtu) else { return };
                for part in in_packets(records, (mtu as usize).saturating_sub(HEADERS)) {
                    self.send_of_groups(now, id, all.0, group::report(version, &part));
                }
            }
            Report::Member(address, age) => {
                let kind = match (version, age) {
                    (Version::V4, Age::First) => igmp::REPORT_1,
                    (Version::V4, _) => igmp::REPORT_2,
                    (Version::V6, _) => mld::REPORT_1,
                };
                self.send_of_groups(now, id, address, group::plain(kind, address));
            }
            Report::Left(address) => {
                let kind = if version == Version::V4 { igmp::LEAVE } else { mld::DONE };
                self.send_of_groups(now, id, all.1, group::plain(kind, address));
            }
        }
    }

    fn send_of_groups(&mut self, now: Instant, id: InterfaceId, to: IpAddr, message: Vec<u8>) {
        match to {
            IpAddr::V4(to) => self.send_igmp(now, id, to, message),
            IpAddr::V6(to) => {
                let own = self.interfaces.get(&id).and_then(Interface::link_local);
                // Before there is an address (RFC 3810, section 5.2.13).
                let source = own.unwrap_or(Ipv6Addr::UNSPECIFIED);
                let (kind, rest) = (message[0], &message[4..]);
                let mut packet = Packet::with_content([]);
                let sum = |length| pseudo(source.into(), to.into(), Protocol::ICMPV6, length);
                icmpv6::emit(&mut packet, kind, 0, rest, sum);
                packet.prepend(ROUTER_ALERT_V6.len()).copy_from_slice(&ROUTER_ALERT_V6);
                self.counters.count_icmp6(ICMP6_STAT_OUTHIST, kind);
                self.send_on_link(now, id, (source, to), Protocol::HOP_BY_HOP, 1, packet);
            }
        }
    }

    fn send_igmp(&mut self, now: Instant, id: InterfaceId, to: Ipv4Addr, message: Vec<u8>) {
        let Some(interface) = self.interfaces.get(&id) else { return };
        let source = interface.source_for(to).unwrap_or(Ipv4Addr::UNSPECIFIED);
        let path = Path {
            interface: id,
            next_hop: to.into(),
            source: source.into(),
            destination: to.into(),
            mtu: interface.mtu,
            is_broadcast: false,
            comes_back: false,
        };
        let header = Ipv4 {
            traffic_class: 0xc0,
            options: ROUTER_ALERT_V4.to_vec(),
            ..Ipv4::new(source, to, Protocol::IGMP, 1)
        };
        self.counters.note_sent(Version::V4, Protocol::IGMP, message[0]);
        let _ = self.send_with_header(now, &path, &header, wire::igmp::emit(message));
    }

    /// The interface on which a group is joined, unless somebody says: that of the way there.
    pub(crate) fn link_of_group(&self, group: IpAddr, on: Option<InterfaceId>) -> Option<InterfaceId> {
        let on = on.or_else(|| match group {
            IpAddr::V4(group) => {
                let options = Options { may_broadcast: true, ..Options::default() };
                self.path(group.into(), &options).ok().map(|path| path.interface)
            }
            IpAddr::V6(_) => self.default_link_v6(None),
        });
        on.filter(|on| self.interfaces.contains_key(on))
    }

    /// A socket wants a group from some sources on an interface, or no longer (`None`).
    pub(crate) fn want_group(
        &mut self,
        on: InterfaceId,
        group: IpAddr,
        holder: crate::sockets::SocketId,
        filter: Option<crate::multicast::Filter>,
    ) {
        let Some(interface) = self.interfaces.get_mut(&on) else { return };
        let groups = interface.groups_of_mut(Version::of(group));
        match filter {
            Some(filter) => groups.join(group, Some(holder), filter),
            None => groups.leave(group, Some(holder)),
        }
        self.wake_at(Instant::ZERO);
    }
}

/// Records in packets that are not longer than links take.
fn in_packets(records: Vec<Record>, most_bytes: usize) -> Vec<Vec<Record>> {
    let (mut packets, mut bytes): (Vec<Vec<Record>>, usize) = (Vec::new(), 0);
    for record in records {
        let length = group::record_bytes(&record);
        match packets.last_mut().filter(|_| bytes + length <= most_bytes) {
            Some(packet) => {
                packet.push(record);
                bytes += length;
            }
            None => {
                packets.push(alloc::vec![record]);
                bytes = length;
            }
        }
    }
    packets
}
