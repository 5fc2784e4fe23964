//! Giving out blocks and inodes, and taking them back.
//!
//! The bitmaps and descriptors in the running transaction say what is in use. [`Space`] adds what they do not
//! say yet: blocks that are reserved while content is written to them, and blocks that were freed but may come
//! back with a crash. Neither may be given out.

pub mod bitmap;
pub mod blocks;
pub mod inodes;
mod ranges;
mod space;

pub use ranges::RangeSet;
pub use space::Space;
