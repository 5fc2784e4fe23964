//! `rump truncate`: makes files shorter or longer.

use crate::change::{Change, Trial, give_to_owner_of_directory};
use crate::output::Output;
use crate::session::{Failure, Place, Session};
use clap::{Args as ClapArgs, ValueHint};
use rumpkit::{Errno, KResult, Mode, OpenFlags};
use std::ffi::OsString;
use std::str::FromStr;

/// Arguments of `rump truncate`.
#[derive(ClapArgs)]
#[command(after_help = "Examples:
  rump truncate -s 0 disk.img:/var/log/messages
  rump truncate -s +1M disk.img@1:/swapfile
What is added is a hole. A file that is not there is made, unless -c says not to.")]
pub struct Args {
    /// The length, in bytes or with K, M, G, T behind; + and - before it add to the present one, or take from it
    #[arg(short, long, value_name = "SIZE", allow_hyphen_values = true)]
    size: Size,
    /// Make no file
    #[arg(short = 'c', long)]
    no_create: bool,
    #[command(flatten)]
    trial: Trial,
    /// What to change, as IMAGE:/PATH
    #[arg(value_name = "ADDRESS", value_hint = ValueHint::AnyPath, required = true)]
    addresses: Vec<OsString>,
}

/// A length, or a change of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Size {
    To(u64),
    Longer(u64),
    Shorter(u64),
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (make, digits): (fn(u64) -> Self, &str) = match text.as_bytes().first() {
            Some(b'+') => (Self::Longer, &text[1..]),
            Some(b'-') => (Self::Shorter, &text[1..]),
            _ => (Self::To, text),
        };
        parse_bytes(digits)
            .map(make)
            .ok_or_else(|| format!("{text:?} is no size: use 4096, 10M, +1K, -1 ..."))
    }
}

/// A count of bytes with K, M, G or T for powers of 1024.
pub fn parse_bytes(text: &str) -> Option<u64> {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let shift = match &text[end..] {
        "" => 0,
        "K" | "k" | "KiB" => 10,
        "M" | "MiB" => 20,
        "G" | "GiB" => 30,
        "T" | "TiB" => 40,
        _ => return None,
    };
    text[..end].parse::<u64>().ok()?.checked_mul(1 << shift)
}

impl Size {
    fn apply(self, present: u64) -> KResult<u64> {
        match self {
            Self::To(size) => Ok(size),
            Self::Longer(count) => Ok(present.checked_add(count).ok_or(Errno::EFBIG)?),
            Self::Shorter(count) => Ok(present.saturating_sub(count)),
        }
    }
}

/// Runs it.
pub fn run(args: &Args, session: &mut Session, output: &mut Output) -> Result<(), Failure> {
    let mut change = Change::new(session, output, &args.trial);
    let places = change.places(&args.addresses)?;
    change.each(&places, |change, place| match set(args, place, change.is_trial) {
        Ok(Some((before, after))) => {
            let text = format!(" from {before} to {after} bytes");
            change.tell_more("cut", place, &place.path, &text).map(Ok)
        }
        Ok(None) => Ok(Ok(())),
        Err(error) => Ok(Err(error)),
    })
}

/// Answers the length before and after, or nothing for a file that is not to be made.
fn set(args: &Args, place: &Place, is_trial: bool) -> KResult<Option<(u64, u64)>> {
    let (process, path) = (place.process(), &place.path);
    let before = match process.stat(path) {
        Ok(stat) => stat.size,
        Err(error) if error.errno == Errno::ENOENT && args.no_create => return Ok(None),
        Err(error) if error.errno == Errno::ENOENT && is_trial => 0,
        Err(error) if error.errno == Errno::ENOENT => {
            create(place)?;
            0
        }
        Err(error) => return Err(error),
    };
    let after = args.size.apply(before)?;
    if !is_trial {
        process.truncate(path, after)?;
    }
    Ok(Some((before, after)))
}

/// Makes an empty file, which belongs to the owner of its directory.
pub fn create(place: &Place) -> KResult<()> {
    let (process, path) = (place.process(), &place.path);
    let fd = process.open(path, OpenFlags::WRONLY | OpenFlags::CREAT, Mode::new(0o666))?;
    process.close(fd)?;
    // The path may be a symbolic link that led to what was made.
    let real = crate::edit::resolve(process, path)?;
    give_to_owner_of_directory(process, &real)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_set_added_and_taken() {
        let apply = |text: &str| text.parse::<Size>().unwrap().apply(5000).unwrap();
        assert_eq!(
            (apply("10"), apply("1K"), apply("+1M"), apply("-1K")),
            (10, 1024, 5000 + (1 << 20), 3976)
        );
        assert_eq!(apply("-1G"), 0);
        assert!(Size::Longer(u64::MAX).apply(1).is_err());
        for text in ["", "+", "x", "1Q", "99999999999999999999", "99999999T"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }
}
