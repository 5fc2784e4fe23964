//! The columns of a long listing.

use super::{Args, TimeStyle};
use crate::line::Line;
use crate::owner::Accounts;
use crate::session::Place;
use crate::units;
use rumpkit::{FileType, Stat, TimeSpec};
use std::time::{SystemTime, UNIX_EPOCH};

/// Half of a mean year, in seconds: older times are shown with their year.
const HALF_A_YEAR: i64 = 15_778_476;
/// More than half a year.
const LONG_AGO: i64 = 40_000_000;

/// How wide the columns are.
#[derive(Default)]
pub struct Widths {
    ino: usize,
    space: usize,
    nlink: usize,
    user: usize,
    group: usize,
    size: usize,
    major: usize,
    minor: usize,
    /// Of 512 bytes, of all files.
    pub blocks: u64,
}

impl Widths {
    /// Makes room for a file.
    pub fn include(&mut self, args: &Args, names: Option<&Accounts>, stat: &Stat) {
        self.ino = self.ino.max(digits(stat.ino.0));
        self.nlink = self.nlink.max(digits(stat.nlink));
        if args.is_long() {
            self.user = self.user.max(Who::user(names, stat).width());
            self.group = self.group.max(Who::group(names, stat).width());
        }
        if args.space {
            self.space = self.space.max(space(args, stat.blocks).len());
        }
        if is_device(stat) {
            self.major = self.major.max(digits(stat.rdev.major.into()));
            self.minor = self.minor.max(digits(stat.rdev.minor.into()));
            self.size = self.size.max(self.major + 2 + self.minor);
        } else {
            self.size = self.size.max(match args.human_readable {
                true => units::human(stat.size).len(),
                false => digits(stat.size),
            });
        }
        self.blocks = self.blocks.saturating_add(stat.blocks);
    }
}

fn digits(number: u64) -> usize {
    number.checked_ilog10().unwrap_or(0) as usize + 1
}

fn is_device(stat: &Stat) -> bool {
    matches!(stat.file_type, FileType::CharDevice | FileType::BlockDevice)
}

/// Space in use, in KiB or for people.
pub fn space(args: &Args, blocks: u64) -> String {
    match args.human_readable && !args.kibibytes {
        true => units::human(blocks.saturating_mul(512)),
        false => blocks.div_ceil(2).to_string(),
    }
}

/// The name of an owner, or else the number, which stands at the right of its column.
enum Who {
    Name(String),
    Number(u32),
}

impl Who {
    fn user(names: Option<&Accounts>, stat: &Stat) -> Self {
        names.and_then(|names| names.user(stat.uid)).map_or(Self::Number(stat.uid), Self::Name)
    }

    fn group(names: Option<&Accounts>, stat: &Stat) -> Self {
        names.and_then(|names| names.group(stat.gid)).map_or(Self::Number(stat.gid), Self::Name)
    }

    fn width(&self) -> usize {
        match self {
            Self::Name(name) => super::names::width(name.as_bytes()),
            Self::Number(number) => digits((*number).into()),
        }
    }

    fn write(&self, line: &mut Line, width: usize) {
        match self {
            Self::Name(name) => line.text(name.as_bytes()).spaces(width.saturating_sub(self.width())),
            Self::Number(number) => line.number((*number).into(), width),
        };
        line.text(b" ");
    }
}

/// What stands before the name. Without columns (`is_aligned`) nothing is padded.
pub fn front(
    line: &mut Line,
    args: &Args,
    names: Option<&Accounts>,
    stat: &Stat,
    widths: &Widths,
    now: TimeSpec,
) {
    let is_aligned = !args.commas;
    let width = |width: usize| if is_aligned { width } else { 0 };
    if args.inode {
        line.number(stat.ino.0, width(widths.ino)).text(b" ");
    }
    if args.space {
        line.right(space(args, stat.blocks).as_bytes(), width(widths.space)).text(b" ");
    }
    if !args.is_long() {
        return;
    }
    line.mode(stat).text(b" ").number(stat.nlink, widths.nlink).text(b" ");
    if !args.no_owner {
        Who::user(names, stat).write(line, widths.user);
    }
    if !args.no_group {
        Who::group(names, stat).write(line, widths.group);
    }
    if is_device(stat) {
        let major = widths.size - 2 - widths.minor;
        line.number(stat.rdev.major.into(), major).text(b", ").number(stat.rdev.minor.into(), widths.minor);
    } else if args.human_readable {
        line.right(units::human(stat.size).as_bytes(), widths.size);
    } else {
        line.number(stat.size, widths.size);
    }
    line.text(b" ");
    let time = args.time_of(stat);
    match args.time_style() {
        TimeStyle::LongIso => line.minute(time),
        TimeStyle::FullIso => line.text(units::full(time).as_bytes()),
        TimeStyle::Whole => line.text(units::listed_in_full(time).as_bytes()),
        TimeStyle::Locale => line.text(of_locale(time, now).as_bytes()),
    };
    line.text(b" ");
}

/// As the locale of C has it: `Nov 24 06:30`, and what is not of the last half year `Nov 24  2026`.
pub fn of_locale(time: TimeSpec, now: TimeSpec) -> String {
    let at = |time: TimeSpec| (time.sec, time.nsec);
    let begin = (now.sec.saturating_sub(HALF_A_YEAR), now.nsec);
    let is_recent = begin < at(time) && at(time) < at(now);
    let other = if is_recent { time.sec } else { time.sec.saturating_add(LONG_AGO) };
    units::listed(time, TimeSpec { sec: other, nsec: 0 })
}

/// The clock of the host.
pub fn now() -> TimeSpec {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    TimeSpec { sec: now.as_secs() as i64, nsec: now.subsec_nanos() }
}

/// The names of owners in the image of `place`, where they are wanted.
pub fn accounts(args: &Args, place: &Place) -> Option<Accounts> {
    (args.is_long() && !args.numeric).then(|| Accounts::read(place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_year_is_for_what_is_not_of_the_last_half_year() {
        let at = |sec| TimeSpec { sec, nsec: 0 };
        assert_eq!(of_locale(at(1_000_000), at(1_000_060)), "Jan 12 13:46");
        assert_eq!(of_locale(at(1_000_000), at(1_000_000)), "Jan 12  1970");
        assert_eq!(of_locale(at(1_000_000), at(1_000_000 + HALF_A_YEAR)), "Jan 12  1970");
    }
}
