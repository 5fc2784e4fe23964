//! Checksums and directory hashes of on-disk formats.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
