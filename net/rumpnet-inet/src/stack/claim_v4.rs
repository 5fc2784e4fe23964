//! Addresses of IPv4 that others may have: asking, announcing, defending (RFC 5227).

use super::Stack;
use crate::interface::{ClaimV4, InterfaceId};
use crate::time::Instant;
use crate::wire::arp::{self, Operation};
use crate::wire::ethernet::MacAddress;
use alloc::vec::Vec;
use core::net::Ipv4Addr;
use core::time::Duration;

/// How often others are asked (PROBE_NUM).
pub(super) const PROBES: u8 = 3;
/// Before the first question (PROBE_WAIT).
const PROBE_WAIT: Duration = Duration::from_secs(1);
/// Between two (PROBE_MIN and PROBE_MAX).
const PROBE_MIN: Duration = Duration::from_secs(1);
/// After the last (ANNOUNCE_WAIT), and between two announcements (ANNOUNCE_INTERVAL).
const ANNOUNCE_WAIT: Duration = Duration::from_secs(2);
/// How often an address is announced (ANNOUNCE_NUM).
const ANNOUNCEMENTS: u8 = 2;
/// Between two defences (DEFEND_INTERVAL).
const DEFEND_INTERVAL: Duration = Duration::from_secs(10);

impl Stack {
    /// Others are asked whether they have an address; if nobody says so, it is ours.
    pub(super) fn claim_v4(&mut self, id: InterfaceId, address: Ipv4Addr, length: u8, probes_left: u8) {
        let Some(interface) = self.interfaces.get_mut(&id) else { return };
        let claim =
            ClaimV4 { address, length, probes_left, announcements_left: ANNOUNCEMENTS, due: Instant::ZERO };
        interface.claims.push(claim);
        self.is_reconfigured = true;
        self.wake_at(Instant::ZERO);
    }

    pub(super) fn poll_claims_v4(&mut self, now: Instant, id: InterfaceId) {
        let Some(interface) = self.interfaces.get_mut(&id) else { return };
        let (due, later): (Vec<ClaimV4>, Vec<ClaimV4>) =
            core::mem::take(&mut interface.claims).into_iter().partition(|claim| claim.due <= now);
        interface.claims = later;
        for claim in due {
            if let Some(claim) = self.poll_claim_v4(now, id, claim) {
                if let Some(interface) = self.interfaces.get_mut(&id) {
                    interface.claims.push(claim);
                }
            }
        }
    }

    fn poll_claim_v4(&mut self, now: Instant, id: InterfaceId, mut claim: ClaimV4) -> Option<ClaimV4> {
        if claim.due == Instant::ZERO {
            claim.due = now + self.random_below(PROBE_WAIT);
            return Some(claim);
        }
        if claim.probes_left > 0 {
            claim.probes_left -= 1;
            self.send_claim(id, Ipv4Addr::UNSPECIFIED, claim.address);
            let wait = PROBE_MIN + self.random_below(PROBE_MIN);
            claim.due = now + if claim.probes_left > 0 { wait } else { ANNOUNCE_WAIT };
            return Some(claim);
        }
        if claim.announcements_left == ANNOUNCEMENTS {
            self.take_address(id, claim.address, claim.length);
        }
        self.send_claim(id, claim.address, claim.address);
        claim.announcements_left -= 1;
        claim.due = now + ANNOUNCE_WAIT;
        (claim.announcements_left > 0).then_some(claim)
    }

    /// An address that is ours and was announced is announced once more later.
    pub(super) fn announce_again(&mut self, now: Instant, id: InterfaceId, address: Ipv4Addr, length: u8) {
        let Some(interface) = self.interfaces.get_mut(&id) else { return };
        interface.claims.retain(|claim| claim.address != address);
        let due = now + ANNOUNCE_WAIT;
        interface.claims.push(ClaimV4 {
            address,
            length,
            probes_left: 0,
            announcements_left: ANNOUNCEMENTS - 1,
            due,
        });
        self.wake_at(due);
    }

    /// Asks for an address as nobody, or announces it as who has it.
    pub(super) fn send_claim(&mut self, id: InterfaceId, sender: Ipv4Addr, address: Ipv4Addr) {
        let Some(hardware) = self.interfaces.get(&id).and_then(|interface| interface.hardware()) else {
            return;
        };
        let message = arp::Message {
            operation: Operation::Request,
            sender: (hardware, sender),
            target: (MacAddress([0; 6]), address),
        };
        self.send_arp(id, &message, MacAddress::BROADCAST);
    }

    /// Somebody has an address that was to be ours, or wants it, too (section 2.1.1): it is given up.
    pub(super) fn note_conflict(&mut self, id: InterfaceId, message: &arp::Message) {
        let Some(interface) = self.interfaces.get_mut(&id) else { return };
        let is_probe = message.sender.1.is_unspecified() && message.operation == Operation::Request;
        let about = if is_probe { message.target.1 } else { message.sender.1 };
        let count = interface.claims.len();
        interface
            .claims
            .retain(|claim| claim.address != about || interface.addresses.iter().any(|own| own.0 == about));
        self.is_reconfigured |= interface.claims.len() < count;
    }

    /// Somebody says that he has our address: it is announced, but not each time (section 2.4 (c)).
    pub(super) fn defend(&mut self, now: Instant, id: InterfaceId, address: Ipv4Addr) {
        let Some(interface) = self.interfaces.get_mut(&id) else { return };
        if interface.defended.is_some_and(|last| now.saturating_sub(last) < DEFEND_INTERVAL) {
            return;
        }
        interface.defended = Some(now);
        self.send_claim(id, address, address);
    }
}
