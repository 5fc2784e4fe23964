//! qcow2, versions 2 and 3 (QEMU, docs/interop/qcow2.txt): read with all that it may have but encryption, and written in
//! place.
//!
//! # Writing
//! A cluster with one reference is overwritten where it is. Any other is written anew, with what it or the image below had
//! around the change, and the entry of the second table follows; so do second tables that a snapshot shares. Changes of
//! tables gather in the caches, and go to the device in this order, with a flush after each: content and reference counts,
//! second tables, the first table, and then the counts of what was given up. A crash leaves clusters that are counted and
//! not used, and nothing else.
//!
//! Lock order: the lock of the writer, which readers share, then the caches'.

mod allocator;
mod header;
mod map;

pub use header::{Header, MAGIC};

use crate::check_range;
use crate::disk::Sources;
use crate::table::write_growing;
use alloc::sync::Arc;
use alloc::vec;
use allocator::Allocator;
use header::{AUTOCLEAR_AT, AUTOCLEAR_RAW_EXTERNAL};
use map::{COPIED, Cluster, OFFSET, Tables};
use rump_kpi::sync::RwLock;
use rump_kpi::{BlockDevice, Errno, KError, KResult};

/// Changed pieces of tables that are worth bringing to the device.
const WAITING: usize = 512;

/// A disk in qcow2. See the module.
pub struct Qcow2 {
    header: Header,
    file: Arc<dyn BlockDevice>,
    sources: Sources,
    tables: Tables,
    /// `None` for reading only.
    writer: RwLock<Option<Writer>>,
    is_read_only: bool,
}

struct Writer {
    allocator: Allocator,
    /// Whether the header says already that somebody wrote who knows of no extensions.
    has_begun: bool,
}

impl Qcow2 {
    /// The disk of a header that was read from `file`. `sources` has the file with the data, which may be another, and is
    /// written as well if `is_written`.
    pub fn new(header: Header, file: Arc<dyn BlockDevice>, sources: Sources, is_written: bool) -> Self {
        let allocator = is_written.then(|| Allocator::new(&header, file.clone()));
        let writer = allocator.map(|allocator| Writer { allocator, has_begun: false });
        let tables = Tables::new(header.clone(), file.clone());
        Self { header, file, sources, tables, writer: RwLock::new(writer), is_read_only: !is_written }
    }

    /// Features that only those who know them may leave on are taken off before the first change.
    fn begin(&self, writer: &mut Writer) -> KResult<()> {
        let kept = self.header.autoclear & AUTOCLEAR_RAW_EXTERNAL;
        if !writer.has_begun && kept != self.header.autoclear {
            self.file.write_at(AUTOCLEAR_AT, &kept.to_be_bytes())?;
            self.file.flush()?;
        }
        writer.has_begun = true;
        Ok(())
    }

    /// Writes what lies in one cluster.
    fn write_cluster(&self, allocator: &mut Allocator, offset: u64, bytes: &[u8]) -> KResult<()> {
        let within = offset % self.header.cluster_size();
        let table = self.own_table(allocator, offset)?;
        let slot = self.tables.l2_slot(table, offset);
        let entry = self.tables.entry_in(slot)?;
        if let Some(host) = self.tables.in_place(entry, within, bytes.len() as u64)? {
            self.check(allocator, host)?;
            return write_growing(&*self.sources.data, host + within, bytes);
        }
        let start = offset - within;
        let whole = match self.header.has_external_data() {
            // The file with the data is as long as the disk, not longer.
            true => self.header.cluster_size().min(self.header.size - start),
            false => self.header.cluster_size(),
        };
        let mut content = vec![0; whole as usize];
        if (bytes.len() as u64) < whole {
            let known = whole.min(self.header.size - start) as usize;
            self.sources.read(&self.tables, start, &mut content[..known])?;
        }
        content[within as usize..][..bytes.len()].copy_from_slice(bytes);
        let before = self.tables.cluster(entry)?;
        let own = self.tables.own(entry)?;
        let host = match own {
            Some(host) => host,
            None if self.header.has_external_data() => start,
            None => allocator.allocate()?,
        };
        self.check(allocator, host)?;
        write_growing(&*self.sources.data, host, &content)?;
        self.tables.put(slot, host)?;
        match before {
            Cluster::Packed(at, len) => allocator.give_up(at, len),
            Cluster::Standard(at) if own.is_none() && !self.header.has_external_data() => {
                allocator.give_up(at, self.header.cluster_size())
            }
            Cluster::Standard(_) | Cluster::Unallocated => Ok(()),
        }
    }

    fn check(&self, allocator: &Allocator, host: u64) -> KResult<()> {
        if self.header.has_external_data() { Ok(()) } else { allocator.check(host) }
    }

    /// The second table for a place of the disk, which nobody else refers to.
    fn own_table(&self, allocator: &mut Allocator, offset: u64) -> KResult<u64> {
        let entry = self.tables.l1_entry(offset)?;
        let before = entry & OFFSET;
        if before != 0 {
            allocator.check(before)?;
        }
        if before != 0 && entry & COPIED != 0 {
            return Ok(before);
        }
        let cluster = self.header.cluster_size();
        let mut content = vec![0; cluster as usize];
        if before != 0 {
            crate::bytes::read_padded(&*self.file, before, &mut content)?;
        }
        let table = allocator.allocate()?;
        self.tables.l2.forget(table, cluster);
        write_growing(&*self.file, table, &content)?;
        self.tables.l1.put(self.tables.l1_slot(offset), (table | COPIED).to_be_bytes())?;
        if before != 0 {
            allocator.give_up(before, cluster)?;
        }
        Ok(table)
    }

    /// Brings all changes to the device, in the order that the module names. Errors: ENOSPC, EIO.
    fn checkpoint(&self, allocator: &mut Allocator) -> KResult<()> {
        if self.header.has_external_data() {
            self.sources.data.flush()?;
        }
        allocator.write()?;
        let (l1, l2) = (&self.tables.l1, &self.tables.l2);
        if l2.write()? {
            self.file.flush()?;
        }
        if l1.write()? {
            self.file.flush()?;
        }
        if allocator.has_given_up() {
            allocator.settle()?;
        }
        Ok(())
    }
}

impl Drop for Qcow2 {
    fn drop(&mut self) {
        if self.writer.read().as_ref().is_some_and(|writer| writer.has_begun) {
            // Who wants to know whether it is there asks for a flush.
            let _ = self.flush();
        }
    }
}

impl BlockDevice for Qcow2 {
    fn size_bytes(&self) -> u64 {
        self.header.size
    }

    fn is_read_only(&self) -> bool {
        self.is_read_only
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> KResult<()> {
        check_range(self, offset, buf.len())?;
        let _writer = self.writer.read();
        self.sources.read(&self.tables, offset, buf)
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> KResult<()> {
        let mut guard = self.writer.write();
        let Some(writer) = &mut *guard else {
            return Err(KError::new(Errno::EROFS, "qcow2: opened for reading only"));
        };
        check_range(self, offset, buf.len())?;
        self.begin(writer)?;
        let (mut at, mut rest) = (offset, buf);
        while !rest.is_empty() {
            let room = self.header.cluster_size() - at % self.header.cluster_size();
            let (now, later) = rest.split_at(rest.len().min(room as usize));
            self.write_cluster(&mut writer.allocator, at, now)?;
            (at, rest) = (at + now.len() as u64, later);
            let waiting = self.tables.l1.dirty() + self.tables.l2.dirty() + writer.allocator.waiting();
            if waiting > WAITING {
                self.checkpoint(&mut writer.allocator)?;
            }
        }
        Ok(())
    }

    fn flush(&self) -> KResult<()> {
        match &mut *self.writer.write() {
            Some(writer) => self.checkpoint(&mut writer.allocator),
            None => Ok(()),
        }
    }
}
