//! Blocks of directory entries (kernel documentation, ext4 "Linear (Classic) Directories").
//!
//! A cursor is the byte offset in the directory. Nodes of a hash tree look like one unused entry and give
//! nothing. The blocks of a directory are no more than those of the volume, which bounds every walk.

use super::{Entry, check_node, is_indexed};
use crate::error::{Error, Place};
use crate::features::Incompat;
use crate::inode::Inode;
use crate::inode::map::{self, Mapping};
use crate::layout::DirTail;
use crate::units::{DiskBlock, FileBlock, Ino};
use crate::volume::Volume;
use alloc::format;
use rump_checksum::crc32c;
use rump_kpi::FileType;
use zerocopy::FromBytes;

const TAIL: usize = 12;
const TAIL_TYPE: u8 = 0xde;

/// Gives entries from `cursor` on; see [`super::read`].
pub fn read(
    volume: &Volume,
    inode: &Inode,
    cursor: u64,
    sink: &mut dyn FnMut(Entry<'_>) -> bool,
) -> Result<(), Error> {
    let bits = volume.superblock().block_bits;
    let blocks = inode.size().div_ceil(1 << bits);
    let mut first_error = Ok(());
    let mut block = cursor >> bits;
    while block < blocks {
        if block >= volume.readable_blocks() {
            let why = format!("{} bytes are more than the volume holds", inode.size());
            return first_error.and(Err(Error::corrupt("directory", Place::Inode(inode.number()), 4, why)));
        }
        let run = map::find_run(volume, inode, FileBlock(block))?;
        let Mapping::At(at) = run.mapping else {
            block = run.end();
            continue;
        };
        let start = block << bits;
        let mut going = true;
        // What a block with a wrong checksum seems to hold is given all the same, and the damage reported.
        let bytes = volume.read_block_ahead(at, run.len)?;
        let sound = volume.verify(at, &bytes, |bytes| check_leaf(volume, inode, FileBlock(block), at, bytes));
        let walked = walk(volume, at, &bytes, start, cursor, &mut |entry| {
            going = sink(entry);
            going
        });
        if !going {
            return Ok(());
        }
        first_error = first_error.and(sound).and(walked);
        block += 1;
    }
    first_error
}

/// Verifies the checksum of a block of a directory, of any kind.
pub fn check_leaf(
    volume: &Volume,
    inode: &Inode,
    block: FileBlock,
    at: DiskBlock,
    bytes: &[u8],
) -> Result<(), Error> {
    if !volume.features().has_metadata_checksums() {
        return Ok(());
    }
    let whole = record_length([bytes[4], bytes[5]], bytes.len()) == bytes.len();
    if is_indexed(volume, inode) && block.0 == 0 {
        return check_node(volume, inode, at, bytes, 0x20);
    }
    if is_indexed(volume, inode) && whole && bytes[..4] == [0; 4] {
        return check_node(volume, inode, at, bytes, 8);
    }
    let body = bytes.len() - TAIL;
    let right = DirTail::ref_from_bytes(&bytes[body..]).is_ok_and(|tail| {
        tail.det_rec_len.get() == 12
            && tail.det_reserved_ft == TAIL_TYPE
            && tail.det_checksum.get() == crc32c(inode.checksum_seed(volume), &bytes[..body])
    });
    if right {
        return Ok(());
    }
    Err(Error::corrupt("directory block", Place::Block(at), body as u64, "wrong checksum"))
}

/// Gives the entries of one chain that begin at or after `cursor`; `base` is the chain's offset in the directory.
pub fn walk(
    volume: &Volume,
    at: DiskBlock,
    bytes: &[u8],
    base: u64,
    cursor: u64,
    sink: &mut dyn FnMut(Entry<'_>) -> bool,
) -> Result<(), Error> {
    let typed = volume.features().incompat.contains(Incompat::FILETYPE);
    let mut offset = 0;
    let mut bad_name = Ok(());
    while offset < bytes.len() {
        let entry = parse(&bytes[offset..], typed, volume.block_size() as usize)
            .map_err(|why| Error::corrupt("directory entry", Place::Block(at), offset as u64, why))?;
        let next = base + (offset + entry.length) as u64;
        if entry.ino != 0 && base + offset as u64 >= cursor {
            if entry.name.is_empty() || entry.name.iter().any(|byte| matches!(byte, 0 | b'/')) {
                let error =
                    Error::corrupt("directory entry", Place::Block(at), offset as u64, "impossible name");
                bad_name = bad_name.and(Err(error));
            } else if !sink(Entry { name: entry.name, ino: Ino(entry.ino), file_type: entry.file_type, next })
            {
                return Ok(());
            }
        }
        offset += entry.length;
    }
    bad_name
}

struct Parsed<'a> {
    ino: u32,
    length: usize,
    name: &'a [u8],
    file_type: Option<FileType>,
}

fn parse(bytes: &[u8], typed: bool, block_size: usize) -> Result<Parsed<'_>, alloc::string::String> {
    let head = bytes.get(..8).ok_or_else(|| format!("{} bytes are left", bytes.len()))?;
    let ino = u32::from_le_bytes([head[0], head[1], head[2], head[3]]);
    let length = record_length([head[4], head[5]], block_size);
    if length < 8 || length % 4 != 0 || length > bytes.len() {
        return Err(format!("record length {length} with {} bytes left", bytes.len()));
    }
    let name_len = usize::from(head[6]);
    let Some(name) = bytes[..length].get(8..8 + name_len) else {
        return Err(format!("name of {name_len} bytes in a record of {length}"));
    };
    let file_type = if typed { type_of(head[7]) } else { None };
    Ok(Parsed { ino, length, name, file_type })
}

/// A record length; blocks of 64 KiB need one more bit than the field has.
fn record_length(field: [u8; 2], block_size: usize) -> usize {
    let value = usize::from(u16::from_le_bytes(field));
    if block_size < 1 << 16 {
        return value;
    }
    if value == 0xffff || value == 0 { block_size } else { (value & 0xfffc) | (value & 3) << 16 }
}

fn type_of(code: u8) -> Option<FileType> {
    Some(match code & 0xf {
        1 => FileType::Regular,
        2 => FileType::Directory,
        3 => FileType::CharDevice,
        4 => FileType::BlockDevice,
        5 => FileType::Fifo,
        6 => FileType::Socket,
        7 => FileType::Symlink,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_must_hold_its_name() {
        let mut bytes = [0u8; 16];
        bytes[0] = 12;
        bytes[4] = 12;
        bytes[6] = 4;
        bytes[7] = 2;
        bytes[8..12].copy_from_slice(b"name");
        let entry = parse(&bytes, true, 1024).unwrap();
        assert_eq!((entry.name, entry.file_type), (b"name".as_slice(), Some(FileType::Directory)));
        bytes[6] = 5;
        assert!(parse(&bytes, true, 1024).is_err());
        bytes[4] = 20;
        assert!(parse(&bytes, true, 1024).is_err());
        bytes[4] = 0;
        assert!(parse(&bytes, true, 1024).is_err());
    }

    #[test]
    fn records_of_64_kib_are_read() {
        assert_eq!(record_length([0xff, 0xff], 1 << 16), 1 << 16);
        assert_eq!(record_length([0, 0], 1 << 16), 1 << 16);
        assert_eq!(record_length([12, 0], 1 << 16), 12);
    }
}
