//! Where a cluster is: two levels of tables (qcow2.txt: "Cluster mapping", "Extended L2 Entries").

use super::header::Header;
use crate::bytes::read_padded;
use crate::damaged;
use crate::disk::{Map, Place, Run};
use crate::table::TableCache;
use crate::unpack::Unpacked;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec;
use rump_kpi::{BlockDevice, KResult};

/// Of entries of both tables: what they lead to has one reference, and may be changed in place.
pub const COPIED: u64 = 1 << 63;
const COMPRESSED: u64 = 1 << 62;
/// Of a second table's entry without subclusters: all zeros.
const ZERO: u64 = 1;
/// Bits of an offset in both tables.
pub const OFFSET: u64 = 0x00ff_ffff_ffff_fe00;

const SUBCLUSTERS: u64 = 32;
/// All subclusters are allocated, none is zero.
const ALL_ALLOCATED: u64 = 0xffff_ffff;

/// Pieces of each table that are kept: the two tables of a disk of some GiB.
const L1_PIECES: usize = 64;
const L2_PIECES: usize = 256;

/// An entry of a second table, and what it says of subclusters.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    word: u64,
    bitmap: u64,
}

/// What an entry leads to.
pub enum Cluster {
    /// Nothing of its own.
    Unallocated,
    /// At this offset, if it is not all zeros or below.
    Standard(u64),
    /// Packed: offset and length.
    Packed(u64, u64),
}

/// The tables.
pub struct Tables {
    header: Header,
    file: Arc<dyn BlockDevice>,
    pub l1: TableCache,
    pub l2: TableCache,
    unpacked: Unpacked,
}

impl Tables {
    pub fn new(header: Header, file: Arc<dyn BlockDevice>) -> Self {
        let unit = header.cluster_size();
        let l1 = TableCache::new(file.clone(), unit, L1_PIECES);
        let l2 = TableCache::new(file.clone(), unit, L2_PIECES);
        Self { header, file, l1, l2, unpacked: Unpacked::default() }
    }

    /// Where the first table has the entry for a place of the disk.
    pub fn l1_slot(&self, offset: u64) -> u64 {
        self.header.l1_offset + 8 * (offset >> (self.header.cluster_bits + self.header.l2_bits()))
    }

    /// The first table's entry there. Errors: EFTYPE, EIO.
    pub fn l1_entry(&self, offset: u64) -> KResult<u64> {
        let entry = u64::from_be_bytes(self.l1.entry(self.l1_slot(offset))?);
        if (entry & OFFSET) % self.header.cluster_size() != 0 {
            return Err(damaged(format!(
                "qcow2: the second table for byte {offset} is said to be at {entry:#x}"
            )));
        }
        Ok(entry)
    }

    /// Where the second table at `table` has its entry.
    pub fn l2_slot(&self, table: u64, offset: u64) -> u64 {
        let index = offset >> self.header.cluster_bits & ((1 << self.header.l2_bits()) - 1);
        table + (index << self.header.l2_entry_bits())
    }

    /// The entry in that slot. Errors: EFTYPE, EIO.
    pub fn entry_in(&self, slot: u64) -> KResult<Entry> {
        let word = u64::from_be_bytes(self.l2.entry(slot)?);
        let bitmap = match self.header.has_subclusters() {
            true => u64::from_be_bytes(self.l2.entry(slot + 8)?),
            false => 0,
        };
        Ok(Entry { word, bitmap })
    }

    /// Has the slot lead to a cluster that is all there and has one reference. Errors: EIO.
    pub fn put(&self, slot: u64, host: u64) -> KResult<()> {
        self.l2.put(slot, (host | COPIED).to_be_bytes())?;
        match self.header.has_subclusters() {
            true => self.l2.put(slot + 8, ALL_ALLOCATED.to_be_bytes()),
            false => Ok(()),
        }
    }

    /// What an entry leads to. Errors: EFTYPE.
    pub fn cluster(&self, entry: Entry) -> KResult<Cluster> {
        let cluster = self.header.cluster_size();
        if entry.word & COMPRESSED != 0 {
            if self.header.has_external_data() {
                return Err(damaged("qcow2: a packed cluster, but the data is in another file"));
            }
            // The offset has as many bits as leave room for the count of further sectors.
            let bits = 62 - (self.header.cluster_bits - 8);
            let offset = entry.word & ((1 << bits) - 1);
            let sectors = ((entry.word & !(COPIED | COMPRESSED)) >> bits) + 1;
            return Ok(Cluster::Packed(offset, sectors * 512 - offset % 512));
        }
        let host = entry.word & OFFSET;
        if host % cluster != 0 {
            return Err(damaged(format!("qcow2: a cluster at {host:#x}")));
        }
        // In another file, offset 0 is a place as any other, and the mark tells.
        let is_there = host != 0 || self.header.has_external_data() && entry.word & COPIED != 0;
        Ok(if is_there { Cluster::Standard(host) } else { Cluster::Unallocated })
    }

    /// The cluster, if bytes at `within` of it can be changed where they are.
    pub fn in_place(&self, entry: Entry, within: u64, len: u64) -> KResult<Option<u64>> {
        let Cluster::Standard(host) = self.cluster(entry)? else { return Ok(None) };
        if entry.word & COPIED == 0 {
            return Ok(None);
        }
        if !self.header.has_subclusters() {
            return Ok((!self.is_zero(entry)).then_some(host));
        }
        let size = self.header.cluster_size() / SUBCLUSTERS;
        let mut touched = within / size..=(within + len - 1) / size;
        Ok(touched
            .all(|index| entry.bitmap >> index & 1 != 0 && entry.bitmap >> (32 + index) & 1 == 0)
            .then_some(host))
    }

    /// The cluster that nobody else refers to, though not all in it counts.
    pub fn own(&self, entry: Entry) -> KResult<Option<u64>> {
        match self.cluster(entry)? {
            Cluster::Standard(host) if entry.word & COPIED != 0 => Ok(Some(host)),
            _ => Ok(None),
        }
    }

    /// Whether an entry without subclusters says zeros; version 2 cannot.
    fn is_zero(&self, entry: Entry) -> bool {
        self.header.version > 2 && entry.word & ZERO != 0
    }

    fn place(&self, entry: Entry, within: u64) -> KResult<(Place, u64)> {
        let cluster = self.header.cluster_size();
        let whole = cluster - within;
        let found = match self.cluster(entry)? {
            Cluster::Packed(at, len) => {
                let bytes = self.unpacked.at(at, || self.unpack(at, len))?;
                return Ok((Place::Unpacked(bytes, within as usize), whole));
            }
            Cluster::Standard(host) => Some(host),
            Cluster::Unallocated => None,
        };
        if !self.header.has_subclusters() {
            return Ok(match found {
                _ if self.is_zero(entry) => (Place::Zero, whole),
                Some(host) => (Place::Data(host + within), whole),
                None => (Place::Backing, whole),
            });
        }
        let size = cluster / SUBCLUSTERS;
        let index = within / size;
        let len = size - within % size;
        let (is_allocated, is_zero) = (entry.bitmap >> index & 1 != 0, entry.bitmap >> (32 + index) & 1 != 0);
        match (is_allocated, is_zero, found) {
            (true, false, Some(host)) => Ok((Place::Data(host + within), len)),
            (false, true, _) => Ok((Place::Zero, len)),
            (false, false, _) => Ok((Place::Backing, len)),
            _ => Err(damaged("qcow2: a subcluster is allocated that cannot be")),
        }
    }

    fn unpack(&self, at: u64, len: u64) -> KResult<alloc::vec::Vec<u8>> {
        // At most two clusters and a sector, by the bits that the count has.
        let mut packed = vec![0; len as usize];
        read_padded(&*self.file, at, &mut packed)?;
        self.header.codec.unpack(&packed, self.header.cluster_size() as usize)
    }
}

impl Map for Tables {
    fn find(&self, offset: u64) -> KResult<Run> {
        let within = offset % self.header.cluster_size();
        let table = self.l1_entry(offset)? & OFFSET;
        if table == 0 {
            return Ok(Run { len: self.header.cluster_size() - within, place: Place::Backing });
        }
        let entry = self.entry_in(self.l2_slot(table, offset))?;
        let (place, len) = self.place(entry, within)?;
        Ok(Run { len, place })
    }
}
