//! Packets that wait until the hardware address of a neighbour is known, bounded in bytes as Linux has it
//! (`unres_qlen_bytes`): a datagram of 65,507 bytes is 45 fragments of Ethernet, and all of them arrive.

use alloc::collections::VecDeque;
use rump_kpi::packet::Packet;

/// Bytes that wait for one neighbour.
const MOST_FOR_ONE: usize = 212_992;
/// Bytes that wait on a link.
const MOST_FOR_ALL: usize = 4 << 20;
/// What it costs to hold a packet, besides its bytes.
const OVERHEAD: usize = 256;

/// What waits for one neighbour.
#[derive(Debug, Default)]
pub struct Waiting {
    packets: VecDeque<Packet>,
    bytes: usize,
}

/// What waits for all of a link.
#[derive(Debug, Default)]
pub struct Held(usize);

fn cost(packet: &Packet) -> usize {
    packet.len() + OVERHEAD
}

impl Held {
    /// Lets a packet wait. Of one neighbour the oldest go for it; where all together are too many, it is lost itself.
    pub fn push(&mut self, waiting: &mut Waiting, packet: Packet) {
        let cost = cost(&packet);
        while waiting.bytes + cost > MOST_FOR_ONE && self.pop(waiting).is_some() {}
        if self.0 + cost <= MOST_FOR_ALL {
            self.0 += cost;
            waiting.bytes += cost;
            waiting.packets.push_back(packet);
        }
    }

    fn pop(&mut self, waiting: &mut Waiting) -> Option<Packet> {
        let packet = waiting.packets.pop_front()?;
        waiting.bytes -= cost(&packet);
        self.0 -= cost(&packet);
        Some(packet)
    }

    /// They wait no longer.
    pub fn release(&mut self, waiting: Waiting) -> VecDeque<Packet> {
        self.0 -= waiting.bytes;
        waiting.packets
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use bytes::Bytes;

    fn packet(length: usize) -> Packet {
        Packet::received(Bytes::from(vec![0; length]))
    }

    #[test]
    fn the_oldest_go_and_the_newest_waits() {
        let (mut held, mut waiting) = (Held::default(), Waiting::default());
        for length in 1..1000 {
            held.push(&mut waiting, packet(length));
            assert!(waiting.bytes <= MOST_FOR_ONE && held.0 == waiting.bytes);
        }
        let packets = held.release(waiting);
        assert_eq!((packets.back().map(Packet::len), held.0), (Some(999), 0));
        assert!(packets.len() > 150 && packets.len() < 200, "{}", packets.len());
    }

    #[test]
    fn all_together_are_bounded() {
        let mut held = Held::default();
        let mut all = vec![];
        for _ in 0..1000 {
            let mut waiting = Waiting::default();
            (0..10).for_each(|_| held.push(&mut waiting, packet(20_000)));
            all.push(waiting);
        }
        let packets: usize = all.iter().map(|waiting| waiting.packets.len()).sum();
        assert_eq!(packets, MOST_FOR_ALL / (20_000 + OVERHEAD));
        all.into_iter().for_each(|waiting| drop(held.release(waiting)));
        assert_eq!(held.0, 0);
    }
}
