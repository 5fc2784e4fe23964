//! Setting and removing attributes.

use super::lists::Lists;
use super::stored::{self, Attribute, Value};
use super::{
    INDEX_ACL_ACCESS, INDEX_ACL_DEFAULT, INDEX_SYSTEM, INLINE_DATA_NAME, MAX_VALUE_LEN, acl, block, value,
};
use crate::cell::Cell;
use crate::error::Error;
use crate::inode::Inode;
use crate::inode::attr::{self, Clock};
use crate::inode::file::write::retrying;
use crate::orphan;
use crate::transaction::Handle;
use crate::volume::Volume;
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_kpi::{Errno, XattrFlags};

const NAME_MAX: usize = 255;

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
    let new = match index {
        INDEX_ACL_ACCESS | INDEX_ACL_DEFAULT => acl::check(&cell.inode(), index, value)?,
        _ => Change { value: Some(value.to_vec()), permissions: None },
    };
    retrying(volume, || change(volume, cell, (index, suffix), &new, flags))
}

/// Removes an attribute. Errors: ENOTSUP (prefix), ERANGE (name), ENOATTR, ENOSPC (for a block of its
/// own, in the place of one that it shares), EFTYPE, EIO.
pub fn remove(volume: &Volume, cell: &Arc<Cell>, name: &[u8]) -> Result<(), Error> {
    let (index, suffix) = split(name)?;
    let none = Change { value: None, permissions: None };
    retrying(volume, || change(volume, cell, (index, suffix), &none, XattrFlags::REPLACE))
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

/// What an attribute becomes.
pub struct Change {
    /// The value as it is stored; `None` for no attribute.
    pub value: Option<Vec<u8>>,
    /// Bits that the mode gets along with it.
    pub permissions: Option<u32>,
}

fn change(
    volume: &Volume,
    cell: &Arc<Cell>,
    (index, suffix): (u8, &[u8]),
    new: &Change,
    flags: XattrFlags,
) -> Result<(), Error> {
    let alone = cell.content.write();
    let mut handle = volume.begin()?;
    let mut lists = Lists::load(volume, &cell.inode())?;
    match lists.take(index, suffix) {
        Some(_) if flags.contains(XattrFlags::CREATE) => return Err(Error::Refused(Errno::EEXIST)),
        None if flags.contains(XattrFlags::REPLACE) => return Err(Error::Refused(Errno::ENOATTR)),
        _ => {}
    }
    let made = match &new.value {
        Some(value) => lists.add(&mut handle, cell, (index, suffix), value)?,
        None => None,
    };
    let orphans = lists.store(&mut handle, cell, made)?;
    let now = handle.now();
    handle.update(cell, |inode| {
        if let Some(permissions) = new.permissions {
            attr::set_permissions(volume, inode, permissions);
        }
        attr::set_time(volume, inode, Clock::Change, now);
    })?;
    handle.finish();
    drop(alone);
    orphans.iter().try_for_each(|orphan| orphan::release(volume, orphan))
}

/// Frees the attribute block of an inode that is released. Answers the inodes of values that nobody refers to any
/// more, which are on the list of orphans. Errors: EFTYPE, EIO.
pub fn release(handle: &mut Handle<'_>, cell: &Arc<Cell>) -> Result<Vec<Arc<Cell>>, Error> {
    let volume = handle.volume();
    let inode = cell.inode();
    let mut lost = Vec::new();
    let mut lose = |attributes: Vec<Attribute>| {
        attributes
            .iter()
            .filter_map(Attribute::value_inode)
            .for_each(|number| value::count(&mut lost, number, -1));
    };
    lose(stored::in_body(&inode)?);
    if inode.file_acl() != 0 {
        if !block::is_shared(volume, &inode)? {
            lose(stored::in_block(volume, &inode)?);
        }
        block::release(handle, cell)?;
    }
    // A value that refers to itself is not to be freed twice.
    lost.retain(|(number, _)| *number != cell.number());
    value::refer(handle, lost)
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
