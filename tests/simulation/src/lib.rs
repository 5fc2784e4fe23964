//! Several kernels on bad networks, in virtual time: one thread, no clock of the host, no packet of the host.
//!
//! Everything follows from a seed. A [`World`] has kernels and wires and lets time pass from one event to the next;
//! [`traffic`] is what programs do in it; [`scenario`] draws worlds by chance; [`ring`] is
//! one of bridges.
#![forbid(unsafe_code)]

pub mod goodput;
pub mod random;
pub mod ring;
pub mod scenario;
pub mod traffic;
pub mod world;

pub use random::Random;
pub use world::World;

/// The number in a variable of the environment, or the usual one.
pub fn number(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}
