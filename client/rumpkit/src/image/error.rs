//! Why an image could not be opened.

use core::fmt;
use rump_hyper::HostError;
use rump_kpi::{Errno, KError};

/// Why an image could not be opened. The texts do not name the image, but for those of the host: the caller knows what the user
/// called it ([`OpenError::of`]).
#[derive(Clone, Debug)]
pub enum OpenError {
    /// The host refused, or another program holds the image.
    Host(HostError),
    /// Nothing known is in it.
    NotRecognised,
    /// There is more than one file system. One line for each, with the address that chooses it.
    Ambiguous {
        /// The choices.
        choices: Vec<String>,
    },
    /// The partition or offset that was asked for is not there.
    NoSuchVolume {
        /// What was asked for.
        wanted: String,
        /// What is there.
        choices: Vec<String>,
    },
    /// It is encrypted, and no key that was given opens it.
    Locked {
        /// Which part, and how it is encrypted.
        what: String,
        /// Why the keys did not open it.
        refusal: Refusal,
    },
    /// The file system is damaged or not supported, or reading failed.
    Kernel(KError),
}

/// Why keys do not open what is encrypted.
#[derive(Clone, Debug)]
pub enum Refusal {
    /// None was given.
    NoKey,
    /// What became of the last one that was given.
    Failed(KError),
}

impl OpenError {
    /// Whether another program holds the image.
    pub fn is_locked(&self) -> bool {
        matches!(self, Self::Host(error) if error.errno == Errno::EBUSY)
    }

    /// In words, with the name of the image once.
    pub fn of(&self, image: impl fmt::Display) -> String {
        match self {
            Self::Host(error) => error.to_string(),
            other => format!("{image}: {other}"),
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(error) => error.fmt(f),
            Self::NotRecognised => {
                f.write_str("holds no partition table and no file system that is known here")
            }
            Self::Ambiguous { choices } => {
                write!(f, "holds {} file systems: choose {}", choices.len(), choices.join(", "))
            }
            Self::NoSuchVolume { wanted, choices } if choices.is_empty() => {
                write!(f, "no file system at {wanted}, nor anywhere else")
            }
            Self::NoSuchVolume { wanted, choices } => {
                write!(f, "no file system at {wanted}: there are {}", choices.join(", "))
            }
            Self::Locked { what, refusal: Refusal::NoKey } => {
                write!(f, "{what}: it is encrypted: --passphrase-file or --key-file opens it")
            }
            Self::Locked { what, refusal: Refusal::Failed(error) } => write!(f, "{what}: {error}"),
            Self::Kernel(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for OpenError {}

impl From<KError> for OpenError {
    fn from(error: KError) -> Self {
        Self::Kernel(error)
    }
}

impl From<HostError> for OpenError {
    fn from(error: HostError) -> Self {
        Self::Host(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_told_once() {
        let host = HostError { errno: Errno::ENOENT, what: "disk.img: no such file".into() };
        let choices = vec!["disk.img@1 (ext2)".to_owned(), "disk.img@2 (ext2)".to_owned()];
        for (error, text) in [
            (OpenError::Host(host), "disk.img: no such file"),
            (
                OpenError::Ambiguous { choices },
                "disk.img: holds 2 file systems: choose disk.img@1 (ext2), disk.img@2 (ext2)",
            ),
            (KError::from(Errno::EIO).into(), &*format!("disk.img: {}", KError::from(Errno::EIO))),
        ] {
            assert_eq!(error.of("disk.img"), text);
        }
    }
}
