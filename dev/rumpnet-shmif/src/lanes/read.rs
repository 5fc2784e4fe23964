//! The receiving side.

use super::record::{HEADER, Record};
use super::{Lanes, RESERVED, SLEEP, control};
use crate::{ETHERNET_HEADER, MOST_FRAME};
use alloc::vec::Vec;
use bytes::Bytes;
use core::sync::atomic::{AtomicBool, Ordering, fence};
use core::time::Duration;
use rump_kpi::packet::Packet;

/// Bytes, and packets, of a lane after which those that came are given away.
const BATCH_BYTES: u64 = 128 << 10;
const BATCH: usize = 64;
/// Looks at the lanes before one sleeps.
const SPINS: u32 = 50;
/// How long one sleeps at most: the word of the sleep may have been damaged.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

impl Lanes {
    /// The next packets of others.
    pub(super) fn receive_some(&self) -> Vec<Packet> {
        let mut packets = Vec::new();
        let mut positions = self.positions.lock();
        for lane in self.others() {
            if let Some(position) = positions.get_mut(lane) {
                *position = self.receive_lane(lane, *position, &mut packets);
            }
        }
        packets
    }

    /// Takes packets of a lane; answers up to where it is read.
    fn receive_lane(&self, lane: usize, start: u64, packets: &mut Vec<Packet>) -> u64 {
        let published = self.published(lane);
        let (mut at, most) = (start, packets.len() + BATCH);
        while at != published && packets.len() < most && at.wrapping_sub(start) < BATCH_BYTES {
            match self.record(lane, at, published) {
                Some((packet, bytes)) => {
                    packets.extend(packet);
                    at = at.wrapping_add(bytes);
                }
                // Too late, or damaged: what is newest begins a record for certain.
                None => return self.published(lane),
            }
        }
        at
    }

    /// The packet of a record, if it is one for a stack, and the record's bytes; None if there is no record, or none any
    /// more.
    fn record(&self, lane: usize, at: u64, published: u64) -> Option<(Option<Packet>, u64)> {
        let ring = &self.rings[lane];
        let there = published.wrapping_sub(at);
        if there > ring.size {
            return None;
        }
        let mut header = [0; HEADER];
        ring.read(at, &mut header).ok()?;
        let record = Record::parse(&header).filter(|record| record.position == at)?;
        if record.length > MOST_FRAME || record.bytes() > there {
            return None;
        }
        let frame = ring.take(at.wrapping_add(HEADER as u64), record.length).ok()?;
        fence(Ordering::Acquire);
        let reserved = self.memory.load_u64(control(lane) + RESERVED);
        if reserved.wrapping_sub(at) > ring.size {
            return None;
        }
        let mut packet = Packet::received(Bytes::from(frame));
        record.describe(&mut packet);
        Some(((record.length >= ETHERNET_HEADER).then_some(packet), record.bytes()))
    }

    /// Whether there is something to receive.
    fn is_idle(&self) -> bool {
        let positions = self.positions.lock();
        self.others().all(|lane| positions.get(lane).is_none_or(|position| self.published(lane) == *position))
    }

    /// Waits until there is something, or `stopped`.
    pub(super) fn sleep(&self, stopped: &AtomicBool) {
        for _ in 0..SPINS {
            if !self.is_idle() {
                return;
            }
            core::hint::spin_loop();
        }
        let at = control(self.own) + SLEEP;
        let word = (self.memory.load_u32(at) & !1).wrapping_add(3);
        self.memory.store_u32(at, word);
        // Whoever publishes sees the word, or what is published is seen here.
        fence(Ordering::SeqCst);
        if self.is_idle() && !stopped.load(Ordering::SeqCst) {
            self.memory.wait(at, word, LONGEST_SLEEP);
        }
        self.memory.replace_u32(at, word, word & !1);
    }
}
