//! stub
use crate::error::Error;
use crate::inode::Inode;
use crate::transaction::Handle;
use crate::units::Ino;
use rump_kpi::{Errno, FileType};

/// Takes a free inode near its parent directory: a file's in the directory's group, a directory's where there is
/// room for what it will hold. What the table holds there is old and to be overwritten. Errors: ENOSPC, EFTYPE, EIO.
pub fn allocate(handle: &mut Handle<'_>, parent: &Inode, file_type: FileType) -> Result<Ino, Error> {
    let _ = (handle, parent, file_type);
    Err(Error::Refused(Errno::ENOSPC))
}

/// Marks an inode as free. Errors: EFTYPE (not in use), EIO.
pub fn free(handle: &mut Handle<'_>, ino: Ino, file_type: FileType) -> Result<(), Error> {
    let _ = (handle, ino, file_type);
    Err(Error::Refused(Errno::EIO))
}
