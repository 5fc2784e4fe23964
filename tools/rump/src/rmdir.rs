//! `rump rmdir`: removes empty directories.

use crate::change::{Change, Trial};
use crate::output::Output;
use crate::session::{Failure, Session};
use clap::{Args as ClapArgs, ValueHint};
use std::ffi::OsString;

/// Arguments of `rump rmdir`.
#[derive(ClapArgs)]
#[command(after_help = "Example:\n  rump rmdir disk.img@1:/srv/empty")]
pub struct Args {
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
        let removed = match change.is_trial {
            true => place.process().lstat(&place.path).map(drop),
            false => place.process().rmdir(&place.path),
        };
        match removed {
            Ok(()) => change.tell("remove", place, &place.path).map(Ok),
            error => Ok(error),
        }
    })
}
