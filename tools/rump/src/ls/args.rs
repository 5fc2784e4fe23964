//! Arguments of `rump ls`, and what they mean together.

use crate::record::Format;
use clap::{Args as ClapArgs, ValueEnum, ValueHint};
use rumpkit::{Stat, TimeSpec};
use std::ffi::OsString;

/// Flags that ask for a form.
const FORMS: [&str; 8] = ["long", "numeric", "no_owner", "no_group", "columns", "across", "commas", "one"];
/// Those that -1 takes back.
const NOT_LONG: [&str; 3] = ["columns", "across", "commas"];

/// Arguments of `rump ls`.
#[derive(ClapArgs)]
#[command(after_help = "Examples:\n  rump ls -lh disk.img:/var/log\n  rump ls -R --jsonl disk.img@2
Flags are those of GNU ls, but for -T (whole times), -W and -w, which are those of BSD. Of -1 -C -x -m -l the last one
counts. Names of owners are those of the image's own /etc/passwd and /etc/group. Times are UTC; COLUMNS is the width of
a line. Records of --json: those of stat, dot files included.")]
pub struct Args {
    /// Long format: type and mode, links, owner, group, size, time (UTC), name
    #[arg(short = 'l', overrides_with_all = NOT_LONG)]
    long: bool,
    /// Directories below, too
    #[arg(short = 'R', long)]
    pub recursive: bool,
    /// Names that begin with a dot, too, with . and ..
    #[arg(short = 'a', long)]
    pub all: bool,
    /// Names that begin with a dot, too, without . and ..
    #[arg(short = 'A', long)]
    almost_all: bool,
    /// Leave out names that end with ~
    #[arg(short = 'B', long)]
    ignore_backups: bool,
    /// In columns, down and then to the right (as on a terminal)
    #[arg(short = 'C', overrides_with_all = FORMS)]
    columns: bool,
    /// In columns, to the right and then down
    #[arg(short = 'x', overrides_with_all = FORMS)]
    across: bool,
    /// One after the other, with commas
    #[arg(short = 'm', overrides_with_all = FORMS)]
    pub commas: bool,
    /// One name a line
    #[arg(short = '1', overrides_with_all = NOT_LONG)]
    one: bool,
    /// As -l, without owners
    #[arg(short = 'g', overrides_with_all = NOT_LONG)]
    pub no_owner: bool,
    /// As -l, without groups
    #[arg(short = 'o', overrides_with_all = NOT_LONG)]
    pub no_group: bool,
    /// As -l, with owners as numbers
    #[arg(short = 'n', long, overrides_with_all = NOT_LONG)]
    pub numeric: bool,
    /// Put a character behind names: / directory, * program, @ link, | fifo, = socket
    #[arg(short = 'F', long)]
    pub classify: bool,
    /// Put a / behind names of directories
    #[arg(short = 'p')]
    pub slash: bool,
    /// Show what symbolic links lead to
    #[arg(short = 'L', long)]
    pub dereference: bool,
    /// Sizes for people
    #[arg(short = 'h', long)]
    pub human_readable: bool,
    /// With -s: in KiB
    #[arg(short = 'k', long)]
    pub kibibytes: bool,
    /// Space in use, in KiB
    #[arg(short = 's', long = "size")]
    pub space: bool,
    /// Newest first
    #[arg(short = 't', overrides_with_all = ["by_size", "unsorted"])]
    by_time: bool,
    /// Largest first
    #[arg(short = 'S', overrides_with_all = ["by_time", "unsorted"])]
    by_size: bool,
    /// As the directory has them, with all names
    #[arg(short = 'f', overrides_with_all = ["by_time", "by_size"])]
    pub unsorted: bool,
    /// The time of the last change of attributes
    #[arg(short = 'c', overrides_with = "access")]
    change: bool,
    /// The time of the last access
    #[arg(short = 'u', overrides_with = "change")]
    access: bool,
    /// The other way round
    #[arg(short = 'r', long)]
    pub reverse: bool,
    /// Directories themselves, not what is in them
    #[arg(short = 'd', long)]
    pub directory: bool,
    /// Inode numbers
    #[arg(short = 'i', long)]
    pub inode: bool,
    /// Characters that are not shown as in C, a space with a backslash
    #[arg(short = 'b', long, overrides_with_all = ["hide_control", "literal"])]
    pub escape: bool,
    /// A question mark for each character that is not shown
    #[arg(long = "hide-control-chars", overrides_with_all = ["escape", "literal"])]
    pub hide_control: bool,
    /// Names as they are, but on a terminal
    #[arg(short = 'w', overrides_with_all = ["escape", "hide_control"])]
    pub literal: bool,
    /// Whole times, with seconds and year
    #[arg(short = 'T')]
    whole_time: bool,
    /// Whiteouts, which no format that is known has
    #[arg(short = 'W')]
    whiteouts: bool,
    /// How times are shown: long-iso, full-iso or locale
    #[arg(long, value_name = "STYLE", value_enum, default_value = "long-iso", hide_possible_values = true)]
    time_style: TimeStyle,
    #[command(flatten)]
    pub format: Format,
    /// With --json or --jsonl: extended attributes too
    #[arg(long, requires = "Format")]
    pub xattrs: bool,
    /// What to list
    #[arg(value_name = "ADDRESS", value_hint = ValueHint::AnyPath, required = true)]
    pub addresses: Vec<OsString>,
}

/// How times are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TimeStyle {
    /// `2026-11-24 06:30`
    LongIso,
    /// `2026-11-24 06:30:05.000000000 +0000`
    FullIso,
    /// `Nov 24 06:30`, or `Nov 24  2025`
    Locale,
    /// `Nov 24 06:30:05 2026`
    #[value(skip)]
    Whole,
}

/// How names are put on lines.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A line each.
    Lines,
    /// In columns, down.
    Columns,
    /// In columns, across.
    Across,
    /// With commas between them.
    Commas,
}

/// By what is sorted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Names.
    Name,
    /// Times, the latest first.
    Time,
    /// Sizes, the largest first.
    Size,
    /// Nothing.
    Directory,
}

impl Args {
    /// Whether records are asked for.
    pub fn records(&self) -> bool {
        self.format.is_json()
    }

    /// Whether lines are long.
    pub fn is_long(&self) -> bool {
        self.long || self.numeric || self.no_owner || self.no_group
    }

    /// How names are put on lines.
    pub fn form(&self, is_terminal: bool) -> Form {
        match self {
            _ if self.records() || self.is_long() => Form::Lines,
            Self { commas: true, .. } => Form::Commas,
            Self { columns: true, .. } => Form::Columns,
            Self { across: true, .. } => Form::Across,
            Self { one: false, .. } if is_terminal => Form::Columns,
            _ => Form::Lines,
        }
    }

    /// By what is sorted. A kind of time that is not shown is there to sort by.
    pub fn order(&self) -> Order {
        match self {
            Self { by_time: true, .. } => Order::Time,
            Self { by_size: true, .. } => Order::Size,
            Self { unsorted: true, .. } => Order::Directory,
            _ if (self.change || self.access) && !self.is_long() => Order::Time,
            _ => Order::Name,
        }
    }

    /// The time that is shown and sorted by.
    pub fn time_of(&self, stat: &Stat) -> TimeSpec {
        match (self.change, self.access) {
            (true, _) => stat.ctime,
            (_, true) => stat.atime,
            _ => stat.mtime,
        }
    }

    /// How times are shown.
    pub fn time_style(&self) -> TimeStyle {
        if self.whole_time { TimeStyle::Whole } else { self.time_style }
    }

    /// Whether `.` and `..` are listed.
    pub fn lists_dots(&self) -> bool {
        (self.all || self.unsorted) && !self.records()
    }

    /// Whether an entry of this name is listed.
    pub fn lists(&self, name: &[u8]) -> bool {
        let has_all = self.all || self.almost_all || self.unsorted || self.records();
        (has_all || !name.starts_with(b".")) && !(self.ignore_backups && name.ends_with(b"~"))
    }

    /// Whether names are not enough.
    pub fn needs_stats(&self) -> bool {
        let shows = self.is_long() || self.inode || self.space || self.classify || self.slash;
        let sorts = matches!(self.order(), Order::Time | Order::Size);
        shows || sorts || self.recursive || self.records()
    }
}
