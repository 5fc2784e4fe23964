//! `rump ls`: listings of directories, in the form of GNU `ls`.
//!
//! One directory is in memory at a time; attributes are kept for directories of ordinary size and asked for
//! twice for huge ones.

mod args;
mod columns;
mod long;
mod names;
mod rows;

pub use args::Args;
pub use long::{now, of_locale};

use crate::entries::Entries;
use crate::line::Line;
use crate::output::Output;
use crate::owner::Accounts;
use crate::record::{JsonWriter, Record, add_xattrs, read_target, stat_path};
use crate::session::{Failure, Place, Session};
use crate::walk::{file_name, join, open_far};
use args::{Form, TimeStyle};
use columns::{Cell, Direction};
use long::Widths;
use names::{Quoting, indicator, width};
use rows::{Rows, key};
use rumpkit::{AtFlags, Fd, FileType, Ino, KResult, Mode, OpenFlags, Stat, TimeSpec};
use std::collections::HashSet;
use std::io::Write;

/// Directories up to this size keep their attributes in memory.
const KEPT_STATS: usize = 100_000;
/// Columns of a line, unless COLUMNS or the terminal says something else.
const LINE: usize = 80;

struct Listing<'a> {
    args: &'a Args,
    session: &'a mut Session,
    out: &'a mut Output,
    json: JsonWriter,
    line: Line,
    form: Form,
    quoting: Quoting,
    now: TimeSpec,
    /// What is to be put beside each other.
    cells: Vec<Cell>,
    /// Of the directory that was listed last.
    entries: Entries,
    /// Whether a directory was printed, so that the next one is set off.
    began: bool,
}

/// What is listed for a name on the command line.
struct Top {
    place: Place,
    stat: Stat,
}

/// A file, and where it is.
struct File<'f> {
    place: &'f Place,
    directory: Option<Fd>,
    path: &'f [u8],
    name: &'f [u8],
    stat: &'f Stat,
}

/// Runs it.
pub fn run(args: &Args, session: &mut Session, out: &mut Output) -> Result<(), Failure> {
    let places = session.places(&args.addresses)?;
    let is_terminal = out.is_terminal();
    let mut listing = Listing {
        args,
        session,
        out,
        json: args.format.writer(),
        line: Line::default(),
        form: args.form(is_terminal),
        quoting: Quoting::new(args, is_terminal),
        now: long::now(),
        cells: Vec::new(),
        entries: Entries::default(),
        began: false,
    };
    let (mut files, mut directories) = (Vec::new(), Vec::new());
    for place in places {
        match listing.stat_top(&place) {
            Ok(stat) if stat.file_type == FileType::Directory && !args.directory => {
                directories.push(Top { place, stat });
            }
            Ok(stat) => files.push(Top { place, stat }),
            Err(error) => listing.session.report(&place, &place.path, &error),
        }
    }
    for tops in [&mut files, &mut directories] {
        sort(args, tops);
    }
    listing.files(&files)?;
    let headed = args.recursive || args.addresses.len() > 1;
    for top in &directories {
        listing.directories(&top.place, headed)?;
    }
    let Listing { json, out, .. } = listing;
    Ok(json.finish(out)?)
}

/// Names of one image are sorted as those of a directory; other images come in the order that they were given in.
fn sort(args: &Args, tops: &mut [Top]) {
    if args.order() == args::Order::Directory {
        return;
    }
    let of = |top: &Top| (top.place.index, key(args, &top.stat), top.place.path.clone());
    tops.sort_by_cached_key(of);
    if args.reverse {
        tops.reverse();
    }
}

impl Listing<'_> {
    /// A link on the command line is followed to a directory, unless the link itself is to be described.
    fn stat_top(&self, place: &Place) -> KResult<Stat> {
        let args = self.args;
        let stat = stat_path(place.process(), &place.path, args.dereference)?;
        let describes = args.is_long() || args.directory || args.classify;
        if stat.file_type != FileType::Symlink || describes {
            return Ok(stat);
        }
        match stat_path(place.process(), &place.path, true) {
            Ok(target) if target.file_type == FileType::Directory => Ok(target),
            _ => Ok(stat),
        }
    }

    /// Those that were named and are no directories, or are not to be gone into.
    fn files(&mut self, files: &[Top]) -> Result<(), Failure> {
        let mut widths = Widths::default();
        let mut names = Vec::new();
        for Top { place, stat } in files {
            if names.iter().all(|(index, _)| *index != place.index) {
                names.push((place.index, long::accounts(self.args, place)));
            }
            widths.include(self.args, accounts_of(&names, place), stat);
        }
        for Top { place, stat } in files {
            let file = File { place, directory: None, path: &place.path, name: &place.path, stat };
            self.row(&file, accounts_of(&names, place), &widths)?;
            self.began = true;
        }
        self.write_cells()
    }

    fn directories(&mut self, place: &Place, headed: bool) -> Result<(), Failure> {
        let names = long::accounts(self.args, place);
        let mut pending = vec![place.path.clone()];
        let mut seen = HashSet::new();
        while let Some(path) = pending.pop() {
            self.session.stop.check()?;
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
            let result = self.directory(place, &path, fd, headed, names.as_ref(), &mut seen, &mut pending);
            // Closing what was only read cannot lose anything.
            let _ = process.close(fd);
            result?;
            pending[before..].reverse();
        }
        Ok(())
    }

    #[allow(clippy::too_many_arguments, reason = "what one directory needs")]
    fn directory(
        &mut self,
        place: &Place,
        path: &[u8],
        fd: Fd,
        headed: bool,
        names: Option<&Accounts>,
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
        let result = self.rows(place, path, fd, headed, &entries, names, pending);
        self.entries = entries;
        result
    }

    /// Prints the entries of the directory at `path`; those to be listed next are added to `pending`.
    #[allow(clippy::too_many_arguments, reason = "what one directory needs")]
    fn rows(
        &mut self,
        place: &Place,
        path: &[u8],
        fd: Fd,
        headed: bool,
        entries: &Entries,
        names: Option<&Accounts>,
        pending: &mut Vec<Vec<u8>>,
    ) -> Result<(), Failure> {
        if let Some(damage) = entries.damage() {
            self.session.report(place, path, damage);
        }
        let rows = Rows::new(self, place, path, fd, entries, names);
        if !self.args.records() {
            self.head(path, headed, &rows.widths)?;
        }
        self.began = true;
        let mut full = Vec::new();
        for &index in &rows.order {
            self.session.stop.check()?;
            let name = rows.name(index);
            if !self.args.needs_stats() {
                let shown = self.quoting.shown(name);
                self.line.text(&shown);
                self.end_row()?;
                continue;
            }
            full.clear();
            full.extend_from_slice(path);
            join(&mut full, name);
            let stat = match rows.stat(self.args, place, fd, index) {
                Ok(stat) => stat,
                Err(error) => {
                    self.session.report(place, &full, &error);
                    continue;
                }
            };
            let file = File { place, directory: Some(fd), path: &full, name, stat: &stat };
            self.row(&file, names, &rows.widths)?;
            let is_real = name != b"." && name != b"..";
            if self.args.recursive && is_real && stat.file_type == FileType::Directory {
                pending.push(full.clone());
            }
        }
        self.write_cells()
    }

    /// What is above the entries of a directory.
    fn head(&mut self, path: &[u8], headed: bool, widths: &Widths) -> Result<(), Failure> {
        if headed {
            let gap = if self.began { "\n" } else { "" };
            self.out.write_all(gap.as_bytes())?;
            self.out.write_all(&self.quoting.shown(path))?;
            self.out.write_all(b":\n")?;
        }
        if self.args.is_long() || self.args.space {
            writeln!(self.out, "total {}", long::space(self.args, widths.blocks))?;
        }
        Ok(())
    }

    fn row(&mut self, file: &File<'_>, names: Option<&Accounts>, widths: &Widths) -> Result<(), Failure> {
        let &File { place, directory, path, name, stat } = file;
        let needs_target = self.args.is_long() || self.args.records();
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
        long::front(&mut self.line, self.args, names, stat, widths, self.now);
        let shown = self.quoting.shown(name);
        self.line.text(&shown);
        match target {
            Some(target) => {
                let shown = self.quoting.shown(&target);
                self.line.text(b" -> ").text(&shown);
                // Of whatever the link leads to; nothing, if that cannot be told.
                if self.args.classify {
                    if let Ok(stat) = place.process().fstatat(directory, name, AtFlags::empty()) {
                        self.line.text(indicator(self.args, &stat));
                    }
                }
            }
            None => {
                self.line.text(indicator(self.args, stat));
            }
        }
        self.end_row()
    }

    /// Ends a line, or keeps what it has to be put beside others.
    fn end_row(&mut self) -> Result<(), Failure> {
        if self.form == Form::Lines {
            return Ok(self.line.write(self.out)?);
        }
        let bytes = self.line.take();
        self.cells.push(Cell { width: width(&bytes), bytes });
        Ok(())
    }

    fn write_cells(&mut self) -> Result<(), Failure> {
        let cells = std::mem::take(&mut self.cells);
        let width = line_width(self.out);
        let written = match self.form {
            Form::Lines => Ok(()),
            Form::Columns => columns::write(self.out, &cells, width, Direction::Down),
            Form::Across => columns::write(self.out, &cells, width, Direction::Across),
            Form::Commas => columns::write_commas(self.out, &cells, width),
        };
        Ok(written?)
    }
}

fn accounts_of<'n>(names: &'n [(usize, Option<Accounts>)], place: &Place) -> Option<&'n Accounts> {
    names.iter().find(|(index, _)| *index == place.index).and_then(|(_, names)| names.as_ref())
}

/// Columns of a line: those that COLUMNS or the terminal has.
fn line_width(out: &Output) -> usize {
    let given = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    let of_terminal = || out.is_terminal().then(|| usize::from(console::Term::stdout().size().1));
    given.or_else(of_terminal).filter(|&width| width > 0).unwrap_or(LINE)
}
