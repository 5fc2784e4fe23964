//! `rump cp`: copies files out of an image.
//!
//! The image is hostile, and so may be the names in it: everything is created relative to an open directory,
//! never through a symbolic link, and never under a name that could lead elsewhere. A file has its final name
//! only when it is complete. What is there already with the same size and time is left, so a second run goes
//! on where the first one stopped.

mod file;
mod progress;
mod target;
mod tree;

use crate::session::{Failure, Place, Session, warn};
use crate::walk::file_name;
use clap::Args as ClapArgs;
use progress::Progress;
use std::ffi::OsString;
use target::Target;
use tree::Copier;

/// Arguments of `rump cp`.
#[derive(ClapArgs)]
#[command(after_help = "Examples:
  rump cp disk.img:/etc/fstab .
  rump cp -r disk.img@2:/home ./home
Modes, times, extended attributes, hard links and holes are kept; owners too when run as root.
Symbolic links are copied as links. Run it again to go on after an interruption.")]
pub struct Args {
    /// Directories with all that is in them
    #[arg(short = 'r', short_alias = 'R', long)]
    recursive: bool,
    /// The same as -r: attributes are always kept
    #[arg(short = 'a', long)]
    archive: bool,
    /// IMAGE:/PATH..., and where to copy to on this host
    #[arg(value_name = "ADDRESS... TARGET", required = true, num_args = 2..)]
    words: Vec<OsString>,
}

/// Runs it.
pub fn run(args: &Args, session: &mut Session) -> Result<(), Failure> {
    let Some((target, sources)) = args.words.split_last() else {
        return Err(Failure::Usage("cp: no target".into()));
    };
    let places = session.places(sources)?;
    let is_many = places.len() > 1;
    let mut copier = Copier::new(session, args.recursive || args.archive, Progress::new())?;
    for place in &places {
        let name = check_name(place)?;
        let target = Target::find(target, name, is_many)?;
        copier.copy(place, target)?;
    }
    let summary = copier.finish();
    if let Some(text) = summary {
        warn(&text);
    }
    Ok(())
}

/// The name that a source has in a target directory; empty for the root of an image.
fn check_name(place: &Place) -> Result<&[u8], Failure> {
    match file_name(&place.path) {
        b"." | b".." => Err(Failure::Usage("cp: a source must not end in . or ..".into())),
        name => Ok(name),
    }
}
