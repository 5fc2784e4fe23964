//! `rump du`: space in use, each inode once.

use crate::output::{Output, escaped};
use crate::record::{Format, JsonWriter, stat_path, text_and_hex};
use crate::session::{Failure, Place, Session};
use crate::units;
use crate::walk::{Entry, Left, Step, Visitor, walk};
use clap::{Args as ClapArgs, ValueHint};
use rumpkit::{FileType, Ino};
use serde::Serialize;
use std::collections::HashSet;
use std::ffi::OsString;
use std::io::Write;

/// Arguments of `rump du`.
#[derive(ClapArgs)]
#[command(after_help = "Example:\n  rump du -h -d 1 disk.img:/var
Records of --json: path, bytes (space in use).")]
pub struct Args {
    /// Only the sum of each address
    #[arg(short = 's', long, conflicts_with = "max_depth")]
    summarize: bool,
    /// Sizes for people: 1.5K, 12M
    #[arg(short = 'h', long)]
    human_readable: bool,
    /// Files too, not only directories
    #[arg(short = 'a', long, conflicts_with = "summarize")]
    all: bool,
    /// Show directories down to this depth
    #[arg(short = 'd', long, value_name = "N", default_value_t = usize::MAX, hide_default_value = true)]
    max_depth: usize,
    #[command(flatten)]
    format: Format,
    /// Where to begin
    #[arg(value_name = "ADDRESS", value_hint = ValueHint::AnyPath, required = true)]
    addresses: Vec<OsString>,
}

#[derive(Serialize)]
struct Usage {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_hex: Option<String>,
    bytes: u64,
}

struct Count<'a> {
    args: &'a Args,
    max_depth: usize,
    place: &'a Place,
    session: &'a mut Session,
    out: &'a mut Output,
    json: &'a mut JsonWriter,
    /// Sums of the directories on the way here, in bytes.
    sums: Vec<u64>,
    linked: &'a mut HashSet<(usize, Ino)>,
}

/// Runs it.
pub fn run(args: &Args, session: &mut Session, out: &mut Output) -> Result<(), Failure> {
    let mut json = args.format.writer();
    let mut linked = HashSet::new();
    let max_depth = if args.summarize { 0 } else { args.max_depth };
    for place in session.places(&args.addresses)? {
        match stat_path(place.process(), &place.path, false) {
            Ok(stat) => {
                let (json, linked, sums) = (&mut json, &mut linked, Vec::new());
                let mut count = Count { args, max_depth, place: &place, session, out, json, sums, linked };
                walk(place.process(), &place.path, &stat, &mut count)?;
            }
            Err(error) => session.report(&place, &place.path, &error),
        }
    }
    Ok(json.finish(out)?)
}

impl Count<'_> {
    fn show(&mut self, path: &[u8], bytes: u64) -> Result<(), Failure> {
        if self.args.format.is_json() {
            let (path, path_hex) = text_and_hex(path);
            return Ok(self.json.write(self.out, &Usage { path, path_hex, bytes })?);
        }
        match self.args.human_readable {
            true => write!(self.out, "{}", units::human(bytes))?,
            false => write!(self.out, "{}", bytes.div_ceil(1024))?,
        }
        Ok(writeln!(self.out, "\t{}", escaped(path))?)
    }
}

impl Visitor<Failure> for Count<'_> {
    fn enter(&mut self, entry: &Entry<'_>) -> Result<Step, Failure> {
        let bytes = entry.stat.blocks.saturating_mul(512);
        if entry.stat.file_type == FileType::Directory {
            self.sums.push(bytes);
            return Ok(Step::Into);
        }
        if entry.stat.nlink > 1 && !self.linked.insert((self.place.index, entry.stat.ino)) {
            return Ok(Step::Over);
        }
        if let Some(sum) = self.sums.last_mut() {
            *sum = sum.saturating_add(bytes);
        }
        if entry.depth == 0 || (self.args.all && entry.depth <= self.max_depth) {
            self.show(entry.path, bytes)?;
        }
        Ok(Step::Over)
    }

    fn leave(&mut self, left: &Left<'_>) -> Result<(), Failure> {
        let bytes = self.sums.pop().unwrap_or_default();
        if let Some(sum) = self.sums.last_mut() {
            *sum = sum.saturating_add(bytes);
        }
        if left.depth <= self.max_depth { self.show(left.path, bytes) } else { Ok(()) }
    }

    fn failed(&mut self, path: &[u8], why: &str) -> Result<(), Failure> {
        self.session.report(self.place, path, &why);
        Ok(())
    }
}
