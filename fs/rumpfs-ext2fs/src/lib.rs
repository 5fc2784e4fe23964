//! ext2, ext3 and ext4.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
