//! Buses of shared memory: the format of genuine kernels byte for byte, and kernels that talk, die, and meet nonsense.

mod damage;
mod death;
mod format;
mod kernels;
mod rig;
mod samples;
