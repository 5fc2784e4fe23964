//! Makes the checksums of mutated exFAT volumes right again: of the boot region, of tables of upper case, and of sets of
//! entries.
//!
//! Reference: Microsoft, "exFAT file system specification", sections 3.4, 6.3.3 and 7.2.2.

use crate::image::{BLOCK, Image};

/// Bytes of an entry of a directory.
const ENTRY: usize = 32;
/// Longest table of upper case that is summed.
const TABLE_MAX: u64 = 1 << 17;

/// Repairs what there is.
pub fn repair(image: &mut Image) {
    let mut boot = [0; 512];
    image.read(0, &mut boot);
    if &boot[3..11] != b"EXFAT   " {
        return;
    }
    let sector = 1u64 << boot[108].clamp(9, 12);
    for number in image.numbers() {
        repair_entries(image, u64::from(number) * BLOCK as u64, &boot, sector);
    }
    repair_boot(image, sector as usize);
}

/// Whatever looks like the beginning of a set, or leads to a table of upper case.
fn repair_entries(image: &mut Image, block: u64, boot: &[u8; 512], sector: u64) {
    for at in (block..block + BLOCK as u64).step_by(ENTRY) {
        let mut head = [0; 2 * ENTRY];
        image.read(at, &mut head);
        match (head[0], head[ENTRY]) {
            (0x85, 0xc0) => repair_set(image, at, (usize::from(head[1]) + 1) * ENTRY),
            (0x82, _) => repair_table(image, at, &head, boot, sector),
            _ => {}
        }
    }
}

fn repair_set(image: &mut Image, at: u64, length: usize) {
    let mut set = vec![0; length];
    image.read(at, &mut set);
    let counted = set.iter().enumerate().filter(|(at, _)| !matches!(at, 2 | 3));
    let sum = counted.fold(0u16, |sum, (_, byte)| sum.rotate_right(1).wrapping_add((*byte).into()));
    image.write(at + 2, &sum.to_le_bytes());
}

fn repair_table(image: &mut Image, at: u64, entry: &[u8], boot: &[u8; 512], sector: u64) {
    let cluster = u64::from(le32(entry, 20));
    let length = u64::from(le32(entry, 24));
    if cluster < 2 || length > TABLE_MAX {
        return;
    }
    let bytes = sector << u32::from(boot[109]).min(16);
    let start = u64::from(le32(boot, 88)) * sector + (cluster - 2) * bytes;
    let mut table = vec![0; length as usize];
    image.read(start, &mut table);
    let sum = table.iter().fold(0u32, |sum, byte| sum.rotate_right(1).wrapping_add((*byte).into()));
    image.write(at + 4, &sum.to_le_bytes());
}

fn repair_boot(image: &mut Image, sector: usize) {
    let mut region = vec![0; 11 * sector];
    image.read(0, &mut region);
    let counted = region.iter().enumerate().filter(|(at, _)| !matches!(at, 106 | 107 | 112));
    let sum = counted.fold(0u32, |sum, (_, byte)| sum.rotate_right(1).wrapping_add((*byte).into()));
    image.write(region.len() as u64, &sum.to_le_bytes().repeat(sector / 4));
}

fn le32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
