//! What can go wrong, with the place; and the one translation to the kernel's error.

use alloc::borrow::Cow;
use alloc::format;
use core::fmt;
use rump_kpi::{Errno, KError};

/// An error of this driver. Places are bytes of the device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The image breaks a rule of the format.
    Corrupt {
        /// Which structure.
        structure: &'static str,
        /// Where it is.
        at: u64,
        /// Which rule is broken, and by which value.
        why: Cow<'static, str>,
    },
    /// The image ends before what it should hold.
    Missing {
        /// First byte that was asked for.
        at: u64,
        /// Length of the device.
        size: u64,
    },
    /// The image is sound as far as we know, but uses what this driver cannot do.
    Unsupported(&'static str),
    /// A number that no directory gave.
    NotInUse,
    /// The device failed.
    Io(KError),
}

impl Error {
    /// A [`Error::Corrupt`].
    pub fn corrupt(structure: &'static str, at: u64, why: impl Into<Cow<'static, str>>) -> Self {
        Self::Corrupt { structure, at, why: why.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Corrupt { structure, at, why } => write!(f, "damaged {structure} (byte {at}): {why}"),
            Self::Missing { at, size } => {
                write!(f, "the image is cut short: byte {at} is wanted, and it has {size}")
            }
            Self::Unsupported(what) => write!(f, "not supported: {what}"),
            Self::NotInUse => f.write_str("no directory has named this file"),
            Self::Io(error) => error.fmt(f),
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
            Error::Missing { .. } => Errno::EIO,
            Error::Unsupported(_) => Errno::ENOTSUP,
            Error::NotInUse => Errno::ESTALE,
            Error::Io(io) => return io.clone(),
        };
        KError::new(errno, format!("cd9660: {error}"))
    }
}
