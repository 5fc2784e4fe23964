//! The sending side.

use super::Compatible;
use super::layout::{
    FIRST, GENERATION, LAST, MAGIC, MAGIC_AT, PACKET_HEADER, PacketHeader, VERSION, VERSION_AT,
};
use super::state::State;
use crate::{ETHERNET_HEADER, host_error};
use alloc::vec::Vec;
use core::ops::ControlFlow;
use core::sync::atomic::{Ordering, fence};
use rump_kpi::KResult;
use rump_kpi::packet::Packet;

/// Bytes that are written while the lock is held, if one packet is not longer.
const SHARE: u64 = 64 << 10;

impl Compatible {
    /// Sends packets; leaves those for which the lock was not to be had. Errors: those of the host.
    pub(super) fn send_all(&self, packets: &mut Vec<Packet>) -> KResult<()> {
        packets.retain(|packet| (ETHERNET_HEADER..=self.most).contains(&packet.len()));
        let mut sent = 0;
        {
            let _sending = self.sending.lock();
            while let ControlFlow::Continue(count) = self.send_share(&packets[sent..]) {
                sent += count;
                if sent == packets.len() {
                    break;
                }
            }
        }
        packets.drain(..sent);
        if sent > 0 {
            self.ring.memory.notify(VERSION_AT, VERSION).map_err(host_error)?;
        }
        Ok(())
    }

    /// Sends some of the packets; breaks off if the lock is not to be had, or was taken away.
    fn send_share(&self, packets: &[Packet]) -> ControlFlow<(), usize> {
        let Some(held) = self.lock.acquire() else { return ControlFlow::Break(()) };
        let mut state = self.sound_state(&held);
        let (count, bytes) = self.share(packets, state.end);
        let state = match self.make_room(&mut state, bytes) {
            true => state,
            // It led nowhere from the first packet; there is room in a fresh ring.
            false => self.renew(state.generation),
        };
        let mut at = state.end;
        let mut last = at;
        for packet in &packets[..count] {
            last = at;
            at = self.write(at, packet);
        }
        if !held.is_ours() {
            return ControlFlow::Break(());
        }
        self.publish(&state, last, at);
        // One's own packets need not be read if all before them were.
        let _ = self.position.compare_exchange(state.end, at, Ordering::AcqRel, Ordering::Relaxed);
        ControlFlow::Continue(count)
    }

    /// How many packets are written at once, and how many bytes those are at most. There is at least one if there are any.
    fn share(&self, packets: &[Packet], end: u64) -> (usize, u64) {
        let (mut count, mut bytes) = (0, 0);
        for packet in packets {
            let next = bytes + self.padded(end.wrapping_add(bytes), packet);
            if count > 0 && next > SHARE.min(self.ring.size / 4) {
                break;
            }
            (count, bytes) = (count + 1, next);
        }
        // A fresh ring begins elsewhere, where another packet may need a byte of padding.
        (count, bytes + 1)
    }

    /// Bytes that a packet takes at a position, with those that keep it from ending right at the end.
    fn padded(&self, at: u64, packet: &Packet) -> u64 {
        let bytes = (PACKET_HEADER + packet.len()) as u64;
        let ends_at_end = at.wrapping_add(bytes) % self.ring.size == 0;
        bytes + u64::from(ends_at_end)
    }

    /// Moves `first` on until so many bytes are free; answers false if packets lead nowhere.
    fn make_room(&self, state: &mut State, bytes: u64) -> bool {
        if state.used + bytes <= self.ring.size {
            return true;
        }
        while state.used + bytes > self.ring.size {
            match self.bytes_at(state.first) {
                Some(oldest) if oldest <= state.used.saturating_sub(state.last_bytes) => {
                    state.first = (state.first + oldest) % self.ring.size;
                    state.used -= oldest;
                }
                _ => return false,
            }
        }
        self.ring.memory.store_u32(FIRST, state.first as u32);
        // Whoever sees one of the bytes that are written now sees this as well.
        fence(Ordering::Release);
        true
    }

    /// Writes a packet; answers where the next one goes.
    fn write(&self, at: u64, packet: &Packet) -> u64 {
        let bytes = self.padded(at, packet);
        let now = self.host.realtime();
        let header = PacketHeader {
            length: (bytes - PACKET_HEADER as u64) as u32,
            seconds: now.sec as u32,
            microseconds: now.nsec / 1000,
            sender: self.sender,
        };
        let mut to = at;
        let mut put = |bytes: &[u8]| {
            // Ranges of a ring are always there.
            let _ = self.ring.write(to, bytes);
            to = to.wrapping_add(bytes.len() as u64);
        };
        put(&header.emit());
        packet.chunks().for_each(&mut put);
        let end = at.wrapping_add(bytes);
        if to != end {
            let _ = self.ring.write(to, &[0]);
        }
        end
    }

    /// Makes known what was written from `state.end` to `end`.
    fn publish(&self, state: &State, last: u64, end: u64) {
        let memory = &*self.ring.memory;
        let ring = self.ring.size;
        let before = state.end % ring;
        // Positions are of the generation before the end was passed, even where they wrap around 2^64.
        if before + end.wrapping_sub(state.end) >= ring {
            memory.store_u64(GENERATION, state.generation.wrapping_add(1));
        }
        let last = (before + last.wrapping_sub(state.end)) % ring;
        memory.store_u32(LAST, last as u32);
        if memory.load_u32(MAGIC_AT) != MAGIC {
            memory.store_u32(MAGIC_AT, MAGIC);
        }
    }
}
