//! The Rust API of rump kernels.
