//! The bytes on disk, with the names of the specification (kernel documentation, "ext4 Data Structures and
//! Algorithms"). Nothing is checked here.

mod dirent;
mod extent;
mod group;
mod inode;
mod superblock;

pub use dirent::DirTail;
pub use extent::{Extent, ExtentHeader, ExtentIndex};
pub use group::{GroupDesc, GroupDesc64};
pub use inode::{InodeBase, InodeExtra};
pub use superblock::Superblock;
