//! IPv4, ICMP and UDP.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod wire;
