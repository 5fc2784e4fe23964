//! Extended attributes: in the inode, in the attribute block, and in inodes of their own.
//!
//! Reference: Documentation/filesystems/ext4/attributes.rst; for the access control lists, acl(5) and
//! the version 2 form of `linux/posix_acl_xattr.h`.
//!
//! Invariants: no entry, name or value reaches outside of the area that holds it; `system.data` holds
//! file content and is never listed or found by name.

pub mod acl;
mod block;
mod lists;
mod stored;
mod value;
pub mod write;

use super::{FLAG_EA_INODE, Inode, journaled};
use crate::error::{Error, Place};
use crate::units::{DiskBlock, Ino};
use crate::volume::Volume;
use alloc::format;
use alloc::vec::Vec;
use rump_checksum::crc32c;
use rump_kpi::cache::Block;

const MAGIC: u32 = 0xea02_0000;
const BASE_INODE_LEN: usize = 128;
const BLOCK_HEADER_LEN: usize = 32;
const BLOCK_CHECKSUM: usize = 16;
const ENTRY_LEN: usize = 16;
/// Longest value that Linux stores.
const MAX_VALUE_LEN: u32 = 65536;

const INDEX_ACL_ACCESS: u8 = 2;
const INDEX_ACL_DEFAULT: u8 = 3;
const INDEX_SYSTEM: u8 = 7;
/// The attribute that holds what does not fit into `i_block` of an inode with inline data.
const INLINE_DATA_NAME: &[u8] = b"data";

/// The names of an inode's attributes, each with its prefix.
pub fn list(volume: &Volume, inode: &Inode) -> Result<Vec<Vec<u8>>, Error> {
    let mut names = Vec::new();
    each_entry(volume, inode, |_, entry| {
        names.extend(entry.full_name());
        Ok(None::<()>)
    })?;
    Ok(names)
}

/// The value of the attribute with this name, prefix included.
pub fn find(volume: &Volume, inode: &Inode, name: &[u8]) -> Result<Option<Vec<u8>>, Error> {
    each_entry(volume, inode, |area, entry| {
        if entry.full_name().is_none_or(|full| full != name) {
            return Ok(None);
        }
        let value = area.value(volume, inode, entry)?;
        match entry.index {
            INDEX_ACL_ACCESS | INDEX_ACL_DEFAULT => match acl::to_xattr(&value) {
                Some(converted) => Ok(Some(converted)),
                None => Err(area.corrupt(0, "access control list of bad form")),
            },
            _ => Ok(Some(value)),
        }
    })
}

/// The part of an inode's inline data that lies among its attributes.
pub fn inline_continuation(volume: &Volume, inode: &Inode) -> Result<Option<Vec<u8>>, Error> {
    let Some(area) = Area::of_inode(inode) else { return Ok(None) };
    area.each(
        |entry| if entry.is_inline_data() { area.value(volume, inode, entry).map(Some) } else { Ok(None) },
    )
}

/// Calls `visit` for the entries of the inode and then of its block, until it answers.
fn each_entry<T>(
    volume: &Volume,
    inode: &Inode,
    mut visit: impl FnMut(&Area<'_>, &Entry<'_>) -> Result<Option<T>, Error>,
) -> Result<Option<T>, Error> {
    if let Some(area) = Area::of_inode(inode) {
        if let Some(found) = area.each(|entry| visit(&area, entry))? {
            return Ok(Some(found));
        }
    }
    if inode.file_acl() == 0 {
        return Ok(None);
    }
    let (number, block) = read_block(volume, inode)?;
    let area = Area::of_block(number, &block);
    area.each(|entry| visit(&area, entry))
}

/// The block of attributes, which is there, with its checksum verified.
fn read_block(volume: &Volume, inode: &Inode) -> Result<(DiskBlock, Block), Error> {
    let number = DiskBlock(inode.file_acl());
    let block = volume.read_block(number)?;
    volume.verify(number, &block, |block| check_block(volume, number, block))?;
    Ok((number, block))
}

fn check_block(volume: &Volume, number: DiskBlock, block: &[u8]) -> Result<(), Error> {
    let bad =
        |offset: usize, why| Error::corrupt("extended attributes", Place::Block(number), offset as u64, why);
    if le32(block, 0) != Some(MAGIC) {
        return Err(bad(0, "wrong magic"));
    }
    if le32(block, 8) != Some(1) {
        return Err(bad(8, "not of one block"));
    }
    if !volume.features().has_metadata_checksums() {
        return Ok(());
    }
    let mut sum = crc32c(volume.checksum_seed(), &number.0.to_le_bytes());
    sum = crc32c(sum, block.get(..BLOCK_CHECKSUM).unwrap_or_default());
    sum = crc32c(sum, &[0; 4]);
    sum = crc32c(sum, block.get(BLOCK_CHECKSUM + 4..).unwrap_or_default());
    if le32(block, BLOCK_CHECKSUM) != Some(sum) {
        return Err(bad(BLOCK_CHECKSUM, "wrong checksum"));
    }
    Ok(())
}

/// Bytes that hold entries at their front and values at their end.
struct Area<'a> {
    place: Place,
    /// What value offsets count from.
    bytes: &'a [u8],
    /// Offset of the first entry.
    first: usize,
}

impl<'a> Area<'a> {
    /// The attributes behind the fields of the inode, if there are any.
    fn of_inode(inode: &'a Inode) -> Option<Self> {
        let start = BASE_INODE_LEN + usize::from(inode.extra_isize());
        let bytes = inode.raw().get(start..)?;
        if inode.extra_isize() == 0 || le32(bytes, 0)? != MAGIC {
            return None;
        }
        Some(Self { place: Place::Inode(inode.number()), bytes: bytes.get(4..)?, first: 0 })
    }

    fn of_block(number: DiskBlock, block: &'a [u8]) -> Self {
        Self { place: Place::Block(number), bytes: block, first: BLOCK_HEADER_LEN }
    }

    fn corrupt(&self, offset: usize, why: &'static str) -> Error {
        Error::corrupt("extended attributes", self.place, offset as u64, why)
    }

    fn each<T>(
        &self,
        mut visit: impl FnMut(&Entry<'a>) -> Result<Option<T>, Error>,
    ) -> Result<Option<T>, Error> {
        let mut offset = self.first;
        // An area that is full to the last byte needs no terminator.
        while le32(self.bytes, offset).is_some_and(|word| word != 0) {
            let entry = Entry::parse(self.bytes, offset)
                .ok_or_else(|| self.corrupt(offset, "entry reaches beyond its area"))?;
            if let Some(found) = visit(&entry)? {
                return Ok(Some(found));
            }
            offset += entry_len(entry.name.len());
        }
        Ok(None)
    }

    fn value(&self, volume: &Volume, owner: &Inode, entry: &Entry<'_>) -> Result<Vec<u8>, Error> {
        if entry.value_len > MAX_VALUE_LEN {
            return Err(self.corrupt(0, "value longer than 64 KiB"));
        }
        if entry.value_inode != 0 {
            return self.value_of_inode(volume, owner, entry);
        }
        self.value_here(entry).map(<[u8]>::to_vec)
    }

    /// A value that is in this area.
    fn value_here(&self, entry: &Entry<'_>) -> Result<&'a [u8], Error> {
        let end = entry.value_offset.checked_add(entry.value_len as usize);
        let value = end.and_then(|end| self.bytes.get(entry.value_offset..end));
        value.ok_or_else(|| self.corrupt(entry.value_offset, "value reaches beyond its area"))
    }

    fn value_of_inode(&self, volume: &Volume, owner: &Inode, entry: &Entry<'_>) -> Result<Vec<u8>, Error> {
        let inode = volume.inode(Ino(entry.value_inode))?;
        if !inode.has_flag(FLAG_EA_INODE) || inode.size() != u64::from(entry.value_len) {
            let why = format!("{} does not hold the value", inode.number());
            return Err(Error::corrupt("extended attributes", self.place, 0, why));
        }
        let value = journaled::read(volume, &inode, entry.value_len as usize)?;
        // The time of access is the value's checksum, but in the older form, which points back to its owner.
        let points_back =
            inode.base().i_mtime.get() == owner.number().0 && inode.generation() == owner.generation();
        if !points_back && crc32c(volume.checksum_seed(), &value) != inode.base().i_atime.get() {
            let why = format!("wrong checksum of the value in {}", inode.number());
            return Err(Error::corrupt("extended attributes", self.place, 0, why));
        }
        Ok(value)
    }
}

/// One attribute's entry.
struct Entry<'a> {
    index: u8,
    name: &'a [u8],
    value_offset: usize,
    value_inode: u32,
    value_len: u32,
    hash: u32,
}

impl<'a> Entry<'a> {
    fn parse(area: &'a [u8], offset: usize) -> Option<Self> {
        let fixed = area.get(offset..offset.checked_add(ENTRY_LEN)?)?;
        let name = area.get(offset + ENTRY_LEN..)?.get(..usize::from(fixed[0]))?;
        Some(Self {
            index: fixed[1],
            name,
            value_offset: usize::from(u16::from_le_bytes([fixed[2], fixed[3]])),
            value_inode: le32(fixed, 4)?,
            value_len: le32(fixed, 8)?,
            hash: le32(fixed, 12)?,
        })
    }

    fn is_inline_data(&self) -> bool {
        self.index == INDEX_SYSTEM && self.name == INLINE_DATA_NAME
    }

    /// The name as users see it, or `None` if they must not or its prefix is unknown.
    fn full_name(&self) -> Option<Vec<u8>> {
        let prefix: &[u8] = match self.index {
            0 => b"",
            1 => b"user.",
            INDEX_ACL_ACCESS => b"system.posix_acl_access",
            INDEX_ACL_DEFAULT => b"system.posix_acl_default",
            4 => b"trusted.",
            6 => b"security.",
            INDEX_SYSTEM if !self.is_inline_data() => b"system.",
            8 => b"system.richacl",
            _ => return None,
        };
        let name = [prefix, self.name].concat();
        (!name.is_empty()).then_some(name)
    }
}

/// Bytes of an entry with a name of this length.
fn entry_len(name_len: usize) -> usize {
    (ENTRY_LEN + name_len).next_multiple_of(4)
}

fn le32(bytes: &[u8], offset: usize) -> Option<u32> {
    let field = bytes.get(offset..offset.checked_add(4)?)?;
    Some(u32::from_le_bytes(field.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn area(bytes: &[u8]) -> Area<'_> {
        Area { place: Place::Volume, bytes, first: 0 }
    }

    fn entry(index: u8, name: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; (ENTRY_LEN + name.len()).next_multiple_of(4)];
        bytes[0] = name.len() as u8;
        bytes[1] = index;
        bytes[ENTRY_LEN..ENTRY_LEN + name.len()].copy_from_slice(name);
        bytes
    }

    fn names(bytes: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
        let mut names = Vec::new();
        area(bytes).each(|entry| {
            names.extend(entry.full_name());
            Ok(None::<()>)
        })?;
        Ok(names)
    }

    #[test]
    fn names_get_their_prefix_and_inline_data_stays_hidden() {
        let bytes =
            [entry(1, b"a"), entry(7, b"data"), entry(2, b""), entry(6, b"selinux"), vec![0; 4]].concat();
        let expected: [&[u8]; 3] = [b"user.a", b"system.posix_acl_access", b"security.selinux"];
        assert_eq!(names(&bytes).unwrap(), expected);
    }

    #[test]
    fn an_entry_that_reaches_beyond_its_area_is_damage() {
        let mut bytes = entry(1, b"name");
        bytes[0] = 200;
        assert!(names(&bytes).is_err());
        assert!(names(&bytes[..12]).is_err());
    }
}
