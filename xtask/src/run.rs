//! Runs the steps of a check, and the tests with an account of what was skipped.

use crate::{Options, workspace};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// Where tests note what they skip, one line each: test, tab, reason.
const SKIP_LOG: &str = "RUMP_SKIP_LOG";

/// What the builder asks of cargo: kernels, and then their clients.
const INSTALLED: [&[&str]; 2] =
    [&["librump", "rump", "rump-server", "rump-config"], &["librumpclient", "rump-hijack"]];

/// Runs one program at the root of the project; its output goes to ours.
pub fn step(
    title: &str,
    program: &str,
    arguments: &[&str],
    environment: &[(&str, &str)],
) -> Result<(), String> {
    println!("== {title}: {program} {}", arguments.join(" "));
    let start = Instant::now();
    let status = Command::new(program)
        .args(arguments)
        .envs(environment.iter().copied())
        .current_dir(workspace::root())
        .status()
        .map_err(|error| format!("{title}: {program}: {error}"))?;
    println!("== {title}: {:.1} s", start.elapsed().as_secs_f64());
    if status.success() { Ok(()) } else { Err(format!("{title} failed ({status})")) }
}

/// Builds the programs as the builder does, so that they are compiled once for both, runs the tests of the workspace, then
/// lists what was skipped.
pub fn tests(options: Options) -> Result<(), String> {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace::root().join("target"), PathBuf::from);
    for packages in INSTALLED {
        let mut build = vec!["build", "--locked", "--profile", "installed", "--quiet"];
        build.extend(packages.iter().flat_map(|package| ["--package", package]));
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
    let arguments = ["test", "--workspace", "--all-features", "--no-fail-fast"];
    let outcome = step("tests", "cargo", &arguments, &environment);
    report_skips(&log)?;
    outcome
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
