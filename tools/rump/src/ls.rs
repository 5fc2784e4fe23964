//! `rump ls`: listings of directories, in the form of GNU `ls`.
//!
//! One directory is in memory at a time; attributes are kept for directories of ordinary size and asked for
//! twice for huge ones.

use crate::entries::Entries;
use crate::line::Line;
use crate::output::{Output, escaped};
use crate::record::{Format, JsonWriter, Record, add_xattrs, read_target, stat_path};
use crate::session::{Failure, Place, Session};
use crate::units;
use crate::walk::{file_name, join, open_far};
use clap::{Args as ClapArgs, ValueHint};
use rumpkit::{AtFlags, Fd, FileType, Ino, KResult, Mode, OpenFlags, Stat};
use std::cmp::Reverse;
use std::collections::HashSet;
use std::ffi::OsString;
use std::io::Write;

/// Directories up to this size keep their attributes in memory.
const KEPT_STATS: usize = 100_000;

/// Arguments of `rump ls`.
#[derive(ClapArgs)]
#[command(after_help = "Examples:\n  rump ls -lh disk.img:/var/log\n  rump ls -R --jsonl disk.img@2
Records of --json: those of stat, dot files included.")]
pub struct Args {
    /// Long format: type and mode, links, owner, group, size, time (UTC), name
    #[arg(short = 'l')]
    long: bool,
    /// Directories below, too
    #[arg(short = 'R', long)]
    recursive: bool,
    /// Names that begin with a dot, too, with . and ..
    #[arg(short = 'a', long)]
    all: bool,
    /// With -l: sizes for people
    #[arg(short = 'h', long)]
    human_readable: bool,
    /// Newest first
    #[arg(short = 't')]
    by_time: bool,
    /// Largest first
    #[arg(short = 'S', conflicts_with = "by_time")]
    by_size: bool,
    /// The other way round
    #[arg(short = 'r', long)]
    reverse: bool,
    /// Directories themselves, not what is in them
    #[arg(short = 'd', long)]
    directory: bool,
    /// Inode numbers
    #[arg(short = 'i', long)]
    inode: bool,
    /// One name a line (always so)
    #[arg(short = '1')]
    one: bool,
    /// Numeric owners (always so)
    #[arg(short = 'n')]
    numeric: bool,
    #[command(flatten)]
    format: Format,
    /// With --json or --jsonl: extended attributes too
    #[arg(long, requires = "Format")]
    xattrs: bool,
    /// What to list
    #[arg(value_name = "ADDRESS", value_hint = ValueHint::AnyPath, required = true)]
    addresses: Vec<OsString>,
}

impl Args {
    fn records(&self) -> bool {
        self.format.is_json()
    }

    fn needs_stats(&self) -> bool {
        self.long || self.recursive || self.inode || self.by_time || self.by_size || self.records()
    }
}

/// How wide the columns are.
#[derive(Default)]
struct Widths {
    ino: usize,
    nlink: usize,
    uid: usize,
    gid: usize,
    size: usize,
    blocks: u64,
}

impl Widths {
    fn include(&mut self, stat: &Stat, human: bool) {
        self.ino = self.ino.max(digits(stat.ino.0));
        self.nlink = self.nlink.max(digits(stat.nlink));
        self.uid = self.uid.max(digits(u64::from(stat.uid)));
        self.gid = self.gid.max(digits(u64::from(stat.gid)));
        self.size = self.size.max(match is_number(stat, human) {
            true => digits(stat.size),
            false => size_text(stat, human).len(),
        });
        self.blocks = self.blocks.saturating_add(stat.blocks);
    }
}

fn digits(number: u64) -> usize {
    number.checked_ilog10().unwrap_or(0) as usize + 1
}

/// Whether the column of sizes has the plain size.
fn is_number(stat: &Stat, human: bool) -> bool {
    !human && !matches!(stat.file_type, FileType::CharDevice | FileType::BlockDevice)
}

fn size_text(stat: &Stat, human: bool) -> String {
    match stat.file_type {
        FileType::CharDevice | FileType::BlockDevice => format!("{}, {}", stat.rdev.major, stat.rdev.minor),
        _ if human => units::human(stat.size),
        _ => stat.size.to_string(),
    }
}

struct Listing<'a> {
    args: &'a Args,
    session: &'a mut Session,
    out: &'a mut Output,
    json: JsonWriter,
    line: Line,
    /// Of the directory that was listed last.
    entries: Entries,
    /// Whether a directory was printed, so that the next one is set off.
    began: bool,
}

/// Runs it.
pub fn run(args: &Args, session: &mut Session, out: &mut Output) -> Result<(), Failure> {
    let places = session.places(&args.addresses)?;
    let mut listing = Listing {
        args,
        session,
        out,
        json: args.format.writer(),
        line: Line::default(),
        entries: Entries::default(),
        began: false,
    };
    let mut directories = Vec::new();
    for place in places {
        match listing.stat_top(&place) {
            Ok(stat) if stat.file_type == FileType::Directory && !args.directory => directories.push(place),
            Ok(stat) => {
                let mut widths = Widths::default();
                widths.include(&stat, args.human_readable);
                listing.row(&place, None, &place.path, &place.path, &stat, &widths)?;
                listing.began = true;
            }
            Err(error) => listing.session.report(&place, &place.path, &error),
        }
    }
    let headed = args.recursive || args.addresses.len() > 1;
    for place in &directories {
        listing.directories(place, headed)?;
    }
    let Listing { json, out, .. } = listing;
    Ok(json.finish(out)?)
}

impl Listing<'_> {
    /// A link on the command line is followed to a directory, unless the link itself is to be described.
    fn stat_top(&self, place: &Place) -> KResult<Stat> {
        let stat = stat_path(place.process(), &place.path, false)?;
        if stat.file_type != FileType::Symlink || self.args.long || self.args.directory {
            return Ok(stat);
        }
        match stat_path(place.process(), &place.path, true) {
            Ok(target) if target.file_type == FileType::Directory => Ok(target),
            _ => Ok(stat),
        }
    }

    fn directories(&mut self, place: &Place, headed: bool) -> Result<(), Failure> {
        let mut pending = vec![place.path.clone()];
        let mut seen = HashSet::new();
        while let Some(path) = pending.pop() {
            let process = place.process();
            let is_top = path == place.path;
            let opened = match is_top {
                true => process.open(&path, OpenFlags::DIRECTORY, Mode::new(0)),
                false => open_far(process, &path),
            };
            let fd = match opened {
                Ok(fd) => fd,
                Err(error) => {
                    self.session.report(place, &path, &error);
                    continue;
                }
            };
            let before = pending.len();
            let result = self.directory(place, &path, fd, headed, &mut seen, &mut pending);
            // Closing what was only read cannot lose anything.
            let _ = process.close(fd);
            result?;
            pending[before..].reverse();
        }
        Ok(())
    }

    fn directory(
        &mut self,
        place: &Place,
        path: &[u8],
        fd: Fd,
        headed: bool,
        seen: &mut HashSet<Ino>,
        pending: &mut Vec<Vec<u8>>,
    ) -> Result<(), Failure> {
        let ino = match place.process().fstat(fd) {
            Ok(stat) => stat.ino,
            Err(error) => {
                self.session.report(place, path, &error);
                return Ok(());
            }
        };
        if !seen.insert(ino) {
            self.session.report(place, path, &"directory met before: the image is damaged");
            return Ok(());
        }
        let mut entries = std::mem::take(&mut self.entries);
        match self.args.needs_stats() {
            true => entries.read(place.process(), fd, KEPT_STATS),
            false => entries.read_names(place.process(), fd),
        }
        let result = self.rows(place, path, fd, headed, &entries, pending);
        self.entries = entries;
        result
    }

    /// Prints the entries of the directory at `path`; those to be listed next are added to `pending`.
    fn rows(
        &mut self,
        place: &Place,
        path: &[u8],
        fd: Fd,
        headed: bool,
        entries: &Entries,
        pending: &mut Vec<Vec<u8>>,
    ) -> Result<(), Failure> {
        if let Some(damage) = entries.damage() {
            self.session.report(place, path, damage);
        }
        let rows = Rows::new(self, place, path, fd, entries);
        if headed && !self.args.records() {
            let gap = if self.began { "\n" } else { "" };
            writeln!(self.out, "{gap}{}:", escaped(path))?;
        }
        self.began = true;
        if self.args.long && !self.args.records() {
            writeln!(self.out, "total {}", rows.widths.blocks.div_ceil(2))?;
        }
        let mut full = Vec::new();
        for &index in &rows.order {
            let name = rows.name(index);
            full.clear();
            full.extend_from_slice(path);
            join(&mut full, name);
            if !self.args.needs_stats() {
                writeln!(self.out, "{}", escaped(name))?;
                continue;
            }
            let stat = match rows.stat(place, fd, index) {
                Ok(stat) => stat,
                Err(error) => {
                    self.session.report(place, &full, &error);
                    continue;
                }
            };
            self.row(place, Some(fd), &full, name, &stat, &rows.widths)?;
            let is_real = name != b"." && name != b"..";
            if self.args.recursive && is_real && stat.file_type == FileType::Directory {
                pending.push(full.clone());
            }
        }
        Ok(())
    }

    fn row(
        &mut self,
        place: &Place,
        directory: Option<Fd>,
        path: &[u8],
        name: &[u8],
        stat: &Stat,
        widths: &Widths,
    ) -> Result<(), Failure> {
        let needs_target = self.args.long || self.args.records();
        let target = match needs_target.then(|| read_target(place.process(), directory, name, stat)) {
            Some(Ok(target)) => target,
            Some(Err(error)) => {
                self.session.report(place, path, &error);
                None
            }
            None => None,
        };
        if self.args.records() {
            let mut record = Record::new(path, file_name(name), stat, target.as_deref());
            if self.args.xattrs {
                if let Err(error) = add_xattrs(&mut record, place.process(), directory, name) {
                    self.session.report(place, path, &error);
                }
            }
            return Ok(self.json.write(self.out, &record)?);
        }
        let line = &mut self.line;
        if self.args.inode {
            line.number(stat.ino.0, widths.ino).text(b" ");
        }
        if self.args.long {
            let human = self.args.human_readable;
            line.mode(stat).text(b" ").number(stat.nlink, widths.nlink).text(b" ");
            line.number(stat.uid.into(), widths.uid)
                .text(b" ")
                .number(stat.gid.into(), widths.gid)
                .text(b" ");
            match is_number(stat, human) {
                true => line.number(stat.size, widths.size),
                false => line.right(size_text(stat, human).as_bytes(), widths.size),
            };
            line.text(b" ").minute(stat.mtime).text(b" ");
        }
        line.name(name);
        if let Some(target) = target {
            line.text(b" -> ").name(&target);
        }
        Ok(line.write(self.out)?)
    }
}

/// The entries of one directory, in the order to print.
struct Rows<'a> {
    entries: &'a Entries,
    order: Vec<usize>,
    widths: Widths,
}

impl<'a> Rows<'a> {
    fn new(listing: &mut Listing<'_>, place: &Place, path: &[u8], fd: Fd, entries: &'a Entries) -> Self {
        let args = listing.args;
        let shows = |index: &usize| args.all || args.records() || entries.name(*index).first() != Some(&b'.');
        let mut order: Vec<usize> = (0..entries.len()).filter(shows).collect();
        if args.all && !args.records() {
            // Beyond the real ones; see `name`.
            order.splice(0..0, [entries.len(), entries.len() + 1]);
        }
        let mut rows = Self { entries, order, widths: Widths::default() };
        if args.needs_stats() {
            rows.load(listing, place, path, fd);
        }
        if args.reverse {
            rows.order.reverse();
        }
        rows
    }

    /// Learns how wide the columns are and, where the order is not that of the names, sorts.
    fn load(&mut self, listing: &mut Listing<'_>, place: &Place, path: &[u8], fd: Fd) {
        let args = listing.args;
        let mut keyed = Vec::new();
        let order = std::mem::take(&mut self.order);
        for index in order {
            let stat = match self.stat(place, fd, index) {
                Ok(stat) => stat,
                Err(error) => {
                    let mut full = path.to_vec();
                    join(&mut full, self.name(index));
                    listing.session.report(place, &full, &error);
                    continue;
                }
            };
            self.widths.include(&stat, args.human_readable);
            self.order.push(index);
            match (args.by_time, args.by_size) {
                (true, _) => keyed.push(((i128::from(stat.mtime.sec), stat.mtime.nsec), index)),
                (_, true) => keyed.push(((i128::from(stat.size), 0), index)),
                _ => {}
            }
        }
        if args.by_time || args.by_size {
            // Stable: equal ones stay in order of their names.
            keyed.sort_by_key(|&(key, _)| Reverse(key));
            self.order = keyed.into_iter().map(|(_, index)| index).collect();
        }
    }

    fn name(&self, index: usize) -> &'a [u8] {
        match index.checked_sub(self.entries.len()) {
            None => self.entries.name(index),
            Some(0) => b".",
            Some(_) => b"..",
        }
    }

    fn stat(&self, place: &Place, fd: Fd, index: usize) -> KResult<Stat> {
        let process = place.process();
        if index < self.entries.len() {
            return self.entries.stat(process, fd, index);
        }
        process.fstatat(Some(fd), self.name(index), AtFlags::SYMLINK_NOFOLLOW)
    }
}
