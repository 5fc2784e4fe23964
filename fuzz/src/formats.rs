//! The checksums of formats of disk images, made right: VHD's footers, VHDX's headers and regions.

use crate::image::Image;
use rump_checksum::crc32c;

const FOOTER: usize = 512;
/// Of VHDX: where, and how long, what has a checksum at byte 4.
const SUMMED: [(u64, usize); 4] =
    [(64 << 10, 4096), (128 << 10, 4096), (192 << 10, 65536), (256 << 10, 65536)];

/// Makes them right wherever the signatures are.
pub fn repair(image: &mut Image) {
    for at in [0, image.size().saturating_sub(FOOTER as u64)] {
        let mut footer = [0; FOOTER];
        image.read(at, &mut footer);
        if footer.starts_with(b"conectix") {
            footer[64..68].fill(0);
            let sum = footer.iter().fold(0_u32, |sum, byte| sum.wrapping_add((*byte).into()));
            image.write(at + 64, &(!sum).to_be_bytes());
        }
    }
    for (at, len) in SUMMED {
        let mut bytes = vec![0; len];
        image.read(at, &mut bytes);
        if bytes.starts_with(b"head") || bytes.starts_with(b"regi") {
            bytes[4..8].fill(0);
            image.write(at + 4, &(!crc32c(!0, &bytes)).to_le_bytes());
        }
    }
}
