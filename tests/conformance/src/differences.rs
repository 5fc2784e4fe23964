//! Where a kernel that carries the calls differs from ours by its nature, each with the reason.

use rumpkit::Errno;
use std::cell::RefCell;

/// A behaviour that is another one at another kernel.
#[derive(Clone, Copy, Debug)]
pub struct Difference {
    /// The name of the behaviour.
    pub behaviour: &'static str,
    /// How it differs.
    pub how: How,
    /// Why that is right.
    pub why: &'static str,
}

/// See [`Difference`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// The behaviour is not asked for.
    Skipped,
    /// So many calls that fail with our number fail with another one, or do not fail.
    Answers {
        /// What the behaviour says.
        ours: Errno,
        /// What is answered instead; none if the call succeeds.
        others: Option<Errno>,
        /// How many calls.
        times: usize,
    },
}

/// Answers of one kind, and how often they were met.
struct Expected {
    ours: Errno,
    others: Option<Errno>,
    times: usize,
    met: usize,
}

thread_local! {
    /// Those of the behaviour that this thread looks at.
    static EXPECTED: RefCell<Vec<Expected>> = const { RefCell::new(Vec::new()) };
}

/// Whether an answer instead of `errno` is one that differs by nature.
pub(crate) fn allow(errno: Errno, answer: Option<Errno>) -> bool {
    EXPECTED.with_borrow_mut(|expected| {
        let found = expected.iter_mut().find(|it| (it.ours, it.others) == (errno, answer));
        found.map(|it| it.met += 1).is_some()
    })
}

/// Looks at a behaviour some of whose answers differ. Errors: they were not met as often as they should be.
pub(crate) fn with(differences: &[Difference], look: impl FnOnce()) -> Result<(), String> {
    let expected = differences.iter().filter_map(|difference| match difference.how {
        How::Answers { ours, others, times } => Some(Expected { ours, others, times, met: 0 }),
        How::Skipped => None,
    });
    EXPECTED.set(expected.collect());
    look();
    match EXPECTED.take().into_iter().find(|it| it.met != it.times) {
        Some(Expected { ours, others, times, met }) => {
            Err(format!("{others:?} for {ours:?} was met {met} times instead of {times}"))
        }
        None => Ok(()),
    }
}
