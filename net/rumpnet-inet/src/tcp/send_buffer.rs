//! What a program sent and the other side has not acknowledged yet. Segments share it.

use super::memory::{BLOCK, Memory};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use bytes::{Buf, Bytes, BytesMut};

/// Small writes gather in pieces of this size.
const PIECE: usize = 16 << 10;
/// What is no shorter has a block of its own, and wastes no more than half of it.
const LONG: usize = BLOCK / 2;

/// Bytes in order.
#[derive(Debug, Default)]
pub struct SendBuffer {
    pieces: VecDeque<Bytes>,
    length: usize,
    /// The end, which may still grow.
    last: BytesMut,
}

impl SendBuffer {
    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Adds bytes at the end; long ones are in memory that is used again.
    pub fn push(&mut self, bytes: &[u8], memory: &Memory) {
        bytes.chunks(BLOCK).for_each(|bytes| self.push_piece(bytes, memory));
    }

    fn push_piece(&mut self, bytes: &[u8], memory: &Memory) {
        self.length += bytes.len();
        if bytes.len() >= PIECE {
            self.seal();
            let is_long = bytes.len() >= LONG;
            self.pieces.push_back(if is_long { memory.copy(bytes) } else { Bytes::copy_from_slice(bytes) });
            return;
        }
        if self.last.len() + bytes.len() > PIECE {
            self.seal();
        }
        if self.last.capacity() == 0 {
            self.last.reserve(PIECE.min(bytes.len().next_power_of_two().max(512)));
        }
        self.last.extend_from_slice(bytes);
    }

    fn seal(&mut self) {
        if !self.last.is_empty() {
            self.pieces.push_back(core::mem::take(&mut self.last).freeze());
        }
    }

    /// Takes bytes away at the beginning.
    pub fn advance(&mut self, count: usize) {
        let mut left = count.min(self.length);
        self.length -= left;
        while left > 0 {
            let Some(first) = self.pieces.front_mut() else {
                self.last.advance(left);
                return;
            };
            let taken = left.min(first.len());
            first.advance(taken);
            left -= taken;
            if first.is_empty() {
                self.pieces.pop_front();
            }
        }
    }

    /// `length` bytes from `start` on, or as many as there are, shared.
    pub fn slice(&mut self, start: usize, length: usize) -> Vec<Bytes> {
        self.seal();
        let (mut skip, mut left) = (start, length);
        let mut parts = Vec::new();
        for piece in &self.pieces {
            if skip >= piece.len() {
                skip -= piece.len();
                continue;
            }
            if left == 0 {
                break;
            }
            let end = piece.len().min(skip + left);
            parts.push(piece.slice(skip..end));
            left -= end - skip;
            skip = 0;
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_in_order_whatever_pieces_they_came_in() {
        let all: Vec<u8> = (0..1_000_000_u32).map(|n| (n * 7 % 251) as u8).collect();
        let (mut buffer, memory) = (SendBuffer::default(), Memory::default());
        let (mut pushed, mut gone, mut step) = (0, 0, 1);
        while gone < all.len() {
            let count = (step * 3701 % 90_000).min(all.len() - pushed);
            buffer.push(&all[pushed..pushed + count], &memory);
            pushed += count;
            let start = step % (buffer.len() + 1);
            let seen = buffer.slice(start, 5000).concat();
            assert!(seen == all[gone + start..(gone + start + 5000).min(pushed)]);
            let taken = (step * 29 % 40_000).min(buffer.len());
            buffer.advance(taken);
            gone += taken;
            step += 1;
            assert_eq!(buffer.len(), pushed - gone);
        }
        assert!(buffer.is_empty());
    }
}
