//! Reading captures of either kind, by what they begin with.

mod classic;
mod next;

use crate::source::{Source, Stream};
use crate::{LinkType, MOST_FRAME_BYTES};
use bytes::Bytes;
use classic::Classic;
use core::time::Duration;
use next::Next;
use rump_kpi::port::Direction;
use rump_kpi::{Errno, KError, KResult};

/// A frame of a capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The interface that it passed, counted from zero within the section of the file.
    pub interface: u32,
    /// What it is.
    pub link: LinkType,
    /// When it passed, since 1970, if the file says it.
    pub time: Option<Duration>,
    /// Which way it went, if the file says it.
    pub direction: Option<Direction>,
    /// How long it was; perhaps more than what was kept of it.
    pub length: u32,
    /// What was kept of it.
    pub bytes: Bytes,
}

/// Which order the bytes of numbers have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Endian {
    Little,
    Big,
}

impl Endian {
    fn u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        }
    }

    fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }
}

/// The frames of a capture, in order. An error is the last that it answers.
pub struct Reader<S> {
    stream: Stream<S>,
    format: Format,
    has_failed: bool,
}

enum Format {
    Classic(Classic),
    Next(Next),
}

impl<S: Source> Reader<S> {
    /// Begins. Errors: EFTYPE (not a capture, or one of a version that is not known), EIO.
    pub fn new(source: S) -> KResult<Self> {
        let mut stream = Stream::new(source);
        let magic = stream.bytes()?;
        let format = if magic == next::SECTION_BYTES {
            let mut next = Next::default();
            next.begin_section(&mut stream)?;
            Format::Next(next)
        } else {
            Format::Classic(Classic::begin(magic, &mut stream)?)
        };
        Ok(Self { stream, format, has_failed: false })
    }

    /// The next frame; `None`: it was the last. Errors: EFTYPE (malformed, or it ends too early), EIO.
    pub fn read(&mut self) -> KResult<Option<Frame>> {
        if self.has_failed {
            return Ok(None);
        }
        let frame = match &mut self.format {
            Format::Classic(classic) => classic.frame(&mut self.stream),
            Format::Next(next) => next.frame(&mut self.stream),
        };
        self.has_failed = frame.is_err();
        frame
    }
}

impl<S: Source> Iterator for Reader<S> {
    type Item = KResult<Frame>;

    fn next(&mut self) -> Option<KResult<Frame>> {
        self.read().transpose()
    }
}

/// The length of a frame, if one may have it. Errors: EFTYPE.
fn frame_bytes(length: u32) -> KResult<usize> {
    match usize::try_from(length) {
        Ok(length) if length <= MOST_FRAME_BYTES => Ok(length),
        _ => Err(KError::new(Errno::EFTYPE, alloc::format!("capture: a frame of {length} bytes"))),
    }
}
