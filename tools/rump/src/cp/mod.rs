//! `rump cp`: copies files out of an image.
//!
//! The image is hostile, and so may be the names in it: everything is created relative to an open directory,
//! never through a symbolic link, and never under a name that could lead elsewhere. A file has its final name
//! only when it is complete. What is there already with the same size and time is left, so a second run goes
//! on where the first one stopped.

mod attributes;
mod content;
mod copier;
mod error;
mod links;
mod resume;
mod special;
mod target;
mod tree;

use crate::session::{Failure, Place, Session};
use crate::walk::file_name;
use clap::{Args as ClapArgs, ValueHint};
use copier::Copier;
use std::ffi::OsString;
use target::Target;

/// Arguments of `rump cp`.
#[derive(ClapArgs)]
#[command(after_help = "Examples:
  rump cp disk.img:/etc/fstab .
  rump cp -r disk.img@2:/home ./home
Modes, times, extended attributes, hard links and holes are kept; owners too when run as root. What this host does
not allow to keep is said once, and is no failure; what could not be copied at all, such as a device file for an
ordinary user, is named, and the exit status is 1. Symbolic links are copied as links, and never followed.
Run it again to go on after an interruption: what is there with the same size and time is left as it is. A full or
read-only target ends the work at once, with 1; Ctrl-C with 130.")]
pub struct Args {
    /// Directories with all that is in them
    #[arg(short = 'r', short_alias = 'R', long)]
    recursive: bool,
    /// The same as -r: attributes are always kept
    #[arg(short = 'a', long)]
    archive: bool,
    /// What to copy, as IMAGE:/PATH
    #[arg(value_name = "ADDRESS", value_hint = ValueHint::AnyPath, required = true)]
    addresses: Vec<OsString>,
    /// Where to copy it to on this host: a directory to copy into, or a name that is free
    #[arg(value_name = "TARGET", value_hint = ValueHint::AnyPath)]
    target: OsString,
}

/// Runs it.
pub fn run(args: &Args, session: &mut Session) -> Result<(), Failure> {
    let places = session.places(&args.addresses)?;
    places.iter().try_for_each(check_name)?;
    let mut copier = Copier::new(session, args.recursive || args.archive)?;
    for place in &places {
        let target = Target::find(&args.target, place, places.len() > 1)?;
        copier.copy(place, target)?;
    }
    copier.finish();
    Ok(())
}

/// The name of a source is the name of its copy.
fn check_name(place: &Place) -> Result<(), Failure> {
    match file_name(&place.path) {
        b"." | b".." => Err(Failure::Usage("cp: a source must not end in . or ..".into())),
        _ => Ok(()),
    }
}
