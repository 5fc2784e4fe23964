//! One set of behaviours for every file system: a matrix of behaviour and driver, as data.
//!
//! A [`Row`] makes a fresh file system with a process in its root; a [`Behaviour`] is a function on that process.
//! Each pair is a trial of its own. A behaviour that asks for what a file system does not have
//! ([`Capabilities`]) is listed as ignored in its row.
//!
//! Behaviours are sentences of POSIX.1-2017 (and of Linux's manual where that goes further); they make no
//! assumption on block sizes, on what the root holds besides, or on the resolution of times. The clock of a row
//! has to move by that resolution, and by a second at least, with each look at it.
#![forbid(unsafe_code)]

pub mod behaviours;
pub mod calls;

use libtest_mimic::{Failed, Trial};
use rumpkit::Process;
use rumpkit::kpi::Capabilities;

/// A file system under test.
#[derive(Clone, Copy)]
pub struct Row {
    /// Its name in the matrix.
    pub name: &'static str,
    /// Makes a fresh one, or says why not.
    pub make: fn() -> Result<Mounted, String>,
}

/// A fresh file system.
pub struct Mounted {
    /// The superuser, with the root of the file system as its working directory and no descriptors.
    pub process: Process,
    /// Ends it after the behaviour was seen, and judges what is left (`e2fsck`).
    pub finish: Box<dyn FnOnce(Process) -> Result<(), String>>,
}

/// Something that a file system does.
#[derive(Clone, Copy)]
pub struct Behaviour {
    /// A sentence.
    pub name: &'static str,
    /// What a file system must have for it.
    pub needs: Capabilities,
    /// What it must not have.
    pub excludes: Capabilities,
    /// Looks, and panics if it is not so.
    pub run: fn(&Process),
}

/// The matrix of `rows` and all behaviours. Errors: a row that cannot be made.
pub fn trials(rows: &[Row]) -> Result<Vec<Trial>, String> {
    let mut trials = Vec::new();
    for row in rows {
        let named = |error| format!("{}: {error}", row.name);
        let mounted = (row.make)().map_err(named)?;
        let can = mounted.process.capabilities(".").map_err(|error| named(error.to_string()))?;
        (mounted.finish)(mounted.process).map_err(named)?;
        trials.extend(behaviours::all().map(|behaviour| trial(*row, *behaviour, can)));
    }
    Ok(trials)
}

fn trial(row: Row, behaviour: Behaviour, can: Capabilities) -> Trial {
    let applies = can.contains(behaviour.needs) && !can.intersects(behaviour.excludes);
    let run = move || {
        let mounted = (row.make)()?;
        (behaviour.run)(&mounted.process);
        (mounted.finish)(mounted.process).map_err(Failed::from)
    };
    Trial::test(format!("{}::{}", row.name, behaviour.name), run).with_ignored_flag(!applies)
}
