//! Runs the steps of a check, and the tests with an account of what was skipped.

use crate::{Options, workspace};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// Where tests note what they skip, one line each: test, tab, reason.
const SKIP_LOG: &str = "RUMP_SKIP_LOG";

/// What the builder asks of cargo, one after the other, and each time with [`PROGRAMS`].
const INSTALLED: [&str; 3] = ["librump", "librumpclient", "rump-hijack"];
const PROGRAMS: [&str; 3] = ["rump", "rump-server", "rump-config"];

/// A flag of GNU's env.
const DEFAULT_SIGNALS: &str = "--default-signal=HUP,INT,QUIT,TERM";

/// Runs one program at the root of the project; its output goes to ours.
pub fn step(
    title: &str,
    program: &str,
    arguments: &[&str],
    environment: &[(&str, &str)],
) -> Result<(), String> {
    watched(title, program, arguments, environment, Stdio::inherit(), |_| {})
}

/// As [`step`]; `look` sees what the program prints to a pipe, line by line.
fn watched(
    title: &str,
    program: &str,
    arguments: &[&str],
    environment: &[(&str, &str)],
    stdout: Stdio,
    mut look: impl FnMut(&[u8]),
) -> Result<(), String> {
    println!("== {title}: {program} {}", arguments.join(" "));
    let start = Instant::now();
    let failure = |error: std::io::Error| format!("{title}: {program}: {error}");
    let mut child = Command::new(program)
        .args(arguments)
        .envs(environment.iter().copied())
        .current_dir(workspace::root())
        .stdout(stdout)
        .spawn()
        .map_err(failure)?;
    if let Some(pipe) = child.stdout.take() {
        let mut lines = BufReader::new(pipe);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line).map_err(failure)? > 0 {
            std::io::stdout().write_all(&line).map_err(failure)?;
            look(&line);
            line.clear();
        }
    }
    let status = child.wait().map_err(failure)?;
    println!("== {title}: {:.1} s", start.elapsed().as_secs_f64());
    if status.success() { Ok(()) } else { Err(format!("{title} failed ({status})")) }
}

/// Builds the programs as the builder does, so that they are compiled once for both, runs the tests of the workspace, then
/// lists what was skipped.
pub fn tests(options: Options) -> Result<(), String> {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace::root().join("target"), PathBuf::from);
    for library in INSTALLED {
        let mut build = vec!["build", "--locked", "--profile", "installed", "--quiet"];
        build.extend(PROGRAMS.iter().chain([&library]).flat_map(|package| ["--package", package]));
        step("programs", "cargo", &build, &[("CC", "cc")])?;
    }
    let program = target.join("installed/rump").to_string_lossy().into_owned();
    let log = target.join("skipped.txt");
    fs::write(&log, "").map_err(|error| format!("{}: {error}", log.display()))?;
    let log_name = log.to_string_lossy().into_owned();
    let mut environment = vec![(SKIP_LOG, log_name.as_str()), ("RUMP_BIN", program.as_str())];
    if options.no_skips {
        environment.push(("RUMP_NO_SKIPS", "1"));
    }
    if options.quick {
        environment.push(("RUMP_QUICK", "1"));
    }
    let mut arguments = vec!["cargo", "test", "--workspace", "--all-features", "--no-fail-fast"];
    if resets_signals() {
        arguments.splice(..0, ["env", DEFAULT_SIGNALS]);
    }
    let mut failures = Failures::default();
    let outcome = watched("tests", arguments[0], &arguments[1..], &environment, Stdio::piped(), |line| {
        failures.line(line)
    });
    report_skips(&log)?;
    print!("{}", failures.report);
    outcome
}

/// Whether the host's env(1) gives a program signals that end it: what a shell begins in the background ignores some, and so
/// would all that tests begin and interrupt.
fn resets_signals() -> bool {
    let mut probe = Command::new("env");
    probe.args([DEFAULT_SIGNALS, "true"]).stderr(Stdio::null());
    probe.status().is_ok_and(|status| status.success())
}

/// What test programs say of their failures, which thousands of lines would hide: each says it twice, details and names,
/// between `failures:` and its result.
#[derive(Default)]
struct Failures {
    report: String,
    inside: bool,
}

impl Failures {
    fn line(&mut self, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        self.inside |= line.trim_end() == "failures:";
        if self.inside {
            self.report.push_str(&line);
        }
        self.inside &= !line.starts_with("test result:");
    }
}

fn report_skips(log: &Path) -> Result<(), String> {
    let text = fs::read_to_string(log).map_err(|error| format!("{}: {error}", log.display()))?;
    let skipped: Vec<&str> = text.lines().collect();
    println!("== skipped for want of a tool, a privilege or data: {}", skipped.len());
    for line in skipped {
        println!("   {}", line.replace('\t', ": "));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_is_kept_and_nothing_else() {
        let mut failures = Failures::default();
        let said = "test a ... ok\nfailures:\n\n---- b ----\nno\n\nfailures:\n    b\n\ntest result: FAILED. 1\nrunning 2 tests\n";
        said.split_inclusive('\n').for_each(|line| failures.line(line.as_bytes()));
        let end = said.len() - "running 2 tests\n".len();
        assert_eq!(failures.report, said["test a ... ok\n".len()..end]);
    }
}
