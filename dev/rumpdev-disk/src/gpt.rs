//! The GUID partition table.
//!
//! Reference: UEFI specification 2.10, section 5.3. A header counts only with its own checksum and that of its array;
//! the backup in the last block serves when the primary fails either.

use crate::{fits, read_array};
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use rump_bytes::{le32, le64};
use rump_kpi::{BlockDevice, KResult, Partition, PartitionScheme, PartitionTable};

/// Header fields up to the checksum of the array.
const HEADER: usize = 92;
/// Bound on the array in bytes: what every known tool writes is 16 KiB.
const ARRAY_MAX: u64 = 1 << 20;

/// The GPT scheme.
pub struct Gpt;

impl PartitionScheme for Gpt {
    fn name(&self) -> &'static str {
        "gpt"
    }

    fn probe(&self, device: &Arc<dyn BlockDevice>) -> KResult<Option<PartitionTable>> {
        for sector in [512, 4096] {
            let Some(last) = (device.size_bytes() / sector).checked_sub(1) else { continue };
            if let Some(array) = Array::read(&**device, sector, 1)? {
                let mut table = self.table(&**device, &array);
                if Array::read(&**device, sector, array.alternate)?.is_none() {
                    table.warnings.push(format!("the backup header in block {} is damaged", array.alternate));
                }
                return Ok(Some(table));
            }
            if let Some(array) = Array::read(&**device, sector, last)? {
                let mut table = self.table(&**device, &array);
                table.warnings.push("the primary header is damaged: the backup was used".into());
                return Ok(Some(table));
            }
        }
        Ok(None)
    }
}

impl Gpt {
    fn table(&self, device: &dyn BlockDevice, array: &Array) -> PartitionTable {
        let mut table = PartitionTable { scheme: self.name(), partitions: Vec::new(), warnings: Vec::new() };
        for (number, entry) in (1..).zip(array.bytes.chunks_exact(array.entry_size)) {
            if entry[..16] == [0; 16] {
                continue;
            }
            match array.range(device, entry) {
                Some((start_bytes, size_bytes)) => table.partitions.push(Partition {
                    number,
                    start_bytes,
                    size_bytes,
                    kind: kind_text(&entry[..16]),
                    label: label_text(&entry[56..128]),
                }),
                None => table.warnings.push(format!("partition {number} is not within the device")),
            }
        }
        table
    }
}

/// A header whose checksums hold, with its array.
struct Array {
    sector: u64,
    alternate: u64,
    entry_size: usize,
    bytes: Vec<u8>,
}

impl Array {
    /// The header in block `block` and its array, if both checksums hold. Errors: EIO.
    fn read(device: &dyn BlockDevice, sector: u64, block: u64) -> KResult<Option<Self>> {
        let Some(at) = block.checked_mul(sector) else { return Ok(None) };
        let Some(mut header) = read_array::<512>(device, at)? else { return Ok(None) };
        let header_size = le32(&header, 12) as usize;
        if header[..8] != *b"EFI PART" || !(HEADER..=header.len()).contains(&header_size) {
            return Ok(None);
        }
        let crc = le32(&header, 16);
        header[16..20].fill(0);
        if rump_checksum::crc32(&header[..header_size]) != crc || le64(&header, 24) != block {
            return Ok(None);
        }
        let (count, entry_size) = (u64::from(le32(&header, 80)), u64::from(le32(&header, 84)));
        let len = count * entry_size;
        let start = le64(&header, 72).checked_mul(sector);
        let Some(start) = start.filter(|&start| len <= ARRAY_MAX && fits(device, start, len)) else {
            return Ok(None);
        };
        if entry_size < 128 || entry_size % 8 != 0 {
            return Ok(None);
        }
        let mut bytes = vec![0; len as usize];
        device.read_at(start, &mut bytes)?;
        if rump_checksum::crc32(&bytes) != le32(&header, 88) {
            return Ok(None);
        }
        Ok(Some(Self { sector, alternate: le64(&header, 32), entry_size: entry_size as usize, bytes }))
    }

    /// Start and length of an entry in bytes, if it lies within the device.
    fn range(&self, device: &dyn BlockDevice, entry: &[u8]) -> Option<(u64, u64)> {
        let (first, last) = (le64(entry, 32), le64(entry, 40));
        let blocks = last.checked_sub(first)?.checked_add(1)?;
        let (start, size) = (first.checked_mul(self.sector)?, blocks.checked_mul(self.sector)?);
        fits(device, start, size).then_some((start, size))
    }
}

fn label_text(utf16: &[u8]) -> String {
    let units = utf16
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
        .take_while(|&unit| unit != 0);
    char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// A GUID in its usual spelling: the first three fields are little-endian.
fn guid_text(guid: &[u8]) -> String {
    let mut text = String::new();
    for (index, &at) in [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15].iter().enumerate() {
        if [4, 6, 8, 10].contains(&index) {
            text.push('-');
        }
        text.push_str(&format!("{:02x}", guid[at]));
    }
    text
}

fn kind_text(guid: &[u8]) -> String {
    let guid = guid_text(guid);
    let name = match guid.as_str() {
        "c12a7328-f81f-11d2-ba4b-00a0c93ec93b" => "EFI system",
        "21686148-6449-6e6f-744e-656564454649" => "BIOS boot",
        "0fc63daf-8483-4772-8e79-3d69d8477de4" => "Linux",
        "4f68bce3-e8cd-4db1-96e7-fbcaf984b709" => "Linux root (x86-64)",
        "44479540-f297-41b2-9af7-d131d5f0458a" => "Linux root (x86)",
        "b921b045-1df0-41c3-af44-4c6f280d3fae" => "Linux root (ARM 64)",
        "bc13c2ff-59e6-4262-a352-b275fd6f7172" => "Linux extended boot",
        "933ac7e1-2eb4-4f13-b844-0e14e2aef915" => "Linux home",
        "0657fd6d-a4ab-43c4-84e5-0933c84b4f4f" => "Linux swap",
        "e6d6d379-f507-44c2-a23c-238f2a3df928" => "Linux LVM",
        "a19d880f-05fc-4d3b-a006-743f0f84911e" => "Linux RAID",
        "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7" => "Microsoft basic data",
        "e3c9e316-0b5c-4db8-817d-f92df00215ae" => "Microsoft reserved",
        "de94bba4-06d1-4d40-a16a-bfd50179d6ac" => "Windows recovery",
        "516e7cb6-6ecf-11d6-8ff8-00022d09712b" => "FreeBSD UFS",
        "49f48d5a-b10e-11dc-b99b-0019d1879648" => "NetBSD FFS",
        "48465300-0000-11aa-aa11-00306543ecac" => "Apple HFS+",
        "7c3457ef-0000-11aa-aa11-00306543ecac" => "Apple APFS",
        _ => return guid,
    };
    format!("{guid} {name}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Disk;

    const BLOCKS: usize = 64;

    fn put_header(disk: &mut [u8], block: usize, alternate: usize, array: usize) {
        let crc_of_array = rump_checksum::crc32(&disk[array * 512..][..512]);
        let mut header = [0; HEADER];
        header[..8].copy_from_slice(b"EFI PART");
        header[12..16].copy_from_slice(&(HEADER as u32).to_le_bytes());
        header[24..32].copy_from_slice(&(block as u64).to_le_bytes());
        header[32..40].copy_from_slice(&(alternate as u64).to_le_bytes());
        header[72..80].copy_from_slice(&(array as u64).to_le_bytes());
        header[80..84].copy_from_slice(&4_u32.to_le_bytes());
        header[84..88].copy_from_slice(&128_u32.to_le_bytes());
        header[88..92].copy_from_slice(&crc_of_array.to_le_bytes());
        let crc = rump_checksum::crc32(&header);
        header[16..20].copy_from_slice(&crc.to_le_bytes());
        disk[block * 512..][..HEADER].copy_from_slice(&header);
    }

    fn disk(first: u64, last: u64) -> Vec<u8> {
        let mut disk = vec![0; BLOCKS * 512];
        for array in [2, BLOCKS - 2] {
            let entry = &mut disk[array * 512 + 128..][..128];
            entry[..16].copy_from_slice(&[
                0xaf, 0x3d, 0xc6, 0x0f, 0x83, 0x84, 0x72, 0x47, 0x8e, 0x79, 0x3d, 0x69, 0xd8, 0x47, 0x7d,
                0xe4,
            ]);
            entry[32..40].copy_from_slice(&first.to_le_bytes());
            entry[40..48].copy_from_slice(&last.to_le_bytes());
            for (at, unit) in "root é".encode_utf16().enumerate() {
                entry[56 + 2 * at..][..2].copy_from_slice(&unit.to_le_bytes());
            }
        }
        put_header(&mut disk, 1, BLOCKS - 1, 2);
        put_header(&mut disk, BLOCKS - 1, 1, BLOCKS - 2);
        disk
    }

    #[test]
    fn an_entry_has_its_range_kind_and_label() {
        let table = Gpt.probe(&Disk::new(disk(10, 19))).unwrap().unwrap();
        assert_eq!(table.warnings, Vec::<String>::new());
        let [partition] = &table.partitions[..] else { panic!("{table:?}") };
        assert_eq!((partition.number, partition.start_bytes, partition.size_bytes), (2, 5120, 5120));
        assert_eq!(partition.kind, "0fc63daf-8483-4772-8e79-3d69d8477de4 Linux");
        assert_eq!(partition.label, "root é");
    }

    #[test]
    fn the_backup_serves_when_header_or_array_is_damaged() {
        for damage in [512 + 40, 2 * 512 + 128 + 33] {
            let mut bytes = disk(10, 19);
            bytes[damage] ^= 1;
            let table = Gpt.probe(&Disk::new(bytes)).unwrap().unwrap();
            assert_eq!((table.partitions.len(), table.warnings.len()), (1, 1));
            assert_eq!(table.partitions[0].start_bytes, 5120);
        }
    }

    #[test]
    fn a_damaged_backup_is_told() {
        let mut bytes = disk(10, 19);
        bytes[(BLOCKS - 1) * 512] ^= 1;
        assert_eq!(Gpt.probe(&Disk::new(bytes)).unwrap().unwrap().warnings.len(), 1);
    }

    #[test]
    fn an_entry_outside_of_the_device_is_left_out() {
        for (first, last) in [(10, 5), (60, 70), (u64::MAX, u64::MAX), (0, u64::MAX)] {
            let table = Gpt.probe(&Disk::new(disk(first, last))).unwrap().unwrap();
            assert_eq!((table.partitions.len(), table.warnings.len()), (0, 1));
        }
    }

    #[test]
    fn a_disk_without_headers_is_not_gpt() {
        assert_eq!(Gpt.probe(&Disk::new(vec![0; 8192])).unwrap(), None);
        assert_eq!(Gpt.probe(&Disk::new(vec![0; 10])).unwrap(), None);
    }
}
