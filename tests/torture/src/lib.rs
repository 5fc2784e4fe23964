//! Tests that go on for as long as one likes.
//!
//! Power cuts: a seeded workload runs over a device that records every write and flush; for many instants, images are
//! made of what a power cut would have left, and both our recovery and e2fsck have to make them whole.
//!
//! - [`workload`] does the operations and knows what was made durable when.
//! - [`states`] makes an image of a prefix of the record: what was flushed is there, what was not may be there, in any
//!   order, and torn.
//! - [`judge`] recovers and compares.
//!
//! Faults: the same workload over a device one of whose reads or writes fails ([`faults`]).
//!
//! Random operations: [`fsx`] on one file, [`model`] on a tree, [`threads`] by many at once; each against what it
//! knows has to be there, on any file system that a [`rig`] can mount, and with e2fsck's word at the end.

#![forbid(unsafe_code)]

pub mod faults;
pub mod fsx;
pub mod judge;
pub mod model;
pub mod random;
pub mod rig;
pub mod states;
pub mod threads;
pub mod workload;
