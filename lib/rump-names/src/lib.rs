//! Names of files as others gave them: made safe for a terminal ([`escape`]), and as paths below a top ([`path`]).
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod escape;
pub mod path;
