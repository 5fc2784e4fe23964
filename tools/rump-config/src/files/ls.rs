//! `rump.ls`, as ls(1) of NetBSD: one name a line, owners by their numbers, times in UTC.

use crate::session::{Failure, Session};
use crate::tool::Run;
use rump_cli::escape::escaped;
use rump_cli::file::Record;
use rump_cli::mode::mode_text;
use rump_cli::units;
use rump_client::RemoteProcess;
use rump_client::abi::{AtFlags, ClockId, FileType, Ino, Mode, OpenFlags, Stat, TimeSpec};
use rump_client::kern::Fd;
use rump_client::kpi::KResult;
use std::cmp::Reverse;
use std::collections::HashSet;
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;

/// Arguments of `rump.ls`.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  rump.ls -l /mnt\n  rump.ls -R --json /mnt
Records of --json: path, name, type, mode, uid, gid, nlink, size, blocks (of 512 bytes), ino, mtime, atime, ctime,
birthtime, where they apply target, rdev, and path_hex, name_hex, target_hex beside what is not UTF-8.")]
pub struct Args {
    /// One name a line (always so)
    #[arg(short = '1')]
    one: bool,
    /// Names that begin with a dot, too, but not . and ..
    #[arg(short = 'A')]
    almost_all: bool,
    /// Names that begin with a dot, too
    #[arg(short = 'a')]
    all: bool,
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

struct Listing<'a> {
    args: &'a Args,
    process: RemoteProcess,
    session: &'a mut Session,
    out: &'a mut dyn Write,
    now: TimeSpec,
    /// Something was printed, so that a directory is set off.
    began: bool,
}

impl Run for Args {
    fn run(&self, session: &mut Session, out: &mut dyn Write) -> Result<(), Failure> {
        let process = session.connect()?;
        let now = process.clock_gettime(ClockId::Realtime).unwrap_or_default();
        let mut listing = Listing { args: self, process, session, out, now, began: false };
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

impl Listing<'_> {
    /// A link on the command line is followed to a directory, unless the link itself is to be described.
    fn top(&self, path: &[u8]) -> KResult<Row> {
        let mut stat = self.process.lstat(path)?;
        let is_described = self.args.is_long() || self.args.directory || self.args.classify;
        if stat.file_type == FileType::Symlink && !is_described {
            let followed = self.process.stat(path).ok();
            stat = followed.filter(|to| to.file_type == FileType::Directory).unwrap_or(stat);
        }
        self.row(None, path.to_vec(), path.to_vec(), stat)
    }

    fn row(&self, dir: Option<Fd>, name: Vec<u8>, path: Vec<u8>, stat: Stat) -> KResult<Row> {
        let is_link = stat.file_type == FileType::Symlink && (self.args.is_long() || self.args.json);
        let target = is_link.then(|| self.process.readlinkat(dir, &name)).transpose()?;
        Ok(Row { name, path, stat, target })
    }

    /// A directory, and with -R those below.
    fn tree(&mut self, top: Vec<u8>, is_headed: bool) -> io::Result<()> {
        let (mut pending, mut seen) = (vec![top], HashSet::new());
        while let Some(path) = pending.pop() {
            let rows = match self.directory(&path, &mut seen) {
                Ok(rows) => rows,
                Err(error) => {
                    self.session.report(&path, &error);
                    continue;
                }
            };
            if is_headed && !self.args.json {
                let gap = if self.began { "\n" } else { "" };
                writeln!(self.out, "{gap}{}:", escaped(&path))?;
            }
            self.began = true;
            if (self.args.is_long() || self.args.blocks) && !self.args.json {
                let blocks = rows.iter().fold(0, |all: u64, row| all.saturating_add(row.stat.blocks));
                writeln!(self.out, "total {blocks}")?;
            }
            self.rows(&rows)?;
            if self.args.recursive {
                let is_below = |row: &&Row| {
                    row.stat.file_type == FileType::Directory && !matches!(&row.name[..], b"." | b"..")
                };
                pending.extend(rows.iter().rev().filter(is_below).map(|row| row.path.clone()));
            }
        }
        Ok(())
    }

    /// What is in a directory, in order. What fails of one entry is told, and the rest is there. Errors: those of opening and
    /// reading.
    fn directory(&mut self, path: &[u8], seen: &mut HashSet<(u64, Ino)>) -> KResult<Vec<Row>> {
        let fd = self.process.open(path, OpenFlags::DIRECTORY, Mode::new(0))?;
        let listed = self.entries(path, fd, seen);
        // Closing what was only read cannot lose anything.
        let _ = self.process.close(fd);
        let mut rows = listed?;
        self.args.sort(&mut rows);
        Ok(rows)
    }

    fn entries(&mut self, path: &[u8], fd: Fd, seen: &mut HashSet<(u64, Ino)>) -> KResult<Vec<Row>> {
        let own = self.process.fstat(fd)?;
        if !seen.insert((own.dev, own.ino)) {
            // A damaged file system may lead back to itself.
            return Err(rump_client::abi::Errno::ELOOP.into());
        }
        let mut names = Vec::new();
        self.process.getdents_while(fd, &mut |entry| {
            if self.args.shows(entry.name) {
                names.push(entry.name.to_vec());
            }
            true
        })?;
        let mut rows = Vec::with_capacity(names.len());
        for name in names {
            let slash: &[u8] = if path.ends_with(b"/") { b"" } else { b"/" };
            let full = [path, slash, &name].concat();
            let stat = self.process.fstatat(Some(fd), &name, AtFlags::SYMLINK_NOFOLLOW);
            match stat.and_then(|stat| self.row(Some(fd), name, full.clone(), stat)) {
                Ok(row) => rows.push(row),
                Err(error) => self.session.report(&full, &error),
            }
        }
        Ok(rows)
    }

    fn rows(&mut self, rows: &[Row]) -> io::Result<()> {
        if self.args.json {
            return rows.iter().try_for_each(|row| {
                let name = row.name.rsplit(|byte| *byte == b'/').next().unwrap_or(&row.name);
                let record = Record::new(&row.path, name, &row.stat, row.target.as_deref());
                writeln!(self.out, "{}", serde_json::to_string(&record)?)
            });
        }
        let columns: Vec<&Column> = COLUMNS.iter().filter(|column| (column.is_there)(self.args)).collect();
        let cells: Vec<Vec<String>> =
            rows.iter().map(|row| columns.iter().map(|column| (column.text)(self, row)).collect()).collect();
        let width = |at: usize| cells.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns.len()).map(width).collect();
        for row in &cells {
            for ((column, cell), width) in columns.iter().zip(row).zip(&widths) {
                self.out.write_all((column.place)(cell, *width).as_bytes())?;
            }
            writeln!(self.out)?;
        }
        Ok(())
    }

    fn time(&self, time: TimeSpec) -> String {
        if self.args.full_time { units::listed_in_full(time) } else { units::listed(time, self.now) }
    }

    fn size(&self, stat: &Stat) -> String {
        match stat.file_type {
            FileType::CharDevice | FileType::BlockDevice => {
                format!("{}, {}", stat.rdev.major, stat.rdev.minor)
            }
            _ if self.args.human => units::human(stat.size),
            _ => stat.size.to_string(),
        }
    }

    fn name(&self, row: &Row) -> String {
        let sign = match row.stat.file_type {
            _ if !self.args.classify => "",
            FileType::Directory => "/",
            FileType::Symlink => "@",
            FileType::Fifo => "|",
            FileType::Socket => "=",
            FileType::Regular if row.stat.mode.bits() & 0o111 != 0 => "*",
            _ => "",
        };
        let target = row.target.as_ref().map_or(String::new(), |target| format!(" -> {}", escaped(target)));
        format!("{}{sign}{target}", escaped(&row.name))
    }
}

/// A column of a listing.
struct Column {
    is_there: fn(&Args) -> bool,
    text: fn(&Listing<'_>, &Row) -> String,
    /// Within its width, with what separates it from the next.
    place: fn(&str, usize) -> String,
}

const COLUMNS: &[Column] = &[
    Column { is_there: |args| args.inode, text: |_, row| row.stat.ino.0.to_string(), place: right },
    Column { is_there: |args| args.blocks, text: |_, row| row.stat.blocks.to_string(), place: right },
    Column {
        is_there: Args::is_long,
        text: |_, row| String::from_utf8_lossy(&mode_text(&row.stat)).into_owned(),
        place: left,
    },
    Column { is_there: Args::is_long, text: |_, row| row.stat.nlink.to_string(), place: right },
    Column { is_there: Args::is_long, text: |_, row| row.stat.uid.to_string(), place: left },
    Column { is_there: Args::is_long, text: |_, row| row.stat.gid.to_string(), place: left },
    Column { is_there: Args::is_long, text: |listing, row| listing.size(&row.stat), place: right },
    Column { is_there: Args::is_long, text: |listing, row| listing.time(row.stat.mtime), place: right },
    Column { is_there: |_| true, text: |listing, row| listing.name(row), place: |text, _| text.into() },
];

fn right(text: &str, width: usize) -> String {
    format!("{text:>width$} ")
}

fn left(text: &str, width: usize) -> String {
    format!("{text:<width$}  ")
}
