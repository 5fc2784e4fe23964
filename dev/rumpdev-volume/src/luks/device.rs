//! The volume: segments of a device, decrypted as they are read.

use super::cipher::Cipher;
use super::{SECTOR, Segment};
use crate::{check_range, damaged};
use alloc::format;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use rump_kpi::sync::Mutex;
use rump_kpi::{BlockDevice, KResult};
use zeroize::Zeroizing;

/// Most bytes that are encrypted before they are written.
const PIECE: usize = 64 << 10;

struct Run {
    /// Where it begins in the volume.
    start: u64,
    len: u64,
    /// Where it begins on the device.
    offset: u64,
    content: Content,
}

enum Content {
    Plain,
    Encrypted { cipher: Cipher, sector_bytes: usize, tweak: u64 },
}

struct Volume {
    device: Arc<dyn BlockDevice>,
    runs: Vec<Run>,
    size: u64,
    /// Held while a part of a sector is written, which reads the rest; a leaf but for the device's own.
    partial: Mutex<()>,
}

/// The volume that `segments` make with this key. Errors: ENOTSUP (the encryption), EFTYPE.
pub fn open(device: Arc<dyn BlockDevice>, segments: &[Segment], key: &[u8]) -> KResult<Arc<dyn BlockDevice>> {
    let mut runs = Vec::new();
    let mut size = 0_u64;
    for segment in segments {
        let rest = device.size_bytes().checked_sub(segment.offset);
        let rest = rest.ok_or_else(|| damaged("LUKS: the content begins beyond the end of the device"))?;
        let (content, unit) = match &segment.encryption {
            None => (Content::Plain, SECTOR),
            Some(encryption) => {
                let (cipher, sector_bytes) = (Cipher::new(&encryption.name, key)?, encryption.sector_bytes);
                (Content::Encrypted { cipher, sector_bytes, tweak: encryption.tweak }, sector_bytes as u64)
            }
        };
        let len = segment.size.unwrap_or(rest - rest % unit);
        if len > rest || len % unit != 0 {
            return Err(damaged(format!("LUKS: a segment of {len} bytes where {rest} are left")));
        }
        runs.push(Run { start: size, len, offset: segment.offset, content });
        size = size.checked_add(len).ok_or_else(|| damaged("LUKS: segments beyond all sizes"))?;
    }
    Ok(Arc::new(Volume { device, runs, size, partial: Mutex::default() }))
}

impl Run {
    /// Fills `buf` from `offset` of the run.
    fn read(&self, device: &dyn BlockDevice, offset: u64, buf: &mut [u8]) -> KResult<()> {
        let Content::Encrypted { sector_bytes, .. } = self.content else {
            return device.read_at(self.offset + offset, buf);
        };
        // Whole sectors are decrypted where they belong, the others beside.
        let (head, whole) = parts(offset, buf.len(), sector_bytes);
        let (head, rest) = buf.split_at_mut(head);
        let (whole, tail) = rest.split_at_mut(whole);
        let after_head = offset + head.len() as u64;
        self.read_part(device, offset, head, sector_bytes)?;
        self.read_whole(device, after_head, whole)?;
        self.read_part(device, after_head + whole.len() as u64, tail, sector_bytes)
    }

    fn read_part(
        &self,
        device: &dyn BlockDevice,
        offset: u64,
        buf: &mut [u8],
        sector_bytes: usize,
    ) -> KResult<()> {
        if buf.is_empty() {
            return Ok(());
        }
        let within = (offset % sector_bytes as u64) as usize;
        let mut sector = vec![0; sector_bytes];
        self.read_whole(device, offset - within as u64, &mut sector)?;
        buf.copy_from_slice(&sector[within..within + buf.len()]);
        Ok(())
    }

    fn read_whole(&self, device: &dyn BlockDevice, offset: u64, buf: &mut [u8]) -> KResult<()> {
        device.read_at(self.offset + offset, buf)?;
        self.each_sector(offset, buf, Cipher::decrypt);
        Ok(())
    }

    fn each_sector(&self, offset: u64, buf: &mut [u8], what: fn(&Cipher, u64, &mut [u8])) {
        let Content::Encrypted { cipher, sector_bytes, tweak } = &self.content else { return };
        let mut number = (offset / SECTOR).wrapping_add(*tweak);
        for sector in buf.chunks_exact_mut(*sector_bytes) {
            what(cipher, number, sector);
            number = number.wrapping_add(*sector_bytes as u64 / SECTOR);
        }
    }

    /// Writes `bytes` at `offset` of the run.
    fn write(&self, device: &dyn BlockDevice, offset: u64, bytes: &[u8], partial: &Mutex<()>) -> KResult<()> {
        let Content::Encrypted { sector_bytes, .. } = self.content else {
            return device.write_at(self.offset + offset, bytes);
        };
        let (head, whole) = parts(offset, bytes.len(), sector_bytes);
        let (head, rest) = bytes.split_at(head);
        let (whole, tail) = rest.split_at(whole);
        let mut at = offset + head.len() as u64;
        self.write_part(device, offset, head, sector_bytes, partial)?;
        for piece in whole.chunks(PIECE) {
            self.write_whole(device, at, &mut piece.to_vec())?;
            at += piece.len() as u64;
        }
        self.write_part(device, at, tail, sector_bytes, partial)
    }

    fn write_part(
        &self,
        device: &dyn BlockDevice,
        offset: u64,
        bytes: &[u8],
        sector_bytes: usize,
        partial: &Mutex<()>,
    ) -> KResult<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let within = (offset % sector_bytes as u64) as usize;
        let start = offset - within as u64;
        let mut sector = Zeroizing::new(vec![0; sector_bytes]);
        let _held = partial.lock();
        self.read_whole(device, start, &mut sector)?;
        sector[within..within + bytes.len()].copy_from_slice(bytes);
        self.write_whole(device, start, &mut sector)
    }

    /// Encrypts `sectors` where they are, and writes them.
    fn write_whole(&self, device: &dyn BlockDevice, offset: u64, sectors: &mut [u8]) -> KResult<()> {
        self.each_sector(offset, sectors, Cipher::encrypt);
        device.write_at(self.offset + offset, sectors)
    }
}

/// How many bytes of a range come before its first whole sector, and how many are whole sectors.
fn parts(offset: u64, len: usize, sector_bytes: usize) -> (usize, usize) {
    let within = (offset % sector_bytes as u64) as usize;
    let head = if within == 0 { 0 } else { (sector_bytes - within).min(len) };
    (head, (len - head) / sector_bytes * sector_bytes)
}

impl Volume {
    /// Calls `each` with every run that a range is in, the offset in it, and the range of the buffer.
    fn runs(
        &self,
        offset: u64,
        len: usize,
        mut each: impl FnMut(&Run, u64, core::ops::Range<usize>) -> KResult<()>,
    ) -> KResult<()> {
        check_range(self.size, offset, len)?;
        let mut done = 0;
        while done < len {
            let at = offset + done as u64;
            let index = self.runs.partition_point(|run| run.start + run.len <= at);
            let run = &self.runs[index];
            let within = at - run.start;
            let part = (run.len - within).min((len - done) as u64) as usize;
            each(run, within, done..done + part)?;
            done += part;
        }
        Ok(())
    }
}

impl BlockDevice for Volume {
    fn size_bytes(&self) -> u64 {
        self.size
    }

    fn is_read_only(&self) -> bool {
        self.device.is_read_only()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> KResult<()> {
        self.runs(offset, buf.len(), |run, at, range| run.read(&*self.device, at, &mut buf[range]))
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> KResult<()> {
        self.runs(offset, bytes.len(), |run, at, range| {
            run.write(&*self.device, at, &bytes[range], &self.partial)
        })
    }

    fn flush(&self) -> KResult<()> {
        self.device.flush()
    }
}
