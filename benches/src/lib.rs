//! What the benchmarks share: the table, and programs that are measured.
#![forbid(unsafe_code)]

pub mod image;
pub mod loopback;
pub mod namespace;
pub mod pair;
pub mod program;
pub mod reading;
pub mod sockin;
pub mod table;
pub mod transfer;
pub mod writing;

/// What a benchmark comes to.
pub type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;
