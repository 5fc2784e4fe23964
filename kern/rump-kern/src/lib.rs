//! Kernels as values: processes, descriptors and system calls.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
