//! `rump mv -e`: moves between this host and an image, by copying and removing.
//!
//! What could not be copied stays, and so does what it came from. A source goes when its copy is safe.

use super::Args;
use crate::change::{Change, trimmed};
use crate::cp::{Copier, HostTarget};
use crate::output::Output;
use crate::put::{Existing, Keep, Rules, Sink, Target, copy_host, origin_of_host};
use crate::rm::remove_tree;
use crate::session::{Failure, Place, Session};
use crate::steps::Follow;
use crate::walk::file_name;
use rumpkit::FileType;
use rustix::fs::{CWD, Mode, OFlags, openat, syncfs};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;

/// Runs it.
pub fn run(args: &Args, session: &mut Session, output: &mut Output) -> Result<(), Failure> {
    let is_put = session.is_address(&args.target);
    if let Some(word) = args.addresses.iter().find(|word| session.is_address(word) == is_put) {
        let text = word.to_string_lossy();
        return Err(Failure::Usage(format!("mv -e: {text} and the target are on the same side")));
    }
    if args.trial.dry_run && !is_put {
        return Err(Failure::Usage("mv -e: --dry-run is for what goes into an image".into()));
    }
    let mut change = Change::new(session, output, &args.trial);
    if is_put {
        let place = change.place(&args.target)?;
        return args.addresses.iter().try_for_each(|word| put(args, &mut change, word, &place));
    }
    let places = change.places(&args.addresses)?;
    places.iter().try_for_each(|place| get(args, &mut change, place))
}

/// Moves a file or a tree of the host into the image.
fn put(args: &Args, change: &mut Change<'_>, word: &OsString, place: &Place) -> Result<(), Failure> {
    let path = word.as_bytes();
    let target = Target::find(place, file_name(path), &origin_of_host(path), args.addresses.len() > 1)?;
    if place.process().lstat(&target.path).is_ok() && !args.replaces(&target.path) {
        return Ok(());
    }
    let rules = Rules {
        keep: Keep::All,
        owner: None,
        existing: Existing::Replace,
        recursive: true,
        follow: Follow::No,
    };
    let mut sink = Sink::new(change, place, rules);
    copy_host(&mut sink, path, target)?;
    let is_whole = sink.failures() == 0;
    sink.finish();
    if !is_whole || change.is_trial {
        return Ok(());
    }
    place.process().sync().map_err(|error| Failure::Other(format!("{}: {error}", place.volume)))?;
    let is_directory = fs::symlink_metadata(word).is_ok_and(|found| found.is_dir());
    let removed = if is_directory { fs::remove_dir_all(word) } else { fs::remove_file(word) };
    if let Err(error) = removed {
        change.session.report_host(path, &error);
    }
    Ok(())
}

/// Moves a file or a tree of the image to the host.
fn get(args: &Args, change: &mut Change<'_>, place: &Place) -> Result<(), Failure> {
    if matches!(file_name(&place.path), b"" | b"." | b"..") {
        return Err(Failure::Usage("mv: the root, . and .. are not moved".into()));
    }
    let target = HostTarget::find(&args.target, place, args.addresses.len() > 1)?;
    let there = OsStr::from_bytes(&target.path).to_os_string();
    let is_there = fs::symlink_metadata(&there).is_ok();
    if is_there && !args.replaces(&target.path) {
        return Ok(());
    }
    let mut copier = Copier::new(change.session, true, Existing::Replace)?;
    copier.tells = args.trial.verbose;
    copier.copy(place, target)?;
    if !copier.finish() {
        return Ok(());
    }
    let saved = openat(CWD, &args.target, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())
        .and_then(syncfs);
    saved.map_err(|error| Failure::Other(format!("{}: {error}", args.target.to_string_lossy())))?;
    let stat = match place.process().lstat(trimmed(&place.path)) {
        Ok(stat) => stat,
        Err(error) => return change.fail(place, &place.path, &error),
    };
    if stat.file_type == FileType::Directory {
        return remove_tree(change, place).map(drop);
    }
    match place.process().unlink(&place.path) {
        Ok(()) => change.show("remove", place, &place.path),
        Err(error) => change.fail(place, &place.path, &error),
    }
}
