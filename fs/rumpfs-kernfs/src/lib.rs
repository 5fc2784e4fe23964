//! The kernel's own facts as files.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
