//! Access control lists of inodes: kept as extended attributes, and in step with the mode.
//!
//! Invariant: an access list is kept only if it says more than the mode, and its mask is the mode's group bits.

use super::xattr::{self, write};
use super::{Inode, attr};
use crate::cell::Cell;
use crate::error::Error;
use crate::transaction::Handle;
use crate::volume::Volume;
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_kpi::acl::{ACCESS, Acl, DEFAULT, Malformed};
use rump_kpi::{Errno, FileType, Mode, NewNode};

const PERMISSIONS: u32 = 0o777;

/// What setting a list comes to.
pub struct Change {
    /// What is kept; `None` for nothing.
    pub value: Option<Vec<u8>>,
    /// The permission bits that the inode has then, if they change.
    pub permissions: Option<u32>,
}

/// Checks a list that is to be set as `name`. Errors: ENOTSUP (a symbolic link, an unknown version), EINVAL, EACCES (a
/// default list of what is no directory), EFTYPE.
pub fn check(inode: &Inode, name: &[u8], value: &[u8]) -> Result<Change, Error> {
    let file_type = attr::file_type(inode)?;
    if file_type == FileType::Symlink {
        return Err(Error::Refused(Errno::ENOTSUP));
    }
    let list = Acl::parse(value).map_err(|malformed| {
        Error::Refused(if malformed == Malformed::Version { Errno::ENOTSUP } else { Errno::EINVAL })
    })?;
    if name == DEFAULT && file_type != FileType::Directory && list.is_some() {
        return Err(Error::Refused(Errno::EACCES));
    }
    let permissions = list.as_ref().filter(|_| name == ACCESS).map(Acl::mode);
    let kept = list.filter(|list| name == DEFAULT || !list.is_minimal());
    Ok(Change { value: kept.map(|list| list.emit()), permissions })
}

/// The list that an inode keeps as `name`. Errors: EFTYPE, EIO.
fn stored(volume: &Volume, inode: &Inode, name: &[u8]) -> Result<Option<Acl>, Error> {
    // A list that cannot be read decides nothing: who asks for it by name is told of the damage.
    Ok(xattr::find(volume, inode, name)?.and_then(|value| Acl::parse(&value).ok()?))
}

/// Brings the access list in step with a mode that is set. The caller holds `content` alone. Errors: EFTYPE, EIO.
pub fn follow_mode(handle: &mut Handle<'_>, cell: &Arc<Cell>, mode: Mode) -> Result<(), Error> {
    let Some(mut list) = stored(handle.volume(), &cell.inode(), ACCESS)? else { return Ok(()) };
    list.set_mode(mode.bits());
    write::replace(handle, cell, ACCESS, &list.emit())
}

/// What a node inherits that is made in `dir`: the mode it has, and its lists. Errors: EFTYPE, EIO.
pub fn inherit(volume: &Volume, dir: &Inode, new: &NewNode<'_>) -> Result<(Mode, Inherited), Error> {
    let default = match new.file_type {
        FileType::Symlink => None,
        _ => stored(volume, dir, DEFAULT)?,
    };
    let Some(default) = default else { return Ok((new.mode, Inherited::default())) };
    let access = default.inherit(new.mode.bits());
    let mode = Mode::new(new.mode.bits() & !PERMISSIONS | access.mode());
    let default = (new.file_type == FileType::Directory).then_some(default);
    Ok((mode, Inherited { access: (!access.is_minimal()).then_some(access), default }))
}

/// Lists that a new node begins with.
#[derive(Default)]
pub struct Inherited {
    access: Option<Acl>,
    default: Option<Acl>,
}

impl Inherited {
    /// Gives them to the node. Errors: ENOSPC, EFTYPE, EIO.
    pub fn store(&self, handle: &mut Handle<'_>, cell: &Arc<Cell>) -> Result<(), Error> {
        for (name, list) in [(ACCESS, &self.access), (DEFAULT, &self.default)] {
            if let Some(list) = list {
                write::replace(handle, cell, name, &list.emit())?;
            }
        }
        Ok(())
    }
}
