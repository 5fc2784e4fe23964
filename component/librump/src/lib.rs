//! All components for C in one archive, of which the builder makes the libraries.

pub use rump_capi;

#[cfg(feature = "rumpfs_ext2fs")]
pub use librumpfs_ext2fs;
