//! `rump.ls`, as ls(1) of NetBSD: owners by their numbers, times in UTC.

mod grid;
mod show;
mod walk;

use crate::session::{Failure, Session};
use crate::tool::Run;
use grid::Form;
use rump_client::abi::{ClockId, FileType, Stat};
use std::cmp::Reverse;
use std::ffi::OsString;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use walk::Listing;

/// Arguments of `rump.ls`.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  rump.ls -l /mnt\n  rump.ls -R --json /mnt
Records of --json: path, name, type, mode, uid, gid, nlink, size, blocks (of 512 bytes), ino, mtime, atime, ctime,
birthtime, where they apply target, rdev, and path_hex, name_hex, target_hex beside what is not UTF-8.")]
pub struct Args {
    /// One name a line, as it is where it goes to no terminal
    #[arg(short = '1', overrides_with_all = ["down", "across"])]
    one: bool,
    /// Names that begin with a dot, too, but not . and ..
    #[arg(short = 'A')]
    almost_all: bool,
    /// Names that begin with a dot, too
    #[arg(short = 'a')]
    all: bool,
    /// Names in columns, downwards, as it is at a terminal
    #[arg(short = 'C', overrides_with_all = ["one", "across"])]
    down: bool,
    /// Directories themselves, not what is in them
    #[arg(short = 'd')]
    directory: bool,
    /// A sign of its type behind each name
    #[arg(short = 'F')]
    classify: bool,
    /// In the order of the directory
    #[arg(short = 'f')]
    unsorted: bool,
    /// Sizes for people
    #[arg(short = 'h')]
    human: bool,
    /// Inode numbers
    #[arg(short = 'i')]
    inode: bool,
    /// Type and permissions, links, owner, group, size and time
    #[arg(short = 'l')]
    long: bool,
    /// As -l: owners are numbers in any case
    #[arg(short = 'n')]
    numeric: bool,
    /// Directories below, too
    #[arg(short = 'R')]
    recursive: bool,
    /// The other way round
    #[arg(short = 'r')]
    reverse: bool,
    /// Largest first
    #[arg(short = 'S')]
    by_size: bool,
    /// Blocks of 512 bytes
    #[arg(short = 's')]
    blocks: bool,
    /// With -l: times with seconds and year
    #[arg(short = 'T')]
    full_time: bool,
    /// Newest first
    #[arg(short = 't')]
    by_time: bool,
    /// Names in columns, across
    #[arg(short = 'x', overrides_with_all = ["one", "down"])]
    across: bool,
    /// Print a JSON record per line
    #[arg(long, visible_alias = "jsonl")]
    json: bool,
    /// What to list; else the root
    #[arg(value_name = "FILE")]
    files: Vec<OsString>,
}

/// A name, and what it is of.
struct Row {
    /// As it is shown.
    name: Vec<u8>,
    path: Vec<u8>,
    stat: Stat,
    target: Option<Vec<u8>>,
}

impl Run for Args {
    fn run(&self, session: &mut Session, out: &mut dyn Write) -> Result<(), Failure> {
        let process = session.connect()?;
        let now = process.clock_gettime(ClockId::Realtime).unwrap_or_default();
        let form = Form::of(self);
        let mut listing = Listing { args: self, process, session, out, now, form, began: false };
        let all: Vec<&[u8]> = match self.files.is_empty() {
            true => vec![b"/"],
            false => self.files.iter().map(|file| file.as_bytes()).collect(),
        };
        let (mut rows, mut directories) = (Vec::new(), Vec::new());
        for &path in &all {
            match listing.top(path) {
                Ok(row) if row.stat.file_type == FileType::Directory && !self.directory => {
                    directories.push(row);
                }
                Ok(row) => rows.push(row),
                Err(error) => listing.session.report(path, &error),
            }
        }
        self.sort(&mut rows);
        self.sort(&mut directories);
        listing.began = !rows.is_empty();
        listing.rows(&rows)?;
        let is_headed = self.recursive || all.len() > 1;
        directories.into_iter().try_for_each(|row| listing.tree(row.path, is_headed))?;
        Ok(())
    }
}

impl Args {
    fn is_long(&self) -> bool {
        self.long || self.numeric
    }

    fn shows(&self, name: &[u8]) -> bool {
        match name {
            _ if self.all || self.unsorted => true,
            b"." | b".." => false,
            name => self.almost_all || name.first() != Some(&b'.'),
        }
    }

    fn sort(&self, rows: &mut [Row]) {
        if self.unsorted {
            return;
        }
        rows.sort_by(|one, other| one.name.cmp(&other.name));
        // Stable: equal ones stay in order of their names.
        if self.by_size {
            rows.sort_by_key(|row| Reverse(row.stat.size));
        } else if self.by_time {
            rows.sort_by_key(|row| Reverse((row.stat.mtime.sec, row.stat.mtime.nsec)));
        }
        if self.reverse {
            rows.reverse();
        }
    }
}
