//! What a command did, as one JSON object: the same keys for all commands that make, change, copy, move or remove something.

use crate::output::Output;
use crate::progress::Progress;
use clap::Args as ClapArgs;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// The word that asks for it.
#[derive(ClapArgs)]
pub struct Wanted {
    /// Print what was done as a JSON object: files, bytes, losses, errors
    #[arg(long)]
    pub json: bool,
}

/// See the module. Files and bytes are those of [`Progress`].
#[derive(Default)]
pub struct Outcome {
    is_wanted: bool,
    is_trial: bool,
    ended_early: bool,
    losses: BTreeMap<&'static str, u64>,
    more: Map<String, Value>,
}

/// As it is written.
#[derive(Serialize)]
struct Told<'a> {
    dry_run: bool,
    files: u64,
    bytes: u64,
    losses: &'a BTreeMap<&'static str, u64>,
    errors: u64,
    complete: bool,
    #[serde(flatten)]
    more: &'a Map<String, Value>,
}

impl Outcome {
    /// Asks for it, if `is_wanted`. A trial does nothing.
    pub fn ask(&mut self, is_wanted: bool, is_trial: bool) {
        (self.is_wanted, self.is_trial) = (is_wanted, is_trial);
    }

    /// Nobody wants it any more.
    pub fn forget(&mut self) {
        *self = Self::default();
    }

    /// Not everything was tried.
    pub fn end_early(&mut self) {
        self.ended_early = true;
    }

    /// Counts files that have lost something.
    pub fn lose(&mut self, what: &'static str, count: u64) {
        if count > 0 {
            *self.losses.entry(what).or_default() += count;
        }
    }

    /// Adds the fields of `value`.
    pub fn add(&mut self, value: &impl Serialize) -> io::Result<()> {
        if let Value::Object(fields) = serde_json::to_value(value)? {
            self.more.extend(fields);
        }
        Ok(())
    }

    /// Writes it, if it is wanted. `failures` were told so far.
    pub fn write(&self, progress: &Progress, failures: u64, out: &mut Output) -> io::Result<()> {
        if !self.is_wanted {
            return Ok(());
        }
        let told = Told {
            dry_run: self.is_trial,
            files: progress.files,
            bytes: progress.bytes,
            losses: &self.losses,
            // What ends it early is told, too.
            errors: failures + u64::from(self.ended_early),
            complete: !self.ended_early,
            more: &self.more,
        };
        serde_json::to_writer_pretty(&mut *out, &told)?;
        writeln!(out)
    }
}
