//! `rump rmdir`: removes empty directories.

use crate::change::{Change, Trial, parent_of, trimmed};
use crate::output::Output;
use crate::session::{Failure, Session};
use clap::{Args as ClapArgs, ValueHint};
use std::ffi::OsString;

/// Arguments of `rump rmdir`.
#[derive(ClapArgs)]
#[command(after_help = "Example:\n  rump rmdir disk.img@1:/srv/empty")]
pub struct Args {
    /// The directories above, too, as far as they are empty then
    #[arg(short, long)]
    parents: bool,
    #[command(flatten)]
    trial: Trial,
    /// What to remove, as IMAGE:/PATH
    #[arg(value_name = "ADDRESS", value_hint = ValueHint::AnyPath, required = true)]
    addresses: Vec<OsString>,
}

/// Runs it.
pub fn run(args: &Args, session: &mut Session, output: &mut Output) -> Result<(), Failure> {
    let mut change = Change::new(session, output, &args.trial);
    let places = change.places(&args.addresses)?;
    change.each(&places, |change, place| {
        let mut path = trimmed(&place.path).to_vec();
        loop {
            let removed = match change.is_trial {
                true => place.process().lstat(&path).map(drop),
                false => place.process().rmdir(&path),
            };
            match removed {
                Ok(()) => change.tell("remove", place, &path)?,
                error if path == trimmed(&place.path) => return Ok(error),
                Err(error) => return change.fail(place, &path, &error).map(Ok),
            }
            path = parent_of(&path).to_vec();
            if !args.parents || change.is_trial || path == b"/" {
                return Ok(Ok(()));
            }
        }
    })
}
