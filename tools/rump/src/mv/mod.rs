//! `rump mv`: moves files within an image by renaming them, and between images by copying and removing them.

mod external;

use crate::ask::agrees;
use crate::change::{Change, Trial, trimmed};
use crate::output::{Output, escaped};
use crate::put::{Existing, Keep, Rules, Sink, Target, copy_image, is_below, origin};
use crate::rm::remove_tree;
use crate::session::{Failure, Place, Session};
use crate::steps::Follow;
use crate::walk::file_name;
use clap::{Args as ClapArgs, ValueHint};
use rumpkit::{Errno, FileType, KError, KResult};
use std::ffi::OsString;

/// Arguments of `rump mv`.
#[derive(ClapArgs)]
#[command(after_help = "Examples:
  rump mv disk.img:/etc/fstab disk.img:/etc/fstab.old
  rump mv old.img@1:/home/anna new.img@2:/home
A file replaces a file, and a directory an empty directory. Between file systems, everything is copied with all its
attributes first; what could not be copied stays, and so does what it came from.")]
pub struct Args {
    /// Leave what is there
    #[arg(short = 'n', long)]
    no_clobber: bool,
    /// Ask before something is replaced
    #[arg(short, long, overrides_with_all = ["force", "no_clobber"])]
    interactive: bool,
    /// Ask nothing
    #[arg(short, long, overrides_with = "interactive")]
    force: bool,
    /// Between this host and an image: what has no IMAGE:/PATH is of the host
    #[arg(short, long)]
    external: bool,
    #[command(flatten)]
    trial: Trial,
    /// What to move, as IMAGE:/PATH
    #[arg(value_name = "ADDRESS", value_hint = ValueHint::AnyPath, required = true)]
    addresses: Vec<OsString>,
    /// Where to move it to, as IMAGE:/PATH: a directory to move into, or a name
    #[arg(value_name = "TARGET", value_hint = ValueHint::AnyPath)]
    target: OsString,
}

impl Args {
    /// Whether what is at `path` may go.
    fn replaces(&self, path: &[u8]) -> bool {
        !self.no_clobber && (!self.interactive || agrees(&format!("replace {}?", escaped(path))))
    }
}

/// Runs it.
pub fn run(args: &Args, session: &mut Session, output: &mut Output) -> Result<(), Failure> {
    if args.external {
        return external::run(args, session, output);
    }
    let words = args.addresses.iter().chain([&args.target]);
    if let Some(word) = words.clone().find(|word| !session.is_address(word)) {
        let text = escaped(word.as_encoded_bytes());
        return Err(Failure::Usage(format!(
            "mv: {text} is in no image (IMAGE:/PATH); use -e to move it, or rump cp"
        )));
    }
    let mut change = Change::new(session, output, &args.trial);
    let target_place = change.place(&args.target)?;
    let places = change.places(&args.addresses)?;
    let is_many = places.len() > 1;
    change.each(&places, |change, place| {
        if matches!(file_name(&place.path), b"" | b"." | b"..") {
            return Ok(Err(KError::new(Errno::EBUSY, "the root, . and .. are not moved")));
        }
        let target = Target::find(&target_place, file_name(&place.path), &origin(place), is_many)?;
        if place.index == target_place.index {
            rename(args, change, place, &target)
        } else {
            copy_and_remove(args, change, place, &target_place, target).map(Ok)
        }
    })
}

fn rename(
    args: &Args,
    change: &mut Change<'_>,
    place: &Place,
    target: &Target,
) -> Result<KResult<()>, Failure> {
    let renamed = match check(args, place, target) {
        Ok(false) => return Ok(Ok(())),
        Ok(true) if change.is_trial => Ok(()),
        Ok(true) => place.process().rename(trimmed(&place.path), &target.path),
        Err(error) => Err(error),
    };
    match renamed {
        Ok(()) => {
            change.tell_more("move", place, &place.path, &format!(" to {}", escaped(&target.path))).map(Ok)
        }
        Err(error) => Ok(Err(error)),
    }
}

/// Whether to rename; an error where renaming would do something else than moving, or only a trial would succeed.
fn check(args: &Args, place: &Place, target: &Target) -> KResult<bool> {
    let process = place.process();
    let from = process.lstat(trimmed(&place.path))?;
    let is_directory = from.file_type == FileType::Directory;
    if target.has_slash && !is_directory {
        return Err(KError::new(Errno::ENOTDIR, "the target, with a slash at its end, is no directory"));
    }
    if is_directory && is_below(process, target, from.ino)? {
        return Err(KError::new(Errno::EINVAL, "a directory cannot be moved into itself"));
    }
    let there = match process.lstat(&target.path) {
        Ok(there) => there,
        Err(error) if error.errno == Errno::ENOENT => return Ok(true),
        Err(error) => return Err(error),
    };
    if !args.replaces(&target.path) {
        return Ok(false);
    }
    // Two spellings of the only name, where case does not count: it is spelled anew.
    let is_spelling = there.nlink == 1 && file_name(&target.path) != file_name(trimmed(&place.path));
    if there.ino == from.ino && !is_spelling {
        return Err(KError::new(Errno::EINVAL, "is the same file as the target"));
    }
    match (is_directory, there.file_type == FileType::Directory) {
        _ if there.ino == from.ino => Ok(true),
        (false, true) => Err(KError::new(Errno::EISDIR, "a file cannot replace a directory")),
        (true, false) => Err(KError::new(Errno::ENOTDIR, "a directory cannot replace what is none")),
        _ => Ok(true),
    }
}

fn copy_and_remove(
    args: &Args,
    change: &mut Change<'_>,
    place: &Place,
    target_place: &Place,
    target: Target,
) -> Result<(), Failure> {
    let existing = if args.no_clobber { Existing::Keep } else { Existing::Compare };
    let has_target = target_place.process().lstat(&target.path).is_ok();
    if has_target && !args.replaces(&target.path) {
        return Ok(());
    }
    let rules = Rules { keep: Keep::All, owner: None, existing, recursive: true, follow: Follow::No };
    let mut sink = Sink::new(change, target_place, rules);
    copy_image(&mut sink, place, target)?;
    let is_whole = sink.failures() == 0;
    sink.finish();
    if !is_whole {
        change.session.note(&format!("{}:{} stays", place.volume, escaped(&place.path)));
        return Ok(());
    }
    // What the target holds has to be safe before its source goes.
    if !change.is_trial {
        if let Err(error) = target_place.process().sync() {
            return Err(Failure::Other(format!("{}: {error}", target_place.volume)));
        }
    }
    let stat = match place.process().lstat(trimmed(&place.path)) {
        Ok(stat) => stat,
        Err(error) => return change.fail(place, &place.path, &error),
    };
    if stat.file_type == FileType::Directory {
        return remove_tree(change, place).map(drop);
    }
    let removed = if change.is_trial { Ok(()) } else { place.process().unlink(&place.path) };
    match removed {
        Ok(()) => change.show("remove", place, &place.path),
        Err(error) => change.fail(place, &place.path, &error),
    }
}
