//! The BSD disklabel, in either byte order.
//!
//! Reference: disklabel(5) of NetBSD and sys/disklabel.h there: magic 0x82564557 at both ends of the fixed part, a
//! checksum that makes the exclusive or of all 16-bit words up to the last partition zero. Offsets are absolute on
//! the disk, also when the label is inside an MBR partition.

use crate::{fits, read_array};
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_bytes::le32;
use rump_kpi::{BlockDevice, KResult, Partition, PartitionScheme, PartitionTable};

const MAGIC: u32 = 0x8256_4557;
/// Where the partitions begin in a label, and the size of one.
const ENTRIES: usize = 148;
const ENTRY: usize = 16;
const ENTRIES_MAX: usize = 22;
const LABEL: usize = ENTRIES + ENTRY * ENTRIES_MAX;
/// Where ports put the label: the second sector (i386, amd64), the first (with an offset of 64 or 128), the start.
const PLACES: [u64; 4] = [512, 64, 128, 0];

/// The disklabel scheme.
pub struct Disklabel;

#[derive(Clone, Copy)]
enum Order {
    Little,
    Big,
}

struct Label {
    bytes: [u8; LABEL],
    order: Order,
}

impl Label {
    fn parse(bytes: [u8; LABEL]) -> Option<Self> {
        let order = match le32(&bytes, 0) {
            MAGIC => Order::Little,
            swapped if swapped == MAGIC.swap_bytes() => Order::Big,
            _ => return None,
        };
        let label = Self { bytes, order };
        let end = ENTRIES + ENTRY * label.count();
        let sum = label
            .bytes
            .get(..end)?
            .chunks_exact(2)
            .fold(0, |sum, word| sum ^ u16::from_le_bytes([word[0], word[1]]));
        (label.u32(132) == MAGIC && sum == 0).then_some(label)
    }

    fn u32(&self, at: usize) -> u32 {
        match self.order {
            Order::Little => le32(&self.bytes, at),
            Order::Big => le32(&self.bytes, at).swap_bytes(),
        }
    }

    fn count(&self) -> usize {
        let bytes = [self.bytes[138], self.bytes[139]];
        usize::from(match self.order {
            Order::Little => u16::from_le_bytes(bytes),
            Order::Big => u16::from_be_bytes(bytes),
        })
    }
}

impl PartitionScheme for Disklabel {
    fn name(&self) -> &'static str {
        "disklabel"
    }

    fn probe(&self, device: &Arc<dyn BlockDevice>) -> KResult<Option<PartitionTable>> {
        for base in bases(&**device)? {
            for place in PLACES {
                let Some(at) = base.checked_add(place) else { continue };
                if let Some(label) = read_array(&**device, at)?.and_then(Label::parse) {
                    return Ok(Some(self.table(&**device, &label)));
                }
            }
        }
        Ok(None)
    }
}

/// Where a label may be: the start of the device, and of each MBR partition of a BSD type.
fn bases(device: &dyn BlockDevice) -> KResult<Vec<u64>> {
    let mut bases = Vec::from([0]);
    if let Some(record) = read_array::<512>(device, 0)?.filter(|record| record[510..] == [0x55, 0xaa]) {
        let entries = record[446..510].chunks_exact(16);
        let of_bsd = entries.filter(|entry| matches!(entry[4], 0xa5 | 0xa6 | 0xa9));
        bases.extend(of_bsd.map(|entry| u64::from(le32(entry, 8)) * 512));
    }
    Ok(bases)
}

impl Disklabel {
    fn table(&self, device: &dyn BlockDevice, label: &Label) -> PartitionTable {
        let mut table = PartitionTable { scheme: self.name(), partitions: Vec::new(), warnings: Vec::new() };
        let sector = u64::from(label.u32(40)).max(1);
        for (number, at) in (1_u32..).zip((ENTRIES..).step_by(ENTRY)).take(label.count()) {
            let (size, start) = (u64::from(label.u32(at)) * sector, u64::from(label.u32(at + 4)) * sector);
            let kind = label.bytes[at + 12];
            // Type 0 is unused: that is how the partitions that span the disk (c, d) are marked.
            if size == 0 || kind == 0 {
                continue;
            }
            if !fits(device, start, size) {
                table.warnings.push(format!("partition {} is not within the device", letter(number)));
                continue;
            }
            table.partitions.push(Partition {
                number,
                start_bytes: start,
                size_bytes: size,
                kind: kind_text(kind),
                label: String::new(),
            });
        }
        table
    }
}

fn letter(number: u32) -> char {
    char::from(b'a' + (number.saturating_sub(1) % 26) as u8)
}

fn kind_text(kind: u8) -> String {
    match kind {
        1 => "swap".into(),
        7 => "4.2BSD".into(),
        8 => "MSDOS".into(),
        12 => "ISO9660".into(),
        17 => "ext2fs".into(),
        other => format!("type {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Disk;
    use alloc::vec;

    fn label(order: Order, partitions: &[(u32, u32, u8)]) -> Vec<u8> {
        let word = |value: u32| match order {
            Order::Little => value.to_le_bytes(),
            Order::Big => value.to_be_bytes(),
        };
        let mut bytes = vec![0; LABEL];
        bytes[..4].copy_from_slice(&word(MAGIC));
        bytes[40..44].copy_from_slice(&word(512));
        bytes[132..136].copy_from_slice(&word(MAGIC));
        let count = partitions.len() as u16;
        bytes[138..140].copy_from_slice(&match order {
            Order::Little => count.to_le_bytes(),
            Order::Big => count.to_be_bytes(),
        });
        for (at, &(start, size, kind)) in (ENTRIES..).step_by(ENTRY).zip(partitions) {
            bytes[at..at + 4].copy_from_slice(&word(size));
            bytes[at + 4..at + 8].copy_from_slice(&word(start));
            bytes[at + 12] = kind;
        }
        let sum = bytes.chunks_exact(2).fold(0, |sum, pair| sum ^ u16::from_le_bytes([pair[0], pair[1]]));
        bytes[136..138].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    fn disk_with(label: &[u8], at: usize) -> Vec<u8> {
        let mut disk = vec![0; 100 * 512];
        disk[at..at + label.len()].copy_from_slice(label);
        disk
    }

    #[test]
    fn both_byte_orders_are_read_at_every_place() {
        for order in [Order::Little, Order::Big] {
            for place in PLACES {
                let disk = disk_with(&label(order, &[(16, 32, 7), (48, 16, 1), (0, 100, 0)]), place as usize);
                let table = Disklabel.probe(&Disk::new(disk)).unwrap().unwrap();
                let found: Vec<_> =
                    table.partitions.iter().map(|p| (p.number, p.start_bytes / 512)).collect();
                assert_eq!(found, [(1, 16), (2, 48)]);
            }
        }
    }

    #[test]
    fn a_label_inside_an_mbr_partition_is_found() {
        let mut disk = disk_with(&label(Order::Little, &[(40, 10, 7)]), 33 * 512);
        disk[446 + 4] = 0xa9;
        disk[446 + 8] = 32;
        disk[510..512].copy_from_slice(&[0x55, 0xaa]);
        let table = Disklabel.probe(&Disk::new(disk)).unwrap().unwrap();
        assert_eq!(table.partitions[0].start_bytes, 40 * 512);
    }

    #[test]
    fn a_wrong_checksum_is_no_label() {
        let mut bytes = label(Order::Little, &[(16, 32, 7)]);
        bytes[60] ^= 1;
        assert_eq!(Disklabel.probe(&Disk::new(disk_with(&bytes, 512))).unwrap(), None);
    }

    #[test]
    fn a_count_beyond_the_label_is_no_label() {
        let mut bytes = label(Order::Little, &[]);
        bytes[138..140].copy_from_slice(&[0xff, 0xff]);
        assert_eq!(Disklabel.probe(&Disk::new(disk_with(&bytes, 512))).unwrap(), None);
    }
}
