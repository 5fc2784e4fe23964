//! The receiving side.

use super::Compatible;
use super::layout::PACKET_HEADER;
use super::state::State;
use crate::ETHERNET_HEADER;
use alloc::vec::Vec;
use bytes::Bytes;
use core::sync::atomic::{Ordering, fence};
use rump_kpi::packet::Packet;

/// Packets, and bytes, after which those that came are given away.
const BATCH: usize = 64;
const BATCH_BYTES: u64 = 128 << 10;
/// How often one looks again at a ring that changes and has nothing for us.
const ROUNDS: u32 = 1000;

impl Compatible {
    /// The next packets of others; none if there are none, or nobody can tell because the lock is held.
    pub(super) fn receive_some(&self) -> Vec<Packet> {
        let packets = self.try_receive();
        self.unsure.store(packets.is_none(), Ordering::Release);
        packets.unwrap_or_default()
    }

    /// None if nobody can tell.
    fn try_receive(&self) -> Option<Vec<Packet>> {
        let mut state = self.state_if_free().or_else(|| self.state_by_lock())?;
        for _ in 0..ROUNDS {
            let before = self.position.load(Ordering::Acquire);
            let start = self.settled(before, &state);
            let (copied, end) = self.copy(start, &state);
            fence(Ordering::Acquire);
            // Without knowing what was overwritten meanwhile, nothing that was copied can be trusted.
            state = self.state_if_free()?;
            if self.position.compare_exchange(before, end, Ordering::AcqRel, Ordering::Relaxed).is_err() {
                // It began anew, or has passed packets of its own.
                continue;
            }
            let whole = copied.into_iter().filter(|(at, _)| state.holds(*at));
            let packets: Vec<Packet> = whole.map(|(_, packet)| packet).collect();
            if !packets.is_empty() || state.end == end {
                return Some(packets);
            }
        }
        None
    }

    /// Where reading goes on: at the position, or at the oldest packet if that was overtaken.
    fn settled(&self, position: u64, state: &State) -> u64 {
        // A packet that ended right at the end of the ring may count as having passed it, or not.
        let one_less = position.wrapping_sub(self.ring.size);
        match position {
            position if state.holds(position) => position,
            _ if state.holds(one_less) => one_less,
            _ => state.oldest(),
        }
    }

    /// Copies packets of others from `start` on, each with its position; answers where it ended.
    fn copy(&self, start: u64, state: &State) -> (Vec<(u64, Packet)>, u64) {
        let (mut at, mut packets) = (start, Vec::new());
        while at != state.end && packets.len() < BATCH && at.wrapping_sub(start) < BATCH_BYTES {
            let left = state.end.wrapping_sub(at);
            let Some(header) = self.packet_at(at) else { return (packets, state.end) };
            let bytes = PACKET_HEADER as u64 + u64::from(header.length);
            if bytes > left {
                // Damaged, or overwritten: what comes next cannot be found.
                return (packets, state.end);
            }
            let length = header.length as usize;
            if header.sender != self.sender && length >= ETHERNET_HEADER {
                let frame = self.ring.take(at.wrapping_add(PACKET_HEADER as u64), length);
                packets.extend(frame.ok().map(|frame| (at, Packet::received(Bytes::from(frame)))));
            }
            at = at.wrapping_add(bytes);
        }
        (packets, at)
    }

    /// The state, though the ring is damaged or somebody died with the lock; both are put in order. None if it is not
    /// to be had.
    fn state_by_lock(&self) -> Option<State> {
        let held = self.lock.acquire()?;
        Some(self.sound_state(&held))
    }
}
