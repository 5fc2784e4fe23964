//! `rump mkfifo`: makes fifos.

use crate::change::{Change, Telling, give_to_owner_of_directory};
use crate::mode::{ModeChange, umask};
use crate::output::Output;
use crate::session::{Failure, Place, Session};
use clap::{Args as ClapArgs, ValueHint};
use rumpkit::{KResult, Mode};
use std::ffi::OsString;

const EVERYBODY: u32 = 0o666;

/// Arguments of `rump mkfifo`.
#[derive(ClapArgs)]
#[command(after_help = "Example:\n  rump mkfifo -m 600 disk.img@1:/run/control
New fifos belong to the owner of the directory that they are in.")]
pub struct Args {
    /// Permission bits, as chmod takes them
    #[arg(short, long, value_name = "MODE", allow_hyphen_values = true)]
    mode: Option<ModeChange>,
    #[command(flatten)]
    telling: Telling,
    /// What to make, as IMAGE:/PATH
    #[arg(value_name = "ADDRESS", value_hint = ValueHint::AnyPath, required = true)]
    addresses: Vec<OsString>,
}

/// Runs it.
pub fn run(args: &Args, session: &mut Session, output: &mut Output) -> Result<(), Failure> {
    let mut change = Change::new(session, output, &(&args.telling).into());
    let places = change.places(&args.addresses)?;
    change.each(&places, |change, place| match make(args, place) {
        Ok(()) => change.tell("make", place, &place.path).map(Ok),
        Err(error) => Ok(Err(error)),
    })
}

fn make(args: &Args, place: &Place) -> KResult<()> {
    let process = place.process();
    process.mkfifo(&place.path, Mode::new(EVERYBODY))?;
    give_to_owner_of_directory(process, &place.path)?;
    match &args.mode {
        Some(mode) => process.chmod(&place.path, Mode::new(mode.apply(EVERYBODY, false, umask()))),
        None => Ok(()),
    }
}
