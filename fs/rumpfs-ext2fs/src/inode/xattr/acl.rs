//! Access control lists: how they are stored, and how they and the mode of a file stay alike.
//!
//! On disk an entry has an id only where one means something. A list of access is stored only if it says more than
//! the mode; its mask is the mode's group bits.

use super::lists::Lists;
use super::write::Change;
use super::{INDEX_ACL_ACCESS, INDEX_ACL_DEFAULT, find, le32};
use crate::cell::Cell;
use crate::error::{Error, Place};
use crate::inode::{Inode, attr};
use crate::transaction::Handle;
use crate::volume::Volume;
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_kpi::acl::{ACCESS, Acl, DEFAULT, Malformed};
use rump_kpi::{Errno, FileType};

const DISK_VERSION: u32 = 1;
const XATTR_VERSION: u32 = 2;
const USER_OBJ: u16 = 0x01;
const USER: u16 = 0x02;
const GROUP_OBJ: u16 = 0x04;
const GROUP: u16 = 0x08;
const MASK: u16 = 0x10;
const OTHER: u16 = 0x20;

/// From disk to the form of the system call.
pub fn to_xattr(disk: &[u8]) -> Option<Vec<u8>> {
    if le32(disk, 0)? != DISK_VERSION {
        return None;
    }
    let mut xattr = XATTR_VERSION.to_le_bytes().to_vec();
    let mut rest = disk.get(4..)?;
    while !rest.is_empty() {
        let fixed = rest.get(..4)?;
        let (id, len) = match u16::from_le_bytes([fixed[0], fixed[1]]) {
            USER | GROUP => (le32(rest, 4)?, 8),
            USER_OBJ | GROUP_OBJ | MASK | OTHER => (u32::MAX, 4),
            _ => return None,
        };
        xattr.extend_from_slice(fixed);
        xattr.extend_from_slice(&id.to_le_bytes());
        rest = rest.get(len..)?;
    }
    Some(xattr)
}

/// As it is stored.
fn to_disk(list: &Acl) -> Vec<u8> {
    let xattr = list.emit();
    let mut disk = DISK_VERSION.to_le_bytes().to_vec();
    for entry in xattr.get(4..).unwrap_or_default().chunks_exact(8) {
        let has_id = matches!(u16::from_le_bytes([entry[0], entry[1]]), USER | GROUP);
        disk.extend_from_slice(&entry[..if has_id { 8 } else { 4 }]);
    }
    disk
}

/// What a list that is set becomes. Errors: ENOTSUP (a symbolic link, or an unknown version), EINVAL, EACCES (a
/// default list of what is no directory).
pub fn check(inode: &Inode, index: u8, value: &[u8]) -> Result<Change, Error> {
    let file_type = attr::file_type(inode)?;
    if file_type == FileType::Symlink {
        return Err(Error::Refused(Errno::ENOTSUP));
    }
    let list = Acl::parse(value).map_err(|malformed| {
        Error::Refused(if malformed == Malformed::Version { Errno::ENOTSUP } else { Errno::EINVAL })
    })?;
    let is_default = index == INDEX_ACL_DEFAULT;
    if is_default && list.is_some() && file_type != FileType::Directory {
        return Err(Error::Refused(Errno::EACCES));
    }
    let kept = list.as_ref().filter(|list| is_default || !list.is_minimal());
    let permissions = list.as_ref().filter(|_| !is_default).map(Acl::mode);
    Ok(Change { value: kept.map(to_disk), permissions })
}

/// Gives a new inode what it inherits from the default list of its directory, if that has one. Errors: ENOSPC,
/// EFTYPE, EIO.
pub fn inherit(handle: &mut Handle<'_>, dir: &Arc<Cell>, cell: &Arc<Cell>) -> Result<(), Error> {
    let volume = handle.volume();
    let inode = cell.inode();
    let file_type = attr::file_type(&inode)?;
    let Some(default) = stored(volume, &dir.inode(), DEFAULT)?.filter(|_| file_type != FileType::Symlink)
    else {
        return Ok(());
    };
    let access = default.inherit(inode.base().i_mode.get().into());
    handle.update(cell, |inode| attr::set_permissions(volume, inode, access.mode()))?;
    if !access.is_minimal() {
        replace(handle, cell, INDEX_ACL_ACCESS, &access)?;
    }
    if file_type == FileType::Directory {
        replace(handle, cell, INDEX_ACL_DEFAULT, &default)?;
    }
    Ok(())
}

/// Brings the list of access in step with a mode that was set; the caller has the cell's `content` for himself.
/// Answers inodes to be released when the operation has ended. Errors: EFTYPE, EIO.
pub fn follow_mode(handle: &mut Handle<'_>, cell: &Arc<Cell>, mode: u32) -> Result<Vec<Arc<Cell>>, Error> {
    let Some(mut list) = stored(handle.volume(), &cell.inode(), ACCESS)? else { return Ok(Vec::new()) };
    list.set_mode(mode);
    replace(handle, cell, INDEX_ACL_ACCESS, &list)
}

fn replace(
    handle: &mut Handle<'_>,
    cell: &Arc<Cell>,
    index: u8,
    list: &Acl,
) -> Result<Vec<Arc<Cell>>, Error> {
    let mut lists = Lists::load(handle.volume(), &cell.inode())?;
    lists.take(index, b"");
    let made = lists.add(handle, cell, (index, b""), &to_disk(list))?;
    lists.store(handle, cell, made)
}

fn stored(volume: &Volume, inode: &Inode, name: &[u8]) -> Result<Option<Acl>, Error> {
    let Some(value) = find(volume, inode, name)? else { return Ok(None) };
    Acl::parse(&value).map_err(|error| {
        Error::corrupt("access control list", Place::Inode(inode.number()), 0, error.to_string())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_grows_to_the_form_of_the_system_call_and_back() {
        let disk =
            [1, 0, 0, 0, 1, 0, 6, 0, 2, 0, 4, 0, 0xe8, 3, 0, 0, 4, 0, 4, 0, 0x10, 0, 6, 0, 0x20, 0, 0, 0];
        let xattr = to_xattr(&disk).unwrap();
        assert_eq!(xattr[..4], [2, 0, 0, 0]);
        assert_eq!(xattr[4..12], [1, 0, 6, 0, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!(xattr[12..20], [2, 0, 4, 0, 0xe8, 3, 0, 0]);
        assert_eq!(xattr.len(), 4 + 5 * 8);
        assert_eq!(to_disk(&Acl::parse(&xattr).unwrap().unwrap()), disk);
        assert_eq!(to_xattr(&disk[..26]), None);
    }
}
