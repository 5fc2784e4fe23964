//! The content of files: extents, and reads of them straight into the caller's buffer.

use crate::error::Error;
use crate::volume::Volume;
use crate::zisofs::Packing;
use alloc::vec::Vec;

/// A range of the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// First byte.
    pub start: u64,
    /// Length in bytes.
    pub length: u64,
}

/// All extents of a file, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Extents {
    /// Almost all files have one.
    One(Extent),
    /// Each with the offset in the file at which it begins.
    Many(Vec<(u64, Extent)>),
}

/// How the content is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// As it is.
    Plain,
    /// Compressed.
    Zisofs(Packing),
    /// In a way that this driver cannot read.
    Refused(&'static str),
}

/// The content of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Where it is.
    pub extents: Extents,
    /// How it is stored.
    pub coding: Coding,
}

impl Content {
    /// Length of the file in bytes.
    pub fn size(&self) -> u64 {
        match &self.coding {
            Coding::Zisofs(packing) => packing.size,
            _ => self.extents.length(),
        }
    }
}

impl Extents {
    /// Adds an extent at the end.
    pub fn push(&mut self, extent: Extent) {
        let length = self.length();
        match self {
            Self::One(first) => *self = Self::Many([(0, *first), (length, extent)].into()),
            Self::Many(all) => all.push((length, extent)),
        }
    }

    /// Length in bytes, as stored.
    pub fn length(&self) -> u64 {
        match self {
            Self::One(extent) => extent.length,
            Self::Many(all) => all.last().map_or(0, |(offset, extent)| offset + extent.length),
        }
    }

    /// Reads what is stored from `offset` on; fewer bytes than asked for only at the end. Errors: EIO.
    pub fn read(&self, volume: &Volume, offset: u64, buf: &mut [u8]) -> Result<usize, Error> {
        let room = self.length().saturating_sub(offset);
        let wanted = buf.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        let mut done = 0;
        while done < wanted {
            let Some((start, length)) = self.find(offset + done as u64) else { break };
            let count = (wanted - done).min(usize::try_from(length).unwrap_or(usize::MAX));
            volume.read(start, &mut buf[done..done + count])?;
            done += count;
        }
        Ok(done)
    }

    /// Where the byte at `offset` is, and how many follow it from there on.
    fn find(&self, offset: u64) -> Option<(u64, u64)> {
        let (begin, extent) = match self {
            Self::One(extent) => (0, *extent),
            Self::Many(all) => {
                *all.get(all.partition_point(|(begin, _)| *begin <= offset).checked_sub(1)?)?
            }
        };
        let within = offset - begin;
        extent.length.checked_sub(within).filter(|&left| left > 0).map(|left| (extent.start + within, left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_lead_to_their_extent() {
        let mut extents = Extents::One(Extent { start: 1000, length: 10 });
        extents.push(Extent { start: 500, length: 0 });
        extents.push(Extent { start: 2000, length: 5 });
        assert_eq!(extents.length(), 15);
        assert_eq!(extents.find(9), Some((1009, 1)));
        assert_eq!(extents.find(10), Some((2000, 5)));
        assert_eq!(extents.find(14), Some((2004, 1)));
        assert_eq!(extents.find(15), None);
    }
}
