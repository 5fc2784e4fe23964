//! The table: for each cluster the one that follows it in its chain (fatgen103, "FAT Data Structure").

mod allocate;
mod cursor;
mod entry;
mod write;

pub use allocate::{allocate, count_free};
pub use cursor::{Cursor, follow};
pub use entry::{END, FREE, Link, clean_bits, put};
pub use write::{When, set};
