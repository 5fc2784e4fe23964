//! `rump diff`: two files or trees, each in an image or on this host.
//!
//! Trees are compared here, name by name; how two texts differ is said by diff(1) of the host, which gets private copies of
//! both. Symbolic links are compared as such, but for those that are named.

mod side;

use crate::edit::private_directory;
use crate::output::{Output, escaped};
use crate::record::{Format, JsonWriter, text_and_hex};
use crate::session::{Failure, Session};
use crate::walk::join;
use clap::{Args as ClapArgs, ValueHint};
use serde::Serialize;
use side::{Kind, Side};
use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

const CHUNK_BYTES: usize = 1 << 20;
/// Exit status of what differs, and of what could not be compared.
const DIFFERENT: u8 = 1;
const TROUBLE: u8 = 2;

/// Arguments of `rump diff`.
#[derive(ClapArgs)]
#[command(after_help = "Examples:
  rump diff -r old.img@1:/etc new.img@1:/etc
  rump diff -u disk.img:/etc/fstab ./fstab
  rump diff -r --brief disk.img@2:/srv ./srv
One argument without IMAGE:/PATH is of this host. Below what is named, symbolic links are compared as such.
Records of --json: path (below what is named), difference (only_in_one, only_in_other, type, content, target, device), and of
type, target and device what it is on each side: one, other.
Exit status: 0 the same, 1 different, 2 something could not be compared.")]
pub struct Args {
    #[command(flatten)]
    format: Format,
    /// Directories with all that is in them
    #[arg(short, long)]
    recursive: bool,
    /// Only whether files differ
    #[arg(long)]
    brief: bool,
    /// Say which files are the same, too
    #[arg(short = 's', long, conflicts_with_all = ["json", "jsonl"])]
    report_identical_files: bool,
    /// What is on one side only is compared with an empty file
    #[arg(short = 'N', long)]
    new_file: bool,
    /// Compare symbolic links as such (always so, below what is named)
    #[arg(long)]
    no_dereference: bool,
    /// Treat all files as text
    #[arg(short = 'a', long)]
    text: bool,
    /// Take counts of spaces as the same
    #[arg(short = 'b')]
    space_change: bool,
    /// Pass over empty lines
    #[arg(short = 'B')]
    blank_lines: bool,
    /// Lines around what differs, as diff -c has them
    #[arg(short = 'c')]
    context: bool,
    /// A script for ed
    #[arg(short = 'e')]
    ed: bool,
    /// Upper and lower case alike
    #[arg(short = 'i')]
    ignore_case: bool,
    /// The function that a change is in
    #[arg(short = 'p')]
    function: bool,
    /// Lines around what differs, as diff -u has them
    #[arg(short = 'u')]
    unified: bool,
    /// Pass over spaces
    #[arg(short = 'w')]
    all_space: bool,
    /// As -c, with so many lines
    #[arg(short = 'C', value_name = "LINES")]
    context_lines: Option<u32>,
    /// As -u, with so many lines
    #[arg(short = 'U', value_name = "LINES")]
    unified_lines: Option<u32>,
    /// What to compare
    #[arg(value_name = "ONE", value_hint = ValueHint::AnyPath)]
    one: OsString,
    /// What to compare it with
    #[arg(value_name = "OTHER", value_hint = ValueHint::AnyPath)]
    other: OsString,
}

impl Args {
    /// What diff(1) is to be told.
    fn options(&self) -> Vec<String> {
        let letters = [
            (self.text, "-a"),
            (self.space_change, "-b"),
            (self.blank_lines, "-B"),
            (self.context, "-c"),
            (self.ed, "-e"),
            (self.ignore_case, "-i"),
            (self.function, "-p"),
            (self.unified, "-u"),
            (self.all_space, "-w"),
        ];
        let mut options: Vec<String> =
            letters.iter().filter(|(given, _)| *given).map(|(_, letter)| (*letter).into()).collect();
        options.extend(self.context_lines.map(|lines| format!("-C{lines}")));
        options.extend(self.unified_lines.map(|lines| format!("-U{lines}")));
        options
    }
}

/// Runs it.
pub fn run(args: &Args, session: &mut Session, output: &mut Output) -> Result<(), Failure> {
    let mut one = Side::new(&args.one, session)?;
    let mut other = Side::new(&args.other, session)?;
    one.is_named_in_full = one.volume() != other.volume();
    other.is_named_in_full = one.is_named_in_full;
    let mut comparison = Comparison {
        args,
        sides: [one, other],
        session,
        output,
        json: args.format.writer(),
        scratch: None,
        differs: false,
        buffers: [vec![0; CHUNK_BYTES], vec![0; CHUNK_BYTES]],
    };
    let compared = comparison.top();
    let status = (comparison.session.has_failures(), comparison.differs);
    if let Some(scratch) = comparison.scratch.take() {
        // In a directory for such files: left behind, it disturbs nobody.
        let _ = std::fs::remove_dir_all(scratch);
    }
    comparison.json.finish(comparison.output)?;
    compared?;
    match status {
        (true, _) => Err(Failure::Told(TROUBLE)),
        (_, true) => Err(Failure::Told(DIFFERENT)),
        _ => Ok(()),
    }
}

struct Comparison<'a> {
    args: &'a Args,
    sides: [Side; 2],
    session: &'a mut Session,
    output: &'a mut Output,
    json: JsonWriter,
    /// A private directory, once one was needed.
    scratch: Option<PathBuf>,
    differs: bool,
    buffers: [Vec<u8>; 2],
}

/// A difference, as JSON has it.
#[derive(Serialize)]
struct Record<'a> {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_hex: Option<String>,
    difference: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    one: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    other: Option<String>,
}

/// A directory on its way.
struct Frame {
    path: Vec<u8>,
    /// What is still to be compared, and on which sides it is.
    names: VecDeque<(Vec<u8>, [bool; 2])>,
}

/// What a name is on one side.
type Found = Option<Kind>;

impl Comparison<'_> {
    /// Tells of a difference: as a record, or by `line`. `sides` is what tells one from the other.
    fn differ(
        &mut self,
        path: &[u8],
        difference: &str,
        sides: Option<[String; 2]>,
        line: &str,
    ) -> Result<(), Failure> {
        self.differs = true;
        if !self.json.is_wanted() {
            return Ok(writeln!(self.output, "{line}")?);
        }
        let path = if path.is_empty() { b".".to_vec() } else { [b"./", path].concat() };
        let (path, path_hex) = text_and_hex(&path);
        let (one, other) = sides.map(|[one, other]| (one, other)).unzip();
        Ok(self.json.write(self.output, &Record { path, path_hex, difference, one, other })?)
    }

    fn top(&mut self) -> Result<(), Failure> {
        let mut kinds = [const { None }; 2];
        for (side, kind) in self.sides.iter().zip(&mut kinds) {
            match side.kind(b"", true) {
                Ok(found) => *kind = Some(found),
                Err(why) => self.session.report_failure(&format!("{}: {why}", side.shown(b""))),
            }
        }
        // A file and a directory: the file of this name in it.
        let [one, other] = &mut self.sides;
        match &kinds {
            [None, _] | [_, None] => return Ok(()),
            [Some(Kind::Directory), Some(Kind::Directory)] => return self.directories(),
            [Some(Kind::Directory), Some(_)] => one.enter(&other.name()),
            [Some(_), Some(Kind::Directory)] => other.enter(&one.name()),
            _ => return self.pair(b"", kinds, false).map(drop),
        }
        for (side, kind) in self.sides.iter().zip(&mut kinds) {
            match side.kind(b"", true) {
                Ok(found) => *kind = Some(found),
                Err(why) => {
                    self.session.report_failure(&format!("{}: {why}", side.shown(b"")));
                    return Ok(());
                }
            }
        }
        self.pair(b"", kinds, false).map(drop)
    }

    /// Compares the two directories that were named, and with -r all below, each where its name is.
    fn directories(&mut self) -> Result<(), Failure> {
        let mut frames = vec![self.frame(Vec::new())];
        while let Some(frame) = frames.last_mut() {
            self.session.stop.check()?;
            let Some((name, has)) = frame.names.pop_front() else {
                frames.pop();
                continue;
            };
            let path = frame.path.clone();
            let mut whole = path.clone();
            if !whole.is_empty() {
                whole.push(b'/');
            }
            whole.extend_from_slice(&name);
            if let Some(kinds) = self.kinds(&path, &name, &whole, has)? {
                if self.pair(&whole, kinds, true)? {
                    frames.push(self.frame(whole));
                }
            }
        }
        Ok(())
    }

    /// A directory, with all names of both sides in the order of their bytes.
    fn frame(&mut self, path: Vec<u8>) -> Frame {
        let [one, other] = self.names(&path);
        let mut all: BTreeMap<Vec<u8>, [bool; 2]> =
            one.into_iter().map(|name| (name, [true, false])).collect();
        for name in other {
            all.entry(name).or_default()[1] = true;
        }
        Frame { path, names: all.into_iter().collect() }
    }

    /// The names in a directory of both sides, in the order of their bytes.
    fn names(&mut self, path: &[u8]) -> [Vec<Vec<u8>>; 2] {
        let mut names = [Vec::new(), Vec::new()];
        for (side, names) in self.sides.iter_mut().zip(&mut names) {
            match side.names(path) {
                Ok(found) => *names = found,
                Err(why) => self.session.report_failure(&format!("{}: {why}", side.shown(path))),
            }
        }
        names
    }

    /// What a name is on both sides; nothing if there is nothing to compare.
    fn kinds(
        &mut self,
        path: &[u8],
        name: &[u8],
        whole: &[u8],
        has: [bool; 2],
    ) -> Result<Option<[Found; 2]>, Failure> {
        let mut kinds = [const { None }; 2];
        for (index, kind) in kinds.iter_mut().enumerate().filter(|(index, _)| has[*index]) {
            match self.sides[index].kind(whole, false) {
                Ok(found) => *kind = Some(found),
                Err(why) => {
                    self.session.report_failure(&format!("{}: {why}", self.sides[index].shown(whole)));
                    return Ok(None);
                }
            }
        }
        if has == [true, true] || self.args.new_file {
            return Ok(Some(kinds));
        }
        let side = &self.sides[usize::from(!has[0])];
        let line = format!("Only in {}: {}", side.shown(path), escaped(name));
        let difference = if has[0] { "only_in_one" } else { "only_in_other" };
        self.differ(whole, difference, None, &line)?;
        Ok(None)
    }

    /// Compares two files; answers whether they are directories to be gone into.
    fn pair(&mut self, path: &[u8], kinds: [Found; 2], in_tree: bool) -> Result<bool, Failure> {
        let shown = [self.sides[0].shown(path), self.sides[1].shown(path)];
        let [a, b] = &shown;
        let (one, other) = match &kinds {
            [Some(one), Some(other)] => (one, other),
            [Some(Kind::Directory), None] | [None, Some(Kind::Directory)] => return Ok(self.args.recursive),
            [Some(Kind::Regular(_)), None] | [None, Some(Kind::Regular(_))] => {
                self.texts(path, &kinds, &shown, in_tree)?;
                return Ok(false);
            }
            _ => {
                self.differ(path, "content", None, &format!("Files {a} and {b} differ"))?;
                return Ok(false);
            }
        };
        match (one, other) {
            (Kind::Directory, Kind::Directory) if self.args.recursive => return Ok(true),
            (Kind::Directory, Kind::Directory) if self.json.is_wanted() => {}
            (Kind::Directory, Kind::Directory) => {
                writeln!(self.output, "Common subdirectories: {a} and {b}")?
            }
            (Kind::Regular(_), Kind::Regular(_)) => self.texts(path, &kinds, &shown, in_tree)?,
            (Kind::Link(one), Kind::Link(other)) if one != other => {
                let targets = [escaped(one), escaped(other)];
                self.differ(path, "target", Some(targets), &format!("Symbolic links {a} and {b} differ"))?;
            }
            (Kind::Special(what, one), Kind::Special(_, other)) if one == other => {
                let _ = what;
            }
            (one, other) if one.word() != other.word() => {
                let (one, other) = (one.word(), other.word());
                let line = format!("File {a} is a {one} while file {b} is a {other}");
                self.differ(path, "type", Some([one.into(), other.into()]), &line)?;
            }
            (Kind::Special(what, one), Kind::Special(_, other)) => {
                let numbers = [one, other].map(|(major, minor)| format!("{major},{minor}"));
                let line = format!("{what} special files {a} and {b} differ");
                self.differ(path, "device", Some(numbers), &line)?;
            }
            _ => {}
        }
        Ok(false)
    }

    /// Compares two regular files, of which one may be missing.
    fn texts(
        &mut self,
        path: &[u8],
        kinds: &[Found; 2],
        shown: &[String; 2],
        in_tree: bool,
    ) -> Result<(), Failure> {
        let [a, b] = shown;
        let is_same = match kinds {
            [Some(Kind::Regular(one)), Some(Kind::Regular(other))] if one != other => Ok(false),
            [Some(_), Some(_)] => self.is_same(path),
            _ => Ok(false),
        };
        let is_same = match is_same {
            Ok(is_same) => is_same,
            Err(why) => {
                self.session.report_failure(&why);
                return Ok(());
            }
        };
        if is_same {
            if self.args.report_identical_files {
                writeln!(self.output, "Files {a} and {b} are identical")?;
            }
            return Ok(());
        }
        let options = self.args.options();
        // What passes over some of a difference may pass over all of it.
        if self.is_brief() && options.is_empty() {
            return self.differ(path, "content", None, &format!("Files {a} and {b} differ"));
        }
        self.with_diff(path, kinds, shown, &options, in_tree)
    }

    /// Whether it does not matter how texts differ.
    fn is_brief(&self) -> bool {
        self.args.brief || self.json.is_wanted()
    }

    fn is_same(&mut self, path: &[u8]) -> Result<bool, String> {
        let [one, other] = &self.sides;
        let (mut one, mut other) = (one.open(path)?, other.open(path)?);
        let [ours, theirs] = &mut self.buffers;
        loop {
            let (length, again) = (one.read(ours)?, other.read(theirs)?);
            if ours[..length] != theirs[..again] {
                return Ok(false);
            }
            if length == 0 {
                return Ok(true);
            }
        }
    }

    /// Has diff(1) say how two files differ.
    fn with_diff(
        &mut self,
        path: &[u8],
        kinds: &[Found; 2],
        shown: &[String; 2],
        options: &[String],
        in_tree: bool,
    ) -> Result<(), Failure> {
        let failed = |error: std::io::Error| Failure::Other(format!("a copy to compare: {error}"));
        let scratch = match &self.scratch {
            Some(scratch) => scratch.clone(),
            None => self.scratch.insert(private_directory().map_err(failed)?).clone(),
        };
        let mut command = Command::new("diff");
        command.args(options).args(self.is_brief().then_some("-q"));
        for (index, name) in ["one", "other"].iter().enumerate() {
            let copy = scratch.join(name);
            let mut file = std::fs::File::create(&copy).map_err(failed)?;
            if kinds[index].is_some() {
                if let Err(why) = self.sides[index].copy(path, &mut file, &mut self.buffers[0]) {
                    self.session.report_failure(&why);
                    return Ok(());
                }
            }
            command.arg("--label").arg(&shown[index]);
            command.env("LC_ALL", "C");
        }
        command.args([scratch.join("one"), scratch.join("other")]);
        let ended = command.output().map_err(|error| Failure::Other(format!("diff: {error}")))?;
        match ended.status.code() {
            Some(0) => return Ok(()),
            Some(1) if self.json.is_wanted() => return self.differ(path, "content", None, ""),
            Some(1) => self.differs = true,
            _ => self.session.report_failure(String::from_utf8_lossy(&ended.stderr).trim()),
        }
        if in_tree && !self.args.brief && !ended.stdout.starts_with(b"Binary files") {
            let own = [
                (self.args.recursive, "-r"),
                (self.args.new_file, "-N"),
                (self.args.report_identical_files, "-s"),
            ];
            let own = own.iter().filter(|(given, _)| *given).map(|(_, flag)| *flag);
            let words = ["diff"].into_iter().chain(own).chain(options.iter().map(String::as_str));
            let words: Vec<&str> = words.chain(shown.iter().map(String::as_str)).collect();
            writeln!(self.output, "{}", words.join(" "))?;
        }
        Ok(self.output.write_all(&ended.stdout)?)
    }
}

/// `path` in the directory `top`.
fn below(top: &[u8], path: &[u8]) -> Vec<u8> {
    let mut whole = top.to_vec();
    if !path.is_empty() {
        join(&mut whole, path);
    }
    whole
}
