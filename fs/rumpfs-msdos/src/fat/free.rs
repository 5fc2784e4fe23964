//! Giving clusters back, once nothing durable leads to them.

use super::cursor::Cursor;
use super::entry::{END, FREE, Link};
use super::write::set;
use crate::nodes::Cell;
use crate::transaction::Operation;
use alloc::sync::Arc;
use rump_dosfs::{Error, transaction};

/// Clusters that are to become free.
pub enum Freed {
    /// The chain from a cluster on.
    Chain {
        /// That cluster.
        first: u32,
        /// About how many.
        count: u32,
    },
    /// All after a cluster. Until the table shows that, the file must not grow.
    Tail {
        /// The file.
        cell: Arc<Cell>,
        /// The cluster that stays.
        last: u32,
        /// About how many.
        count: u32,
    },
}

impl transaction::Freed for Freed {
    fn count(&self) -> u32 {
        match self {
            Self::Chain { count, .. } | Self::Tail { count, .. } => *count,
        }
    }
}

/// The chain from a cluster on, of about `count`, becomes free once this epoch is durable.
pub fn free_chain(operation: &mut Operation<'_>, first: u32, count: u32) {
    operation.free(Freed::Chain { first, count: count.max(1) });
}

/// So does what comes after a cluster. To be called last, since the cell is not put back.
pub fn free_tail(operation: &mut Operation<'_>, cell: &Arc<Cell>, last: u32, count: u32) {
    cell.set_cut(true);
    operation.free(Freed::Tail { cell: cell.clone(), last, count: count.max(1) });
}

/// Makes at most `left` clusters free. Errors: EFTYPE, EIO.
pub fn release(operation: &mut Operation<'_>, freed: &Freed, left: &mut u32) -> Result<(), Error> {
    match freed {
        Freed::Chain { first, count } => release_chain(operation, *first, *count, left),
        Freed::Tail { cell, last, count } => {
            let result = cut(operation, *last, *count);
            cell.set_cut(false);
            result
        }
    }
}

/// Ends a chain with `last`; the rest is freed with the next commit.
fn cut(operation: &mut Operation<'_>, last: u32, count: u32) -> Result<(), Error> {
    if let Link::Next(first) = Cursor::new(operation.volume).link(last)? {
        set(operation, last, END)?;
        free_chain(operation, first, count);
    }
    Ok(())
}

fn release_chain(operation: &mut Operation<'_>, first: u32, count: u32, left: &mut u32) -> Result<(), Error> {
    let mut at = first;
    let mut done = 0;
    loop {
        if *left == 0 {
            free_chain(operation, at, count.saturating_sub(done));
            return Ok(());
        }
        let Ok(next) = Cursor::new(operation.volume).link(at) else { return Ok(()) };
        if matches!(next, Link::Free | Link::Bad) {
            return Ok(());
        }
        set(operation, at, FREE)?;
        let space = operation.space();
        space.free = space.free.map(|free| free + 1);
        *left -= 1;
        done += 1;
        let Link::Next(next) = next else { return Ok(()) };
        at = next;
    }
}
