//! `rump tree`: a drawing of directories.

use crate::output::{Output, escaped};
use crate::record::{Format, JsonWriter, Record, read_target, stat_path};
use crate::session::{Failure, Place, Session};
use crate::walk::{Entry, Step, Visitor, file_name, walk};
use clap::{Args as ClapArgs, ValueHint};
use rumpkit::FileType;
use serde::Serialize;
use std::ffi::OsString;
use std::io::Write;

/// Arguments of `rump tree`.
#[derive(ClapArgs)]
#[command(after_help = "Example:\n  rump tree -L 2 disk.img:/usr
Records of --json: those of find, with their depth below the address.")]
pub struct Args {
    /// Go no deeper than this
    #[arg(short = 'L', value_name = "DEPTH", default_value_t = usize::MAX, hide_default_value = true)]
    level: usize,
    /// Directories only
    #[arg(short = 'd')]
    directories: bool,
    #[command(flatten)]
    format: Format,
    /// Where to begin
    #[arg(value_name = "ADDRESS", value_hint = ValueHint::AnyPath, required = true)]
    addresses: Vec<OsString>,
}

/// A record with its place in the drawing.
#[derive(Serialize)]
struct Node {
    depth: usize,
    #[serde(flatten)]
    record: Record,
}

struct Drawing<'a> {
    args: &'a Args,
    place: &'a Place,
    session: &'a mut Session,
    out: &'a mut Output,
    json: &'a mut JsonWriter,
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
    let mut json = args.format.writer();
    for place in session.places(&args.addresses)? {
        let stat = match stat_path(place.process(), &place.path, true) {
            Ok(stat) => stat,
            Err(error) => {
                session.report(&place, &place.path, &error);
                continue;
            }
        };
        let (json, place, last) = (&mut json, &place, Vec::new());
        let mut drawing = Drawing { args, place, session, out, json, last, directories: 0, files: 0 };
        walk(place.process(), &place.path, &stat, &mut drawing)?;
        let (directories, files) = (drawing.directories, drawing.files);
        if !args.format.is_json() {
            writeln!(out, "\n{directories} directories, {files} files")?;
        }
    }
    Ok(json.finish(out)?)
}

impl Drawing<'_> {
    fn draw(&mut self, entry: &Entry<'_>, target: Option<Vec<u8>>) -> Result<(), Failure> {
        let Some(above) = entry.depth.checked_sub(1) else {
            return Ok(writeln!(self.out, "{}", escaped(entry.path))?);
        };
        self.last.truncate(above);
        for &was_last in &self.last {
            self.out.write_all(if was_last { "    " } else { "│   " }.as_bytes())?;
        }
        self.last.push(entry.is_last);
        let branch = if entry.is_last { "└── " } else { "├── " };
        let arrow = target.map(|target| format!(" -> {}", escaped(&target))).unwrap_or_default();
        Ok(writeln!(self.out, "{branch}{}{arrow}", escaped(entry.name))?)
    }
}

impl Visitor<Failure> for Drawing<'_> {
    fn check(&self) -> Result<(), Failure> {
        self.session.stop.check()
    }

    fn enter(&mut self, entry: &Entry<'_>) -> Result<Step, Failure> {
        let is_directory = entry.stat.file_type == FileType::Directory;
        if self.args.directories && !is_directory && entry.depth > 0 {
            return Ok(Step::Over);
        }
        let target = read_target(self.place.process(), entry.directory, entry.name, entry.stat)
            .unwrap_or_else(|error| {
                self.session.report(self.place, entry.path, &error);
                None
            });
        if self.args.format.is_json() {
            let name = file_name(entry.name);
            let record = Record::new(entry.path, name, entry.stat, target.as_deref());
            self.json.write(self.out, &Node { depth: entry.depth, record })?;
        } else {
            self.draw(entry, target)?;
        }
        *(if is_directory { &mut self.directories } else { &mut self.files }) += u64::from(entry.depth > 0);
        Ok(if entry.depth < self.args.level { Step::Into } else { Step::Over })
    }

    fn failed(&mut self, path: &[u8], why: &str) -> Result<(), Failure> {
        self.session.report(self.place, path, &why);
        Ok(())
    }
}
