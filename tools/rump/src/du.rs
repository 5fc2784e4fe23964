//! `rump du`: space in use, each inode once.

use crate::output::{Output, escaped};
use crate::record::{Format, JsonWriter, text_and_hex};
use crate::session::{Failure, Place, Session};
use crate::steps::{Links, walk_following};
use crate::unit::Unit;
use crate::walk::{Entry, Left, Step, Visitor};
use clap::{Args as ClapArgs, ValueHint};
use rumpkit::{FileFlags, FileType, Ino};
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
    #[command(flatten)]
    unit: Unit,
    /// Files too, not only directories
    #[arg(short = 'a', long, conflicts_with = "summarize")]
    all: bool,
    /// The sum of everything, too
    #[arg(short = 'c', long)]
    total: bool,
    /// Leave out what has the flag nodump
    #[arg(short = 'n', long)]
    nodump: bool,
    /// Tell of directories that cannot be read (always so)
    #[arg(short = 'r')]
    tells: bool,
    /// Stay in the file system (always so)
    #[arg(short = 'x', long)]
    one_file_system: bool,
    /// Show directories down to this depth
    #[arg(short = 'd', long, value_name = "N", default_value_t = usize::MAX, hide_default_value = true)]
    max_depth: usize,
    /// Names as they are, but on a terminal
    #[arg(long, hide = true)]
    literal: bool,
    #[command(flatten)]
    links: Links,
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
    /// Of all that was named here.
    total: u64,
}

/// Runs it.
pub fn run(args: &Args, session: &mut Session, out: &mut Output) -> Result<(), Failure> {
    let mut json = args.format.writer();
    let mut linked = HashSet::new();
    let max_depth = if args.summarize { 0 } else { args.max_depth };
    let follow = args.links.follow(true, true);
    let mut total = 0_u64;
    for place in session.places(&args.addresses)? {
        let (json, linked, sums) = (&mut json, &mut linked, Vec::new());
        let mut count = Count { args, max_depth, place: &place, session, out, json, sums, linked, total: 0 };
        let walked = walk_following(&place, follow, &mut count)?;
        total = total.saturating_add(count.total);
        if let Err(error) = walked {
            session.report(&place, &place.path, &error);
        }
    }
    if args.total && !args.format.is_json() {
        writeln!(out, "{}\ttotal", args.unit.text(total))?;
    }
    Ok(json.finish(out)?)
}

impl Count<'_> {
    fn show(&mut self, path: &[u8], bytes: u64) -> Result<(), Failure> {
        if self.args.format.is_json() {
            let (path, path_hex) = text_and_hex(path);
            return Ok(self.json.write(self.out, &Usage { path, path_hex, bytes })?);
        }
        write!(self.out, "{}\t", self.args.unit.text(bytes))?;
        match self.args.literal && !self.out.is_terminal() {
            true => self.out.write_all(path)?,
            false => self.out.write_all(escaped(path).as_bytes())?,
        }
        Ok(self.out.write_all(b"\n")?)
    }

    /// Adds to the directory that the walk is in.
    fn add(&mut self, bytes: u64) {
        let sum = self.sums.last_mut().unwrap_or(&mut self.total);
        *sum = sum.saturating_add(bytes);
    }
}

impl Visitor<Failure> for Count<'_> {
    fn check(&self) -> Result<(), Failure> {
        self.session.stop.check()
    }

    fn enter(&mut self, entry: &Entry<'_>) -> Result<Step, Failure> {
        if self.args.nodump && entry.stat.flags.contains(FileFlags::UF_NODUMP) {
            return Ok(Step::Over);
        }
        let bytes = entry.stat.blocks.saturating_mul(512);
        if entry.stat.file_type == FileType::Directory {
            self.sums.push(bytes);
            return Ok(Step::Into);
        }
        if entry.stat.nlink > 1 && !self.linked.insert((self.place.index, entry.stat.ino)) {
            return Ok(Step::Over);
        }
        self.add(bytes);
        if entry.depth == 0 || (self.args.all && entry.depth <= self.max_depth) {
            self.show(entry.path, bytes)?;
        }
        Ok(Step::Over)
    }

    fn leave(&mut self, left: &Left<'_>) -> Result<(), Failure> {
        let bytes = self.sums.pop().unwrap_or_default();
        self.add(bytes);
        if left.depth <= self.max_depth { self.show(left.path, bytes) } else { Ok(()) }
    }

    fn failed(&mut self, path: &[u8], why: &str) -> Result<(), Failure> {
        self.session.report(self.place, path, &why);
        Ok(())
    }
}
