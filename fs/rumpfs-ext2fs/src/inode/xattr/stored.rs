//! The attributes of one inode as a list, and their bytes: entries from the front of an area, values from its end.
//!
//! Reference: kernel documentation, ext4 "Extended Attributes". Entries in a block are sorted by index, length of
//! the name and name, and have a hash; those in an inode need neither.

use super::{Area, BLOCK_HEADER_LEN, INDEX_SYSTEM, INLINE_DATA_NAME, MAGIC, entry_len};
use crate::error::Error;
use crate::inode::Inode;
use crate::units::Ino;
use crate::volume::Volume;
use alloc::vec::Vec;

/// Words of zeros that end the entries.
const END: usize = 4;

/// Where a value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Next to its entry.
    Here(Vec<u8>),
    /// In an inode of its own.
    Inode {
        /// Which.
        number: Ino,
        /// Length of the value.
        len: u32,
        /// Hash of the entry.
        hash: u32,
    },
}

/// One attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Stands for the prefix of the name.
    pub index: u8,
    /// The rest of the name.
    pub name: Vec<u8>,
    /// The value.
    pub value: Value,
}

impl Attribute {
    /// Whether it has this name.
    pub fn is(&self, index: u8, name: &[u8]) -> bool {
        self.index == index && self.name == name
    }

    /// Whether it continues inline data.
    pub fn is_inline_data(&self) -> bool {
        self.is(INDEX_SYSTEM, INLINE_DATA_NAME)
    }

    /// The inode that holds its value, if one does.
    pub fn value_inode(&self) -> Option<Ino> {
        match self.value {
            Value::Here(_) => None,
            Value::Inode { number, .. } => Some(number),
        }
    }

    /// Bytes that it takes in an area.
    pub fn bytes(&self) -> usize {
        let value = match &self.value {
            Value::Here(value) => value.len().next_multiple_of(4),
            Value::Inode { .. } => 0,
        };
        entry_len(self.name.len()) + value
    }
}

/// Bytes that a list of attributes takes in an area.
pub fn bytes_of(attributes: &[Attribute]) -> usize {
    END + attributes.iter().map(Attribute::bytes).sum::<usize>()
}

/// The attributes inside an inode, in their order.
pub fn in_body(inode: &Inode) -> Result<Vec<Attribute>, Error> {
    Area::of_inode(inode).map_or(Ok(Vec::new()), |area| area.load())
}

/// The attributes in an inode's block.
pub fn in_block(volume: &Volume, inode: &Inode) -> Result<Vec<Attribute>, Error> {
    if inode.file_acl() == 0 {
        return Ok(Vec::new());
    }
    let (number, block) = super::read_block(volume, inode)?;
    Area::of_block(number, &block).load()
}

impl Area<'_> {
    fn load(&self) -> Result<Vec<Attribute>, Error> {
        let mut attributes = Vec::new();
        self.each(|entry| {
            let value = if entry.value_inode == 0 {
                Value::Here(self.value_here(entry)?.to_vec())
            } else {
                Value::Inode { number: Ino(entry.value_inode), len: entry.value_len, hash: entry.hash }
            };
            attributes.push(Attribute { index: entry.index, name: entry.name.to_vec(), value });
            Ok(None::<()>)
        })?;
        Ok(attributes)
    }
}

/// Bytes for attributes inside an inode; `None` if it has no place for them.
pub fn body_space(inode: &Inode) -> Option<usize> {
    let start = super::BASE_INODE_LEN + usize::from(inode.extra_isize());
    let space = inode.raw().len().checked_sub(start + 4)?;
    (inode.extra_isize() != 0 && space > END).then_some(space)
}

/// Bytes for attributes in a block.
pub fn block_space(volume: &Volume) -> usize {
    volume.block_size() as usize - BLOCK_HEADER_LEN
}

/// Writes the attributes inside an inode. Answers whether they fit.
pub fn store_in_body(inode: &mut Inode, attributes: &[Attribute]) -> bool {
    let fits = body_space(inode).is_some_and(|space| bytes_of(attributes) <= space);
    let area = inode.attributes_mut();
    if attributes.is_empty() {
        area.fill(0);
        return true;
    }
    if !fits {
        return false;
    }
    let (magic, area) = area.split_at_mut(4);
    magic.copy_from_slice(&MAGIC.to_le_bytes());
    emit(area, 0, attributes, |attribute| match attribute.value {
        Value::Here(_) => 0,
        Value::Inode { hash, .. } => hash,
    });
    true
}

/// Writes a block of attributes, which fit; its checksum is made later.
pub fn store_in_block(block: &mut [u8], attributes: &[Attribute]) {
    let mut sorted = attributes.to_vec();
    sorted.sort_by(|a, b| (a.index, a.name.len(), &a.name).cmp(&(b.index, b.name.len(), &b.name)));
    block.fill(0);
    let hash = sorted.iter().try_fold(0u32, |hash, attribute| match hash_of(attribute) {
        // One entry without a hash, and the block has none.
        0 => None,
        entry => Some(hash.rotate_left(16) ^ entry),
    });
    for (at, word) in [(0, MAGIC), (4, 1), (8, 1), (12, hash.unwrap_or(0))] {
        block[at..at + 4].copy_from_slice(&word.to_le_bytes());
    }
    emit(block, BLOCK_HEADER_LEN, &sorted, hash_of);
}

fn hash_of(attribute: &Attribute) -> u32 {
    match &attribute.value {
        Value::Inode { hash, .. } => *hash,
        Value::Here(value) => {
            let words = value.chunks(4).map(|word| {
                let mut padded = [0; 4];
                padded[..word.len()].copy_from_slice(word);
                u32::from_le_bytes(padded)
            });
            hash(&attribute.name, words)
        }
    }
}

/// The hash of an entry: its name, and the words of its value, or the hash of a value in an inode.
pub fn hash(name: &[u8], words: impl Iterator<Item = u32>) -> u32 {
    let of_name = name.iter().fold(0u32, |hash, byte| hash.rotate_left(5) ^ u32::from(*byte));
    words.fold(of_name, |hash, word| hash.rotate_left(16) ^ word)
}

fn emit(area: &mut [u8], first: usize, attributes: &[Attribute], hash: impl Fn(&Attribute) -> u32) {
    area[first..].fill(0);
    let (mut entry, mut end) = (first, area.len());
    for attribute in attributes {
        let (at, inode, len) = match &attribute.value {
            Value::Here(value) if value.is_empty() => (0, 0, 0),
            Value::Here(value) => {
                end -= value.len().next_multiple_of(4);
                area[end..end + value.len()].copy_from_slice(value);
                (end, 0, value.len() as u32)
            }
            Value::Inode { number, len, .. } => (0, number.0, *len),
        };
        area[entry] = attribute.name.len() as u8;
        area[entry + 1] = attribute.index;
        area[entry + 2..entry + 4].copy_from_slice(&(at as u16).to_le_bytes());
        for (offset, word) in [(4, inode), (8, len), (12, hash(attribute))] {
            area[entry + offset..entry + offset + 4].copy_from_slice(&word.to_le_bytes());
        }
        let name = entry + super::ENTRY_LEN;
        area[name..name + attribute.name.len()].copy_from_slice(&attribute.name);
        entry += entry_len(attribute.name.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::DiskBlock;
    use alloc::vec;

    fn attribute(index: u8, name: &[u8], value: &[u8]) -> Attribute {
        Attribute { index, name: name.to_vec(), value: Value::Here(value.to_vec()) }
    }

    #[test]
    fn a_block_gives_back_what_was_stored_sorted() {
        let attributes = [
            attribute(6, b"selinux", b"label\0"),
            attribute(1, b"bb", b""),
            attribute(1, b"a", &[7; 100]),
            attribute(1, b"ab", b"x"),
        ];
        let mut block = vec![0xff; 1024];
        store_in_block(&mut block, &attributes);
        let stored = Area::of_block(DiskBlock(0), &block).load().unwrap();
        let expected = [2, 3, 1, 0].map(|index: usize| attributes[index].clone());
        assert_eq!(stored, expected);
    }

    #[test]
    fn an_area_can_be_filled_to_its_last_byte() {
        let space = 1024 - BLOCK_HEADER_LEN;
        let first = attribute(1, b"name", &[1; 500]);
        let rest = space - bytes_of(core::slice::from_ref(&first)) - entry_len(4);
        let attributes = [first, attribute(1, b"more", &vec![2; rest])];
        assert_eq!(bytes_of(&attributes), space);
        let mut block = vec![0; 1024];
        store_in_block(&mut block, &attributes);
        let mut expected = attributes.to_vec();
        expected.reverse();
        assert_eq!(Area::of_block(DiskBlock(0), &block).load().unwrap(), expected);
    }
}
