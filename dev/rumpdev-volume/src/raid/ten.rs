//! Level 10: every chunk several times, near one another in a stripe, or far apart. Reference: md(4).

use crate::map::{Device, Source, each_chunk};
use crate::{damaged, unsupported};
use alloc::format;
use alloc::vec::Vec;
use rump_kpi::{Errno, KError, KResult};

/// An array of level 10.
pub struct Ten {
    members: Vec<Option<Device>>,
    near: u64,
    far: u64,
    /// How far a far copy is from the one before, in chunks.
    stride: u64,
    is_offset: bool,
    chunk: u64,
    size: u64,
}

impl Ten {
    /// Members of `member_bytes` each, by MD's number of the layout. Errors: ENOTSUP, EFTYPE.
    pub fn new(members: Vec<Option<Device>>, layout: u32, chunk: u64, member_bytes: u64) -> KResult<Self> {
        let (near, far) = (u64::from(layout & 0xff), u64::from(layout >> 8 & 0xff));
        let is_offset = layout & 1 << 16 != 0;
        let count = members.len() as u64;
        if layout >> 17 != 0 || near > 1 && far > 1 {
            return Err(unsupported(format!("RAID 10: layout {layout:#x} is not known here")));
        }
        if near == 0 || far == 0 || near * far > count {
            return Err(damaged(format!("RAID 10: layout {layout:#x} over {count} members")));
        }
        let chunks = member_bytes / chunk / far;
        let stride = if is_offset { 1 } else { chunks };
        let size = chunks.checked_mul(count).and_then(|chunks| (chunks / near).checked_mul(chunk));
        let size = size.ok_or_else(|| damaged("RAID 10: an array beyond all sizes"))?;
        Ok(Self { members, near, far, stride, is_offset, chunk, size })
    }

    /// Members and chunks in them where a chunk is.
    fn copies(&self, chunk: u64) -> impl Iterator<Item = (usize, u64)> {
        let count = self.members.len() as u64;
        let (near, far, stride) = (self.near, self.far, self.stride);
        let rows = if self.is_offset { far } else { 1 };
        (0..near).flat_map(move |copy| {
            let at = chunk * near + copy;
            let (row, member) = (at / count * rows, at % count);
            (0..far).map(move |far| (((member + near * far) % count) as usize, row + far * stride))
        })
    }
}

impl Source for Ten {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&self, offset: u64, buf: &mut [u8]) -> KResult<()> {
        each_chunk(offset, buf, self.chunk, |chunk, within, piece| {
            let mut last = KError::new(Errno::EIO, "RAID 10: all members with a part of it are missing");
            for (member, chunk) in self.copies(chunk) {
                match self.members[member].as_ref().map(|it| it.read_at(chunk * self.chunk + within, piece)) {
                    Some(Ok(())) => return Ok(()),
                    Some(Err(error)) => last = error,
                    None => {}
                }
            }
            Err(last)
        })
    }
}
