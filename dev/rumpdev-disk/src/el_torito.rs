//! El Torito: the boot images of a CD, which its firmware loads or shows as a disk.
//!
//! Reference: "El Torito" Bootable CD-ROM Format Specification 1.0; UEFI specification 2.10, section 13.3.2.1. A boot
//! record among the volume descriptors of ISO 9660 names the catalogue: a validation entry, the entry that boots by
//! default, and sections for other platforms. Images are numbered in the order of the catalogue.
//!
//! The catalogue says how much firmware loads of an image, which need not be all of it. Its length is known for
//! floppies, for hard disks by their own partition table, and where the image has a boot information table, as
//! isolinux and GRUB do.

use crate::read_array;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_bytes::{le16, le32};
use rump_kpi::{BlockDevice, KResult, Partition, PartitionScheme, PartitionTable};

/// Sector of a CD, in which the catalogue counts places.
const SECTOR: u64 = 2048;
/// Sector in which it counts lengths.
const VIRTUAL: u64 = 512;
/// Sectors that may hold volume descriptors.
const DESCRIPTORS: core::ops::Range<u64> = 16..32;
const ENTRY: usize = 32;
/// Size of a catalogue that is read.
const CATALOGUE: usize = 8 * SECTOR as usize;
const EFI: u8 = 0xef;

/// The El Torito scheme.
pub struct ElTorito;

impl PartitionScheme for ElTorito {
    fn name(&self) -> &'static str {
        "el-torito"
    }

    fn probe(&self, device: &Arc<dyn BlockDevice>) -> KResult<Option<PartitionTable>> {
        let Some(sector) = find_catalogue(&**device)? else { return Ok(None) };
        let mut table = PartitionTable { scheme: self.name(), partitions: Vec::new(), warnings: Vec::new() };
        let start = u64::from(sector) * SECTOR;
        let length = device.size_bytes().saturating_sub(start).min(CATALOGUE as u64);
        let mut catalogue = alloc::vec![0; length as usize];
        if length > 0 {
            device.read_at(start, &mut catalogue)?;
        }
        read_catalogue(&**device, &catalogue, &mut table)?;
        Ok(Some(table))
    }
}

/// The sector of the catalogue, if there is a boot record that names one.
fn find_catalogue(device: &dyn BlockDevice) -> KResult<Option<u32>> {
    for sector in DESCRIPTORS {
        match read_array::<75>(device, sector * SECTOR)? {
            Some(record) if record[1..6] != *b"CD001" => break,
            Some(record) if record[0] == 0 && record[7..].starts_with(b"EL TORITO SPECIFICATION") => {
                return Ok(Some(le32(&record, 71)));
            }
            Some(record) if record[0] != 255 => {}
            _ => break,
        }
    }
    Ok(None)
}

/// Takes entries until there are no more.
fn read_catalogue(device: &dyn BlockDevice, catalogue: &[u8], table: &mut PartitionTable) -> KResult<()> {
    let mut entries = catalogue.chunks_exact(ENTRY);
    let Some(validation) = entries.next().filter(|entry| entry[0] == 1 && entry[30..] == [0x55, 0xaa]) else {
        table.warnings.push("the boot catalogue has no validation entry".into());
        return Ok(());
    };
    let words = validation.chunks_exact(2).map(|word| le16(word, 0));
    if words.fold(0, u16::wrapping_add) != 0 {
        table.warnings.push("the checksum of the boot catalogue is wrong".into());
    }
    let (mut platform, mut label) = (validation[1], text(&validation[4..28]));
    let (mut left, mut number) = (1, 0);
    for entry in entries {
        match (left, entry[0]) {
            (_, 0x44) => {}
            (0, 0x90 | 0x91) => {
                (platform, left, label) = (entry[1], le16(entry, 2), text(&entry[4..]));
            }
            (0, _) => return Ok(()),
            (_, 0x88 | 0x00) => {
                (left, number) = (left - 1, number + 1);
                push(device, table, number, (platform, &label), entry)?;
            }
            (_, indicator) => {
                table.warnings.push(format!("a boot catalogue entry begins with 0x{indicator:02x}"));
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Adds a boot image, cut to the device.
fn push(
    device: &dyn BlockDevice,
    table: &mut PartitionTable,
    number: u32,
    (platform, label): (u8, &str),
    entry: &[u8],
) -> KResult<()> {
    let (media, sectors, block) = (entry[1] & 0xf, le16(entry, 6), le32(entry, 8));
    let start = u64::from(block) * SECTOR;
    let Some(room) = device.size_bytes().checked_sub(start).filter(|&room| room > 0 && start > 0) else {
        table.warnings.push(format!("boot image {number} at sector {block} is not within the image"));
        return Ok(());
    };
    let wanted = length(device, start, platform, media, sectors)?.unwrap_or(room);
    if wanted > room {
        table.warnings.push(format!("boot image {number} ends beyond the end of the image"));
    }
    let bootable = if entry[0] == 0x88 { "bootable" } else { "not bootable" };
    let segment = match le16(entry, 2) {
        0 => 0x7c0,
        segment => segment,
    };
    table.partitions.push(Partition {
        number,
        start_bytes: start,
        size_bytes: wanted.min(room),
        kind: format!(
            "{}, {}, {bootable}, load segment 0x{segment:04x}, {sectors} sectors, LBA {block}",
            platform_text(platform),
            media_text(media)
        ),
        label: label.to_string(),
    });
    Ok(())
}

/// Length of an image; `None` where it reaches to the end of the device.
fn length(
    device: &dyn BlockDevice,
    start: u64,
    platform: u8,
    media: u8,
    sectors: u16,
) -> KResult<Option<u64>> {
    let loaded = u64::from(sectors) * VIRTUAL;
    Ok(match media {
        1 => Some(1200 << 10),
        2 => Some(1440 << 10),
        3 => Some(2880 << 10),
        4 => Some(disk_length(device, start)?.unwrap_or(loaded)),
        // UEFI: one that claims no more than a sector reaches to the end.
        _ if platform == EFI && sectors <= 1 => None,
        _ => Some(told_length(device, start)?.unwrap_or(loaded)),
    })
}

/// The end of the last partition of a hard disk.
fn disk_length(device: &dyn BlockDevice, start: u64) -> KResult<Option<u64>> {
    let record = read_array::<512>(device, start)?.filter(|record| record[510..] == [0x55, 0xaa]);
    Ok(record.and_then(|record| {
        let ends = record[446..510]
            .chunks_exact(16)
            .filter(|entry| entry[4] != 0)
            .map(|entry| (u64::from(le32(entry, 8)) + u64::from(le32(entry, 12))) * VIRTUAL);
        ends.max()
    }))
}

/// What a boot information table says: the sector of the volume descriptor, that of the image, its length.
fn told_length(device: &dyn BlockDevice, start: u64) -> KResult<Option<u64>> {
    let Some(table) = read_array::<20>(device, start)? else { return Ok(None) };
    let is_there = le32(&table, 8) == 16 && u64::from(le32(&table, 12)) * SECTOR == start;
    Ok(is_there.then(|| le32(&table, 16).into()))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_matches(['\0', ' ']).to_string()
}

fn platform_text(platform: u8) -> String {
    match platform {
        0 => "x86".into(),
        1 => "PowerPC".into(),
        2 => "Macintosh".into(),
        EFI => "EFI".into(),
        other => format!("platform 0x{other:02x}"),
    }
}

fn media_text(media: u8) -> &'static str {
    match media {
        0 => "no emulation",
        1 => "floppy of 1.2 MB",
        2 => "floppy of 1.44 MB",
        3 => "floppy of 2.88 MB",
        4 => "hard disk",
        _ => "unknown medium",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Disk;
    use alloc::vec;

    const CATALOGUE_AT: usize = 20 * 2048;

    fn disk(entries: &[[u8; 12]]) -> Vec<u8> {
        let mut disk = vec![0; 2000 * 1024];
        disk[16 * 2048..][..6].copy_from_slice(b"\x01CD001");
        let record = &mut disk[17 * 2048..][..75];
        record[1..6].copy_from_slice(b"CD001");
        record[7..30].copy_from_slice(b"EL TORITO SPECIFICATION");
        record[71..].copy_from_slice(&20_u32.to_le_bytes());
        let catalogue = &mut disk[CATALOGUE_AT..];
        catalogue[0] = 1;
        catalogue[30..32].copy_from_slice(&[0x55, 0xaa]);
        catalogue[28..30].copy_from_slice(&0x55aa_u16.to_le_bytes());
        for (entry, place) in entries.iter().zip(catalogue[32..].chunks_exact_mut(32)) {
            place[..12].copy_from_slice(entry);
        }
        disk
    }

    fn entry(media: u8, sectors: u16, block: u32) -> [u8; 12] {
        let (sectors, block) = (sectors.to_le_bytes(), block.to_le_bytes());
        [0x88, media, 0, 0, 0, 0, sectors[0], sectors[1], block[0], block[1], block[2], block[3]]
    }

    fn probe(disk: Vec<u8>) -> PartitionTable {
        ElTorito.probe(&Disk::new(disk)).unwrap().unwrap()
    }

    #[test]
    fn sections_have_platforms_of_their_own() {
        let section = [0x91, EFI, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let table = probe(disk(&[entry(0, 4, 100), section, entry(0, 100, 200), entry(0, 1, 300)]));
        assert_eq!(table.warnings, Vec::<String>::new());
        let found: Vec<_> =
            table.partitions.iter().map(|p| (p.number, p.start_bytes, p.size_bytes)).collect();
        let rest = 2000 * 1024 - 300 * 2048;
        assert_eq!(found, [(1, 100 * 2048, 2048), (2, 200 * 2048, 51_200), (3, 300 * 2048, rest)]);
        assert_eq!(
            table.partitions[1].kind,
            "EFI, no emulation, bootable, load segment 0x07c0, 100 sectors, LBA 200"
        );
    }

    #[test]
    fn lengths_come_from_the_medium_and_from_the_image() {
        let table = probe(disk(&[entry(2, 1, 100)]));
        assert_eq!(table.partitions[0].size_bytes, 1440 << 10);
        let mut with_table = disk(&[entry(0, 4, 100)]);
        for (at, value) in [(8, 16_u32), (12, 100), (16, 40_000)] {
            with_table[100 * 2048 + at..][..4].copy_from_slice(&value.to_le_bytes());
        }
        assert_eq!(probe(with_table).partitions[0].size_bytes, 40_000);
    }

    #[test]
    fn what_is_beyond_the_end_is_told() {
        let table = probe(disk(&[entry(0, 4, 100_000)]));
        assert_eq!((table.partitions.len(), table.warnings.len()), (0, 1));
        let table = probe(disk(&[entry(3, 4, 500)]));
        assert_eq!(table.partitions[0].size_bytes, 2000 * 1024 - 500 * 2048);
        assert_eq!(table.warnings.len(), 1);
    }

    #[test]
    fn a_disk_without_boot_record_has_none() {
        assert_eq!(ElTorito.probe(&Disk::new(vec![0; 100 * 1024])).unwrap(), None);
        assert_eq!(ElTorito.probe(&Disk::new(Vec::new())).unwrap(), None);
        let mut bare = disk(&[]);
        bare[CATALOGUE_AT] = 0;
        assert_eq!(probe(bare).warnings.len(), 1);
    }
}
