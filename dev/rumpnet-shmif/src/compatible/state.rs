//! What the header says of the ring, checked; and a ring that is made sound again.

use super::layout::{FIRST, GENERATION, LAST, MAGIC, MAGIC_AT, PacketHeader, RING, VERSION, VERSION_AT};
use super::{Compatible, PACKET_HEADER};
use crate::lock::Held;
use core::sync::atomic::{Ordering, fence};
use rump_hyper::SharedMemory;

/// How often a header that changes is read anew before one gives up for now.
const LOOKS: u32 = 2000;
/// What a ring that is made anew is ahead of the old one: every reader has to be overtaken.
const GENERATIONS_OF_RENEWAL: u64 = 2;
/// Generations that positions tell apart, so that none overflows whatever the header says.
const GENERATIONS: u64 = 1 << 31;

/// The ring at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub generation: u64,
    /// Offset of the oldest packet; less than the length of the ring.
    pub first: u64,
    /// Bytes of the newest packet.
    pub last_bytes: u64,
    /// Position behind the newest packet.
    pub end: u64,
    /// Bytes of all packets; at most the length of the ring.
    pub used: u64,
}

impl State {
    /// Position of the oldest packet.
    pub fn oldest(&self) -> u64 {
        self.end.wrapping_sub(self.used)
    }

    /// Whether a position is among the packets, or right behind them.
    pub fn holds(&self, position: u64) -> bool {
        self.end.wrapping_sub(position) <= self.used
    }
}

/// The words of the header, as they are.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Words {
    generation: u64,
    first: u32,
    last: u32,
}

impl Words {
    fn load(memory: &dyn SharedMemory) -> Self {
        let last = memory.load_u32(LAST);
        let generation = memory.load_u64(GENERATION);
        Self { generation, first: memory.load_u32(FIRST), last }
    }
}

/// The position of offset 0 in a generation. It is not below the length of the ring: what was written in the generation
/// before has positions, too.
fn start_of(generation: u64, ring: u64) -> u64 {
    (generation % GENERATIONS + 1) * ring
}

/// The header of a bus without packets in a generation.
pub(super) fn write_fresh(memory: &dyn SharedMemory, generation: u64) {
    let ring = memory.size_bytes() - RING;
    // The packet without a frame that comes before all others. The ring was found to be longer.
    let _ = memory.write(RING, &[0; PACKET_HEADER]);
    memory.store_u64(GENERATION, generation);
    memory.store_u32(FIRST, ring as u32);
    memory.store_u32(LAST, 0);
    memory.store_u32(VERSION_AT, VERSION);
    memory.store_u32(MAGIC_AT, MAGIC);
}

impl Compatible {
    /// The header of the packet at an offset, if its length can be one.
    pub(super) fn packet_at(&self, position: u64) -> Option<PacketHeader> {
        let mut bytes = [0; PACKET_HEADER];
        self.ring.read(position, &mut bytes).ok()?;
        Some(PacketHeader::parse(&bytes)).filter(|header| header.length as usize <= self.most)
    }

    /// Bytes of the packet at an offset.
    pub(super) fn bytes_at(&self, position: u64) -> Option<u64> {
        self.packet_at(position).map(|header| PACKET_HEADER as u64 + u64::from(header.length))
    }

    /// What words mean; None if they mean nothing.
    fn checked(&self, words: Words) -> Option<State> {
        let ring = self.ring.size;
        let (first, last) = (u64::from(words.first), u64::from(words.last));
        if first > ring || last >= ring {
            return None;
        }
        let last_bytes = self.bytes_at(last)?;
        let first = first % ring;
        let used = (last + ring - first) % ring + last_bytes;
        let end = start_of(words.generation, ring) + (last + last_bytes) % ring;
        (used <= ring).then_some(State { generation: words.generation, first, last_bytes, end, used })
    }

    /// The state, if nobody holds the lock, or only for moments. None as well if it is damaged.
    pub(super) fn state_if_free(&self) -> Option<State> {
        let memory = &*self.ring.memory;
        for _ in 0..LOOKS {
            let words = Words::load(memory);
            // Whoever changed one of the words held the lock then; that it is free now, and the words are the same, says
            // that all of them are of one time when nobody held it.
            if !self.lock.is_held() && Words::load(memory) == words {
                let state = self.checked(words);
                fence(Ordering::Acquire);
                if Words::load(memory) == words {
                    return state;
                }
            }
            core::hint::spin_loop();
        }
        None
    }

    /// The state for whoever holds the lock. A damaged ring becomes a fresh one, of a later generation.
    pub(super) fn sound_state(&self, held: &Held<'_>) -> State {
        let memory = &*self.ring.memory;
        let words = Words::load(memory);
        let state = self.checked(words).filter(|state| !held.was_broken || self.is_whole(state));
        state.unwrap_or_else(|| self.renew(words.generation))
    }

    /// Makes the ring a fresh one.
    pub(super) fn renew(&self, generation: u64) -> State {
        let generation = generation.wrapping_add(GENERATIONS_OF_RENEWAL);
        write_fresh(&*self.ring.memory, generation);
        let bytes = PACKET_HEADER as u64;
        let end = start_of(generation, self.ring.size) + bytes;
        State { generation, first: 0, last_bytes: bytes, end, used: bytes }
    }

    /// Whether packets lead from the first one to the last.
    fn is_whole(&self, state: &State) -> bool {
        let (mut at, mut left) = (state.first, state.used);
        while left > state.last_bytes {
            match self.bytes_at(at) {
                Some(bytes) if bytes <= left - state.last_bytes => {
                    at += bytes;
                    left -= bytes;
                }
                _ => return false,
            }
        }
        true
    }
}
