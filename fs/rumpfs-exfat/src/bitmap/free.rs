//! Giving clusters back, once nothing durable leads to them.

use super::{State, set};
use crate::fat::{self, END};
use crate::nodes::Cell;
use crate::transaction::Operation;
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_dosfs::chain::Run;
use rump_dosfs::{Error, transaction};

/// Clusters that are to become free.
pub struct Freed {
    runs: Vec<Run>,
    /// A file that goes on, and the cluster that is its last one now. The table does not show that yet, and the file
    /// must not grow before.
    cut: Option<(Arc<Cell>, u32)>,
}

impl transaction::Freed for Freed {
    fn count(&self) -> u32 {
        self.runs.iter().fold(0, |sum: u32, run| sum.saturating_add(run.count))
    }
}

/// These clusters become free once this epoch is durable. `cut` is a file of which they were the end, and the cluster
/// that is its last now, if the table led on from there. To be called last, since the cell is not put back.
pub fn free(operation: &mut Operation<'_>, runs: Vec<Run>, cut: Option<(Arc<Cell>, u32)>) {
    if let Some((cell, _)) = &cut {
        cell.set_cut(true);
    }
    if !runs.is_empty() {
        operation.free(Freed { runs, cut });
    }
}

/// Makes at most `left` clusters free. Errors: EFTYPE, EIO.
pub fn release(operation: &mut Operation<'_>, freed: &Freed, left: &mut u32) -> Result<(), Error> {
    if let Some((cell, last)) = &freed.cut {
        let ended = fat::set(operation, *last, END);
        cell.set_cut(false);
        ended?;
    }
    let mut rest = Vec::new();
    for run in &freed.runs {
        let now = Run { count: run.count.min(*left), ..*run };
        *left -= now.count;
        let count = if now.count == 0 { 0 } else { set(operation, now, State::Free)? };
        let space = operation.space();
        space.free = space.free.map(|free| free.saturating_add(count));
        if now.count < run.count {
            rest.push(Run { start: now.end(), count: run.count - now.count });
        }
    }
    free(operation, rest, None);
    Ok(())
}
