//! What can go wrong, with the place; and the one translation to the kernel's error.

use alloc::borrow::Cow;
use alloc::string::ToString;
use core::fmt;
use rump_kpi::{Errno, KError};

/// Where damage was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A byte of the volume.
    Byte(u64),
    /// A cluster.
    Cluster(u32),
}

/// An error of a driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The image breaks a rule of the format.
    Corrupt {
        /// Which structure.
        structure: &'static str,
        /// Where it is.
        place: Place,
        /// Which rule is broken, and by which value.
        why: Cow<'static, str>,
    },
    /// The device failed.
    Io(KError),
    /// The image is sound and the device works, but this cannot be done.
    Refused(Errno),
    /// As before, and the text says why.
    Explained(Errno, &'static str),
}

impl Error {
    /// An [`Error::Corrupt`].
    pub fn corrupt(structure: &'static str, place: Place, why: impl Into<Cow<'static, str>>) -> Self {
        Self::Corrupt { structure, place, why: why.into() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Byte(byte) => write!(f, "byte {byte}"),
            Self::Cluster(cluster) => write!(f, "cluster {cluster}"),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Corrupt { structure, place, why } => write!(f, "damaged {structure} ({place}): {why}"),
            Self::Io(error) => error.fmt(f),
            Self::Refused(errno) => f.write_str(errno.text()),
            Self::Explained(_, why) => f.write_str(why),
        }
    }
}

impl core::error::Error for Error {}

impl From<KError> for Error {
    fn from(error: KError) -> Self {
        Self::Io(error)
    }
}

impl From<Errno> for Error {
    fn from(errno: Errno) -> Self {
        Self::Refused(errno)
    }
}

impl From<Error> for KError {
    fn from(error: Error) -> Self {
        let errno = match &error {
            Error::Corrupt { .. } => Errno::EFTYPE,
            Error::Io(io) => return io.clone(),
            Error::Refused(errno) => return (*errno).into(),
            Error::Explained(errno, _) => *errno,
        };
        KError::new(errno, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_names_its_place() {
        let error = Error::corrupt("cluster chain", Place::Cluster(7), "leads to cluster 1");
        assert_eq!(error.to_string(), "damaged cluster chain (cluster 7): leads to cluster 1");
        assert_eq!(KError::from(error).errno, Errno::EFTYPE);
    }
}
