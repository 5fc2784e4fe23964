//! The MBR and its logical partitions.
//!
//! Reference: UEFI specification 2.10, section 5.2 (legacy MBR); the chain of extended boot records is by
//! convention: the first entry of each is a logical partition relative to that record, the second leads to the next
//! record relative to the extended partition.

use crate::{fits, read_array};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_bytes::le32;
use rump_kpi::{BlockDevice, KResult, Partition, PartitionScheme, PartitionTable};

/// Offsets in an MBR are in sectors of this size, whatever the disk's own.
const SECTOR: u64 = 512;
/// Bound on the chain of extended boot records.
const LOGICAL_MAX: u32 = 256;
/// Where ISO 9660 has its signature.
const CD_SIGNATURE: u64 = 0x8001;
/// The entry of a disk that GPT divides.
const PROTECTIVE: u8 = 0xee;

/// The MBR scheme.
pub struct Mbr;

/// One of the four entries of a record.
#[derive(Clone, Copy)]
struct Entry {
    status: u8,
    kind: u8,
    start: u64,
    size: u64,
}

impl Entry {
    fn is_empty(&self) -> bool {
        self.kind == 0 || self.size == 0
    }

    fn is_extended(&self) -> bool {
        matches!(self.kind, 0x05 | 0x0f | 0x85)
    }

    fn overlaps(&self, other: &Entry) -> bool {
        self.start < other.start.saturating_add(other.size)
            && other.start < self.start.saturating_add(self.size)
    }
}

/// The entries of a boot record, if its signature is there.
fn parse_record(sector: &[u8; 512]) -> Option<[Entry; 4]> {
    if sector[510..] != [0x55, 0xaa] {
        return None;
    }
    Some(core::array::from_fn(|index| {
        let raw = &sector[446 + 16 * index..][..16];
        Entry {
            status: raw[0],
            kind: raw[4],
            start: u64::from(le32(raw, 8)) * SECTOR,
            size: u64::from(le32(raw, 12)) * SECTOR,
        }
    }))
}

/// Tells a partition table from the boot sector of a file system, which ends with the same two bytes.
fn is_plausible(device: &dyn BlockDevice, entries: &[Entry; 4]) -> bool {
    let used: Vec<&Entry> = entries.iter().filter(|entry| !entry.is_empty()).collect();
    let overlap =
        |(index, entry): (usize, &&Entry)| used[index + 1..].iter().any(|other| entry.overlaps(other));
    // An image may be the front of a disk, so that later entries begin beyond its end.
    used.iter().any(|entry| entry.start < device.size_bytes())
        && entries.iter().all(|entry| matches!(entry.status, 0x00 | 0x80))
        && used.iter().all(|entry| entry.start > 0)
        && !used.iter().enumerate().any(overlap)
}

/// Whether the table is one of a CD that is a disk as well: its partitions may lie over each other, and begin where
/// the disk does.
fn is_hybrid(device: &dyn BlockDevice, entries: &[Entry; 4]) -> KResult<bool> {
    let has_part = entries.iter().any(|entry| !entry.is_empty() && entry.start < device.size_bytes());
    let is_sound = entries.iter().all(|entry| matches!(entry.status, 0x00 | 0x80));
    Ok(has_part && is_sound && read_array(device, CD_SIGNATURE)? == Some(*b"CD001"))
}

impl PartitionScheme for Mbr {
    fn name(&self) -> &'static str {
        "mbr"
    }

    fn probe(&self, device: &Arc<dyn BlockDevice>) -> KResult<Option<PartitionTable>> {
        let Some(entries) = read_array(&**device, 0)?.as_ref().and_then(parse_record) else {
            return Ok(None);
        };
        let protective = entries.iter().any(|entry| entry.kind == PROTECTIVE);
        if protective || !(is_plausible(&**device, &entries) || is_hybrid(&**device, &entries)?) {
            return Ok(None);
        }
        let mut table = PartitionTable { scheme: self.name(), partitions: Vec::new(), warnings: Vec::new() };
        for (number, entry) in (1..).zip(&entries).filter(|(_, entry)| !entry.is_empty()) {
            if !entry.is_extended() {
                push(&**device, &mut table, number, entry);
            }
        }
        if let Some(extended) = entries.iter().find(|entry| !entry.is_empty() && entry.is_extended()) {
            read_logical(&**device, extended.start, &mut table)?;
        }
        Ok(Some(table))
    }
}

/// Adds an entry, cut to the device if it begins within: an image may be the front of a disk.
fn push(device: &dyn BlockDevice, table: &mut PartitionTable, number: u32, entry: &Entry) {
    let Some(room) = device.size_bytes().checked_sub(entry.start).filter(|&room| room > 0) else {
        table.warnings.push(format!("partition {number} begins beyond the end of the device"));
        return;
    };
    if !fits(device, entry.start, entry.size) {
        table.warnings.push(format!("partition {number} ends beyond the end of the device"));
    }
    table.partitions.push(Partition {
        number,
        start_bytes: entry.start,
        size_bytes: entry.size.min(room),
        kind: kind_text(entry.kind),
        label: String::new(),
    });
}

/// Follows the chain of extended boot records. Records must go on behind one another, so a cycle ends it.
fn read_logical(device: &dyn BlockDevice, extended: u64, table: &mut PartitionTable) -> KResult<()> {
    let mut at = extended;
    for number in 5..5 + LOGICAL_MAX {
        let Some(entries) = read_array(device, at)?.as_ref().and_then(parse_record) else {
            table.warnings.push(format!("no extended boot record at byte {at}"));
            return Ok(());
        };
        let [mut logical, next, ..] = entries;
        if !logical.is_empty() {
            logical.start = at.saturating_add(logical.start);
            push(device, table, number, &logical);
        }
        if next.is_empty() {
            return Ok(());
        }
        let following = extended.saturating_add(next.start);
        if following <= at {
            table.warnings.push(format!("the extended boot record at byte {at} leads back"));
            return Ok(());
        }
        at = following;
    }
    table.warnings.push(format!("more than {LOGICAL_MAX} logical partitions"));
    Ok(())
}

fn kind_text(kind: u8) -> String {
    let name = match kind {
        0x01 => "FAT12",
        0x04 | 0x06 | 0x0e => "FAT16",
        0x07 => "NTFS or exFAT",
        0x0b | 0x0c => "FAT32",
        0x82 => "Linux swap",
        0x83 => "Linux",
        0x8e => "Linux LVM",
        0xa5 => "FreeBSD",
        0xa6 => "OpenBSD",
        0xa9 => "NetBSD",
        0xaf => "Apple HFS",
        0xef => "EFI system",
        0xfd => "Linux RAID",
        _ => return format!("0x{kind:02x}"),
    };
    [format!("0x{kind:02x}").as_str(), name].join(" ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Disk;
    use alloc::vec;

    fn put_entry(disk: &mut [u8], sector: usize, slot: usize, kind: u8, start: u32, size: u32) {
        let record = &mut disk[sector * 512..][..512];
        record[510..].copy_from_slice(&[0x55, 0xaa]);
        let entry = &mut record[446 + 16 * slot..][..16];
        entry[4] = kind;
        entry[8..12].copy_from_slice(&start.to_le_bytes());
        entry[12..].copy_from_slice(&size.to_le_bytes());
    }

    #[test]
    fn logical_partitions_count_from_five() {
        let mut disk = vec![0; 100 * 512];
        put_entry(&mut disk, 0, 0, 0x83, 10, 10);
        put_entry(&mut disk, 0, 1, 0x05, 40, 60);
        put_entry(&mut disk, 40, 0, 0x83, 2, 8);
        put_entry(&mut disk, 40, 1, 0x05, 20, 20);
        put_entry(&mut disk, 60, 0, 0x82, 1, 5);
        let table = Mbr.probe(&Disk::new(disk)).unwrap().unwrap();
        let found: Vec<_> = table.partitions.iter().map(|p| (p.number, p.start_bytes / 512)).collect();
        assert_eq!(found, [(1, 10), (5, 42), (6, 61)]);
        assert_eq!(table.partitions[2].kind, "0x82 Linux swap");
        assert!(table.warnings.is_empty());
    }

    #[test]
    fn a_chain_that_leads_back_ends_with_a_warning() {
        let mut disk = vec![0; 100 * 512];
        put_entry(&mut disk, 0, 0, 0x05, 40, 60);
        put_entry(&mut disk, 40, 0, 0x83, 2, 8);
        put_entry(&mut disk, 40, 1, 0x05, 20, 20);
        put_entry(&mut disk, 60, 1, 0x05, 20, 20);
        let table = Mbr.probe(&Disk::new(disk)).unwrap().unwrap();
        assert_eq!((table.partitions.len(), table.warnings.len()), (1, 1));
    }

    #[test]
    fn a_boot_sector_is_no_partition_table() {
        let mut disk = vec![0; 100 * 512];
        put_entry(&mut disk, 0, 0, 0x83, 10, 10);
        disk[446] = 0x13;
        assert_eq!(Mbr.probe(&Disk::new(disk)).unwrap(), None);
        let mut empty = vec![0; 512];
        empty[510..].copy_from_slice(&[0x55, 0xaa]);
        assert_eq!(Mbr.probe(&Disk::new(empty)).unwrap(), None);
        assert_eq!(Mbr.probe(&Disk::new(vec![0; 100])).unwrap(), None);
    }

    #[test]
    fn overlapping_entries_are_no_partition_table() {
        let mut disk = vec![0; 100 * 512];
        put_entry(&mut disk, 0, 0, 0x83, 10, 10);
        put_entry(&mut disk, 0, 1, 0x83, 15, 10);
        assert_eq!(Mbr.probe(&Disk::new(disk)).unwrap(), None);
    }

    #[test]
    fn partitions_of_a_hybrid_cd_may_overlap() {
        let mut disk = vec![0; 100 * 512];
        put_entry(&mut disk, 0, 0, 0x17, 0, 100);
        put_entry(&mut disk, 0, 1, 0xef, 15, 10);
        assert_eq!(Mbr.probe(&Disk::new(disk.clone())).unwrap(), None);
        disk[0x8001..][..5].copy_from_slice(b"CD001");
        let table = Mbr.probe(&Disk::new(disk)).unwrap().unwrap();
        let found: Vec<_> = table.partitions.iter().map(|p| (p.number, p.start_bytes / 512)).collect();
        assert_eq!(found, [(1, 0), (2, 15)]);
    }

    #[test]
    fn a_partition_is_cut_to_the_device() {
        let mut disk = vec![0; 100 * 512];
        put_entry(&mut disk, 0, 0, 0x83, 90, 100);
        let table = Mbr.probe(&Disk::new(disk)).unwrap().unwrap();
        assert_eq!(table.partitions[0].size_bytes, 10 * 512);
        assert_eq!(table.warnings.len(), 1);
    }

    #[test]
    fn a_partition_beyond_the_end_hides_no_other() {
        let mut disk = vec![0; 100 * 512];
        put_entry(&mut disk, 0, 0, 0x83, 10, 10);
        put_entry(&mut disk, 0, 1, 0x83, 100, 10);
        let table = Mbr.probe(&Disk::new(disk.clone())).unwrap().unwrap();
        assert_eq!((table.partitions.len(), table.warnings.len()), (1, 1));
        put_entry(&mut disk, 0, 0, 0x83, 200, 10);
        assert_eq!(Mbr.probe(&Disk::new(disk)).unwrap(), None);
    }
}
