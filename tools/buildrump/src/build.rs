//! Fetching and compiling, with cargo.

use crate::Outcome;
use crate::options::{Options, Profile};
use std::path::PathBuf;
use std::process::Command;

/// Fetches what is in the lock file; without a network, what is here already has to do.
pub fn fetch(options: &Options) -> Outcome {
    let here = cargo(options).args(["fetch", "--locked", "--offline", "--quiet"]).output();
    if here.is_ok_and(|output| output.status.success()) {
        options.say("every dependency is here already");
        return Ok(());
    }
    succeed(cargo(options).args(["fetch", "--locked"]))
}

/// Compiles the programs for the target.
pub fn build(options: &Options) -> Outcome {
    let mut command = cargo(options);
    command.args(["build", "--locked", "--package", "rump", "--target-dir"]).arg(absolute(&options.objects)?);
    if options.profile == Profile::Release {
        command.arg("--release");
    }
    if let Some(jobs) = options.jobs {
        command.args(["--jobs", &jobs.to_string()]);
    }
    if options.quiet {
        command.arg("--quiet");
    }
    succeed(&mut command)
}

/// Where the results of [`build`] are.
pub fn results(options: &Options) -> PathBuf {
    options.objects.join(options.profile.folder())
}

/// A path that stays right when another program runs in another folder.
pub fn absolute(path: &std::path::Path) -> Outcome<PathBuf> {
    std::path::absolute(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn cargo(options: &Options) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(&options.source);
    command
}

fn succeed(command: &mut Command) -> Outcome {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command.status().map_err(|error| format!("{name}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{name} failed ({status})")) }
}
