//! Directories: entries of 32 bytes, in a content like that of files.
//!
//! An entry has two numbers: its index in the directory, and its place on the volume (its byte over 32), which names
//! the file (see [`crate::nodes`]).

mod index;
mod room;
mod scan;
mod slots;
mod write;

pub use index::{Found, Index, Remembered, check, find};
pub use scan::{Visit, is_empty, read_set, scan};
pub use slots::Slots;
pub use write::{Added, Removal, add, add_beside, make, remove, replace, settle};
