//! Devices made of parts of others, for reading: concatenated, striped, mirrored.

use crate::check_range;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_kpi::{BlockDevice, Errno, KError, KResult};

/// A device.
pub type Device = Arc<dyn BlockDevice>;

/// Something that is read.
pub trait Source: Send + Sync {
    /// Length in bytes.
    fn size(&self) -> u64;
    /// Fills `buf` from `offset`; the range is within. Errors: EFTYPE, EIO.
    fn read(&self, offset: u64, buf: &mut [u8]) -> KResult<()>;
}

/// A source as a device that is not written.
pub struct ReadOnly<S> {
    /// What it is, for people.
    pub what: &'static str,
    /// Its content.
    pub source: S,
}

impl<S: Source> BlockDevice for ReadOnly<S> {
    fn size_bytes(&self) -> u64 {
        self.source.size()
    }

    fn is_read_only(&self) -> bool {
        true
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> KResult<()> {
        check_range(self.source.size(), offset, buf.len())?;
        self.source.read(offset, buf)
    }

    fn write_at(&self, _offset: u64, _buf: &[u8]) -> KResult<()> {
        Err(KError::new(Errno::EROFS, format!("{} are not written", self.what)))
    }

    fn flush(&self) -> KResult<()> {
        Ok(())
    }
}

/// A run of a [`Concat`].
pub struct Run {
    /// Length in bytes, not zero.
    pub len: u64,
    /// Where it is.
    pub device: Device,
    /// Where it begins there.
    pub offset: u64,
}

/// Runs, one after another.
pub struct Concat {
    /// Each with where it begins.
    runs: Vec<(u64, Run)>,
    size: u64,
}

impl Concat {
    /// Errors: EFTYPE (a run reaches beyond its device).
    pub fn new(runs: impl IntoIterator<Item = Run>) -> KResult<Self> {
        let mut concat = Self { runs: Vec::new(), size: 0 };
        for run in runs {
            let ends = run.offset.checked_add(run.len).is_some_and(|end| end <= run.device.size_bytes());
            let size = concat.size.checked_add(run.len).filter(|_| ends && run.len > 0).ok_or_else(|| {
                crate::damaged(format!(
                    "{} bytes from {} on a device of {} bytes",
                    run.len,
                    run.offset,
                    run.device.size_bytes()
                ))
            })?;
            concat.runs.push((concat.size, run));
            concat.size = size;
        }
        Ok(concat)
    }
}

impl Source for Concat {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&self, offset: u64, buf: &mut [u8]) -> KResult<()> {
        let mut done = 0;
        while done < buf.len() {
            let at = offset + done as u64;
            let (start, run) = &self.runs[self.runs.partition_point(|(start, run)| start + run.len <= at)];
            let within = at - start;
            let part = (run.len - within).min((buf.len() - done) as u64) as usize;
            run.device.read_at(run.offset + within, &mut buf[done..done + part])?;
            done += part;
        }
        Ok(())
    }
}

/// A part of a device. Errors: EFTYPE (it reaches beyond that).
pub fn part(what: &'static str, device: Device, offset: u64, len: u64) -> KResult<Device> {
    Ok(Arc::new(ReadOnly { what, source: Concat::new([Run { len, device, offset }])? }))
}

/// Stripes over devices, in turn.
pub struct Striped {
    /// At least one; each of the same length, or longer.
    pub columns: Vec<Device>,
    /// Length of a stripe in bytes, not zero.
    pub stripe: u64,
    /// Length in bytes.
    pub size: u64,
}

impl Source for Striped {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&self, offset: u64, buf: &mut [u8]) -> KResult<()> {
        let columns = self.columns.len() as u64;
        each_chunk(offset, buf, self.stripe, |chunk, within, piece| {
            let column = &self.columns[(chunk % columns) as usize];
            column.read_at(chunk / columns * self.stripe + within, piece)
        })
    }
}

/// Calls `each` with the number of every chunk in a range, an offset in it, and its piece of the buffer.
pub fn each_chunk(
    offset: u64,
    buf: &mut [u8],
    chunk_bytes: u64,
    mut each: impl FnMut(u64, u64, &mut [u8]) -> KResult<()>,
) -> KResult<()> {
    let mut done = 0;
    while done < buf.len() {
        let at = offset + done as u64;
        let (chunk, within) = (at / chunk_bytes, at % chunk_bytes);
        let part = (chunk_bytes - within).min((buf.len() - done) as u64) as usize;
        each(chunk, within, &mut buf[done..done + part])?;
        done += part;
    }
    Ok(())
}

/// Copies of one content: the first that can be read is.
pub struct Mirror {
    /// At least one.
    pub copies: Vec<Device>,
    /// Length in bytes, at most that of each.
    pub size: u64,
}

impl Source for Mirror {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&self, offset: u64, buf: &mut [u8]) -> KResult<()> {
        let mut last = Errno::EIO.into();
        for copy in &self.copies {
            match copy.read_at(offset, buf) {
                Ok(()) => return Ok(()),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}
