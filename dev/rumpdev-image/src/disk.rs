//! A virtual disk by its map: where each run of its bytes is.

use crate::bytes::read_padded;
use crate::check_range;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_kpi::{BlockDevice, Errno, KError, KResult};

/// Where bytes of a virtual disk are.
pub enum Place {
    /// Nowhere: they are zeros.
    Zero,
    /// At the same offset of the image below; zeros beyond its end, or if there is none.
    Backing,
    /// At this offset of the file that holds the data.
    Data(u64),
    /// In something that was unpacked, from this index on.
    Unpacked(Arc<Vec<u8>>, usize),
}

/// A run of bytes that are in one place.
pub struct Run {
    /// Length in bytes, not zero.
    pub len: u64,
    /// Where they are.
    pub place: Place,
}

/// A map of a virtual disk.
pub trait Map: Send + Sync {
    /// The run that begins at `offset`, which is within the disk. Errors: EFTYPE, ENOTSUP, EIO.
    fn find(&self, offset: u64) -> KResult<Run>;
}

/// Where a disk's bytes may be.
pub struct Sources {
    /// The file with the data.
    pub data: Arc<dyn BlockDevice>,
    /// The image below.
    pub backing: Option<Arc<dyn BlockDevice>>,
}

/// Runs of data that adjoin one another, read at once.
struct Gathered {
    at: u64,
    start: usize,
    len: usize,
}

impl Gathered {
    /// Whether what is at this place of the file, and of the buffer, goes on with it.
    fn is_followed_by(&self, at: u64, start: usize) -> bool {
        self.at.wrapping_add(self.len as u64) == at && self.start + self.len == start
    }
}

impl Sources {
    /// Fills `buf` from `offset` of the disk. Errors: EFTYPE, ENOTSUP, EIO.
    pub fn read(&self, map: &dyn Map, offset: u64, buf: &mut [u8]) -> KResult<()> {
        let mut gathered: Option<Gathered> = None;
        let mut done = 0;
        while done < buf.len() {
            let run = map.find(offset + done as u64)?;
            let len = run.len.min((buf.len() - done) as u64) as usize;
            match (&mut gathered, &run.place) {
                (Some(before), Place::Data(at)) if before.is_followed_by(*at, done) => before.len += len,
                (_, Place::Data(at)) => {
                    self.take(gathered.replace(Gathered { at: *at, start: done, len }), buf)?;
                }
                (_, Place::Zero) => buf[done..done + len].fill(0),
                (_, Place::Unpacked(bytes, at)) => {
                    buf[done..done + len].copy_from_slice(&bytes[*at..*at + len]);
                }
                (_, Place::Backing) => match &self.backing {
                    Some(backing) => {
                        read_padded(&**backing, offset + done as u64, &mut buf[done..done + len])?;
                    }
                    None => buf[done..done + len].fill(0),
                },
            }
            done += len;
        }
        self.take(gathered, buf)
    }

    fn take(&self, gathered: Option<Gathered>, buf: &mut [u8]) -> KResult<()> {
        match gathered {
            // The last block of a file may be cut where only zeros follow.
            Some(Gathered { at, start, len }) => read_padded(&*self.data, at, &mut buf[start..start + len]),
            None => Ok(()),
        }
    }
}

/// A disk of a format that is not written.
pub struct Disk<M> {
    /// Its format, for people.
    pub format: &'static str,
    /// Length in bytes.
    pub size: u64,
    /// Its map.
    pub map: M,
    /// Where its bytes are.
    pub sources: Sources,
}

impl<M: Map> BlockDevice for Disk<M> {
    fn size_bytes(&self) -> u64 {
        self.size
    }

    fn is_read_only(&self) -> bool {
        true
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> KResult<()> {
        check_range(self, offset, buf.len())?;
        self.sources.read(&self.map, offset, buf)
    }

    fn write_at(&self, _offset: u64, _buf: &[u8]) -> KResult<()> {
        Err(KError::new(Errno::EROFS, format!("{} images are not written", self.format)))
    }

    fn flush(&self) -> KResult<()> {
        Ok(())
    }
}
