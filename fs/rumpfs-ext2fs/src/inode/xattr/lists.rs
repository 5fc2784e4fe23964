//! All attributes of one inode, taken out to be changed and stored again.
//!
//! An attribute goes where there is room: inside the inode, else in its block, else (where the volume has such) its
//! value into an inode of its own. If there is room only in pieces, all attributes are placed anew.

use super::stored::{self, Attribute, Value};
use super::{block, value};
use crate::cell::Cell;
use crate::error::{Error, Place};
use crate::features::{Compat, Incompat};
use crate::inode::Inode;
use crate::inode::map::space;
use crate::layout;
use crate::superblock;
use crate::transaction::{Handle, Kind};
use crate::units::Ino;
use crate::volume::Volume;
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_kpi::Errno;
use zerocopy::FromBytes;

/// The attributes of one inode, by where they are.
pub struct Lists {
    body: Vec<Attribute>,
    body_space: usize,
    block: Vec<Attribute>,
    block_space: usize,
    /// The lists as they are stored.
    before: [Vec<Attribute>; 2],
}

impl Lists {
    /// The lists of an inode. Errors: EFTYPE, EIO.
    pub fn load(volume: &Volume, inode: &Inode) -> Result<Self, Error> {
        let (body, block) = (stored::in_body(inode)?, stored::in_block(volume, inode)?);
        Ok(Self {
            body_space: stored::body_space(inode).unwrap_or(0),
            block_space: stored::block_space(volume),
            before: [body.clone(), block.clone()],
            body,
            block,
        })
    }

    /// Takes an attribute out.
    pub fn take(&mut self, index: u8, name: &[u8]) -> Option<Attribute> {
        [&mut self.body, &mut self.block].into_iter().find_map(|list| {
            let at = list.iter().position(|attribute| attribute.is(index, name))?;
            Some(list.remove(at))
        })
    }

    /// Adds an attribute where there is room. Answers whether there is.
    fn place(&mut self, new: &Attribute) -> bool {
        if stored::bytes_of(&self.body) + new.bytes() <= self.body_space {
            self.body.push(new.clone());
        } else if stored::bytes_of(&self.block) + new.bytes() <= self.block_space {
            self.block.push(new.clone());
        } else {
            return self.place_all_anew(new);
        }
        true
    }

    /// Gives the inode the largest that it has room for, and the block the rest.
    fn place_all_anew(&mut self, new: &Attribute) -> bool {
        let (mut body, mut others): (Vec<_>, Vec<_>) =
            self.body.iter().cloned().partition(Attribute::is_inline_data);
        others.extend(self.block.iter().cloned());
        others.push(new.clone());
        others.sort_by_key(|attribute| core::cmp::Reverse(attribute.bytes()));
        let mut block = Vec::new();
        for attribute in others {
            let fits = stored::bytes_of(&body) + attribute.bytes() <= self.body_space;
            if fits { body.push(attribute) } else { block.push(attribute) }
        }
        let fits = stored::bytes_of(&block) <= self.block_space;
        if fits {
            (self.body, self.block) = (body, block);
        }
        fits
    }

    /// Adds an attribute, with its value where there is room for it. Answers the inode that was made for it, if one
    /// was. Errors: ENOSPC, EFTYPE, EIO.
    pub fn add(
        &mut self,
        handle: &mut Handle<'_>,
        cell: &Arc<Cell>,
        (index, name): (u8, &[u8]),
        value: &[u8],
    ) -> Result<Option<Ino>, Error> {
        note_feature(handle)?;
        if self.place(&Attribute { index, name: name.to_vec(), value: Value::Here(value.to_vec()) }) {
            return Ok(None);
        }
        let large = handle.volume().features().incompat.contains(Incompat::EA_INODE);
        let nowhere = Value::Inode { number: Ino(0), len: 0, hash: 0 };
        if !large || !self.place(&Attribute { index, name: name.to_vec(), value: nowhere }) {
            return Err(Error::Refused(Errno::ENOSPC));
        }
        let (number, hash) = value::make(handle, cell, value)?;
        let hash = stored::hash(name, core::iter::once(hash));
        for attribute in self.body.iter_mut().chain(&mut self.block).filter(|it| it.is(index, name)) {
            attribute.value = Value::Inode { number, len: value.len() as u32, hash };
        }
        Ok(Some(number))
    }

    /// Stores what changed. Answers the inodes of values that nobody refers to any more; they are on the list of
    /// orphans. `made` has its first reference already. Errors: ENOSPC, EFTYPE, EIO.
    pub fn store(
        &self,
        handle: &mut Handle<'_>,
        cell: &Arc<Cell>,
        made: Option<Ino>,
    ) -> Result<Vec<Arc<Cell>>, Error> {
        let [body_before, block_before] = &self.before;
        let block_changes = self.block != *block_before;
        let is_left_to_others = block_changes && block::is_shared(handle.volume(), &cell.inode())?;
        let mut references = Vec::new();
        made.into_iter().for_each(|number| value::count(&mut references, number, -1));
        // The block that others keep goes on referring to what it refers to.
        let lost = body_before.iter().chain(if is_left_to_others { &[] } else { &block_before[..] });
        lost.filter_map(Attribute::value_inode).for_each(|number| value::count(&mut references, number, -1));
        let kept = self.body.iter().chain(&self.block);
        kept.filter_map(Attribute::value_inode).for_each(|number| value::count(&mut references, number, 1));
        if self.body != *body_before {
            let fits = handle.update(cell, |inode| stored::store_in_body(inode, &self.body))?;
            if !fits {
                let why = "they do not fit where they were found";
                return Err(Error::corrupt("extended attributes", Place::Inode(cell.number()), 0, why));
            }
        }
        if block_changes {
            block::store(handle, cell, &self.block)?;
        }
        let volume = handle.volume();
        let all = |body: &[Attribute], block: &[Attribute]| value::blocks(volume, body.iter().chain(block));
        let difference = all(&self.body, &self.block) - all(body_before, block_before);
        if difference != 0 {
            handle.update(cell, |inode| space::add_blocks(volume, inode, difference))??;
        }
        value::refer(handle, references)
    }
}

/// Says in the superblock that there are attributes.
fn note_feature(handle: &mut Handle<'_>) -> Result<(), Error> {
    let volume = handle.volume();
    if volume.features().compat.contains(Compat::EXT_ATTR) {
        return Ok(());
    }
    let at = superblock::offset_in_block(volume.superblock());
    handle.modify(volume.superblock().primary_block(), Kind::Superblock, |bytes| {
        let raw = bytes.get_mut(at..at + superblock::SIZE).map(layout::Superblock::mut_from_bytes);
        if let Some(Ok(raw)) = raw {
            raw.s_feature_compat.set(raw.s_feature_compat.get() | Compat::EXT_ATTR.bits());
        }
    })
}
