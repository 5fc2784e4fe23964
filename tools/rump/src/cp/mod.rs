//! `rump cp`: copies files out of an image; [`crate::put`] does what goes into one.
//!
//! The image is hostile, and so may be the names in it: everything is created relative to an open directory,
//! never through a symbolic link, and never under a name that could lead elsewhere. A file has its final name
//! only when it is complete. What is there already with the same size and time is left, so a second run goes
//! on where the first one stopped.

mod attributes;
mod content;
mod copier;
mod error;
mod file;
mod into;
mod links;
mod new_file;
mod resume;
mod special;
mod target;
mod tree;

pub use copier::Copier;
pub use error::host_text;
pub use target::{
    Identity, Target as HostTarget, entries_in, identity_of, names_in, open_again, open_again_by,
    open_beneath, open_by, open_user_directory,
};
pub use tree::host_descriptors;

use crate::change::Trial;
use crate::output::Output;
use crate::owner::Owner;
use crate::put::Existing;
use crate::session::{Failure, Place, Session};
use crate::steps::Follow;
use crate::walk::file_name;
use clap::{Args as ClapArgs, ValueHint};
use std::ffi::OsString;
use target::Target;

/// Arguments of `rump cp`.
#[derive(ClapArgs)]
#[command(after_help = "Examples:
  rump cp disk.img:/etc/fstab .
  rump cp -r disk.img@2:/home ./home
  rump cp ./fstab disk.img:/etc/fstab
  rump cp -a ./site disk.img@1:/srv
  rump cp -a old.img@1:/ new.img@2:/
  curl -s example.org | rump cp - disk.img:/srv/page.html
A target IMAGE:/PATH is in an image; any other is on this host. Modes, times, extended attributes, hard links and holes
are kept, and symbolic links are copied as links, never followed; with -H those that are named are, with -L all: in an image
they lead to the same image.
Out of an image, owners are kept when run as root. What this host does not allow to keep is said once, and is no
failure; what could not be copied at all, such as a device file for an ordinary user, is named, and the exit status is
1. Into an image, copies belong to the owner of the directory that they go to, and set-id bits that would lend another
owner's rights are dropped; -a and -p keep the owners, and the attributes that only root may set; --owner sets one.
A directory that is there keeps its attributes, unless -a or -p is given. What the file system of the image does not
store (owners, modes, exact times, extended attributes, hard links, which become copies) is counted and told at the end;
with --strict, each is a failure.
Run it again to go on after an interruption: what is there with the same size and time is left as it is. A full or
read-only target ends the work at once, with 1; Ctrl-C with 130.")]
pub struct Args {
    /// Directories with all that is in them
    #[arg(short = 'r', short_alias = 'R', long)]
    recursive: bool,
    /// The same as -rp
    #[arg(short = 'a', long)]
    archive: bool,
    /// Into an image: keep owners and all attributes, too
    #[arg(short = 'p', long)]
    preserve: bool,
    /// Leave everything that is there
    #[arg(short = 'n', long, overrides_with_all = ["force", "interactive"])]
    no_clobber: bool,
    /// Ask before something is replaced
    #[arg(short, long, overrides_with_all = ["force", "no_clobber"])]
    interactive: bool,
    /// Replace what is there even if it has the same size and time
    #[arg(short, long, overrides_with_all = ["no_clobber", "interactive"])]
    force: bool,
    /// Copy so many files of a tree at once (default: as there are processors, up to 4)
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// Copy what symbolic links that are named lead to, not the links
    #[arg(short = 'H', overrides_with_all = ["follow_all", "follow_none"])]
    follow_named: bool,
    /// Copy what any symbolic links lead to, not the links
    #[arg(short = 'L', overrides_with_all = ["follow_named", "follow_none"])]
    follow_all: bool,
    /// Follow no symbolic links (always so without -H and -L)
    #[arg(short = 'P', overrides_with_all = ["follow_named", "follow_all"])]
    follow_none: bool,
    /// Leave flags of files (always so)
    #[arg(short = 'N')]
    no_flags: bool,
    /// Into an image: the owner of what is copied, USER:GROUP as chown takes it
    #[arg(long, value_name = "OWNER", value_parser = Owner::check, conflicts_with = "preserve")]
    owner: Option<String>,
    /// Into an image: what its file system does not store is a failure
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    trial: Trial,
    /// What to copy: IMAGE:/PATH or, into an image, a path of this host or - for standard input
    #[arg(value_name = "SOURCE", value_hint = ValueHint::AnyPath, required = true)]
    pub addresses: Vec<OsString>,
    /// Where to copy it to: a directory to copy into, or a name that is free or to be replaced
    #[arg(value_name = "TARGET", value_hint = ValueHint::AnyPath)]
    pub target: OsString,
}

impl Args {
    fn jobs(&self) -> usize {
        self.jobs.map_or_else(crate::jobs::usual, usize::from)
    }

    fn follow(&self) -> Follow {
        match self {
            Self { follow_all: true, .. } => Follow::All,
            Self { follow_named: true, .. } => Follow::Named,
            _ => Follow::No,
        }
    }

    fn existing(&self) -> Existing {
        match self {
            Self { no_clobber: true, .. } => Existing::Keep,
            Self { force: true, .. } => Existing::Replace,
            Self { interactive: true, .. } => Existing::Ask,
            _ => Existing::Compare,
        }
    }
}

/// Runs it.
pub fn run(args: &Args, session: &mut Session, output: &mut Output) -> Result<(), Failure> {
    if session.is_address(&args.target) {
        return into::run(args, session, output);
    }
    if args.trial.dry_run || args.owner.is_some() || args.strict {
        return Err(Failure::Usage(
            "cp: --dry-run, --owner and --strict are for copies into an image".into(),
        ));
    }
    session.outcome.ask(args.trial.json, false);
    let places = session.places(&args.addresses)?;
    places.iter().try_for_each(check_name)?;
    let mut copier = Copier::new(session, args.recursive || args.archive, args.existing())?;
    copier.tells = args.trial.verbose;
    copier.jobs = args.jobs();
    copier.follow = args.follow();
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
