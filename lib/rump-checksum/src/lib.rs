//! Checksums and directory hashes of on-disk formats.
//!
//! The cyclic redundancy checks are those of the `crc` crate with its slicing-by-16 tables, wrapped
//! so that a caller carries the running register from one piece of data to the next, which is how
//! ext4 and jbd2 define their checksums. With the feature `std`, CRC-32C, which covers all metadata of
//! ext4, is that of the `crc32c` crate: it asks the processor for its instruction. [`dirhash`] holds the name hashes of ext3 and ext4 hashed
//! directories.
//!
//! Invariant: every function is pure and accepts any input of any length.
#![no_std]
#![forbid(unsafe_code)]

mod crcs;
pub mod dirhash;

pub use crcs::{crc16, crc32, crc32_append, crc32_be, crc32c};
