//! Access control lists of an inode: kept as extended attributes, and in step with the mode.
//!
//! Invariant: an access list is kept only if it says more than the mode, and its mask is the mode's group bits.

use crate::inode::State;
use crate::xattrs::Xattrs;
use alloc::boxed::Box;
use alloc::string::ToString;
use rump_kpi::acl::{ACCESS, Acl, DEFAULT, Malformed};
use rump_kpi::{Errno, FileType, KError, KResult, Mode, NewNode, XattrFlags};

const PERMISSIONS: u32 = 0o777;

/// Whether `name` is that of a list.
pub(crate) fn is_acl(name: &[u8]) -> bool {
    matches!(name, ACCESS | DEFAULT)
}

/// Sets a list, or removes it with a value that has no entries. Errors: ENOTSUP (a symbolic link, or an unknown
/// version), EINVAL, EACCES (a default list of what is no directory), EEXIST, ENOATTR, ENOSPC.
pub(crate) fn set(
    state: &mut State,
    file_type: FileType,
    name: &[u8],
    value: &[u8],
    flags: XattrFlags,
) -> KResult<()> {
    if file_type == FileType::Symlink {
        return Err(KError::new(Errno::ENOTSUP, "a symbolic link has no access control list"));
    }
    let list = Acl::parse(value).map_err(|malformed| {
        let errno = if malformed == Malformed::Version { Errno::ENOTSUP } else { Errno::EINVAL };
        KError::new(errno, malformed.to_string())
    })?;
    if name == DEFAULT && file_type != FileType::Directory && list.is_some() {
        return Err(KError::new(Errno::EACCES, "only a directory has a default access control list"));
    }
    let xattrs = state.xattrs.get_or_insert_default();
    xattrs.check_flags(name, flags)?;
    match &list {
        Some(list) if name == DEFAULT || !list.is_minimal() => xattrs.set(name, &list.emit(), flags)?,
        _ => drop(xattrs.remove(name)),
    }
    if let Some(list) = list.filter(|_| name == ACCESS) {
        state.mode = with_permissions(state.mode, &list);
    }
    Ok(())
}

/// Brings the access list in step with a mode that was set.
pub(crate) fn follow_mode(state: &mut State) {
    let mode = state.mode.bits();
    if let Some(xattrs) = &mut state.xattrs {
        if let Some(mut list) = stored(xattrs, ACCESS) {
            list.set_mode(mode);
            xattrs.replace(ACCESS, list.emit());
        }
    }
}

/// What a node inherits that is made in a directory: its mode, and its attributes if there are any.
pub(crate) fn inherit(directory: &State, new: &NewNode<'_>) -> (Mode, Option<Box<Xattrs>>) {
    let default = directory.xattrs.as_deref().and_then(|xattrs| stored(xattrs, DEFAULT));
    let Some(default) = default.filter(|_| new.file_type != FileType::Symlink) else {
        return (new.mode, None);
    };
    let access = default.inherit(new.mode.bits());
    let mut xattrs = Xattrs::default();
    if !access.is_minimal() {
        xattrs.replace(ACCESS, access.emit());
    }
    if new.file_type == FileType::Directory {
        xattrs.replace(DEFAULT, default.emit());
    }
    (with_permissions(new.mode, &access), Some(Box::new(xattrs)))
}

fn with_permissions(mode: Mode, list: &Acl) -> Mode {
    Mode::new(mode.bits() & !PERMISSIONS | list.mode())
}

/// A list that is kept; it was checked when it was set.
fn stored(xattrs: &Xattrs, name: &[u8]) -> Option<Acl> {
    Acl::parse(&xattrs.value(name).ok()?).ok()?
}
