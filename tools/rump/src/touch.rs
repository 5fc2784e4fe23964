//! `rump touch`: sets times, and makes empty files.

use crate::change::{Change, Telling};
use crate::output::Output;
use crate::session::{Failure, Place, Session};
use crate::truncate::create;
use crate::units::{self, parse_time};
use clap::{Args as ClapArgs, ValueHint};
use rumpkit::kpi::SetTime;
use rumpkit::{AtFlags, Errno, KResult, TimeSpec};
use std::ffi::{OsStr, OsString};
use std::os::unix::fs::MetadataExt;
use std::time::{SystemTime, UNIX_EPOCH};

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
    /// Symbolic links themselves, which are not made
    #[arg(short = 'h', long)]
    no_dereference: bool,
    /// This time instead of now, as CCYYMMDDhhmm.SS, without CC, CCYY or .SS if need be
    #[arg(short = 't', value_name = "STAMP", value_parser = parse_stamp, conflicts_with_all = ["date", "reference"])]
    stamp: Option<TimeSpec>,
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
    let [atime, mtime] = match (&args.reference, args.date.or(args.stamp)) {
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

/// Reads `[[CC]YY]MMDDhhmm[.SS]`; a year of two digits is one from 1969 to 2068, none is this one.
fn parse_stamp(text: &str) -> Result<TimeSpec, String> {
    let wrong = || format!("{text:?} is no time: use [[CC]YY]MMDDhhmm[.SS]");
    let (digits, seconds) = text.split_once('.').unwrap_or((text, "00"));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(digits) || !is_number(seconds) || seconds.len() != 2 || digits.len() < 8 {
        return Err(wrong());
    }
    let (year, rest) = digits.split_at(digits.len() - 8);
    let year = match year.len() {
        0 => units::day(TimeSpec { sec: now_seconds(), nsec: 0 })[..4].to_string(),
        2 if year < "69" => format!("20{year}"),
        2 => format!("19{year}"),
        4 => year.to_string(),
        _ => return Err(wrong()),
    };
    let (month, day, hour, minute) = (&rest[..2], &rest[2..4], &rest[4..6], &rest[6..]);
    parse_time(&format!("{year}-{month}-{day} {hour}:{minute}:{seconds}")).map_err(|_| wrong())
}

fn now_seconds() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}

/// Answers whether there was something to touch.
fn touch(args: &Args, place: &Place, times: [Option<SetTime>; 2]) -> KResult<bool> {
    let flags = if args.no_dereference { AtFlags::SYMLINK_NOFOLLOW } else { AtFlags::empty() };
    let set = || place.process().utimensat(None, &place.path, times, flags);
    match set() {
        Err(error) if error.errno == Errno::ENOENT && args.no_create => Ok(false),
        Err(error) if error.errno == Errno::ENOENT && args.no_dereference => Err(error),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_have_years_of_four_two_or_no_digits() {
        assert_eq!(parse_stamp("197001010001.05").unwrap().sec, 65);
        assert_eq!(parse_stamp("7001010000"), parse_stamp("197001010000"));
        assert_eq!(parse_stamp("2001010000"), parse_stamp("202001010000"));
        assert!(parse_stamp("01010000").unwrap().sec > 0);
        for text in ["", "1", "x01010000", "13010000", "101010000", "01010000.5", "01012500"] {
            assert!(parse_stamp(text).is_err(), "{text}");
        }
    }
}
