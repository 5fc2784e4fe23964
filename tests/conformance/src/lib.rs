//! One set of behaviours for every file system: a matrix of behaviour and driver, as data.
//!
//! A [`Row`] makes a fresh file system with a process in its root; a [`Behaviour`] is a function on that process.
//! Each pair is a trial of its own. A behaviour that asks for what a file system does not have
//! ([`Capabilities`]) is listed as ignored in its row.
//!
//! Behaviours are sentences of POSIX.1-2017 (and of Linux's manual where that goes further); they make no
//! assumption on block sizes, on what the root holds besides, or on the resolution of times. The clock of a row
//! has to move by that resolution, and by a second at least, with each look at it.
//!
//! The calls of a behaviour go to the rump kernel itself, or to the host's kernel, in a folder where that one's file system is
//! mounted ([`Process`]). Where the host's kernel decides otherwise than ours, a [`Difference`] says so, and why.
#![forbid(unsafe_code)]

pub mod behaviours;
pub mod calls;
pub mod differences;
pub mod host;
mod process;

use differences::{Difference, How};
use libtest_mimic::{Failed, Trial};
pub use process::Process;
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

/// Who carries the calls of behaviours to a file system.
#[derive(Clone, Copy)]
pub struct Carrier {
    /// Hands on a fresh file system, with a process of this carrier.
    pub carry: fn(Mounted) -> Result<Mounted, String>,
    /// What it does otherwise.
    pub differences: &'static [Difference],
}

impl Carrier {
    /// The rump kernel itself.
    pub const RUMP: Self = Self { carry: Ok, differences: &[] };

    fn make(self, row: Row) -> Result<Mounted, String> {
        (self.carry)((row.make)()?)
    }

    fn differences_of(self, behaviour: Behaviour) -> Vec<Difference> {
        self.differences.iter().filter(|it| it.behaviour == behaviour.name).copied().collect()
    }
}

/// The matrix of `rows` and all behaviours. Errors: a row that cannot be made; a difference of a behaviour that nobody has.
pub fn trials(rows: &[Row], carrier: Carrier) -> Result<Vec<Trial>, String> {
    let is_known = |it: &&Difference| behaviours::all().any(|behaviour| behaviour.name == it.behaviour);
    if let Some(stray) = carrier.differences.iter().find(|it| !is_known(it)) {
        return Err(format!("there is no behaviour {}", stray.behaviour));
    }
    let mut trials = Vec::new();
    for row in rows {
        let named = |error| format!("{}: {error}", row.name);
        let mounted = carrier.make(*row).map_err(named)?;
        let can = mounted.process.capabilities(".").map_err(|error| named(error.to_string()))?;
        (mounted.finish)(mounted.process).map_err(named)?;
        trials.extend(behaviours::all().map(|behaviour| trial(*row, *behaviour, can, carrier)));
    }
    Ok(trials)
}

fn trial(row: Row, behaviour: Behaviour, can: Capabilities, carrier: Carrier) -> Trial {
    let differences = carrier.differences_of(behaviour);
    let skipped = differences.iter().find(|it| it.how == How::Skipped).copied();
    let applies = can.contains(behaviour.needs) && !can.intersects(behaviour.excludes);
    let run = move || {
        let mounted = carrier.make(row)?;
        differences::with(&differences, || (behaviour.run)(&mounted.process))?;
        (mounted.finish)(mounted.process).map_err(Failed::from)
    };
    // A kind is shown beside the name.
    Trial::test(format!("{}::{}", row.name, behaviour.name), run)
        .with_kind(if applies { skipped.map_or("", |it| it.why) } else { "" })
        .with_ignored_flag(!applies || skipped.is_some())
}
