//! Content inside the inode (kernel documentation, ext4 "Inline Data"): the first 60 bytes in `i_block`, the rest as
//! the value of the attribute `system.data`, which is there even if it is empty.
//!
//! Whoever changes it has the cell's `content` for himself, or the inode is new.

use super::xattr::write as attributes;
use super::{FLAG_EXTENTS, FLAG_INLINE_DATA, Inode, file};
use crate::cell::Cell;
use crate::error::{Error, Place};
use crate::features::Incompat;
use crate::layout::ExtentHeader;
use crate::transaction::Handle;
use crate::volume::Volume;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use zerocopy::IntoBytes;

/// Bytes of `i_block`.
const HEAD: usize = 60;
const EXTENT_MAGIC: u16 = 0xf30a;

/// Makes a new inode hold its content, empty so far, if the volume does that and there is room.
pub fn begin(volume: &Volume, inode: &mut Inode) -> Result<bool, Error> {
    if !volume.features().incompat.contains(Incompat::INLINE_DATA) {
        return Ok(false);
    }
    if !attributes::set_inline_continuation(inode, Some(&[]))? {
        return Ok(false);
    }
    inode.edit(volume, |base, _| {
        base.i_block.fill(0);
        base.i_flags.set(base.i_flags.get() & !FLAG_EXTENTS | FLAG_INLINE_DATA);
    });
    Ok(true)
}

/// Makes an inode map its content by blocks, of which it has none.
pub fn end(volume: &Volume, inode: &mut Inode) {
    let extents = volume.features().incompat.contains(Incompat::EXTENTS);
    inode.edit(volume, |base, _| {
        base.i_block.fill(0);
        let flags = base.i_flags.get() & !(FLAG_INLINE_DATA | FLAG_EXTENTS);
        base.i_flags.set(flags | if extents { FLAG_EXTENTS } else { 0 });
        if extents {
            let header = ExtentHeader {
                eh_magic: EXTENT_MAGIC.into(),
                eh_entries: 0.into(),
                eh_max: 4.into(),
                eh_depth: 0.into(),
                eh_generation: 0.into(),
            };
            base.i_block[..12].copy_from_slice(header.as_bytes());
        }
    });
}

/// The most bytes that an inode with inline data can hold beside its other attributes. Errors: EFTYPE.
pub fn capacity(inode: &Inode) -> Result<usize, Error> {
    Ok(HEAD + attributes::inline_room(inode)?.unwrap_or(0))
}

/// Writes at `offset` if the result fits, and answers whether it did. The size follows, times do not. Errors: EFTYPE,
/// EIO.
pub fn write(handle: &mut Handle<'_>, cell: &Arc<Cell>, offset: u64, buf: &[u8]) -> Result<bool, Error> {
    let inode = cell.inode();
    let most = capacity(&inode)? as u64;
    let Some(end) = offset.checked_add(buf.len() as u64).filter(|end| *end <= most) else { return Ok(false) };
    let mut content = content(handle.volume(), &inode)?;
    content.resize(content.len().max(end as usize), 0);
    content[offset as usize..end as usize].copy_from_slice(buf);
    store(handle, cell, &content)
}

/// Cuts the content, or extends it with zeros if the result fits. Answers whether it did. Errors: EFTYPE, EIO.
pub fn resize(handle: &mut Handle<'_>, cell: &Arc<Cell>, size: u64) -> Result<bool, Error> {
    let inode = cell.inode();
    if size > capacity(&inode)? as u64 {
        return Ok(false);
    }
    let mut content = content(handle.volume(), &inode)?;
    content.resize(size as usize, 0);
    store(handle, cell, &content)
}

/// Takes the content out of the inode and answers it; the inode then has a map without blocks, and the size that it
/// had. Errors: EFTYPE, EIO.
pub fn to_blocks(handle: &mut Handle<'_>, cell: &Arc<Cell>) -> Result<Vec<u8>, Error> {
    let volume = handle.volume();
    let content = content(volume, &cell.inode())?;
    handle.update(cell, |inode| {
        attributes::set_inline_continuation(inode, None)?;
        end(volume, inode);
        inode.map().clear();
        Ok::<_, Error>(())
    })??;
    Ok(content)
}

/// Replaces the content, if it fits, and the size. Errors: EFTYPE, EIO.
pub fn store(handle: &mut Handle<'_>, cell: &Arc<Cell>, content: &[u8]) -> Result<bool, Error> {
    let volume = handle.volume();
    let (head, rest) = content.split_at(content.len().min(HEAD));
    handle.update(cell, |inode| {
        if !attributes::set_inline_continuation(inode, Some(rest))? {
            return Ok(false);
        }
        inode.edit(volume, |base, _| {
            base.i_block.fill(0);
            base.i_block[..head.len()].copy_from_slice(head);
            base.i_size_lo.set(content.len() as u32);
            base.i_size_high.set(0);
        });
        Ok(true)
    })?
}

/// The content up to the size.
fn content(volume: &Volume, inode: &Inode) -> Result<Vec<u8>, Error> {
    let mut content = file::inline_content(volume, inode)?;
    let size = usize::try_from(inode.size()).ok().filter(|size| *size <= usize::from(u16::MAX));
    let Some(size) = size else {
        let why = format!("inline content of {} bytes", inode.size());
        return Err(Error::corrupt("inode", Place::Inode(inode.number()), 4, why));
    };
    content.resize(size, 0);
    Ok(content)
}
