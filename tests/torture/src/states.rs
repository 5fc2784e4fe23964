//! Images as a power cut leaves them.
//!
//! What was written before the last flush is durable. What was written since may have reached the disk or not, piece
//! by piece and in any order: a piece is a block of 4 KiB, and one in eight of those is torn into its sectors.

use crate::random::Random;
use rumpkit::dev::Event;

const PIECE: usize = 4096;
const SECTOR: usize = 512;
/// The first block, where the superblock is, is written whole: e2fsck has nothing to mend half of one with.
const WHOLE_BELOW: u64 = 4096;

/// Plays a record on top of what the disk held before.
pub struct Player {
    image: Vec<u8>,
    events: Vec<Event>,
    /// Events that are in `image`: all of them up to a flush.
    settled: usize,
}

impl Player {
    /// A disk that held `image` before the first event.
    pub fn new(image: Vec<u8>, events: Vec<Event>) -> Self {
        Self { image, events, settled: 0 }
    }

    /// Events in the record.
    pub fn count(&self) -> usize {
        self.events.len()
    }

    /// What is there when the power fails after `cut` events; `cut` never goes back.
    pub fn state(&mut self, cut: usize, random: &mut Random) -> Vec<u8> {
        let flushed =
            self.events[..cut].iter().rposition(|event| *event == Event::Flush).map_or(0, |at| at + 1);
        for event in &self.events[self.settled..flushed.max(self.settled)] {
            if let Event::Write { offset, data } = event {
                self.image[*offset as usize..][..data.len()].copy_from_slice(data);
            }
        }
        self.settled = flushed.max(self.settled);
        let mut pieces: Vec<(u64, &[u8])> =
            self.events[self.settled..cut].iter().flat_map(|event| pieces(event, random)).collect();
        // One cut in four comes right behind its last write, with everything in order.
        let in_order = random.chance(25);
        if !in_order {
            shuffle(&mut pieces, random);
        }
        let kept = if in_order { 100 } else { [0, 10, 50, 90][random.below(4) as usize] };
        let mut image = self.image.clone();
        for (offset, data) in pieces {
            if random.chance(kept) {
                image[offset as usize..][..data.len()].copy_from_slice(data);
            }
        }
        image
    }
}

fn pieces<'a>(event: &'a Event, random: &mut Random) -> Vec<(u64, &'a [u8])> {
    let Event::Write { offset, data } = event else { return Vec::new() };
    let mut pieces = Vec::new();
    let (mut at, mut rest) = (*offset, &data[..]);
    while !rest.is_empty() {
        let torn = at >= WHOLE_BELOW && random.chance(12);
        let size = if torn { SECTOR } else { PIECE };
        let (piece, after) = rest.split_at(rest.len().min(size - at as usize % size));
        pieces.push((at, piece));
        at += piece.len() as u64;
        rest = after;
    }
    pieces
}

fn shuffle<T>(items: &mut [T], random: &mut Random) {
    for index in (1..items.len()).rev() {
        items.swap(index, random.below(index as u64 + 1) as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_flushed_is_always_there_and_what_came_later_never() {
        let write = |offset, byte| Event::Write { offset, data: vec![byte; PIECE] };
        let events = vec![write(0, 1), Event::Flush, write(PIECE as u64, 2), write(2 * PIECE as u64, 3)];
        for seed in 0..200 {
            let mut player = Player::new(vec![0; 3 * PIECE], events.clone());
            let image = player.state(3, &mut Random::new(seed));
            assert!(image[..PIECE].iter().all(|byte| *byte == 1));
            assert!(image[PIECE..2 * PIECE].iter().all(|byte| [0, 2].contains(byte)));
            assert!(image[2 * PIECE..].iter().all(|byte| *byte == 0));
        }
    }
}
