//! Copies into an image: files and trees of the host, or of an image that may be the same one.
//!
//! A source ([`host`], [`image`]) walks a tree, some way ahead ([`ahead`]) of the [`Sink`], which makes what it finds in the target.
//! Nothing that is below the target is reached through a symbolic link. A file that replaces another has its name
//! only when it is complete; a new one that cannot be completed is taken away. Its time is set last: after a crash,
//! what has the size and the time of its source is complete, and the next run goes on where this one stopped.

mod ahead;
mod attributes;
mod content;
mod file;
mod host;
mod image;
mod losses;
mod mark;
mod place;
mod sink;

pub use content::{Content, FileOfHost, Input};
pub use file::write_all;
pub use host::{copy_host, facts as facts_of_host, origin_of_host};
pub use image::{LEADS_NOWHERE, copy_image, facts, is_below, origin};
pub use losses::{Carry, Losses};
pub use place::Target;
pub use sink::Sink;

use crate::owner::Owner;
use crate::record::Xattr;
use crate::steps::Follow;
use rumpkit::{DevNumber, FileType, KError, TimeSpec};

/// What is done about a file that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// Left if it has size and time of its source, else replaced.
    Compare,
    /// Left.
    Keep,
    /// Replaced.
    Replace,
    /// Replaced if the user says so.
    Ask,
}

/// What of a file is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Everything: its owner and all extended attributes, too.
    All,
    /// Mode, times, lists of access rights and attributes of users; the owner is that of the target's directory.
    Usual,
}

/// How a copy is made.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// What is kept.
    pub keep: Keep,
    /// The owner of everything, whatever is kept.
    pub owner: Option<Owner>,
    /// What is done about what is there.
    pub existing: Existing,
    /// Directories with all that is in them.
    pub recursive: bool,
    /// Which symbolic links of the source are followed.
    pub follow: Follow,
}

/// A file, but for name and content.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Which file of which file system, to know another name of it again.
    pub identity: (u64, u64),
    /// Count of its names.
    pub nlink: u64,
    /// What it is.
    pub file_type: FileType,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Length.
    pub size: u64,
    /// Numbers of a device.
    pub rdev: DevNumber,
    /// Last access.
    pub atime: TimeSpec,
    /// Last change of content.
    pub mtime: TimeSpec,
    /// Target of a symbolic link.
    pub target: Option<Vec<u8>>,
    /// Extended attributes.
    pub xattrs: Vec<Xattr>,
}

/// Why a file was not copied.
pub enum Trouble {
    /// The source cannot be read.
    Source(String),
    /// The image refuses.
    Target(KError),
    /// Another reason.
    Refused(&'static str),
    /// The user wants to stop.
    Stopped,
}

impl From<KError> for Trouble {
    fn from(error: KError) -> Self {
        Self::Target(error)
    }
}
