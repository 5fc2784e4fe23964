//! Urgent data (RFC 6093): a place in the stream that the reader should get to soon. As BSD has it, the byte there is taken
//! out of the stream (`MSG_OOB`), unless the program wants it to stay (`SO_OOBINLINE`); the pointer stands behind it, as all
//! systems have it; and there is one at a time.

use super::pcb::Pcb;
use super::seq::SeqNumber;
use crate::wire::tcp::{Flags, Segment};
use alloc::vec::Vec;
use bytes::Bytes;
use rump_kpi::Errno;

/// What came of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Urgent {
    /// Where the urgent byte is, in the count of the buffer.
    mark: Option<u64>,
    /// The byte, taken out of the stream.
    byte: Option<u8>,
    /// It was read.
    was_read: bool,
}

impl Urgent {
    /// Whether there is something that was not seen yet.
    pub fn is_waiting(&self) -> bool {
        self.mark.is_some() && !self.was_read
    }
}

impl Pcb {
    /// What a segment says of urgent data (RFC 9293, section 3.10.7.4, sixth). Answers whether that is new.
    pub(super) fn input_urgent(&mut self, segment: &Segment) -> bool {
        if !segment.flags.contains(Flags::URG) || segment.urgent == 0 || !self.state.may_receive() {
            return false;
        }
        let place = self.place_of(segment.sequence) + i64::from(segment.urgent) - 1;
        let Ok(place) = u64::try_from(place) else { return false };
        let is_new = self.urgent.mark.is_none_or(|mark| place > mark) && place >= self.incoming.read_bytes();
        if is_new {
            self.urgent = Urgent { mark: Some(place), ..Urgent::default() };
        }
        is_new
    }

    /// Bytes came in order: the urgent one may be among them.
    pub(super) fn take_urgent(&mut self) {
        let Some(mark) = self.urgent.mark.filter(|_| !self.choices.urgent_inline) else { return };
        if self.urgent.byte.is_none() && !self.urgent.was_read {
            self.urgent.byte = self.incoming.byte_at(mark);
        }
    }

    /// Where reading stops, and whether the byte there is not part of the stream.
    fn stop(&self) -> Option<(u64, bool)> {
        let mark = self.urgent.mark.filter(|mark| *mark >= self.incoming.read_bytes())?;
        Some((mark, !self.choices.urgent_inline))
    }

    /// Bytes that can be read.
    pub fn readable_bytes(&self) -> usize {
        let ready = self.incoming.ready_bytes();
        match self.stop() {
            Some((mark, true)) if mark < self.incoming.next() => ready - 1,
            _ => ready,
        }
    }

    /// Whether the next byte is the urgent one (sockatmark(3)).
    pub fn is_at_mark(&self) -> bool {
        self.urgent.mark == Some(self.incoming.read_bytes())
    }

    /// What can be read, up to the mark and to `limit`.
    pub(super) fn read(&mut self, limit: usize, peek: bool) -> Vec<Bytes> {
        let read = self.incoming.read_bytes();
        match self.stop() {
            Some((mark, true)) if mark == read => {
                // Behind the mark, what was urgent is passed over.
                if peek {
                    return self.incoming.peek_behind(1, limit);
                }
                self.take_urgent();
                self.incoming.skip_byte();
                self.incoming.read(limit, false)
            }
            Some((mark, false)) if mark == read => {
                let pieces = self.incoming.read(limit, peek);
                if !peek && !pieces.is_empty() {
                    self.urgent = Urgent::default();
                }
                pieces
            }
            Some((mark, _)) => self.incoming.read(limit.min((mark - read) as usize), peek),
            None => self.incoming.read(limit, peek),
        }
    }

    /// The urgent byte (`MSG_OOB`). Errors: EINVAL (none, it stays in the stream, or it was read), EAGAIN (it has not come
    /// yet).
    pub(super) fn read_urgent(&mut self, peek: bool) -> Result<u8, Errno> {
        if self.urgent.mark.is_none() || self.choices.urgent_inline || self.urgent.was_read {
            return Err(Errno::EINVAL);
        }
        let byte = self.urgent.byte.ok_or(Errno::EAGAIN)?;
        if !peek {
            (self.urgent.was_read, self.urgent.byte) = (true, None);
        }
        Ok(byte)
    }

    /// The pointer of a segment that begins at a number, if urgent data is behind it.
    pub(super) fn urgent_pointer(&self, sequence: SeqNumber) -> Option<u16> {
        let end = self.send.urgent.filter(|end| end.is_after(sequence))?;
        u16::try_from(end - sequence).ok()
    }
}
