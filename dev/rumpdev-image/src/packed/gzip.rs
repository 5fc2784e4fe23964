//! gzip (RFC 1952): members behind one another, each with a head, deflated data (RFC 1951), and a tail with a sum.
//!
//! Unpacking can begin at the head of a member, and between two blocks of deflated data: with the bits of the last byte that
//! belong to the next block, and the 32 KiB of content before, to which it may refer.

use super::Decoder;
use super::feed::Feed;
use crate::damaged;
use alloc::boxed::Box;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_HAS_MORE_INPUT, TINFL_FLAG_STOP_ON_BLOCK_BOUNDARY, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
};
use miniz_oxide::inflate::core::{BlockBoundaryState, DecompressorOxide, decompress};
use rump_bytes::le32;
use rump_checksum::crc32_append;
use rump_kpi::KResult;

/// The first bytes of a member, with its only method.
pub const MAGIC: [u8; 3] = [0x1f, 0x8b, 8];
/// How far back deflated data refers.
pub const WINDOW: usize = 32 << 10;
const ROOM: usize = 256 << 10;

/// Flags of a head.
const HEADER_SUM: u8 = 2;
const EXTRA: u8 = 4;
const NAME: u8 = 8;
const COMMENT: u8 = 16;
const RESERVED: u8 = 0xe0;

/// Where in a file unpacking can begin, besides the byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// At the head of a member.
    Member,
    /// Between blocks: how many bits of the byte before belong to the next one, fewer than eight, and they.
    Block(u8, u8),
}

/// What a step led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Some bytes, or none.
    Bytes,
    /// The begin of another block.
    Block(u8, u8),
    /// The end of a member.
    Member,
    /// The end of all.
    End,
}

#[derive(PartialEq, Eq)]
enum Phase {
    Head,
    Body,
    Tail,
    End,
}

/// Unpacks members.
pub struct Inflater {
    feed: Feed,
    state: Box<DecompressorOxide>,
    /// What deflated data may refer to, and what was made of it.
    bytes: Vec<u8>,
    /// How many of these were taken.
    taken: usize,
    made: usize,
    phase: Phase,
    is_first: bool,
    /// CRC-32 and length of the member so far, where it was unpacked from its begin.
    sum: Option<(u32, u32)>,
}

impl Inflater {
    /// Begins where the feed is, with what comes before of the content, at most [`WINDOW`] bytes.
    pub fn new(feed: Feed, entry: Entry, window: &[u8]) -> Self {
        let mut bytes = vec![0; WINDOW + ROOM];
        bytes[..window.len()].copy_from_slice(window);
        let (phase, state) = match entry {
            Entry::Member => (Phase::Head, DecompressorOxide::new()),
            Entry::Block(num_bits, bit_buf) => {
                let state = BlockBoundaryState { num_bits, bit_buf, ..BlockBoundaryState::default() };
                (Phase::Body, DecompressorOxide::from_block_boundary_state(&state))
            }
        };
        let len = window.len();
        Self { feed, state: Box::new(state), bytes, taken: len, made: len, phase, is_first: true, sum: None }
    }

    /// Goes on, once all that was made is taken. Errors: EFTYPE, EIO.
    pub fn step(&mut self) -> KResult<Step> {
        match self.phase {
            Phase::Head => self.head(),
            Phase::Body => self.body(),
            Phase::Tail => self.tail(),
            Phase::End => Ok(Step::End),
        }
    }

    /// What was made since the last time.
    pub fn take(&mut self) -> &[u8] {
        let from = core::mem::replace(&mut self.taken, self.made);
        &self.bytes[from..self.made]
    }

    /// What the data that follows may refer to.
    pub fn window(&self) -> &[u8] {
        &self.bytes[self.made.saturating_sub(WINDOW)..self.made]
    }

    fn head(&mut self) -> KResult<Step> {
        let is_first = core::mem::replace(&mut self.is_first, false);
        let mut fixed = [0; 10];
        for (index, byte) in fixed.iter_mut().enumerate() {
            match self.feed.byte()? {
                Some(next) => *byte = next,
                None if index == 0 && !is_first => break,
                None => return Err(cut()),
            }
            // What follows the last member and is none is no content; gzip says so and goes on.
            if index < 2 && *byte != MAGIC[index] && !is_first {
                break;
            }
        }
        if fixed[..2] != MAGIC[..2] && !is_first {
            self.phase = Phase::End;
            return Ok(Step::End);
        }
        if fixed[..3] != MAGIC || fixed[3] & RESERVED != 0 {
            return Err(damaged("gzip: a member begins with what is none"));
        }
        if fixed[3] & EXTRA != 0 {
            let len = u16::from_le_bytes([self.must()?, self.must()?]);
            (0..len).try_for_each(|_| self.must().map(drop))?;
        }
        for flag in [NAME, COMMENT] {
            while fixed[3] & flag != 0 && self.must()? != 0 {}
        }
        if fixed[3] & HEADER_SUM != 0 {
            (0..2).try_for_each(|_| self.must().map(drop))?;
        }
        // No member refers to the one before.
        (self.taken, self.made) = (0, 0);
        *self.state = DecompressorOxide::new();
        (self.phase, self.sum) = (Phase::Body, Some((0, 0)));
        Ok(Step::Bytes)
    }

    fn must(&mut self) -> KResult<u8> {
        self.feed.byte()?.ok_or_else(cut)
    }

    fn body(&mut self) -> KResult<Step> {
        if self.made == self.bytes.len() {
            self.bytes.copy_within(self.made - WINDOW.., 0);
            (self.taken, self.made) = (WINDOW, WINDOW);
        }
        let input = self.feed.fill()?;
        let is_empty = input.is_empty();
        let flags = TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF | TINFL_FLAG_STOP_ON_BLOCK_BOUNDARY;
        let more = if is_empty { 0 } else { TINFL_FLAG_HAS_MORE_INPUT };
        let (status, used, made) =
            decompress(&mut self.state, input, &mut self.bytes, self.made, flags | more);
        self.feed.consume(used);
        if let Some((sum, len)) = &mut self.sum {
            *sum = crc32_append(*sum, &self.bytes[self.made..self.made + made]);
            *len = len.wrapping_add(made as u32);
        }
        self.made += made;
        match status {
            TINFLStatus::Done => self.phase = Phase::Tail,
            TINFLStatus::HasMoreOutput => {}
            TINFLStatus::BlockBoundary => {
                let state = self.state.block_boundary_state();
                return Ok(state.map_or(Step::Bytes, |state| Step::Block(state.num_bits, state.bit_buf)));
            }
            TINFLStatus::NeedsMoreInput if !is_empty => {}
            TINFLStatus::NeedsMoreInput | TINFLStatus::FailedCannotMakeProgress => return Err(cut()),
            _ => {
                let at = self.feed.position();
                return Err(damaged(format!("gzip: the data before byte {at} is damaged")));
            }
        }
        Ok(Step::Bytes)
    }

    fn tail(&mut self) -> KResult<Step> {
        let mut tail = [0; 8];
        for byte in &mut tail {
            *byte = self.must()?;
        }
        self.phase = Phase::Head;
        self.is_first = false;
        match self.sum.take() {
            Some((sum, len)) if (sum, len) != (le32(&tail, 0), le32(&tail, 4)) => Err(damaged(format!(
                "gzip: the sum of the member that ends at byte {} is wrong",
                self.feed.position()
            ))),
            _ => Ok(Step::Member),
        }
    }
}

fn cut() -> rump_kpi::KError {
    damaged("gzip: the file ends early")
}

impl Decoder for Inflater {
    fn read(&mut self, buf: &mut [u8]) -> KResult<usize> {
        while self.taken == self.made {
            if self.step()? == Step::End {
                return Ok(0);
            }
        }
        let len = buf.len().min(self.made - self.taken);
        buf[..len].copy_from_slice(&self.bytes[self.taken..self.taken + len]);
        self.taken += len;
        Ok(len)
    }

    fn position(&self) -> u64 {
        self.feed.position()
    }
}
