//! What the fuzz targets share: images as lists of blocks, the walk over a mounted image, the mutator, and the
//! repair of checksums after a mutation.
//!
//! The repair is written from the format's documentation and shares no code with the driver but the polynomials.
#![forbid(unsafe_code)]

pub mod archive;
pub mod bridge;
pub mod bus;
pub mod capture;
pub mod container;
pub mod exfat;
pub mod export;
pub mod filter;
pub mod formats;
pub mod image;
pub mod index;
pub mod manifest;
pub mod mutate;
pub mod network;
pub mod overlay;
pub mod remote;
pub mod repair;
pub mod served;
pub mod tables;
pub mod volumes;
pub mod walk;
