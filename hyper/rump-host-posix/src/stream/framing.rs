//! Frames in a stream of bytes, and what of them the other side has not taken yet.

use bytes::Bytes;
use rump_hyper::packet::{HEADER_BYTES, Outgoing, Received};
use std::collections::VecDeque;
use std::io::IoSlice;
use std::ops::Range;

/// Bytes of a length.
const LENGTH_BYTES: usize = 4;
/// The longest frame: 65,535 bytes of IP, with a header of Ethernet.
pub const MOST_BYTES: usize = 65_550;
/// Bytes that are read at once at most: several of the longest frames, so that little is copied of one that came in part.
const ROOM: usize = 256 << 10;
/// Frames below are copied out of what was read, so that one of them does not hold all of it.
const LONG: usize = 32 << 10;
/// A frame that is shorter has no header of Ethernet.
const SHORTEST: usize = 14;
/// Bytes that wait at most, but for the frame that passes it.
const BACKLOG_BYTES: usize = 2 << 20;

/// Finds frames in what comes.
#[derive(Default)]
pub struct Deframer(Vec<u8>);

/// A length that no frame has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Misframed(pub u32);

impl Deframer {
    /// Where to read to: there is room.
    pub fn space(&mut self) -> &mut Vec<u8> {
        self.0.reserve_exact(ROOM.saturating_sub(self.0.len()));
        &mut self.0
    }

    /// Whether part of a frame came.
    pub fn is_within_frame(&self) -> bool {
        !self.0.is_empty()
    }

    /// Takes out the frames that are whole, up to the first with a length that none has. Those too short for a header are
    /// nothing.
    pub fn take(&mut self, frames: &mut Vec<Received>) -> Result<(), Misframed> {
        let (mut places, mut begin, mut result) = (Vec::new(), 0, Ok(()));
        while let Some(length) = self.0.get(begin..).and_then(|rest| rest.first_chunk()) {
            let length = u32::from_be_bytes(*length);
            if length == 0 || length as usize > MOST_BYTES {
                result = Err(Misframed(length));
                break;
            }
            let place = begin + LENGTH_BYTES..begin + LENGTH_BYTES + length as usize;
            if place.end > self.0.len() {
                break;
            }
            begin = place.end;
            if place.len() >= SHORTEST {
                places.push(place);
            }
        }
        self.cut(&places, begin, frames);
        result
    }

    /// Takes out what is at `places`, and forgets all up to `begin`.
    fn cut(&mut self, places: &[Range<usize>], begin: usize, frames: &mut Vec<Received>) {
        let received = |bytes| Received { header: [0; HEADER_BYTES], bytes };
        if places.iter().all(|place| place.len() < LONG) {
            frames
                .extend(places.iter().map(|place| received(Bytes::copy_from_slice(&self.0[place.clone()]))));
            self.0.drain(..begin);
            return;
        }
        let rest = self.0[begin..].to_vec();
        let all = Bytes::from(std::mem::replace(&mut self.0, rest));
        frames.extend(places.iter().map(|place| {
            let is_long = place.len() >= LONG;
            received(if is_long {
                all.slice(place.clone())
            } else {
                Bytes::copy_from_slice(&all[place.clone()])
            })
        }));
    }
}

/// The length of a frame, if it has one that a frame may have.
fn length(frame: &Outgoing<'_>) -> Option<usize> {
    let length = frame.parts.iter().map(|part| part.len()).sum();
    (1..=MOST_BYTES).contains(&length).then_some(length)
}

/// A frame with its length, ready to be written.
pub struct Framed<'a> {
    length: [u8; LENGTH_BYTES],
    parts: &'a [&'a [u8]],
    /// With its length.
    pub bytes: usize,
}

impl<'a> Framed<'a> {
    /// `None` if it is nothing or too long.
    pub fn new(frame: &'a Outgoing<'_>) -> Option<Self> {
        let bytes = length(frame)?;
        Some(Self { length: (bytes as u32).to_be_bytes(), parts: &frame.parts, bytes: LENGTH_BYTES + bytes })
    }

    /// How many parts it has, with its length.
    pub fn count(&self) -> usize {
        1 + self.parts.len()
    }

    fn chunks(&self) -> impl Iterator<Item = &[u8]> {
        core::iter::once(&self.length[..]).chain(self.parts.iter().copied())
    }

    pub fn slices(&self) -> impl Iterator<Item = IoSlice<'_>> {
        self.chunks().map(IoSlice::new)
    }
}

/// What waits until the other side takes more: the rest of a frame of which it took a part, and frames behind it.
#[derive(Default)]
pub struct Backlog(VecDeque<u8>);

impl Backlog {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a frame more may wait.
    pub fn has_room(&self) -> bool {
        self.0.len() < BACKLOG_BYTES
    }

    /// Adds a frame without its first bytes, which were written.
    pub fn push(&mut self, frame: &Framed<'_>, written: usize) {
        let mut skip = written;
        for chunk in frame.chunks() {
            let begin = skip.min(chunk.len());
            skip -= begin;
            self.0.extend(&chunk[begin..]);
        }
    }

    pub fn slices(&self) -> [IoSlice<'_>; 2] {
        let (first, second) = self.0.as_slices();
        [IoSlice::new(first), IoSlice::new(second)]
    }

    /// Forgets what was written.
    pub fn advance(&mut self, written: usize) {
        self.0.drain(..written);
    }

    pub fn clear(&mut self) {
        self.0 = VecDeque::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stream(frames: &[Vec<u8>]) -> Vec<u8> {
        let framed = |frame: &Vec<u8>| [&(frame.len() as u32).to_be_bytes(), &frame[..]].concat();
        frames.iter().flat_map(framed).collect()
    }

    /// What comes of bytes that come in pieces of these lengths, over and over.
    fn take(bytes: &[u8], pieces: &[usize]) -> (Vec<Vec<u8>>, Result<(), Misframed>, bool) {
        let (mut deframer, mut frames, mut rest) = (Deframer::default(), Vec::new(), bytes);
        let mut result = Ok(());
        for piece in pieces.iter().cycle() {
            let space = deframer.space();
            assert!(space.capacity() > space.len() && space.capacity() <= 2 * ROOM);
            let (now, later) = rest.split_at((*piece).min(rest.len()).min(space.capacity() - space.len()));
            space.extend_from_slice(now);
            rest = later;
            result = deframer.take(&mut frames);
            if result.is_err() || rest.is_empty() {
                break;
            }
        }
        let frames = frames.iter().map(|frame: &Received| frame.bytes.to_vec()).collect();
        (frames, result, deframer.is_within_frame())
    }

    #[test]
    fn lengths_that_no_frame_has_are_refused_once_they_come() {
        for length in [0, MOST_BYTES as u32 + 1, u32::MAX] {
            let mut bytes = stream(&[vec![7; 60]]);
            bytes.extend(length.to_be_bytes());
            assert_eq!(take(&bytes, &[1]), (vec![vec![7; 60]], Err(Misframed(length)), true));
        }
        let longest = vec![vec![1; MOST_BYTES]];
        assert_eq!(take(&stream(&longest), &[ROOM]), (longest, Ok(()), false));
    }

    proptest! {
        #[test]
        fn frames_come_as_they_went_in_whatever_pieces(
            lengths in prop::collection::vec(prop_oneof![1..100_usize, 1000..2000_usize, 30_000..MOST_BYTES], 0..12),
            pieces in prop::collection::vec(prop_oneof![1..9_usize, 1..3000_usize, 1..200_000_usize], 1..5),
            lost in 0..5_usize,
        ) {
            let frames: Vec<Vec<u8>> =
                lengths.iter().enumerate().map(|(at, length)| vec![at as u8; *length]).collect();
            let mut bytes = stream(&frames);
            bytes.truncate(bytes.len().saturating_sub(lost));
            // Where all of the pieces are small, less is enough.
            bytes.truncate(pieces.iter().sum::<usize>() / pieces.len() * 20_000);
            let (mut whole, mut at) = (Vec::new(), 0);
            for frame in &frames {
                at += LENGTH_BYTES + frame.len();
                if at <= bytes.len() && frame.len() >= SHORTEST {
                    whole.push(frame.clone());
                }
            }
            let (came, result, _) = take(&bytes, &pieces);
            prop_assert_eq!(result, Ok(()));
            prop_assert_eq!(came, whole);
        }

        #[test]
        fn no_bytes_do_harm(bytes: Vec<u8>, pieces in prop::collection::vec(1..100_usize, 1..5)) {
            let _ = take(&bytes, &pieces);
        }
    }
}
