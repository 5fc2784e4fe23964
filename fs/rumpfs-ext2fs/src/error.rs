//! What can go wrong, with the place; and the one translation to the kernel's error.

use crate::units::{DiskBlock, GroupNo, Ino};
use alloc::borrow::Cow;
use alloc::format;
use core::fmt;
use rump_kpi::{Errno, KError};

/// Where damage was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A block of the volume.
    Block(DiskBlock),
    /// An inode.
    Inode(Ino),
    /// A block group's descriptor.
    Group(GroupNo),
    /// The volume as a whole; the offset counts from its first byte.
    Volume,
}

/// An error of this driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The image breaks a rule of the format.
    Corrupt {
        /// Which structure.
        structure: &'static str,
        /// Where it is.
        place: Place,
        /// Byte offset within the place.
        offset: u64,
        /// Which rule is broken, and by which value.
        why: Cow<'static, str>,
    },
    /// The image is sound as far as we know, but uses what this driver cannot do.
    Unsupported(Cow<'static, str>),
    /// An inode that a file handle may have named, but which is not in use.
    NotInUse(Ino),
    /// The device failed.
    Io(KError),
    /// The image is sound and the device works, but this cannot be done: no space, too large, mounted for reading.
    Refused(Errno),
}

impl Error {
    /// A [`Error::Corrupt`].
    pub fn corrupt(
        structure: &'static str,
        place: Place,
        offset: u64,
        why: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::Corrupt { structure, place, offset, why: why.into() }
    }

    /// A [`Error::Unsupported`].
    pub fn unsupported(what: impl Into<Cow<'static, str>>) -> Self {
        Self::Unsupported(what.into())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Block(block) => block.fmt(f),
            Self::Inode(ino) => ino.fmt(f),
            Self::Group(group) => group.fmt(f),
            Self::Volume => f.write_str("volume"),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Corrupt { structure, place, offset, why } => {
                write!(f, "damaged {structure} ({place}, offset {offset}): {why}")
            }
            Self::Unsupported(what) => write!(f, "not supported: {what}"),
            Self::NotInUse(ino) => write!(f, "{ino} is not in use"),
            Self::Io(error) => error.fmt(f),
            Self::Refused(errno) => f.write_str(errno.text()),
        }
    }
}

impl core::error::Error for Error {}

impl From<KError> for Error {
    fn from(error: KError) -> Self {
        Self::Io(error)
    }
}

impl From<Error> for KError {
    fn from(error: Error) -> Self {
        let errno = match &error {
            Error::Corrupt { .. } => Errno::EFTYPE,
            Error::Unsupported(_) => Errno::ENOTSUP,
            Error::NotInUse(_) => Errno::ESTALE,
            Error::Io(io) => return io.clone(),
            Error::Refused(errno) => return (*errno).into(),
        };
        KError::new(errno, format!("ext2fs: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn damage_names_its_place() {
        let error = Error::corrupt("dirent", Place::Block(DiskBlock(7)), 24, "record length 3");
        assert_eq!(error.to_string(), "damaged dirent (block 7, offset 24): record length 3");
        assert_eq!(KError::from(error).errno, Errno::EFTYPE);
    }

    #[test]
    fn a_device_error_keeps_its_number() {
        let error = Error::from(KError::from(Errno::EIO));
        assert_eq!(KError::from(error).errno, Errno::EIO);
    }
}
