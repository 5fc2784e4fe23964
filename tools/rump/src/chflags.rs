//! `rump chflags`: changes the flags of files, by the names of BSD.

use crate::change::{Change, Telling};
use crate::output::Output;
use crate::session::{Failure, Place, Session};
use crate::steps::{Follow, Links, walk_following};
use crate::walk::{Entry, Listing, Step, Visitor};
use clap::{Args as ClapArgs, ValueHint};
use rumpkit::{FileFlags, FileType, KResult};
use std::ffi::OsString;
use std::str::FromStr;

/// Arguments of `rump chflags`.
#[derive(ClapArgs)]
#[command(after_help = "Examples:
  rump chflags uchg,nodump disk.img:/etc/passwd
  rump chflags -R noschg disk.img@1:/boot
Flags: nodump, opaque, arch, uappnd, uchg for the owner's changes and schg, sappnd for the superuser's; \"no\" in front
takes a flag away (of nodump: dump does). A number in base 8 sets all. ext keeps nodump, append-only and immutable.")]
pub struct Args {
    /// Directories with all that is in them
    #[arg(short = 'R', long)]
    recursive: bool,
    /// Change symbolic links themselves
    #[arg(short = 'h', long)]
    no_dereference: bool,
    #[command(flatten)]
    links: Links,
    #[command(flatten)]
    telling: Telling,
    /// Which flags
    #[arg(value_name = "FLAGS")]
    flags: FlagsChange,
    /// What to change, as IMAGE:/PATH
    #[arg(value_name = "ADDRESS", value_hint = ValueHint::AnyPath, required = true)]
    addresses: Vec<OsString>,
}

/// Names, and what they mean. The first name of a flag is the usual one.
const NAMES: &[(&str, FileFlags)] = &[
    ("arch", FileFlags::SF_ARCHIVED),
    ("archived", FileFlags::SF_ARCHIVED),
    ("opaque", FileFlags::UF_OPAQUE),
    ("sappnd", FileFlags::SF_APPEND),
    ("sappend", FileFlags::SF_APPEND),
    ("schg", FileFlags::SF_IMMUTABLE),
    ("schange", FileFlags::SF_IMMUTABLE),
    ("simmutable", FileFlags::SF_IMMUTABLE),
    ("uappnd", FileFlags::UF_APPEND),
    ("uappend", FileFlags::UF_APPEND),
    ("uchg", FileFlags::UF_IMMUTABLE),
    ("uchange", FileFlags::UF_IMMUTABLE),
    ("uimmutable", FileFlags::UF_IMMUTABLE),
];

/// A change of flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FlagsChange {
    kept: FileFlags,
    set: FileFlags,
}

impl FlagsChange {
    fn apply(self, before: FileFlags) -> FileFlags {
        before & self.kept | self.set
    }
}

impl FromStr for FlagsChange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            let bits = u32::from_str_radix(text, 8).ok().and_then(FileFlags::from_bits);
            let set = bits.ok_or_else(|| format!("{text} is no number of flags"))?;
            return Ok(Self { kept: FileFlags::empty(), set });
        }
        let mut change = Self { kept: FileFlags::all(), set: FileFlags::empty() };
        for name in text.split(',') {
            let (flag, is_set) = find(name).ok_or_else(|| format!("{name:?} is no flag"))?;
            if is_set {
                change.set |= flag;
            } else {
                change.kept &= !flag;
                change.set &= !flag;
            }
        }
        Ok(change)
    }
}

/// The flag of a name, and whether that sets it.
fn find(name: &str) -> Option<(FileFlags, bool)> {
    match name {
        "nodump" => return Some((FileFlags::UF_NODUMP, true)),
        "dump" => return Some((FileFlags::UF_NODUMP, false)),
        _ => {}
    }
    let of = |name: &str| NAMES.iter().find(|(known, _)| *known == name).map(|(_, flag)| *flag);
    of(name).map(|flag| (flag, true)).or_else(|| Some((of(name.strip_prefix("no")?)?, false)))
}

/// Runs it.
pub fn run(args: &Args, session: &mut Session, output: &mut Output) -> Result<(), Failure> {
    let mut change = Change::new(session, output, &(&args.telling).into());
    let places = change.places(&args.addresses)?;
    change.each(&places, |change, place| {
        let follow = args.links.follow(args.recursive, !args.no_dereference);
        let mut setter = Setter { args, change, place, follow };
        walk_following(place, follow, &mut setter)
    })
}

struct Setter<'a, 'b> {
    args: &'a Args,
    change: &'a mut Change<'b>,
    place: &'a Place,
    follow: Follow,
}

impl Setter<'_, '_> {
    fn set(&self, path: &[u8], before: FileFlags, follows: bool) -> KResult<bool> {
        let process = self.place.process();
        let after = self.args.flags.apply(before);
        match (after == before, follows) {
            (true, _) => return Ok(false),
            (_, true) => process.chflags(path, after)?,
            (_, false) => process.lchflags(path, after)?,
        }
        Ok(true)
    }
}

impl Visitor<Failure> for Setter<'_, '_> {
    const LISTING: Listing = Listing::Names;

    fn enter(&mut self, entry: &Entry<'_>) -> Result<Step, Failure> {
        self.change.session.stop.check()?;
        let follows = self.follow.of(entry.depth);
        if follows || self.args.no_dereference || entry.stat.file_type != FileType::Symlink {
            match self.set(entry.path, entry.stat.flags, follows) {
                Ok(true) => self.change.tell("flag", self.place, entry.path)?,
                Ok(false) => {}
                Err(error) => self.change.fail(self.place, entry.path, &error)?,
            }
        }
        Ok(if self.args.recursive { Step::Into } else { Step::Over })
    }

    fn failed(&mut self, path: &[u8], why: &str) -> Result<(), Failure> {
        self.change.session.report(self.place, path, &why);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(text: &str, before: FileFlags) -> FileFlags {
        text.parse::<FlagsChange>().unwrap().apply(before)
    }

    #[test]
    fn names_set_flags_and_take_them_away() {
        let schg = FileFlags::SF_IMMUTABLE;
        assert_eq!(apply("schg,nodump", FileFlags::empty()), schg | FileFlags::UF_NODUMP);
        assert_eq!(apply("noschg", schg | FileFlags::UF_APPEND), FileFlags::UF_APPEND);
        assert_eq!(apply("dump,uappnd", FileFlags::UF_NODUMP), FileFlags::UF_APPEND);
        assert_eq!(apply("0", schg), FileFlags::empty());
        assert_eq!(apply("2", schg), FileFlags::UF_IMMUTABLE);
    }

    #[test]
    fn what_is_no_flag_is_refused() {
        for text in ["", "no", "schg,", "x", "9", "100000000"] {
            assert!(text.parse::<FlagsChange>().is_err(), "{text}");
        }
    }
}
