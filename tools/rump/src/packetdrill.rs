//! `rump packetdrill`: scripts of packets and system calls, run against the network of a rump kernel.

use crate::output::{Output, escaped};
use crate::record::Format;
use crate::session::{Failure, Session};
use clap::{Args as ClapArgs, ValueEnum, ValueHint};
use rump_packetdrill::{Ignored, Report, Settings, SyntaxError, Verdict, parse, run as run_script};
use serde::Serialize;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write;
use std::num::NonZero;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

/// Arguments of `rump packetdrill`.
#[derive(ClapArgs)]
#[command(after_help = "Each script gets a kernel of its own, in virtual time; nothing of the host is used.
A script that needs what is not there is skipped, and that is said.
Example:
  rump packetdrill -o tolerance_usecs=1000 --jobs 4 scripts/
Records of --json: script, verdict (passed, failed, skipped), and if there are such line, what, expected, actual, notes.")]
pub struct Args {
    /// An option of packetdrill for all scripts, e.g. ip_version=ipv6; theirs come after it
    #[arg(short = 'o', long = "option", value_name = "NAME[=VALUE]")]
    options: Vec<String>,
    /// What not to compare, for scripts of another system: win (windows), wscale (their shift), mss (the longest segment),
    /// push (the flag PSH), sockopt (what getsockopt answers)
    #[arg(long, value_name = "FIELD,...", value_delimiter = ',', hide_possible_values = true)]
    ignore: Vec<Field>,
    /// Packets that no script expects are failures; segments are not joined for comparison
    #[arg(long)]
    strict: bool,
    /// ipv4, ipv4-mapped-ipv6 (by sockets of IPv6) or ipv6, unless a script says another
    #[arg(long, alias = "ip_version", value_name = "VERSION", hide_possible_values = true,
          value_parser = ["ipv4", "ipv4-mapped-ipv6", "ipv6"])]
    ip_version: Option<String>,
    /// How many scripts run at once; as many as there are processors, if nothing is said. What is said stays in order
    #[arg(short, long, value_name = "N")]
    jobs: Option<NonZero<u16>>,
    /// Print all that is said, too
    #[arg(short, long)]
    verbose: bool,
    #[command(flatten)]
    format: Format,
    /// Scripts, or folders in which all files *.pkt are
    #[arg(value_name = "FILE", value_hint = ValueHint::AnyPath, required = true)]
    files: Vec<OsString>,
}

/// What may be a system's own.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Field {
    Win,
    Wscale,
    Mss,
    Push,
    Sockopt,
}

#[derive(Serialize)]
struct Record {
    script: String,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    what: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actual: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

impl Record {
    fn new(script: String, report: &Report) -> Self {
        let mut record = Self {
            script,
            verdict: "passed",
            line: None,
            what: None,
            expected: None,
            actual: None,
            notes: report.notes.clone(),
        };
        match &report.verdict {
            Verdict::Passed => {}
            Verdict::Failed(failure) => {
                (record.verdict, record.line) = ("failed", Some(failure.line));
                record.what = Some(failure.what.clone());
                (record.expected, record.actual) = (failure.expected.clone(), failure.actual.clone());
            }
            Verdict::Skipped(line, why) => {
                (record.verdict, record.line, record.what) = ("skipped", Some(*line), Some(why.clone()));
            }
        }
        record
    }
}

/// How many went how.
#[derive(Default)]
struct Count {
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl Count {
    fn add(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Passed => self.passed += 1,
            Verdict::Failed(_) => self.failed += 1,
            Verdict::Skipped(..) => self.skipped += 1,
        }
    }
}

/// What became of a file.
enum Outcome {
    /// It cannot be read.
    Unreadable(std::io::Error),
    /// It is no script.
    Malformed(SyntaxError),
    /// It was run.
    Ran(Box<Report>),
}

fn run_file(file: &Path, settings: &Settings) -> Outcome {
    let text = match std::fs::read(file) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => return Outcome::Unreadable(error),
    };
    match parse(&text) {
        Ok(script) => Outcome::Ran(Box::new(run_script(&script, settings))),
        Err(error) => Outcome::Malformed(error),
    }
}

/// Runs files, `jobs` at once, and takes what became of them in their order.
fn run_all(
    files: &[PathBuf],
    settings: &Settings,
    jobs: usize,
    mut take: impl FnMut(&Path, Outcome) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let next = AtomicUsize::new(0);
    let (sender, outcomes) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..jobs.min(files.len()) {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(file) = files.get(at) else { break };
                    // Whoever takes may have ended with an error.
                    if sender.send((at, run_file(file, settings))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        let mut early = BTreeMap::new();
        let mut taken = 0;
        for (at, outcome) in outcomes {
            early.insert(at, outcome);
            while let Some(outcome) = early.remove(&taken) {
                take(&files[taken], outcome)?;
                taken += 1;
            }
        }
        Ok(())
    })
}

/// Runs it.
pub fn run(args: &Args, session: &mut Session, out: &mut Output) -> Result<(), Failure> {
    let settings = settings(args)?;
    let mut json = args.format.writer();
    let mut count = Count::default();
    let files = scripts(&args.files, session);
    let usual = || std::thread::available_parallelism().map_or(1, NonZero::get);
    let jobs = args.jobs.map_or_else(usual, |jobs| jobs.get().into());
    run_all(&files, &settings, jobs, |file, outcome| {
        let name = escaped(file.as_os_str().as_bytes());
        match outcome {
            Outcome::Unreadable(error) => session.report_failure(&format!("{name}: {error}")),
            Outcome::Malformed(error) => {
                session.report_failure(&format!("{name}:{error}"));
                count.failed += 1;
            }
            Outcome::Ran(report) => {
                if args.format.is_json() {
                    json.write(out, &Record::new(name.clone(), &report))?;
                }
                tell(args, session, out, &name, &report)?;
                count.add(&report.verdict);
            }
        }
        Ok(())
    })?;
    if args.format.is_json() {
        return Ok(json.finish(out)?);
    }
    writeln!(out, "{} passed, {} failed, {} skipped", count.passed, count.failed, count.skipped)?;
    Ok(())
}

/// Says how a script went; failures and what was passed over go to standard error.
fn tell(
    args: &Args,
    session: &mut Session,
    out: &mut Output,
    name: &str,
    report: &Report,
) -> Result<(), Failure> {
    if args.verbose && !args.format.is_json() {
        report.dialogue.iter().try_for_each(|line| writeln!(out, "{}", escaped(line.as_bytes())))?;
    }
    // A failure is easier to read behind what came before it.
    out.flush()?;
    for note in &report.notes {
        session.note(&format!("{name}:{}", escaped(note.as_bytes())));
    }
    match &report.verdict {
        Verdict::Passed if args.verbose && !args.format.is_json() => writeln!(out, "{name}: passed")?,
        Verdict::Passed => {}
        Verdict::Failed(failure) => session.report_failure(&format!("{name}:{failure}")),
        Verdict::Skipped(line, why) => {
            session.note(&format!("{name}:{line}: skipped: {}", escaped(why.as_bytes())));
        }
    }
    Ok(())
}

fn settings(args: &Args) -> Result<Settings, Failure> {
    let mut settings = Settings { strict: args.strict, ..Settings::default() };
    if let Some(version) = &args.ip_version {
        settings.apply("ip_version", Some(version)).map_err(|error| Failure::Usage(error.to_string()))?;
    }
    for option in &args.options {
        let (name, value) = match option.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (option.as_str(), None),
        };
        let name = name.trim_start_matches('-');
        settings.apply(name, value).map_err(|error| Failure::Usage(error.to_string()))?;
    }
    let ignores = |field| args.ignore.contains(&field);
    settings.ignored = Ignored {
        window: ignores(Field::Win),
        scale: ignores(Field::Wscale),
        mss: ignores(Field::Mss),
        push: ignores(Field::Push),
        sockopt: ignores(Field::Sockopt),
    };
    Ok(settings)
}

/// The scripts that are named, and those below folders that are named, in order.
fn scripts(names: &[OsString], session: &mut Session) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for name in names {
        let path = Path::new(name);
        if !path.is_dir() {
            all.push(path.into());
        } else if let Err(error) = collect(path, &mut all) {
            session.report_failure(&format!("{}: {error}", escaped(name.as_bytes())));
        }
    }
    all
}

fn collect(folder: &Path, all: &mut Vec<PathBuf>) -> std::io::Result<()> {
    let mut entries: Vec<_> = std::fs::read_dir(folder)?.collect::<std::io::Result<_>>()?;
    entries.sort_by_key(std::fs::DirEntry::path);
    for entry in entries {
        // A link to a folder may lead back.
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), all)?;
        } else if entry.path().extension().is_some_and(|extension| extension == "pkt") {
            all.push(entry.path());
        }
    }
    Ok(())
}
