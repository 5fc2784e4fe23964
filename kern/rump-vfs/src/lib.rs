//! Path walk, caches, permission checks and mounts.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
