//! `rump tree`: a drawing of directories.

use crate::output::{Output, escaped};
use crate::record::{read_target, stat_path};
use crate::session::{Failure, Place, Session};
use crate::walk::{Entry, Step, Visitor, walk};
use clap::Args as ClapArgs;
use rumpkit::FileType;
use std::ffi::OsString;
use std::io::Write;

/// Arguments of `rump tree`.
#[derive(ClapArgs)]
#[command(after_help = "Example:\n  rump tree -L 2 disk.img:/usr")]
pub struct Args {
    /// Go no deeper than this
    #[arg(short = 'L', value_name = "DEPTH", default_value_t = usize::MAX, hide_default_value = true)]
    level: usize,
    /// Directories only
    #[arg(short = 'd')]
    directories: bool,
    /// Where to begin
    #[arg(value_name = "ADDRESS", required = true)]
    addresses: Vec<OsString>,
}

struct Drawing<'a> {
    args: &'a Args,
    place: &'a Place,
    session: &'a mut Session,
    out: &'a mut Output,
    /// For each directory on the way here, whether it was the last of its own.
    last: Vec<bool>,
    directories: u64,
    files: u64,
}

/// Runs it.
pub fn run(args: &Args, session: &mut Session, out: &mut Output) -> Result<(), Failure> {
    if args.level == 0 {
        return Err(Failure::Usage("tree: the depth must be greater than 0".into()));
    }
    for place in session.places(&args.addresses)? {
        let stat = match stat_path(place.process(), &place.path, true) {
            Ok(stat) => stat,
            Err(error) => {
                session.report(&place, &place.path, &error);
                continue;
            }
        };
        let mut drawing =
            Drawing { args, place: &place, session, out, last: Vec::new(), directories: 0, files: 0 };
        walk(place.process(), &place.path, &stat, &mut drawing)?;
        let (directories, files) = (drawing.directories, drawing.files);
        writeln!(out, "\n{directories} directories, {files} files")?;
    }
    Ok(())
}

impl Visitor<Failure> for Drawing<'_> {
    fn enter(&mut self, entry: &Entry<'_>) -> Result<Step, Failure> {
        let is_directory = entry.stat.file_type == FileType::Directory;
        if entry.depth == 0 {
            writeln!(self.out, "{}", escaped(entry.path))?;
            return Ok(Step::Into);
        }
        if self.args.directories && !is_directory {
            return Ok(Step::Over);
        }
        self.last.truncate(entry.depth - 1);
        for &was_last in &self.last {
            self.out.write_all(if was_last { "    " } else { "│   " }.as_bytes())?;
        }
        self.last.push(entry.is_last);
        let branch = if entry.is_last { "└── " } else { "├── " };
        write!(self.out, "{branch}{}", escaped(entry.name))?;
        match read_target(self.place.process(), entry.directory, entry.name, entry.stat) {
            Ok(Some(target)) => writeln!(self.out, " -> {}", escaped(&target))?,
            Ok(None) => writeln!(self.out)?,
            Err(error) => {
                writeln!(self.out)?;
                self.session.report(self.place, entry.path, &error);
            }
        }
        *(if is_directory { &mut self.directories } else { &mut self.files }) += 1;
        Ok(if entry.depth < self.args.level { Step::Into } else { Step::Over })
    }

    fn failed(&mut self, path: &[u8], why: &str) -> Result<(), Failure> {
        self.session.report(self.place, path, &why);
        Ok(())
    }
}
