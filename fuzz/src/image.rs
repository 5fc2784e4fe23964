//! An image as the list of its blocks that are not zeros: the form of every input of the file system targets.
//!
//! ```text
//! size of the device in bytes, 8 bytes | { number, 4 bytes | contents, 1024 bytes } ...
//! ```
//!
//! All numbers are little-endian. Any bytes are an image: the size is cut to [`SIZE_MAX`], a piece of a block at
//! the end is ignored. A file system with a large journal stays small in this form, and every byte that a
//! mutation meets means something.

use rump_kpi::{BlockDevice, Errno, KResult};
use std::collections::BTreeMap;

/// Size of the blocks of the list.
pub const BLOCK: usize = 1024;
/// Largest device; far more than the memory that a target may use.
pub const SIZE_MAX: u64 = 1 << 40;

const RECORD: usize = 4 + BLOCK;

/// A device of which only some blocks are not zeros.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    size: u64,
    blocks: BTreeMap<u32, Box<[u8; BLOCK]>>,
}

impl Image {
    /// Reads an input.
    pub fn decode(input: &[u8]) -> Self {
        let (size, records) = input.split_first_chunk::<8>().unwrap_or((&[0; 8], &[]));
        let mut blocks = BTreeMap::new();
        for record in records.chunks_exact(RECORD) {
            let (number, contents) = record.split_at(4);
            let number = u32::from_le_bytes(number.try_into().unwrap_or_default());
            blocks.insert(number, Box::new(contents.try_into().unwrap_or([0; BLOCK])));
        }
        Self { size: u64::from_le_bytes(*size).min(SIZE_MAX), blocks }
    }

    /// Writes an input.
    pub fn encode(&self) -> Vec<u8> {
        let mut input = self.size.to_le_bytes().to_vec();
        for (number, contents) in &self.blocks {
            input.extend(number.to_le_bytes());
            input.extend(&contents[..]);
        }
        input
    }

    /// Takes the blocks that are not zeros from the bytes of an image file.
    pub fn from_raw(raw: &[u8]) -> Self {
        let mut blocks = BTreeMap::new();
        for (number, chunk) in (0_u32..).zip(raw.chunks(BLOCK)) {
            if chunk.iter().any(|byte| *byte != 0) {
                let mut contents = Box::new([0; BLOCK]);
                contents[..chunk.len()].copy_from_slice(chunk);
                blocks.insert(number, contents);
            }
        }
        Self { size: (raw.len() as u64).min(SIZE_MAX), blocks }
    }

    /// Size of the device in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Changes the size of the device; blocks beyond it are kept, but out of reach.
    pub fn set_size(&mut self, size: u64) {
        self.size = size.min(SIZE_MAX);
    }

    /// The numbers of the blocks that are listed.
    pub fn numbers(&self) -> Vec<u32> {
        self.blocks.keys().copied().collect()
    }

    /// The contents of a block, to be changed; it is added where it is missing.
    pub fn block_mut(&mut self, number: u32) -> &mut [u8; BLOCK] {
        self.blocks.entry(number).or_insert_with(|| Box::new([0; BLOCK]))
    }

    /// Takes a block from the list, which makes it zeros.
    pub fn remove(&mut self, number: u32) {
        self.blocks.remove(&number);
    }

    /// Reads what the list has of a range, and zeros for the rest.
    pub fn read(&self, offset: u64, buf: &mut [u8]) {
        self.each_piece(offset, buf.len(), |number, within, range| {
            let piece = &mut buf[range];
            match number.and_then(|number| self.blocks.get(&number)) {
                Some(contents) => piece.copy_from_slice(&contents[within..within + piece.len()]),
                None => piece.fill(0),
            }
        });
    }

    /// Changes those bytes of a range whose blocks are listed.
    pub fn write(&mut self, offset: u64, bytes: &[u8]) {
        let mut pieces = Vec::new();
        self.each_piece(offset, bytes.len(), |number, within, range| pieces.push((number, within, range)));
        for (number, within, range) in pieces {
            if let Some(contents) = number.and_then(|number| self.blocks.get_mut(&number)) {
                contents[within..within + range.len()].copy_from_slice(&bytes[range]);
            }
        }
    }

    /// Splits a range at the borders of blocks: number, offset within, and the part of the range.
    fn each_piece(
        &self,
        offset: u64,
        len: usize,
        mut visit: impl FnMut(Option<u32>, usize, std::ops::Range<usize>),
    ) {
        let mut done = 0;
        while done < len {
            let at = offset.saturating_add(done as u64);
            let within = (at % BLOCK as u64) as usize;
            let count = (BLOCK - within).min(len - done);
            visit(u32::try_from(at / BLOCK as u64).ok(), within, done..done + count);
            done += count;
        }
    }
}

impl BlockDevice for Image {
    fn size_bytes(&self) -> u64 {
        self.size
    }

    fn is_read_only(&self) -> bool {
        true
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> KResult<()> {
        if offset.checked_add(buf.len() as u64).is_none_or(|end| end > self.size) {
            return Err(Errno::EINVAL.into());
        }
        self.read(offset, buf);
        Ok(())
    }

    fn write_at(&self, _offset: u64, _buf: &[u8]) -> KResult<()> {
        panic!("a write reached the device of a read-only mount");
    }

    fn flush(&self) -> KResult<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_survives_packing() {
        let mut raw = vec![0; 10 * BLOCK + 5];
        raw[3 * BLOCK + 7] = 1;
        raw[10 * BLOCK + 4] = 2;
        let image = Image::from_raw(&raw);
        assert_eq!((image.size(), image.numbers()), (raw.len() as u64, vec![3, 10]));
        let again = Image::decode(&image.encode());
        assert_eq!(again, image);
        let mut read = vec![9; raw.len()];
        again.read(0, &mut read);
        assert_eq!(read, raw);
    }

    #[test]
    fn any_bytes_are_an_image() {
        for len in 0..3000 {
            let image = Image::decode(&vec![0xff; len]);
            assert!(image.size() <= SIZE_MAX && image.encode().len() <= len.max(8));
        }
    }

    #[test]
    fn a_write_changes_listed_blocks_only() {
        let mut image = Image::from_raw(&[1; BLOCK]);
        image.write(BLOCK as u64 - 2, &[5; 4]);
        let mut read = [9; 4];
        image.read(BLOCK as u64 - 2, &mut read);
        assert_eq!(read, [5, 5, 0, 0]);
    }
}
