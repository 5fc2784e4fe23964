//! IPv4, ICMP and UDP.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod address;
pub mod interface;
pub mod neighbour;
mod reassembly;
pub mod route;
pub mod sockets;
pub mod stack;
pub mod time;
pub mod wire;
