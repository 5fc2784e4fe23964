//! Files of pcapng (draft-ietf-opsawg-pcapng): blocks, of which some describe interfaces and some are frames.
//!
//! ```text
//! block:    type  length  body ...  length again
//! section:  byte order  version  length   options    (0x0a0d0d0a)
//! interface: link type  longest           options    (1)
//! frame:    interface  time  kept  length  bytes  options   (6; an older one: 2)
//! simple:   length  bytes                            (3)
//! ```
//!
//! Interfaces are counted within their section. Blocks that are not known are passed over.

use super::{Endian, Frame, frame_bytes};
use crate::source::{Source, Stream};
use crate::{LinkType, MOST_FRAME_BYTES};
use alloc::vec::Vec;
use bytes::Bytes;
use core::time::Duration;
use rump_kpi::port::Direction;
use rump_kpi::{Errno, KError, KResult};

/// What a section begins with, in either order.
pub(super) const SECTION_BYTES: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];
const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const OLD_FRAME: u32 = 2;
const SIMPLE_FRAME: u32 = 3;
const FRAME: u32 = 6;
const BYTE_ORDER: u32 = 0x1a2b_3c4d;
/// Type and length, and the length again.
const AROUND: usize = 12;
/// A block that is kept is no longer: a frame, and options to spare.
const MOST_BLOCK_BYTES: usize = MOST_FRAME_BYTES + (64 << 10);
/// Interfaces of a section at most.
const MOST_INTERFACES: usize = 4096;
/// Options of frames and of interfaces.
const FRAME_FLAGS: u16 = 2;
const RESOLUTION: u16 = 9;
const OFFSET: u16 = 14;
const MICROSECONDS: u8 = 6;

/// See the module.
pub(super) struct Next {
    endian: Endian,
    interfaces: Vec<Interface>,
}

impl Default for Next {
    fn default() -> Self {
        Self { endian: Endian::Little, interfaces: Vec::new() }
    }
}

/// What frames need of an interface.
#[derive(Clone, Copy)]
struct Interface {
    link: LinkType,
    /// Bytes that are kept of a frame; zero: all.
    longest: u32,
    /// `if_tsresol`.
    resolution: u8,
    /// Seconds to be added to times.
    offset: i64,
}

impl Next {
    /// Begins a section, whose type was read. Errors: EFTYPE, EIO.
    pub(super) fn begin_section<S: Source>(&mut self, stream: &mut Stream<S>) -> KResult<()> {
        let (length, order) = (stream.bytes()?, stream.bytes()?);
        let is_it = |endian: &Endian| endian.u32(order) == BYTE_ORDER;
        let endian = [Endian::Little, Endian::Big].into_iter().find(is_it);
        self.endian = endian.ok_or_else(|| stream.malformed("a section without an order of bytes"))?;
        self.interfaces.clear();
        let length = self.endian.u32(length);
        let body = self.body_bytes(length, stream)?;
        // Of the body, the order was read.
        let rest = body.checked_sub(4).filter(|rest| *rest >= 12);
        let rest = rest.ok_or_else(|| stream.malformed("a section that is too short"))?;
        let major = self.endian.u16(stream.bytes()?);
        if major != 1 {
            return Err(stream.malformed("a version of pcapng other than 1"));
        }
        stream.skip(rest - 2)?;
        self.end_block(length, stream)
    }

    /// Bytes of the body of a block. Errors: EFTYPE.
    fn body_bytes<S: Source>(&self, length: u32, stream: &Stream<S>) -> KResult<usize> {
        let body = usize::try_from(length).ok().and_then(|length| length.checked_sub(AROUND));
        body.filter(|_| length % 4 == 0).ok_or_else(|| stream.malformed("a block of an impossible length"))
    }

    fn end_block<S: Source>(&self, length: u32, stream: &mut Stream<S>) -> KResult<()> {
        match self.endian.u32(stream.bytes()?) == length {
            true => Ok(()),
            false => Err(stream.malformed("a block with two lengths")),
        }
    }

    pub(super) fn frame<S: Source>(&mut self, stream: &mut Stream<S>) -> KResult<Option<Frame>> {
        while !stream.is_at_end()? {
            let kind = self.endian.u32(stream.bytes()?);
            if kind == SECTION {
                self.begin_section(stream)?;
                continue;
            }
            let length = self.endian.u32(stream.bytes()?);
            let body = self.body_bytes(length, stream)?;
            if ![INTERFACE, OLD_FRAME, SIMPLE_FRAME, FRAME].contains(&kind) {
                stream.skip(body)?;
                self.end_block(length, stream)?;
                continue;
            }
            if body > MOST_BLOCK_BYTES {
                return Err(stream.malformed("a block that is too long"));
            }
            let body = Bytes::from(stream.vec(body)?);
            self.end_block(length, stream)?;
            let mut body = Body { bytes: body, endian: self.endian };
            let malformed = |error: KError| stream.malformed(&error.what);
            match kind {
                INTERFACE => self.add_interface(&mut body).map_err(malformed)?,
                SIMPLE_FRAME => return self.simple_frame(&mut body).map(Some).map_err(malformed),
                _ => return self.full_frame(&mut body, kind).map(Some).map_err(malformed),
            }
        }
        Ok(None)
    }

    fn add_interface(&mut self, body: &mut Body) -> KResult<()> {
        if self.interfaces.len() >= MOST_INTERFACES {
            return Err(malformed("too many interfaces"));
        }
        let link = LinkType(body.u16()?);
        body.u16()?;
        let longest = body.u32()?;
        let mut interface = Interface { link, longest, resolution: MICROSECONDS, offset: 0 };
        body.options(|code, value, endian| match (code, value) {
            (RESOLUTION, &[resolution]) => interface.resolution = resolution,
            (OFFSET, value) => {
                if let Ok(bytes) = value.try_into() {
                    interface.offset = match endian {
                        Endian::Little => i64::from_le_bytes(bytes),
                        Endian::Big => i64::from_be_bytes(bytes),
                    };
                }
            }
            _ => {}
        })?;
        self.interfaces.push(interface);
        Ok(())
    }

    fn interface(&self, number: u32) -> KResult<Interface> {
        let found = usize::try_from(number).ok().and_then(|number| self.interfaces.get(number));
        found.copied().ok_or_else(|| malformed("a frame of an interface that was not described"))
    }

    fn full_frame(&self, body: &mut Body, kind: u32) -> KResult<Frame> {
        let number = if kind == FRAME {
            body.u32()?
        } else {
            let number = body.u16()?;
            // Frames that were dropped.
            body.u16()?;
            number.into()
        };
        let interface = self.interface(number)?;
        let ticks = u64::from(body.u32()?) << 32 | u64::from(body.u32()?);
        let (kept, length) = (body.u32()?, body.u32()?);
        let bytes = body.padded(frame_bytes(kept)?)?;
        let mut direction = None;
        body.options(|code, value, endian| {
            if let (FRAME_FLAGS, Ok(bytes)) = (code, value.try_into()) {
                direction = match endian.u32(bytes) & 3 {
                    1 => Some(Direction::In),
                    2 => Some(Direction::Out),
                    _ => None,
                };
            }
        })?;
        let (time, length) = (Some(interface.time(ticks)), length.max(kept));
        Ok(Frame { interface: number, link: interface.link, time, direction, length, bytes })
    }

    fn simple_frame(&self, body: &mut Body) -> KResult<Frame> {
        let interface = self.interface(0)?;
        let length = body.u32()?;
        let longest = if interface.longest == 0 { u32::MAX } else { interface.longest };
        let kept = frame_bytes(length.min(longest).min(body.bytes.len() as u32))?;
        let bytes = body.bytes.split_to(kept);
        Ok(Frame { interface: 0, link: interface.link, time: None, direction: None, length, bytes })
    }
}

impl Interface {
    /// Since 1970.
    fn time(&self, ticks: u64) -> Duration {
        const SECOND: u128 = 1_000_000_000;
        let (ticks, exponent) = (u128::from(ticks), u32::from(self.resolution & 0x7f));
        // Nothing overflows: ticks have 64 bits, and a second has 30.
        let nanoseconds = match self.resolution & 0x80 {
            0 if exponent <= 9 => ticks * 10_u128.pow(9 - exponent),
            0 => 10_u128.checked_pow(exponent - 9).map_or(0, |per| ticks / per),
            _ => (ticks * SECOND) >> exponent,
        };
        let seconds = u64::try_from(nanoseconds / SECOND).unwrap_or(u64::MAX);
        Duration::new(seconds.saturating_add_signed(self.offset), (nanoseconds % SECOND) as u32)
    }
}

fn malformed(what: &'static str) -> KError {
    KError::new(Errno::EFTYPE, what)
}

/// What is left of the body of a block. Errors of all: EFTYPE (there is not so much).
struct Body {
    bytes: Bytes,
    endian: Endian,
}

impl Body {
    fn take(&mut self, length: usize) -> KResult<Bytes> {
        match length <= self.bytes.len() {
            true => Ok(self.bytes.split_to(length)),
            false => Err(malformed("a block that is too short for what it says")),
        }
    }

    fn array<const COUNT: usize>(&mut self) -> KResult<[u8; COUNT]> {
        let mut array = [0; COUNT];
        array.copy_from_slice(&self.take(COUNT)?);
        Ok(array)
    }

    fn u16(&mut self) -> KResult<u16> {
        self.array().map(|bytes| self.endian.u16(bytes))
    }

    fn u32(&mut self) -> KResult<u32> {
        self.array().map(|bytes| self.endian.u32(bytes))
    }

    /// Bytes that are followed by some up to a multiple of four.
    fn padded(&mut self, length: usize) -> KResult<Bytes> {
        let bytes = self.take(length)?;
        self.take(length.next_multiple_of(4) - length)?;
        Ok(bytes)
    }

    /// Shows the options, which are the rest.
    fn options(&mut self, mut show: impl FnMut(u16, &[u8], Endian)) -> KResult<()> {
        while !self.bytes.is_empty() {
            let (code, length) = (self.u16()?, self.u16()?);
            if code == 0 {
                break;
            }
            let value = self.padded(length.into())?;
            show(code, &value, self.endian);
        }
        Ok(())
    }
}
