//! Directories: slots of 32 bytes, in a chain of clusters or, on FAT12 and FAT16, in the place of the root.
//!
//! A slot has two numbers: its index in the directory, and its place on the volume (its byte over 32), which names
//! the file (see [`crate::nodes`]).

mod gaps;
mod index;
mod scan;
mod slots;
mod write;

pub use index::Index;
pub use scan::{Found, Visit, find, is_file, is_taken, scan};
pub use slots::Slots;
pub use write::{Added, Removal, add, is_empty, make, parent_cluster, remove, replace, respell, set_parent};

use crate::layout::Attributes;
use crate::nodes::Cell;
use crate::volume::Volume;
use core::ops::ControlFlow;
use rump_dosfs::Error;

/// The volume label in the root directory, if there is one.
pub fn label(volume: &Volume) -> Result<Option<[u8; 11]>, Error> {
    let root = Cell::root(volume);
    let slots = Slots::of(volume, &root)?;
    let mut label = None;
    scan(&slots, 0, &mut |visit| match visit {
        Visit::Other(entry)
            if entry.attr & (Attributes::VOLUME_ID | Attributes::DIRECTORY) == Attributes::VOLUME_ID =>
        {
            label = Some(entry.name);
            Ok(ControlFlow::Break(()))
        }
        _ => Ok(ControlFlow::Continue(())),
    })?;
    Ok(label)
}
