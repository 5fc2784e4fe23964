//! `rump tui`: a browser of an image, on the whole terminal, that changes nothing.
//!
//! What it knows is a value ([`model`]) that events change ([`update`]) and that is drawn ([`draw`]); what is read of the image
//! or copied out of it is asked for by that and done by [`work`]. Names and content come from a stranger: whatever is drawn goes
//! through [`plain`].

mod draw;
mod list;
mod model;
mod plain;
mod search;
mod terminal;
#[cfg(test)]
mod tests;
mod update;
mod viewer;
mod work;

use crate::session::{Failure, Session};
use clap::{Args as ClapArgs, ValueHint};
use std::ffi::OsString;
use std::io::IsTerminal;

/// Arguments of `rump tui`.
#[derive(ClapArgs)]
#[command(after_help = "Example:
  rump tui disk.img@2:/etc
Go through directories with the arrows, look at files with Enter (Tab shows their bytes), mark with the space bar, extract with
x, find names with / and texts in files with s; / n N find in a file that is shown; ? tells the rest. Where an image has several file systems, they are offered. The
image is opened for reading only.")]
pub struct Args {
    /// The image, a part of it, or a directory in that, as every address
    #[arg(value_name = "ADDRESS", value_hint = ValueHint::AnyPath)]
    address: OsString,
}

/// Runs it.
pub fn run(args: &Args, session: &mut Session) -> Result<(), Failure> {
    if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        return Err(Failure::Usage("tui: standard input and output have to be a terminal".into()));
    }
    work::browse(&args.address, session)
}
