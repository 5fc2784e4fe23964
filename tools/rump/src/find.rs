//! `rump find`: files by name, type, size and time.

use crate::glob::{Case, matches};
use crate::output::{Output, escaped};
use crate::record::{Format, JsonWriter, Record, add_xattrs, read_target, stat_path};
use crate::session::{Failure, Place, Session};
use crate::walk::{Entry, Step, Visitor, file_name, walk};
use clap::{Args as ClapArgs, ValueHint};
use rumpkit::{FileType, Stat};
use std::ffi::OsString;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::time::{SystemTime, UNIX_EPOCH};

/// Words that may be written with one dash, as `find` has them.
pub const WORDS: &[&str] = &[
    "-name",
    "-iname",
    "-type",
    "-size",
    "-mtime",
    "-maxdepth",
    "-mindepth",
    "-print0",
    "-print",
    "-json",
    "-jsonl",
    "-xattrs",
];

/// Arguments of `rump find`. All conditions must hold.
#[derive(ClapArgs)]
#[command(after_help = "Examples:
  rump find disk.img:/var -name '*.log' -size +1M -mtime -7
  rump find disk.img -type f,l -print0 | xargs -0 ...
Options may be written with one dash or with two. Records of --json: those of stat.")]
pub struct Args {
    /// Name matches this shell pattern
    #[arg(long, value_name = "GLOB")]
    name: Vec<OsString>,
    /// As --name, upper and lower case alike
    #[arg(long, value_name = "GLOB")]
    iname: Vec<OsString>,
    /// One of these types: f, d, l, c, b, p, s
    #[arg(long = "type", value_name = "TYPES")]
    types: Option<String>,
    /// Size: N, +N or -N with a unit of c, k, M, G or b, rounded up to the unit; b (512 bytes) is the default
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true)]
    size: Vec<String>,
    /// Days since the last change: [+-]N
    #[arg(long, value_name = "DAYS", allow_hyphen_values = true)]
    mtime: Vec<String>,
    /// Go no deeper than this
    #[arg(long, value_name = "N", default_value_t = usize::MAX, hide_default_value = true)]
    maxdepth: usize,
    /// Leave out what is less deep than this
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    mindepth: usize,
    /// End each path with a zero byte instead of a line end
    #[arg(long, conflicts_with = "Format")]
    print0: bool,
    /// Print paths, one a line (the default)
    #[arg(long)]
    print: bool,
    #[command(flatten)]
    format: Format,
    /// With --json or --jsonl: extended attributes too
    #[arg(long, requires = "Format")]
    xattrs: bool,
    /// Where to begin
    #[arg(value_name = "ADDRESS", value_hint = ValueHint::AnyPath, required = true)]
    addresses: Vec<OsString>,
}

/// `+N`, `-N` or `N`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bound {
    More(i128),
    Less(i128),
    Exactly(i128),
}

impl Bound {
    fn parse(text: &str) -> Option<Self> {
        let digits = text.trim_start_matches(['+', '-']);
        if text.len() - digits.len() > 1 || digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let number = i128::from(digits.parse::<u64>().ok()?);
        Some(match text.as_bytes()[0] {
            b'+' => Self::More(number),
            b'-' => Self::Less(number),
            _ => Self::Exactly(number),
        })
    }

    fn holds(self, value: i128) -> bool {
        match self {
            Self::More(bound) => value > bound,
            Self::Less(bound) => value < bound,
            Self::Exactly(bound) => value == bound,
        }
    }
}

/// The conditions, read once.
struct Conditions<'a> {
    args: &'a Args,
    types: Option<Vec<FileType>>,
    sizes: Vec<(Bound, u64)>,
    mtimes: Vec<Bound>,
    now: i128,
}

impl<'a> Conditions<'a> {
    fn new(args: &'a Args) -> Result<Self, Failure> {
        let usage =
            |option: &str, text: &str| Failure::Usage(format!("find: {option} does not take '{text}'"));
        let types = match &args.types {
            Some(text) => Some(parse_types(text).ok_or_else(|| usage("-type", text))?),
            None => None,
        };
        let sizes = args.size.iter().map(|text| parse_size(text).ok_or_else(|| usage("-size", text)));
        let mtimes = args.mtime.iter().map(|text| Bound::parse(text).ok_or_else(|| usage("-mtime", text)));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i128::from(since.as_secs()));
        Ok(Self {
            args,
            types,
            sizes: sizes.collect::<Result<_, _>>()?,
            mtimes: mtimes.collect::<Result<_, _>>()?,
            now,
        })
    }

    fn hold(&self, name: &[u8], stat: &Stat) -> bool {
        let age_days = (self.now - i128::from(stat.mtime.sec)).div_euclid(86_400);
        self.types.as_ref().is_none_or(|types| types.contains(&stat.file_type))
            && self.args.name.iter().all(|glob| matches(glob.as_bytes(), name, Case::Exact))
            && self.args.iname.iter().all(|glob| matches(glob.as_bytes(), name, Case::Fold))
            && self.sizes.iter().all(|(bound, unit)| bound.holds(i128::from(stat.size.div_ceil(*unit))))
            && self.mtimes.iter().all(|bound| bound.holds(age_days))
    }
}

fn parse_types(text: &str) -> Option<Vec<FileType>> {
    let one = |word: &str| {
        Some(match word {
            "f" => FileType::Regular,
            "d" => FileType::Directory,
            "l" => FileType::Symlink,
            "c" => FileType::CharDevice,
            "b" => FileType::BlockDevice,
            "p" => FileType::Fifo,
            "s" => FileType::Socket,
            _ => return None,
        })
    };
    text.split(',').map(one).collect()
}

fn parse_size(text: &str) -> Option<(Bound, u64)> {
    let unit = match text.as_bytes().last()? {
        b'c' => 1,
        b'k' => 1 << 10,
        b'M' => 1 << 20,
        b'G' => 1 << 30,
        b'b' | b'0'..=b'9' => 512,
        _ => return None,
    };
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    (text.len() - number.len() <= 1).then_some(())?;
    Some((Bound::parse(number)?, unit))
}

struct Search<'a> {
    conditions: &'a Conditions<'a>,
    place: &'a Place,
    session: &'a mut Session,
    out: &'a mut Output,
    json: &'a mut JsonWriter,
    escape: bool,
}

/// Runs it.
pub fn run(args: &Args, session: &mut Session, out: &mut Output) -> Result<(), Failure> {
    let conditions = Conditions::new(args)?;
    let mut json = args.format.writer();
    let escape = out.is_terminal() && !args.print0;
    for place in session.places(&args.addresses)? {
        match stat_path(place.process(), &place.path, false) {
            Ok(stat) => {
                let (conditions, json) = (&conditions, &mut json);
                let mut search = Search { conditions, place: &place, session, out, json, escape };
                walk(place.process(), &place.path, &stat, &mut search)?;
            }
            Err(error) => session.report(&place, &place.path, &error),
        }
    }
    Ok(json.finish(out)?)
}

impl Search<'_> {
    fn found(&mut self, entry: &Entry<'_>, name: &[u8]) -> Result<(), Failure> {
        let args = self.conditions.args;
        if !args.format.is_json() {
            match self.escape {
                true => self.out.write_all(escaped(entry.path).as_bytes())?,
                false => self.out.write_all(entry.path)?,
            }
            return Ok(self.out.write_all(if args.print0 { b"\0" } else { b"\n" })?);
        }
        let process = self.place.process();
        let target = read_target(process, entry.directory, entry.name, entry.stat).unwrap_or_else(|error| {
            self.session.report(self.place, entry.path, &error);
            None
        });
        let mut record = Record::new(entry.path, name, entry.stat, target.as_deref());
        if args.xattrs {
            if let Err(error) = add_xattrs(&mut record, process, entry.directory, entry.name) {
                self.session.report(self.place, entry.path, &error);
            }
        }
        Ok(self.json.write(self.out, &record)?)
    }
}

impl Visitor<Failure> for Search<'_> {
    fn enter(&mut self, entry: &Entry<'_>) -> Result<Step, Failure> {
        let args = self.conditions.args;
        let name = match file_name(entry.name) {
            b"" => b"/",
            name => name,
        };
        if entry.depth >= args.mindepth
            && entry.depth <= args.maxdepth
            && self.conditions.hold(name, entry.stat)
        {
            self.found(entry, name)?;
        }
        Ok(if entry.depth < args.maxdepth { Step::Into } else { Step::Over })
    }

    fn failed(&mut self, path: &[u8], why: &str) -> Result<(), Failure> {
        self.session.report(self.place, path, &why);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_signs_and_units() {
        assert_eq!(parse_size("+1M"), Some((Bound::More(1), 1 << 20)));
        assert_eq!(parse_size("-5c"), Some((Bound::Less(5), 1)));
        assert_eq!(parse_size("3"), Some((Bound::Exactly(3), 512)));
        assert!(["", "M", "+", "1x", "++1", "1kk", "-+1k"].iter().all(|text| parse_size(text).is_none()));
    }

    #[test]
    fn types_are_a_list_of_letters() {
        assert_eq!(parse_types("f,d"), Some(vec![FileType::Regular, FileType::Directory]));
        assert_eq!(parse_types("f,x"), None);
    }
}
