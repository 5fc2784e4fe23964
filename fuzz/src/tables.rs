//! Makes the checksums of mutated partition tables right again.
//!
//! Reference: UEFI specification 2.10, section 5.3; disklabel(5) of NetBSD.

use crate::image::Image;

/// Largest array of GPT entries that is summed.
const ARRAY_MAX: u64 = 1 << 17;
const LABEL_MAGIC: u32 = 0x8256_4557;

/// Repairs both headers of a GPT for both sizes of sectors, and the BSD disklabels in the usual places.
pub fn repair(image: &mut Image) {
    for sector in [512, 4096] {
        repair_header(image, sector, sector);
        repair_header(image, sector, (image.size() / sector).saturating_sub(1) * sector);
    }
    let mut record = [0; 64];
    image.read(446, &mut record);
    let starts = record.chunks_exact(16).map(|entry| u64::from(le32(entry, 8)) * 512);
    for base in [0].into_iter().chain(starts) {
        for place in [0, 64, 128, 512] {
            repair_label(image, base + place);
        }
    }
}

fn repair_header(image: &mut Image, sector: u64, at: u64) {
    let mut header = [0; 512];
    image.read(at, &mut header);
    let size = le32(&header, 12) as usize;
    if &header[..8] != b"EFI PART" || !(92..=512).contains(&size) {
        return;
    }
    let start = u64::from(le32(&header, 72)).saturating_mul(sector);
    let len = u64::from(le32(&header, 80)).saturating_mul(le32(&header, 84).into());
    if len <= ARRAY_MAX {
        let mut array = vec![0; len as usize];
        image.read(start, &mut array);
        header[88..92].copy_from_slice(&rump_checksum::crc32(&array).to_le_bytes());
    }
    header[16..20].fill(0);
    let sum = rump_checksum::crc32(&header[..size]);
    header[16..20].copy_from_slice(&sum.to_le_bytes());
    image.write(at, &header);
}

fn repair_label(image: &mut Image, at: u64) {
    let mut label = [0; 148 + 22 * 16];
    image.read(at, &mut label);
    let count = match le32(&label, 0) {
        LABEL_MAGIC => u16::from_le_bytes([label[138], label[139]]),
        swapped if swapped == LABEL_MAGIC.swap_bytes() => u16::from_be_bytes([label[138], label[139]]),
        _ => return,
    };
    label[136..138].fill(0);
    let Some(summed) = label.get(..148 + 16 * usize::from(count)) else { return };
    let sum = summed.chunks_exact(2).fold(0, |sum, word| sum ^ u16::from_le_bytes([word[0], word[1]]));
    label[136..138].copy_from_slice(&sum.to_le_bytes());
    image.write(at, &label);
}

fn le32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
