//! A file system in memory.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
