//! One way of a wire: packets and times go in, packets come out when they are due. It has no clock and no lock.
//!
//! Invariants: what happens to a packet follows from the seed, its number, and the times at which it and those before it
//! came. Memory is bounded by [`MOST_WAITING`].

use crate::impairment::Impairment;
use alloc::collections::BTreeMap;
use core::time::Duration;
use rump_kpi::packet::{Checksum, Packet};
use rump_random::Random;

/// Packets on their way at once; more are lost.
pub const MOST_WAITING: usize = 16_384;
const IPV4: [u8; 2] = [0x08, 0x00];
const IPV6: [u8; 2] = [0x86, 0xdd];
const ETHER_TYPE_AT: usize = 12;

/// What became of packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Packets that were offered.
    pub offered: u64,
    /// Packets that came out, with those that came twice.
    pub delivered: u64,
    /// Those that were lost by chance, with those that were damaged and are not of IP.
    pub lost: u64,
    /// Those that were lost since the link was down.
    pub down: u64,
    /// Those that were too long for the black hole.
    pub vanished: u64,
    /// Those that found the queue full.
    pub overflowed: u64,
    /// Those that were damaged.
    pub corrupted: u64,
    /// Those that came twice.
    pub duplicated: u64,
    /// Those that were held back.
    pub reordered: u64,
}

/// See the module.
pub struct Wire {
    impairment: Impairment,
    seed: u64,
    /// Bytes before IP.
    link: usize,
    /// By the time at which they are due, and their number.
    waiting: BTreeMap<(Duration, u64), Packet>,
    next_number: u64,
    /// When what was sent before has left, where there is a rate.
    busy_until: Duration,
    /// When the last one is due that was not held back.
    last_due: Duration,
    statistics: Statistics,
}

impl Wire {
    /// A wire on which nothing is; packets of it have `link` bytes before IP.
    pub fn new(impairment: Impairment, seed: u64, link: usize) -> Self {
        Self {
            impairment,
            seed,
            link,
            waiting: BTreeMap::new(),
            next_number: 0,
            busy_until: Duration::ZERO,
            last_due: Duration::ZERO,
            statistics: Statistics::default(),
        }
    }

    /// What became of packets so far.
    pub fn statistics(&self) -> Statistics {
        self.statistics
    }

    /// When the next packet comes out.
    pub fn next_deadline(&self) -> Option<Duration> {
        self.waiting.first_key_value().map(|((due, _), _)| *due)
    }

    /// The next packet that is due.
    pub fn take(&mut self, now: Duration) -> Option<Packet> {
        let entry = self.waiting.first_entry().filter(|entry| entry.key().0 <= now)?;
        self.statistics.delivered += 1;
        Some(entry.remove())
    }

    /// A packet comes; times do not go back.
    pub fn offer(&mut self, now: Duration, mut packet: Packet) {
        // The same numbers for each packet, whatever happens to it: one impairment does not change another.
        let mut random =
            Random::new(Random::new(self.seed.wrapping_add(self.statistics.offered)).number() ^ self.seed);
        let [loss, corruption, bit, duplication, jitter, reordering] = [(); 6].map(|()| random.number());
        self.statistics.offered += 1;
        if self.impairment.is_down(now) {
            self.statistics.down += 1;
            return;
        }
        let bytes = packet.len().saturating_sub(self.link);
        if self.impairment.black_hole.is_some_and(|most| bytes > most as usize) {
            self.statistics.vanished += 1;
            return;
        }
        if self.impairment.loss.happens(loss) {
            self.statistics.lost += 1;
            return;
        }
        if self.impairment.corruption.happens(corruption) {
            if bytes == 0 || !self.is_ip(&mut packet) {
                self.statistics.lost += 1;
                return;
            }
            self.statistics.corrupted += 1;
            damage(&mut packet, self.link + (bit >> 3) as usize % bytes, (bit & 7) as u8);
        }
        let is_twice = self.impairment.duplication.happens(duplication);
        self.statistics.duplicated += u64::from(is_twice);
        let copy = is_twice.then(|| packet.clone());
        for packet in [Some(packet), copy].into_iter().flatten() {
            self.send(now, packet, jitter, reordering);
        }
    }

    /// Finds out when a packet comes out.
    fn send(&mut self, now: Duration, packet: Packet, jitter: u64, reordering: u64) {
        let Some(left) = self.leave(now, packet.len()).filter(|_| self.waiting.len() < MOST_WAITING) else {
            self.statistics.overflowed += 1;
            return;
        };
        let most = self.impairment.jitter.as_nanos() as u64;
        let jitter = Duration::from_nanos(if most == 0 { 0 } else { jitter % most });
        let on_its_way = self.impairment.delay.saturating_add(jitter);
        let in_order = left.saturating_add(on_its_way).max(self.last_due);
        let due = if self.impairment.reordering.happens(reordering) {
            self.statistics.reordered += 1;
            in_order.saturating_add(self.impairment.held_back)
        } else {
            self.last_due = in_order;
            in_order
        };
        self.waiting.insert((due, self.next_number), packet);
        self.next_number += 1;
    }

    /// When a packet has left, at the rate of the wire; `None` if it finds the queue full.
    fn leave(&mut self, now: Duration, bytes: usize) -> Option<Duration> {
        let Some(rate) = self.impairment.rate else { return Some(now) };
        let bits_per_second = u128::from(rate.bits_per_second.max(1));
        let waiting = self.busy_until.saturating_sub(now);
        let queued = waiting.as_nanos() * bits_per_second / 8 / 1_000_000_000;
        if queued > u128::from(rate.queue_bytes) {
            return None;
        }
        let nanos = bytes as u128 * 8 * 1_000_000_000 / bits_per_second;
        let takes = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        self.busy_until = self.busy_until.max(now).saturating_add(takes);
        Some(self.busy_until)
    }

    fn is_ip(&self, packet: &mut Packet) -> bool {
        let Some(begin) = self.link.checked_sub(2) else { return true };
        let ether_type = packet.first(self.link).and_then(|bytes| bytes.get(begin.min(ETHER_TYPE_AT)..));
        ether_type.is_some_and(|found| found.starts_with(&IPV4) || found.starts_with(&IPV6))
    }
}

/// Turns one bit. Nothing is known of the checksum any more.
fn damage(packet: &mut Packet, at: usize, bit: u8) {
    let Some(byte) = packet.first(at + 1).map(|bytes| bytes[at]) else { return };
    packet.overwrite(at, &[byte ^ 1 << bit]);
    packet.checksum = Checksum::Unknown;
}
