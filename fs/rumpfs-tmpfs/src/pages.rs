//! Content of a regular file: a sparse map of pages.
//!
//! A page holds at most [`PAGE`] bytes and only as many as were written; what it lacks, and every page that is
//! not there, reads as zero. Small files therefore cost their bytes. Invariant: no byte is stored at or past
//! `size`, so growth after a cut shows zeroes.

use crate::space::Quota;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use rump_kpi::{Allocation, Errno, KError, KResult};

/// Bytes of a page; space is charged in these.
pub(crate) const PAGE: u64 = 4096;
/// Pages that one call reserves at most: they cost memory that no content was seen for.
const MAX_RESERVED: u64 = 1 << 18;
/// Longest file.
pub(crate) const MAX_SIZE: u64 = i64::MAX as u64;

/// The content of a file.
#[derive(Default)]
pub(crate) struct Pages {
    map: BTreeMap<u64, Vec<u8>>,
    size: u64,
}

impl Pages {
    /// Length in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Count of pages in use.
    pub fn count(&self) -> u64 {
        self.map.len() as u64
    }

    /// Fills `buf` from `offset`, up to the end of the file.
    pub fn read(&self, offset: u64, buf: &mut [u8]) -> usize {
        let left = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let length = left.min(buf.len());
        let (mut done, mut position) = (0, offset);
        while done < length {
            let within = (position % PAGE) as usize;
            let part = (length - done).min(PAGE as usize - within);
            let into = &mut buf[done..done + part];
            let stored = self.map.get(&(position / PAGE)).and_then(|page| page.get(within..)).unwrap_or(&[]);
            let copied = stored.len().min(part);
            into[..copied].copy_from_slice(&stored[..copied]);
            into[copied..].fill(0);
            done += part;
            position += part as u64;
        }
        length
    }

    /// Writes all of `buf`. Errors: EFBIG, ENOSPC.
    pub fn write(&mut self, offset: u64, buf: &[u8], space: &Quota) -> KResult<()> {
        if buf.is_empty() {
            return Ok(());
        }
        let end = offset.checked_add(buf.len() as u64).filter(|&end| end <= MAX_SIZE).ok_or(Errno::EFBIG)?;
        let (first, last) = (offset / PAGE, (end - 1) / PAGE);
        let missing = last - first + 1 - self.map.range(first..=last).count() as u64;
        space.charge(missing)?;
        let before = self.count();
        let result = self.store(offset, buf);
        if let Err(error) = result {
            space.release(missing - (self.count() - before));
            // Bytes past the old end were not promised; drop them so that the invariant holds.
            let size = self.size;
            self.resize(size, space)?;
            return Err(error);
        }
        self.size = self.size.max(end);
        Ok(())
    }

    fn store(&mut self, offset: u64, buf: &[u8]) -> KResult<()> {
        let (mut rest, mut position) = (buf, offset);
        while !rest.is_empty() {
            let within = (position % PAGE) as usize;
            let part = rest.len().min(PAGE as usize - within);
            write_page(self.map.entry(position / PAGE).or_default(), within, &rest[..part])?;
            rest = &rest[part..];
            position += part as u64;
        }
        Ok(())
    }

    /// Cuts the file, or extends it with a hole. Errors: EFBIG.
    pub fn resize(&mut self, size: u64, space: &Quota) -> KResult<()> {
        if size > MAX_SIZE {
            return Err(Errno::EFBIG.into());
        }
        let cut = self.map.split_off(&size.div_ceil(PAGE));
        space.release(cut.len() as u64);
        if size % PAGE != 0 {
            if let Some(page) = self.map.get_mut(&(size / PAGE)) {
                page.truncate((size % PAGE) as usize);
            }
        }
        self.size = size;
        Ok(())
    }

    /// Reserves or frees pages; `offset + length` does not overflow. Errors: EFBIG, ENOSPC.
    pub fn allocate(&mut self, offset: u64, length: u64, how: Allocation, space: &Quota) -> KResult<()> {
        let end = offset.checked_add(length).filter(|&end| end <= MAX_SIZE).ok_or(Errno::EFBIG)?;
        match how {
            Allocation::PunchHole => self.punch(offset, end, space),
            Allocation::Extend | Allocation::Reserve => self.reserve(offset, end, space)?,
            Allocation::Zero | Allocation::ZeroKeepSize => {
                self.reserve(offset, end, space)?;
                self.zero(offset, end);
            }
        }
        if matches!(how, Allocation::Extend | Allocation::Zero) {
            self.size = self.size.max(end);
        }
        Ok(())
    }

    /// Makes sure that every page of the range is there, if only as an empty one.
    fn reserve(&mut self, offset: u64, end: u64, space: &Quota) -> KResult<()> {
        let (first, last) = (offset / PAGE, (end - 1) / PAGE);
        let missing = last - first + 1 - self.map.range(first..=last).count() as u64;
        if missing > MAX_RESERVED {
            return Err(KError::new(Errno::ENOSPC, "tmpfs: more than is reserved at a time"));
        }
        space.charge(missing)?;
        for page in first..=last {
            self.map.entry(page).or_default();
        }
        Ok(())
    }

    /// Makes the pages that are there read as zeroes.
    fn zero(&mut self, offset: u64, end: u64) {
        for (&page, bytes) in self.map.range_mut(offset / PAGE..=(end - 1) / PAGE) {
            let from = (offset.saturating_sub(page * PAGE) as usize).min(bytes.len());
            let to = ((end - page * PAGE).min(PAGE) as usize).min(bytes.len());
            bytes[from..to].fill(0);
        }
    }

    /// Frees the whole pages of the range, and makes the rest of it read as zeroes.
    fn punch(&mut self, offset: u64, end: u64, space: &Quota) {
        self.zero(offset, end);
        let whole = offset.div_ceil(PAGE)..end / PAGE;
        let before = self.count();
        if whole.start < whole.end {
            let mut rest = self.map.split_off(&whole.start);
            self.map.append(&mut rest.split_off(&whole.end));
        }
        space.release(before - self.count());
    }

    /// First offset from `offset` on in a page that is there. Errors: ENXIO.
    pub fn seek_data(&self, offset: u64) -> KResult<u64> {
        let page = self.map.range(offset / PAGE..).next().map(|(&page, _)| page);
        let found = page.map(|page| offset.max(page * PAGE)).filter(|&found| found < self.size);
        found.ok_or_else(|| Errno::ENXIO.into())
    }

    /// First offset from `offset` on in a page that is not there, or the end of the file. Errors: ENXIO.
    pub fn seek_hole(&self, offset: u64) -> KResult<u64> {
        if offset >= self.size {
            return Err(Errno::ENXIO.into());
        }
        let first = offset / PAGE;
        let run = self.map.range(first..).zip(first..).take_while(|((page, _), expected)| *page == expected);
        let hole = first + run.count() as u64;
        Ok(offset.max(hole * PAGE).min(self.size))
    }
}

fn write_page(page: &mut Vec<u8>, within: usize, bytes: &[u8]) -> KResult<()> {
    let end = within + bytes.len();
    if end > page.len() {
        if end > page.capacity() {
            // Doubling keeps small appends cheap; the cap keeps a full page at its size.
            let capacity = end.max((page.len() * 2).min(PAGE as usize));
            page.try_reserve_exact(capacity - page.len()).map_err(|_| Errno::ENOSPC)?;
        }
        if within >= page.len() {
            page.resize(within, 0);
            page.extend_from_slice(bytes);
            return Ok(());
        }
        page.resize(end, 0);
    }
    page[within..end].copy_from_slice(bytes);
    Ok(())
}
