//! Extent trees (kernel documentation, ext4 "Extent Tree").
//!
//! The root is in the inode, the other nodes are blocks. A node's depth is one less than its parent's, so a walk
//! takes at most five steps and a cycle cannot be followed. An index record's key is the first file block of what
//! is below it; a change of the first record of a node changes the keys above.

mod insert;
pub mod node;
mod read;
mod remove;
mod tree;

pub use insert::{insert, set_state};
pub use node::capacity;
pub use read::read_region;
pub use remove::remove;
pub use tree::shape;

/// File blocks have 32 bits, and the last one has no end.
pub const END: u64 = (1 << 32) - 1;
