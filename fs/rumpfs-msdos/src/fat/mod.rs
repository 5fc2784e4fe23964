//! The table: for each cluster the one that follows it in its chain (fatgen103, "FAT Data Structure").

mod allocate;
mod cursor;
mod entry;
mod free;
mod write;

pub use allocate::{allocate, count_free};
pub use cursor::{Cursor, follow};
pub use entry::{Link, clean_bits, put};
pub use free::{Freed, free_chain, free_tail, release};
pub use write::When;
