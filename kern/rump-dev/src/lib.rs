//! Block devices from the host, and the layers that wrap them.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
