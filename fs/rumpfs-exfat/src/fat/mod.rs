//! The table: for each cluster the one that follows it in its chain (specification, section 4). It says nothing of
//! clusters that are free, nor of the content of files whose clusters are consecutive and marked so.

mod chain;
mod cursor;
mod write;

pub use chain::{for_runs, load, load_root, runs_from};
pub use cursor::{Cursor, Link};
pub use write::{END, link, link_root, set};
