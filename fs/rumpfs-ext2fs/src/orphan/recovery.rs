//! What a crash left: the list of orphans, and the file that the kernel may keep them in instead.
//!
//! What the file holds goes onto the list first, one by one, and then all on the list are released. The list was
//! written by others: it may bite its tail, or name what is no inode. It is cut there, and what is behind is left to
//! e2fsck. The file is only read where its blocks are right.

use super::{add, change_superblock, cut, release, remove, set_first, set_next};
use crate::cell::Cell;
use crate::error::{Error, Place};
use crate::features::{Compat, RoCompat};
use crate::inode::map::{self, Mapping};
use crate::inode::{Inode, attr};
use crate::transaction::{Kind, Orphan};
use crate::units::{DiskBlock, FileBlock, Ino};
use crate::volume::Volume;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use hashbrown::HashSet;
use rump_checksum::crc32c;
use rump_kpi::FileType;

/// Behind the numbers in a block of the file: a magic number and a checksum.
const TAIL: usize = 8;
const MAGIC: u32 = 0x0b10_ca04;

/// After a crash: frees the inodes without names, and completes the cutting of those with. What is damaged is left
/// where it is, and noted. Errors: EIO; EFTYPE (the superblock).
pub fn recover(volume: &Volume) -> Result<(), Error> {
    let Some(writer) = volume.writer() else { return Ok(()) };
    let mut orphans = load_list(volume)?;
    if volume.features().ro_compat.contains(RoCompat::ORPHAN_PRESENT) {
        match move_from_file(volume, &mut orphans) {
            Err(Error::Io(error)) => return Err(Error::Io(error)),
            Err(error) => writer.note(&format!("ext2fs: the file of orphans is left alone: {error}")),
            Ok(()) => {}
        }
    }
    for cell in orphans {
        let done = if cell.inode().base().i_links_count.get() == 0 {
            release(volume, &cell)
        } else {
            complete_cut(volume, &cell)
        };
        match done {
            Err(Error::Io(error)) => return Err(Error::Io(error)),
            Err(error) => writer.note(&format!("ext2fs: {} stays an orphan: {error}", cell.number())),
            Ok(()) => {}
        }
    }
    Ok(())
}

/// Follows the list as far as it is right, and cuts it there.
fn load_list(volume: &Volume) -> Result<Vec<Arc<Cell>>, Error> {
    let mut handle = volume.begin()?;
    let (mut cells, mut seen) = (Vec::<Arc<Cell>>::new(), HashSet::new());
    let mut next = super::first(&handle)?;
    let mut wrong = None;
    while let Some(number) = next {
        match listed(volume, number) {
            Ok(cell) if seen.insert(number) => {
                next = Some(Ino(cell.inode().base().i_dtime.get())).filter(|ino| ino.0 != 0);
                cells.push(cell);
            }
            Ok(_) => {
                wrong = Some(format!("names {number} twice"));
                break;
            }
            Err(Error::Io(error)) => return Err(Error::Io(error)),
            Err(error) => {
                wrong = Some(format!("{error}"));
                break;
            }
        }
    }
    if let Some(why) = wrong {
        match cells.last() {
            Some(last) => set_next(&mut handle, last, None)?,
            None => set_first(&mut handle, None)?,
        }
        if let Some(writer) = volume.writer() {
            writer.note(&format!("ext2fs: the list of orphans is cut: {why}"));
        }
    }
    for (index, cell) in cells.iter().enumerate() {
        let number =
            |index: Option<usize>| index.and_then(|index| cells.get(index)).map(|cell| cell.number());
        let (before, after) = (number(index.checked_sub(1)), number(Some(index + 1)));
        handle.set_orphan(cell.number(), Some(Orphan { cell: cell.clone(), before, after }));
    }
    handle.finish();
    Ok(cells)
}

/// An inode that may be an orphan.
fn listed(volume: &Volume, number: Ino) -> Result<Arc<Cell>, Error> {
    let wrong = |why| Error::corrupt("list of orphans", Place::Inode(number), 0, why);
    if volume.superblock().locate_inode(number).is_none() || number.0 < volume.superblock().first_inode() {
        return Err(wrong("no inode of a file"));
    }
    let cell = volume.cell(number)?;
    // What was freed has no type any more, or the time of its deletion where the next orphan would be.
    attr::file_type(&cell.inode())?;
    Ok(cell)
}

/// Moves what the file holds to the list, and says in the superblock that it is empty.
fn move_from_file(volume: &Volume, orphans: &mut Vec<Arc<Cell>>) -> Result<(), Error> {
    if volume.features().compat.contains(Compat::ORPHAN_FILE) {
        let file = volume.inode(Ino(volume.superblock().raw.s_orphan_file_inum.get()))?;
        let mut block = 0;
        let blocks = file.size() >> volume.superblock().block_bits;
        while block < blocks {
            let run = map::find_run(volume, &file, FileBlock(block))?;
            if let Mapping::At(at) = run.mapping {
                move_from_block(volume, &file, at, orphans)?;
                block += 1;
            } else {
                block = run.end();
            }
        }
    }
    let mut handle = volume.begin()?;
    change_superblock(&mut handle, |raw| {
        let flags = raw.s_feature_ro_compat.get() & !RoCompat::ORPHAN_PRESENT.bits();
        raw.s_feature_ro_compat.set(flags);
    })?;
    handle.finish();
    Ok(())
}

fn move_from_block(
    volume: &Volume,
    file: &Inode,
    at: DiskBlock,
    orphans: &mut Vec<Arc<Cell>>,
) -> Result<(), Error> {
    let seed = file.checksum_seed(volume);
    let block = volume.read_block(at)?;
    volume.verify(at, &block, |block| check_block(volume, seed, at, block))?;
    for (index, word) in block[..block.len() - TAIL].chunks_exact(4).enumerate() {
        let number = Ino(u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
        if number.0 == 0 {
            continue;
        }
        let mut handle = volume.begin()?;
        handle.modify(at, Kind::OrphanFile(seed), |bytes| bytes[index * 4..index * 4 + 4].fill(0))?;
        match listed(volume, number) {
            Err(Error::Io(error)) => return Err(Error::Io(error)),
            Err(error) => {
                volume.writer().into_iter().for_each(|writer| writer.note(&format!("ext2fs: {error}")));
            }
            Ok(_) if handle.is_orphan(number) => {}
            Ok(cell) => {
                add(&mut handle, &cell);
                orphans.push(cell);
            }
        }
        handle.finish();
    }
    Ok(())
}

fn check_block(volume: &Volume, seed: u32, at: DiskBlock, block: &[u8]) -> Result<(), Error> {
    let (body, tail) = block.split_at(block.len() - TAIL);
    let word = |at: usize| u32::from_le_bytes([tail[at], tail[at + 1], tail[at + 2], tail[at + 3]]);
    let wrong = |why| Error::corrupt("file of orphans", Place::Block(at), body.len() as u64, why);
    if word(0) != MAGIC {
        return Err(wrong("wrong magic"));
    }
    if volume.features().has_metadata_checksums()
        && word(4) != crc32c(crc32c(seed, &at.0.to_le_bytes()), body)
    {
        return Err(wrong("wrong checksum"));
    }
    Ok(())
}

/// Frees what is behind the end of a file that was being cut, and takes it off the list.
fn complete_cut(volume: &Volume, cell: &Arc<Cell>) -> Result<(), Error> {
    let inode = cell.inode();
    let _alone = cell.content.write();
    if attr::file_type(&inode)? != FileType::Regular {
        let mut handle = volume.begin()?;
        remove(&mut handle, cell)?;
        handle.finish();
        return Ok(());
    }
    cut(volume, cell, inode.size().div_ceil(u64::from(volume.block_size())), remove)
}
