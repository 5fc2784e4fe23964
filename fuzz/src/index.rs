//! Bytes as the index of a packed image.
//!
//! The image is a gzip file that is always the same, of blocks that are stored. An input is the length that the index says the
//! content has, and its points, 40 bytes each; the sums in them are made here. So whatever is read is the content, or refused.

use crate::image::Image;
use rump_checksum::crc32c;
use rump_hyper::Access;
use rump_kpi::{BlockDevice, Errno, KResult, TimeSpec};
use rumpdev_image::{Draft, Format, Keeping, Kind, Options, Sibling, Siblings, Stamp};
use std::sync::{Arc, LazyLock};

const BLOCKS: usize = 5;
const BLOCK: usize = 48 << 10;
const WINDOW: usize = 32 << 10;
/// Where windows begin in what is kept, and how long each is: a stored block.
const HEAD: usize = 4096;
const WINDOW_BYTES: usize = WINDOW + 5;
const TABLE: usize = HEAD + BLOCKS * WINDOW_BYTES;
const POINT: usize = 40;
/// What a point says of how it is gone in at: a member begins there.
const MEMBER: u8 = 0xff;

/// Of a block of the file: its five bytes, and the content.
const PACKED: usize = 5 + BLOCK;
/// Bytes before the first block.
const BEGIN: usize = 10;

static CONTENT: LazyLock<Vec<u8>> =
    LazyLock::new(|| (0..BLOCKS * BLOCK).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect());

static FILE: LazyLock<Arc<Image>> = LazyLock::new(|| {
    let mut file = b"\x1f\x8b\x08\0\0\0\0\0\0\xff".to_vec();
    for (number, block) in CONTENT.chunks(BLOCK).enumerate() {
        file.extend(stored(block, number + 1 == BLOCKS));
    }
    file.extend(rump_checksum::crc32(&CONTENT).to_le_bytes());
    file.extend((CONTENT.len() as u32).to_le_bytes());
    Arc::new(Image::from_raw(&file))
});

/// A block of DEFLATE that is not compressed.
fn stored(bytes: &[u8], is_last: bool) -> Vec<u8> {
    let length = bytes.len() as u16;
    [&[u8::from(is_last)][..], &length.to_le_bytes(), &(!length).to_le_bytes(), bytes].concat()
}

/// Where the index was kept; no other one is made.
struct Kept(Arc<Image>);

impl Siblings for Kept {
    fn open(&self, _from: &[u8], _name: &[u8], _access: Access) -> KResult<Sibling> {
        Err(Errno::ENOENT.into())
    }

    fn keeping(&self, _path: &[u8]) -> Option<Box<dyn Keeping + '_>> {
        Some(Box::new(Self(self.0.clone())))
    }
}

impl Keeping for Kept {
    fn stamp(&self) -> Stamp {
        Stamp { size_bytes: FILE.size(), mtime: TimeSpec::default() }
    }

    fn find(&self, kind: Kind) -> Vec<Arc<dyn BlockDevice>> {
        if kind == Kind::Index { vec![self.0.clone()] } else { Vec::new() }
    }

    fn begin(&self, _kind: Kind) -> KResult<Box<dyn Draft>> {
        Err(Errno::EROFS.into())
    }
}

/// Reads the image by this index; answers how many points were used, if it was.
pub fn run(data: &[u8]) -> Option<String> {
    let kept = Kept(Arc::new(Image::from_raw(&kept(data)?)));
    let options = Options { format: Some(Format::Gzip), snapshot: None };
    let opened = rumpdev_image::open(FILE.clone(), (b"image", None), &kept, &options).ok()?;
    let device = opened.device;
    let size = device.size_bytes();
    let mut bytes = [0; 5000];
    let last = size.saturating_sub(bytes.len() as u64);
    for place in (0..8).map(|part| last / 7 * part) {
        let Ok(at) = usize::try_from(place) else { continue };
        if device.read_at(place, &mut bytes).is_ok() {
            // Behind the content there may be nothing.
            assert_eq!(CONTENT.get(at..at + bytes.len()), Some(&bytes[..]), "at {at}");
        }
    }
    opened.layer.details.first().cloned()
}

/// What would have been kept.
fn kept(data: &[u8]) -> Option<Vec<u8>> {
    let (size, points) = data.split_first_chunk()?;
    let size = u64::from_le_bytes(*size);
    let mut kept = vec![0; HEAD];
    for number in 0..BLOCKS {
        let end = number * BLOCK;
        kept.extend(stored(&CONTENT[end.saturating_sub(WINDOW)..end], true));
        kept.resize(HEAD + (number + 1) * WINDOW_BYTES, 0);
    }
    let starts: Vec<u64> = points.chunks_exact(POINT).map(|point| le64(point, 0)).chain([size]).collect();
    for (point, span) in points.chunks_exact(POINT).zip(starts.windows(2)) {
        let mut point = point.to_vec();
        let window = range(le64(&point, 16), u16::from_le_bytes([point[24], point[25]]).into());
        let window = window.and_then(|window| kept.get(window)).unwrap_or_default();
        let content = range(span[0], span[1].saturating_sub(span[0]));
        let content = content.and_then(|content| CONTENT.get(content)).unwrap_or_default();
        point[28..32].copy_from_slice(&crc32c(!0, window).to_le_bytes());
        point[32..36].copy_from_slice(&crc32c(!0, content).to_le_bytes());
        kept.extend(point);
    }
    let mut head = [0; 64];
    head[..8].copy_from_slice(b"rumpidx1");
    head[8..16].copy_from_slice(&FILE.size().to_le_bytes());
    head[28..32].copy_from_slice(&ENDS.to_le_bytes());
    head[32..40].copy_from_slice(&size.to_le_bytes());
    head[40..48].copy_from_slice(&(TABLE as u64).to_le_bytes());
    head[48..56].copy_from_slice(&((kept.len() - TABLE) as u64).to_le_bytes());
    head[56..60].copy_from_slice(&crc32c(!0, &kept[TABLE..]).to_le_bytes());
    let sum = crc32c(!0, &head[..60]);
    head[60..].copy_from_slice(&sum.to_le_bytes());
    kept[..64].copy_from_slice(&head);
    Some(kept)
}

/// What a file is known by: a sum over its first and last 64 KiB.
static ENDS: LazyLock<u32> = LazyLock::new(|| {
    let mut end = [0; 64 << 10];
    [0, FILE.size() - end.len() as u64].into_iter().fold(!0, |sum, at| {
        FILE.read(at, &mut end);
        crc32c(sum, &end)
    })
});

fn range(at: u64, length: u64) -> Option<std::ops::Range<usize>> {
    let at = usize::try_from(at).ok()?;
    Some(at..at.checked_add(usize::try_from(length).ok()?)?)
}

fn le64(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|index| bytes[at + index]))
}

/// The points of some of the blocks.
pub fn seed(number: u64) -> Vec<u8> {
    let mut input = (CONTENT.len() as u64).to_le_bytes().to_vec();
    for block in (0..BLOCKS).filter(|block| *block == 0 || number >> block & 1 == 0) {
        let mut point = [0; POINT];
        point[..8].copy_from_slice(&((block * BLOCK) as u64).to_le_bytes());
        let at = if block == 0 { 0 } else { BEGIN + block * PACKED };
        point[8..16].copy_from_slice(&(at as u64).to_le_bytes());
        if block == 0 {
            point[36] = MEMBER;
        } else {
            let window = WINDOW.min(block * BLOCK);
            point[16..24].copy_from_slice(&((HEAD + block * WINDOW_BYTES) as u64).to_le_bytes());
            point[24..26].copy_from_slice(&((window + 5) as u16).to_le_bytes());
            point[26..28].copy_from_slice(&(window as u16).to_le_bytes());
        }
        input.extend(point);
    }
    input
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_indices_that_are_used() {
        for number in 0..32 {
            let points = 1 + (1..BLOCKS).filter(|block| number >> block & 1 == 0).count();
            assert_eq!(run(&seed(number)).as_deref(), Some(&*format!("index of {points} points")));
        }
    }

    #[test]
    fn damaged_ones_are_not() {
        let mut damaged = seed(0);
        damaged[8] = 1;
        assert_eq!(run(&damaged).as_deref(), Some("unpacked in memory"));
    }
}
