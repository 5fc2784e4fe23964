//! `rump touch`: sets times, and makes empty files.

use crate::change::{Change, Telling};
use crate::output::Output;
use crate::session::{Failure, Place, Session};
use crate::truncate::create;
use crate::units::parse_time;
use clap::{Args as ClapArgs, ValueHint};
use rumpkit::kpi::SetTime;
use rumpkit::{AtFlags, Errno, KResult, TimeSpec};
use std::ffi::{OsStr, OsString};
use std::os::unix::fs::MetadataExt;

/// Arguments of `rump touch`.
#[derive(ClapArgs)]
#[command(after_help = "Examples:
  rump touch disk.img:/.autorelabel
  rump touch -d '2026-11-24 06:30:05.123456789' disk.img@1:/etc/motd
  rump touch -r disk.img:/etc/passwd disk.img:/etc/group
Times are UTC unless they say otherwise (+0100); @SECONDS counts from 1970.")]
pub struct Args {
    /// Make no files
    #[arg(short = 'c', long)]
    no_create: bool,
    /// The time of access only
    #[arg(short = 'a')]
    access: bool,
    /// The time of the last change only
    #[arg(short = 'm')]
    modification: bool,
    /// This time instead of now
    #[arg(short, long, value_name = "TIME", value_parser = parse_time, allow_hyphen_values = true)]
    date: Option<TimeSpec>,
    /// The times of this file, IMAGE:/PATH or one of this host
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::AnyPath, conflicts_with = "date")]
    reference: Option<OsString>,
    #[command(flatten)]
    telling: Telling,
    /// What to touch, as IMAGE:/PATH
    #[arg(value_name = "ADDRESS", value_hint = ValueHint::AnyPath, required = true)]
    addresses: Vec<OsString>,
}

/// Runs it.
pub fn run(args: &Args, session: &mut Session, output: &mut Output) -> Result<(), Failure> {
    let mut change = Change::new(session, output, &(&args.telling).into());
    let places = change.places(&args.addresses)?;
    let [atime, mtime] = match (&args.reference, args.date) {
        (Some(file), _) => times_of(change.session, file)?.map(SetTime::To),
        (None, Some(time)) => [SetTime::To(time); 2],
        (None, None) => [SetTime::Now; 2],
    };
    let is_both = args.access == args.modification;
    let times = [
        Some(atime).filter(|_| is_both || args.access),
        Some(mtime).filter(|_| is_both || args.modification),
    ];
    change.each(&places, |change, place| match touch(args, place, times) {
        Ok(true) => change.tell("touch", place, &place.path).map(Ok),
        Ok(false) => Ok(Ok(())),
        Err(error) => Ok(Err(error)),
    })
}

/// Answers whether there was something to touch.
fn touch(args: &Args, place: &Place, times: [Option<SetTime>; 2]) -> KResult<bool> {
    let set = || place.process().utimensat(None, &place.path, times, AtFlags::empty());
    match set() {
        Err(error) if error.errno == Errno::ENOENT && args.no_create => Ok(false),
        Err(error) if error.errno == Errno::ENOENT => {
            create(place)?;
            set().map(|()| true)
        }
        done => done.map(|()| true),
    }
}

/// Times of access and of the last change.
fn times_of(session: &mut Session, file: &OsStr) -> Result<[TimeSpec; 2], Failure> {
    if session.is_address(file) {
        let place = session.place(file)?;
        return match place.process().stat(&place.path) {
            Ok(stat) => Ok([stat.atime, stat.mtime]),
            Err(error) => Err(Failure::Other(format!("{}: {error}", std::path::Path::new(file).display()))),
        };
    }
    let facts = std::fs::metadata(file)
        .map_err(|error| Failure::Other(format!("{}: {error}", std::path::Path::new(file).display())))?;
    let time = |sec, nsec: i64| TimeSpec { sec, nsec: nsec as u32 };
    Ok([time(facts.atime(), facts.atime_nsec()), time(facts.mtime(), facts.mtime_nsec())])
}
