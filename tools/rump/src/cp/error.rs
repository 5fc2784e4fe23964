//! Why a file was not copied.

use rumpkit::KError;
use rustix::io::Errno;
use std::fmt;

/// See the module.
pub enum CopyError {
    /// The image could not be read.
    Image(KError),
    /// The host refused.
    Host(Errno),
    /// Another reason.
    Refused(&'static str),
    /// The user pressed Ctrl-C.
    Interrupted,
}

impl CopyError {
    /// Whether every further file would meet the same.
    pub fn ends_all(&self) -> bool {
        matches!(self, Self::Host(Errno::NOSPC | Errno::DQUOT | Errno::ROFS))
    }
}

impl From<KError> for CopyError {
    fn from(error: KError) -> Self {
        Self::Image(error)
    }
}

impl From<Errno> for CopyError {
    fn from(error: Errno) -> Self {
        Self::Host(error)
    }
}

impl fmt::Display for CopyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(error) => error.fmt(f),
            Self::Host(error) => f.write_str(&host_text(*error)),
            Self::Refused(why) => f.write_str(why),
            Self::Interrupted => f.write_str("interrupted"),
        }
    }
}

/// What the host says, without the number.
pub fn host_text(error: Errno) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}
