//! Crash tests: a seeded workload runs over a device that records every write and flush; for many instants, images
//! are made of what a power cut would have left, and both our recovery and e2fsck have to make them whole.
//!
//! - [`workload`] does the operations and knows what was made durable when.
//! - [`states`] makes an image of a prefix of the record: what was flushed is there, what was not may be there, in any
//!   order, and torn.
//! - [`judge`] recovers and compares.

pub mod judge;
pub mod random;
pub mod states;
pub mod workload;
