//! Setting and removing attributes.
//!
//! An attribute goes where there is room: inside the inode, else in its block, else (where the volume has such) its
//! value into an inode of its own. If there is room only in pieces, all attributes are placed anew. A block that
//! several inodes share is not changed: who wants to change it takes a copy.
//!
//! An inode of a value keeps a hash of it where others have their access time, and counts who refers to it in the
//! words of the change time and the version.

use super::stored::{self, Attribute, Value};
use super::{
    FLAG_EA_INODE, INDEX_ACL_ACCESS, INDEX_ACL_DEFAULT, INDEX_SYSTEM, INLINE_DATA_NAME, MAX_VALUE_LEN, acl,
    le32,
};
use crate::allocation::{blocks, inodes};
use crate::cell::Cell;
use crate::error::{Error, Place};
use crate::features::{Compat, Incompat};
use crate::inode::attr::{self, Clock};
use crate::inode::map::space;
use crate::inode::{Inode, acl as policy, inline, journaled};
use crate::layout;
use crate::namespace;
use crate::orphan;
use crate::superblock;
use crate::transaction::{Handle, Kind};
use crate::units::{DiskBlock, Extent, Ino};
use crate::volume::Volume;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_checksum::crc32c;
use rump_kpi::{Errno, FileType, XattrFlags};
use zerocopy::FromBytes;

const REFERENCES_AT: usize = 4;
const NAME_MAX: usize = 255;
const VALUE_MODE: u16 = 0o100_600;

/// Sets an attribute. Errors: ENOTSUP (prefix), ERANGE (name), E2BIG, EACCES (a default list of what is no
/// directory), EINVAL (a list of bad form), EEXIST, ENOATTR, ENOSPC (no room), EFTYPE, EIO.
pub fn set(
    volume: &Volume,
    cell: &Arc<Cell>,
    name: &[u8],
    value: &[u8],
    flags: XattrFlags,
) -> Result<(), Error> {
    let (index, suffix) = split(name)?;
    if value.len() > MAX_VALUE_LEN as usize {
        return Err(Error::Refused(Errno::E2BIG));
    }
    if !is_list(index) {
        return change(volume, cell, (index, suffix), Some(value.to_vec()), None, flags);
    }
    let list = policy::check(&cell.inode(), name, value)?;
    let value = list.value.map(|value| to_disk(&value)).transpose()?;
    change(volume, cell, (index, suffix), value, list.permissions, flags)
}

/// Sets an attribute as part of an operation, whatever it was; its value is small. The caller holds `content` alone,
/// or nobody else knows the inode. Errors: as [`set`].
pub fn replace(handle: &mut Handle<'_>, cell: &Arc<Cell>, name: &[u8], value: &[u8]) -> Result<(), Error> {
    let (index, suffix) = split(name)?;
    let value = if is_list(index) { to_disk(value)? } else { value.to_vec() };
    let orphans = store(handle, cell, (index, suffix), Some(value), XattrFlags::empty())?;
    if orphans.is_some_and(|orphans| !orphans.is_empty()) {
        // What is replaced was never so large that it had an inode of its own.
        return Err(Error::corrupt(
            "extended attributes",
            Place::Inode(cell.number()),
            0,
            "a list has an inode of its own",
        ));
    }
    Ok(())
}

/// Removes an attribute. Errors: ENOTSUP (prefix), ERANGE (name), ENOATTR, EFTYPE, EIO.
pub fn remove(volume: &Volume, cell: &Arc<Cell>, name: &[u8]) -> Result<(), Error> {
    let (index, suffix) = split(name)?;
    change(volume, cell, (index, suffix), None, None, XattrFlags::REPLACE)
}

fn is_list(index: u8) -> bool {
    matches!(index, INDEX_ACL_ACCESS | INDEX_ACL_DEFAULT)
}

/// The index that stands for the prefix of a name, and the rest.
fn split(name: &[u8]) -> Result<(u8, &[u8]), Error> {
    const WHOLE: [(&[u8], u8); 2] =
        [(b"system.posix_acl_access", INDEX_ACL_ACCESS), (b"system.posix_acl_default", INDEX_ACL_DEFAULT)];
    const PREFIXES: [(&[u8], u8); 3] = [(b"user.", 1), (b"trusted.", 4), (b"security.", 6)];
    if let Some((_, index)) = WHOLE.iter().find(|(whole, _)| *whole == name) {
        return Ok((*index, b""));
    }
    let found = PREFIXES.iter().find_map(|(prefix, index)| Some((*index, name.strip_prefix(*prefix)?)));
    let (index, suffix) = found.ok_or(Error::Refused(Errno::ENOTSUP))?;
    if suffix.is_empty() {
        return Err(Error::Refused(Errno::EINVAL));
    }
    if suffix.len() > NAME_MAX { Err(Error::Refused(Errno::ERANGE)) } else { Ok((index, suffix)) }
}

/// The form of an access control list on disk.
fn to_disk(value: &[u8]) -> Result<Vec<u8>, Error> {
    acl::to_disk(value).ok_or(Error::Refused(Errno::EINVAL))
}

fn change(
    volume: &Volume,
    cell: &Arc<Cell>,
    name: (u8, &[u8]),
    value: Option<Vec<u8>>,
    permissions: Option<u32>,
    flags: XattrFlags,
) -> Result<(), Error> {
    let alone = cell.content.write();
    let mut handle = volume.begin()?;
    let orphans = store(&mut handle, cell, name, value, flags)?;
    if orphans.is_none() && permissions.is_none() {
        return Ok(());
    }
    let now = handle.now();
    handle.update(cell, |inode| {
        if let Some(permissions) = permissions {
            attr::set_permissions(volume, inode, permissions);
        }
        attr::set_time(volume, inode, Clock::Change, now);
    })?;
    handle.finish();
    drop(alone);
    orphans.iter().flatten().try_for_each(|orphan| orphan::release(volume, orphan))
}

/// Sets or removes one attribute. Answers the inodes of values that nobody needs any more; `None` if nothing changes.
fn store(
    handle: &mut Handle<'_>,
    cell: &Arc<Cell>,
    (index, suffix): (u8, &[u8]),
    value: Option<Vec<u8>>,
    flags: XattrFlags,
) -> Result<Option<Vec<Arc<Cell>>>, Error> {
    let mut lists = Lists::load(handle.volume(), &cell.inode())?;
    let old = lists.take(index, suffix);
    match old {
        Some(_) if flags.contains(XattrFlags::CREATE) => return Err(Error::Refused(Errno::EEXIST)),
        None if flags.contains(XattrFlags::REPLACE) => return Err(Error::Refused(Errno::ENOATTR)),
        None if value.is_none() => return Ok(None),
        _ => {}
    }
    let made = match value {
        Some(value) => lists.add(handle, cell, index, suffix, value)?,
        None => None,
    };
    lists.store(handle, cell, made).map(Some)
}

/// The attributes of one inode, by where they are.
struct Lists {
    body: Vec<Attribute>,
    body_space: usize,
    block: Vec<Attribute>,
    block_space: usize,
    /// The lists as they are stored.
    before: [Vec<Attribute>; 2],
}

impl Lists {
    fn load(volume: &Volume, inode: &Inode) -> Result<Self, Error> {
        let (body, block) = (stored::in_body(inode)?, stored::in_block(volume, inode)?);
        Ok(Self {
            body_space: stored::body_space(inode).unwrap_or(0),
            block_space: stored::block_space(volume),
            before: [body.clone(), block.clone()],
            body,
            block,
        })
    }

    fn take(&mut self, index: u8, name: &[u8]) -> Option<Attribute> {
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
    /// was.
    fn add(
        &mut self,
        handle: &mut Handle<'_>,
        cell: &Arc<Cell>,
        index: u8,
        name: &[u8],
        value: Vec<u8>,
    ) -> Result<Option<Ino>, Error> {
        note_feature(handle)?;
        let new = Attribute { index, name: name.to_vec(), value: Value::Here(value) };
        if self.place(&new) {
            return Ok(None);
        }
        let Attribute { value: Value::Here(value), .. } = new else { return Ok(None) };
        let large = handle.volume().features().incompat.contains(Incompat::EA_INODE);
        let nowhere = Value::Inode { number: Ino(0), len: 0, hash: 0 };
        if !large || !self.place(&Attribute { index, name: name.to_vec(), value: nowhere }) {
            return Err(Error::Refused(Errno::ENOSPC));
        }
        let (number, hash) = make_value_inode(handle, cell, &value)?;
        let hash = stored::hash(name, core::iter::once(hash));
        for attribute in self.body.iter_mut().chain(&mut self.block).filter(|it| it.is(index, name)) {
            attribute.value = Value::Inode { number, len: value.len() as u32, hash };
        }
        Ok(Some(number))
    }

    /// Stores what changed. Answers the inodes of values that nobody refers to any more; they are on the list of
    /// orphans. `made` has its first reference already.
    fn store(
        &self,
        handle: &mut Handle<'_>,
        cell: &Arc<Cell>,
        made: Option<Ino>,
    ) -> Result<Vec<Arc<Cell>>, Error> {
        let [body_before, block_before] = &self.before;
        let block_changes = self.block != *block_before;
        let is_left_to_others = block_changes && is_shared(handle.volume(), &cell.inode())?;
        let mut references = Vec::new();
        made.into_iter().for_each(|number| count(&mut references, number, -1));
        // The block that others keep goes on referring to what it refers to.
        let lost = body_before.iter().chain(if is_left_to_others { &[] } else { &block_before[..] });
        lost.filter_map(Attribute::value_inode).for_each(|number| count(&mut references, number, -1));
        let kept = self.body.iter().chain(&self.block);
        kept.filter_map(Attribute::value_inode).for_each(|number| count(&mut references, number, 1));
        if self.body != *body_before {
            let fits = handle.update(cell, |inode| stored::store_in_body(inode, &self.body))?;
            if !fits {
                let why = "they do not fit where they were found";
                return Err(Error::corrupt("extended attributes", Place::Inode(cell.number()), 0, why));
            }
        }
        if block_changes {
            store_block(handle, cell, &self.block)?;
        }
        let volume = handle.volume();
        let all = |body: &[Attribute], block: &[Attribute]| value_blocks(volume, body.iter().chain(block));
        let difference = all(&self.body, &self.block) - all(body_before, block_before);
        if difference != 0 {
            handle.update(cell, |inode| space::add_blocks(volume, inode, difference))??;
        }
        refer(handle, references)
    }
}

/// Blocks that the values in inodes of their own take, all of each cluster. They count as the owner's, and where
/// several own one, as each owner's.
fn value_blocks<'a>(volume: &Volume, attributes: impl Iterator<Item = &'a Attribute>) -> i64 {
    let ratio = volume.superblock().cluster_ratio_bits();
    let cluster = u64::from(volume.block_size()) << ratio;
    let lengths = attributes.filter_map(|attribute| match attribute.value {
        Value::Inode { len, .. } => Some(u64::from(len)),
        Value::Here(_) => None,
    });
    lengths.map(|len| (len.div_ceil(cluster) << ratio) as i64).sum()
}

/// Adds to the references of an inode.
fn count(references: &mut Vec<(Ino, i64)>, number: Ino, difference: i64) {
    match references.iter_mut().find(|(known, _)| *known == number) {
        Some((_, sum)) => *sum += difference,
        None => references.push((number, difference)),
    }
}

/// Whether the block of attributes belongs to other inodes as well.
fn is_shared(volume: &Volume, inode: &Inode) -> Result<bool, Error> {
    if inode.file_acl() == 0 {
        return Ok(false);
    }
    let (_, block) = super::read_block(volume, inode)?;
    Ok(le32(&block, REFERENCES_AT).is_some_and(|references| references > 1))
}

/// Makes a block of these attributes the inode's, in the place of the one that it has.
fn store_block(handle: &mut Handle<'_>, cell: &Arc<Cell>, attributes: &[Attribute]) -> Result<(), Error> {
    let volume = handle.volume();
    let inode = cell.inode();
    let (has, alone) = (inode.file_acl() != 0, !is_shared(volume, &inode)?);
    if has && alone && !attributes.is_empty() {
        let block = DiskBlock(inode.file_acl());
        return handle.modify(block, Kind::Xattrs, |bytes| stored::store_in_block(bytes, attributes));
    }
    if has {
        drop_block(handle, cell)?;
    }
    if attributes.is_empty() {
        return Ok(());
    }
    let goal = volume.inode_place(cell.number())?.0;
    let new = blocks::allocate(handle, goal, 1)?;
    handle.create(new.start, Kind::Xattrs, |bytes| stored::store_in_block(bytes, attributes));
    set_block(handle, cell, new.start.0, new.len as i64)
}

/// Takes the block of attributes from an inode; the last who has it frees it.
fn drop_block(handle: &mut Handle<'_>, cell: &Arc<Cell>) -> Result<(), Error> {
    let volume = handle.volume();
    let inode = cell.inode();
    let (block, bytes) = super::read_block(volume, &inode)?;
    let references = le32(&bytes, REFERENCES_AT).unwrap_or(0);
    let cluster = 1u64 << volume.superblock().cluster_ratio_bits();
    if references > 1 {
        handle.modify(block, Kind::Xattrs, |bytes| {
            bytes[REFERENCES_AT..REFERENCES_AT + 4].copy_from_slice(&(references - 1).to_le_bytes());
        })?;
    } else {
        blocks::free(handle, Extent { start: block, len: 1 })?;
        handle.forget(block);
    }
    set_block(handle, cell, 0, -(cluster as i64))
}

fn set_block(handle: &mut Handle<'_>, cell: &Arc<Cell>, block: u64, blocks: i64) -> Result<(), Error> {
    let volume = handle.volume();
    handle.update(cell, |inode| {
        inode.edit(volume, |base, _| {
            base.i_file_acl_lo.set(block as u32);
            base.i_file_acl_high.set((block >> 32) as u16);
        });
        space::add_blocks(volume, inode, blocks)
    })?
}

/// Makes an inode that holds a value, with one reference; answers its number and the hash of the value.
fn make_value_inode(handle: &mut Handle<'_>, owner: &Arc<Cell>, value: &[u8]) -> Result<(Ino, u32), Error> {
    let volume = handle.volume();
    let number = inodes::allocate(handle, &owner.inode(), FileType::Regular)?;
    let hash = crc32c(volume.checksum_seed(), value);
    let (now, generation) = (handle.now(), namespace::generation(handle, number));
    let mut inode = Inode::blank(volume, number)?;
    let of_owner = attr::attr(volume, &owner.inode())?;
    attr::set_owners(volume, &mut inode, of_owner.uid, of_owner.gid)?;
    attr::set_time(volume, &mut inode, Clock::Modification, now);
    attr::set_time(volume, &mut inode, Clock::Birth, now);
    inline::end(volume, &mut inode);
    inode.edit(volume, |base, _| {
        base.i_mode.set(VALUE_MODE);
        base.i_links_count.set(1);
        base.i_flags.set(base.i_flags.get() | FLAG_EA_INODE);
        base.i_generation.set(generation);
        base.i_atime.set(hash);
    });
    set_references(volume, &mut inode, 1);
    let cell = Cell::new(inode);
    handle.update(&cell, |_| ())?;
    journaled::write(handle, &cell, value)?;
    volume.add_cell(&cell);
    Ok((number, hash))
}

fn references(inode: &Inode) -> u64 {
    u64::from(inode.base().i_ctime.get()) << 32 | u64::from(inode.base().i_osd1.get())
}

fn set_references(volume: &Volume, inode: &mut Inode, references: u64) {
    inode.edit(volume, |base, _| {
        base.i_ctime.set((references >> 32) as u32);
        base.i_osd1.set(references as u32);
    });
}

/// Changes how many refer to inodes of values. Answers those that nobody refers to any more, which are on the list of
/// orphans now.
fn refer(handle: &mut Handle<'_>, differences: Vec<(Ino, i64)>) -> Result<Vec<Arc<Cell>>, Error> {
    let volume = handle.volume();
    let mut orphans = Vec::new();
    for (number, difference) in differences.into_iter().filter(|(_, difference)| *difference != 0) {
        let cell = volume.cell(number)?;
        let inode = cell.inode();
        let left = references(&inode).checked_add_signed(difference);
        let in_use = inode.has_flag(FLAG_EA_INODE) && inode.base().i_links_count.get() > 0;
        let left = left.filter(|_| in_use).ok_or_else(|| {
            let why = format!("is referred to as a value, {} times", references(&inode));
            Error::corrupt("inode of a value", Place::Inode(number), 0, why)
        })?;
        handle.update(&cell, |inode| {
            set_references(volume, inode, left);
            if left == 0 {
                inode.edit(volume, |base, _| base.i_links_count.set(0));
            }
        })?;
        if left == 0 {
            orphan::add(handle, &cell)?;
            orphans.push(cell);
        }
    }
    Ok(orphans)
}

/// Frees the attribute block of an inode that is released. Answers the inodes of values that nobody refers to any
/// more, which are on the list of orphans. Errors: EFTYPE, EIO.
pub fn release(handle: &mut Handle<'_>, cell: &Arc<Cell>) -> Result<Vec<Arc<Cell>>, Error> {
    let volume = handle.volume();
    let inode = cell.inode();
    let mut lost = Vec::new();
    let mut lose = |attributes: Vec<Attribute>| {
        attributes.iter().filter_map(Attribute::value_inode).for_each(|number| count(&mut lost, number, -1));
    };
    lose(stored::in_body(&inode)?);
    if inode.file_acl() != 0 {
        if !is_shared(volume, &inode)? {
            lose(stored::in_block(volume, &inode)?);
        }
        drop_block(handle, cell)?;
    }
    // A value that refers to itself is not to be freed twice.
    lost.retain(|(number, _)| *number != cell.number());
    refer(handle, lost)
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

/// Bytes for the value of the attribute that continues inline data; `None` if the inode has no room for that
/// attribute. Errors: EFTYPE.
pub fn inline_room(inode: &Inode) -> Result<Option<usize>, Error> {
    let Some(space) = stored::body_space(inode) else { return Ok(None) };
    let mut others = stored::in_body(inode)?;
    others.retain(|attribute| !attribute.is_inline_data());
    others.push(inline_attribute(&[]));
    // Values begin at multiples of four.
    Ok(space.checked_sub(stored::bytes_of(&others)).map(|room| room & !3))
}

/// Sets the attribute that continues inline data, or removes it. Answers whether it fits. Errors: EFTYPE.
pub fn set_inline_continuation(inode: &mut Inode, value: Option<&[u8]>) -> Result<bool, Error> {
    let mut attributes = stored::in_body(inode)?;
    attributes.retain(|attribute| !attribute.is_inline_data());
    if let Some(value) = value {
        attributes.insert(0, inline_attribute(value));
    }
    Ok(stored::store_in_body(inode, &attributes))
}

fn inline_attribute(value: &[u8]) -> Attribute {
    Attribute { index: INDEX_SYSTEM, name: INLINE_DATA_NAME.to_vec(), value: Value::Here(value.to_vec()) }
}
