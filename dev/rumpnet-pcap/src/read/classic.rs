//! Files of pcap (draft-ietf-opsawg-pcap, sections 4 and 5).
//!
//! ```text
//! file:   magic  version  zone  accuracy  longest  link type      (24 bytes)
//! frame:  seconds  fraction  bytes kept  length  [8 more]  bytes
//! ```
//!
//! The magic number says the order of bytes, whether fractions are of microseconds or nanoseconds, and whether frames have
//! the longer header of a Linux of long ago.

use super::{Endian, Frame, frame_bytes};
use crate::LinkType;
use crate::source::{Source, Stream};
use bytes::Bytes;
use core::time::Duration;
use rump_kpi::KResult;

const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;
const LONGER: u32 = 0xa1b2_cd34;
/// The version of the format that has been in use since 1998.
const MAJOR: u16 = 2;
/// What a link type has above its number says how long a check sequence is.
const NUMBER: u32 = 0xffff;

pub(super) struct Classic {
    endian: Endian,
    nanoseconds_per_unit: u64,
    has_longer_headers: bool,
    link: LinkType,
}

impl Classic {
    /// Errors: EFTYPE, EIO.
    pub(super) fn begin<S: Source>(magic: [u8; 4], stream: &mut Stream<S>) -> KResult<Self> {
        let known = [MICROSECONDS, NANOSECONDS, LONGER];
        let is_known = |endian: &Endian| known.contains(&endian.u32(magic));
        let endian = [Endian::Little, Endian::Big].into_iter().find(is_known);
        let endian = endian.ok_or_else(|| stream.malformed("neither pcap nor pcapng begins so"))?;
        let magic = endian.u32(magic);
        let major = endian.u16(stream.bytes()?);
        if major != MAJOR {
            return Err(stream.malformed("a version of pcap other than 2"));
        }
        // The minor version, the zone and the accuracy, which nobody uses, and the longest, which many get wrong.
        stream.skip(2 + 4 + 4 + 4)?;
        let link = LinkType((endian.u32(stream.bytes()?) & NUMBER) as u16);
        let nanoseconds_per_unit = if magic == NANOSECONDS { 1 } else { 1000 };
        Ok(Self { endian, nanoseconds_per_unit, has_longer_headers: magic == LONGER, link })
    }

    pub(super) fn frame<S: Source>(&self, stream: &mut Stream<S>) -> KResult<Option<Frame>> {
        if stream.is_at_end()? {
            return Ok(None);
        }
        let mut word = || stream.bytes().map(|bytes| self.endian.u32(bytes));
        let (seconds, fraction, kept, length) = (word()?, word()?, word()?, word()?);
        if self.has_longer_headers {
            stream.skip(8)?;
        }
        let bytes = stream.vec(frame_bytes(kept)?)?;
        let fraction = Duration::from_nanos(u64::from(fraction) * self.nanoseconds_per_unit);
        let time = Duration::from_secs(seconds.into()) + fraction;
        Ok(Some(Frame {
            interface: 0,
            link: self.link,
            time: Some(time),
            direction: None,
            length: length.max(kept),
            bytes: Bytes::from(bytes),
        }))
    }
}
