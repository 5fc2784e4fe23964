//! Manifests in the form of mtree(5), as the BSDs and libarchive have it.
//!
//! Written are full paths from `.` on, one line each, with values that libarchive and NetBSD's mtree take. Read is
//! more: lines that go on, `/set` and `/unset`, and names one below another. Extended attributes have no keyword
//! there: they are comments, `#xattr PATH NAME=HEX`, which others pass over.
#![forbid(unsafe_code)]

pub mod device;
mod escape;
mod read;
mod write;

pub use read::Manifest;
pub use write::Writer;

use escape::unescaped;
use std::collections::BTreeMap;

/// How a line with an extended attribute begins.
const XATTR: &[u8] = b"#xattr ";

/// What a manifest tells of a file, in the order in which it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Keyword {
    /// `file`, `dir`, `link`, `char`, `block`, `fifo` or `socket`.
    Type,
    /// Permission bits, in octal.
    Mode,
    /// Owner.
    Uid,
    /// Group.
    Gid,
    /// Names of the file.
    Nlink,
    /// Length of a regular file.
    Size,
    /// Time of the last change of content: seconds, a point, nanoseconds.
    Time,
    /// Target of a symbolic link.
    Link,
    /// Numbers of a device: `native,MAJOR,MINOR`.
    Device,
    /// SHA-256 of the content of a regular file.
    Sha256,
}

impl Keyword {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Type,
        Self::Mode,
        Self::Uid,
        Self::Gid,
        Self::Nlink,
        Self::Size,
        Self::Time,
        Self::Link,
        Self::Device,
        Self::Sha256,
    ];

    /// What it is called in a manifest.
    pub fn name(self) -> &'static str {
        match self {
            Self::Type => "type",
            Self::Mode => "mode",
            Self::Uid => "uid",
            Self::Gid => "gid",
            Self::Nlink => "nlink",
            Self::Size => "size",
            Self::Time => "time",
            Self::Link => "link",
            Self::Device => "device",
            Self::Sha256 => "sha256",
        }
    }

    fn of_name(name: &[u8]) -> Option<Self> {
        let name = name.strip_suffix(b"digest").unwrap_or(name);
        Self::ALL.into_iter().find(|keyword| keyword.name().as_bytes() == name)
    }

    /// A value as it is written here, so that equal things have equal texts. `None` for what says nothing here.
    fn usual(self, value: &[u8]) -> Option<Vec<u8>> {
        let text = || std::str::from_utf8(value).ok();
        Some(match self {
            Self::Link => unescaped(value),
            Self::Mode => mode_text(u32::from_str_radix(text()?, 8).ok()?),
            Self::Time => {
                let (seconds, nanoseconds) = text()?.split_once('.').unwrap_or((text()?, "0"));
                time_text(seconds.parse().ok()?, nanoseconds.parse().ok()?)
            }
            Self::Device => {
                let (form, told) = text()?.split_once(',')?;
                let told: Vec<u32> =
                    told.split(',').map(|number| number.parse().ok()).collect::<Option<_>>()?;
                let (major, minor) = device::numbers(form, &told).ok()?;
                format!("native,{major},{minor}").into_bytes()
            }
            Self::Uid | Self::Gid | Self::Nlink | Self::Size => {
                text()?.parse::<u64>().ok()?.to_string().into_bytes()
            }
            Self::Type | Self::Sha256 => unescaped(value).to_ascii_lowercase(),
        })
    }
}

/// Permission bits as they are written.
pub fn mode_text(mode: u32) -> Vec<u8> {
    format!("{mode:04o}").into_bytes()
}

/// A time as it is written; with all its digits it is the same to those who read a fraction and those who read a
/// number of nanoseconds.
pub fn time_text(seconds: i64, nanoseconds: u32) -> Vec<u8> {
    format!("{seconds}.{nanoseconds:09}").into_bytes()
}

/// What is known of a file, or told of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Values as [`Keyword`] says.
    pub values: BTreeMap<Keyword, Vec<u8>>,
    /// Extended attributes.
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    /// It need not be there.
    pub is_optional: bool,
}
