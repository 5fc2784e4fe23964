//! Fetching and compiling, with cargo.

use crate::Outcome;
use crate::components::{self, CLIENTS, WHOLE};
use crate::options::{Hypercalls, Options, Parts};
use crate::run::succeed;
use crate::toolchain::Toolchain;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What runs on this host.
const PROGRAMS: [&str; 3] = ["rump", "rump-server", "rump-config"];

/// Fetches what is in the lock file; without a network, what is here already has to do.
pub fn fetch(options: &Options) -> Outcome {
    let here = cargo(options).args(["fetch", "--locked", "--offline", "--quiet"]).output();
    if here.is_ok_and(|output| output.status.success()) {
        options.say("every dependency is here already");
        return Ok(());
    }
    succeed(cargo(options).args(["fetch", "--locked"])).map_err(|error| {
        format!("{error}; the dependencies in Cargo.lock have to be fetched once, which needs a network")
    })
}

/// Compiles for the target.
///
/// Kernels, their clients, and the library that goes before glibc take three runs: in one, `rump-capi` would have for all
/// of them what any of them asks, and clients kernels of their own. The programs are named in each: cargo then settles on
/// the same features of everything else, and compiles it once.
pub fn build(options: &Options, toolchain: &Toolchain) -> Outcome {
    let all = options.parts == Parts::All;
    let programs: &[&str] = if all && has_programs(options) { &PROGRAMS } else { &[] };
    let run = |package: &str| -> Outcome<Command> {
        let mut command = compile(options, toolchain)?;
        command.args(programs.iter().chain([&package]).flat_map(|package| ["--package", package]));
        Ok(command)
    };
    let mut kernels = run(WHOLE)?;
    let mut features = features(options)?;
    if !features.is_empty() {
        // Components are chosen for the library; the programs stay what they are.
        features.extend(programs.first().map(|program| format!("{program}/default")));
        kernels.args(["--no-default-features", "--features", &features.join(",")]);
    }
    succeed(&mut kernels)?;
    if has_clients(options) {
        succeed(&mut run(CLIENTS)?)?;
        if all && has_hijack(options, toolchain)? {
            succeed(&mut run("rump-hijack")?)?;
        }
    }
    Ok(())
}

/// Cargo, for the target.
fn compile(options: &Options, toolchain: &Toolchain) -> Outcome<Command> {
    let mut command = cargo(options);
    command.args(["build", "--locked", "--profile", options.profile.name()]);
    command.arg("--target-dir").arg(absolute(&options.objects)?);
    if let Some(target) = &toolchain.cross {
        command.args(["--target", target]);
        let variable = target.replace('-', "_");
        command.env(format!("CARGO_TARGET_{}_LINKER", variable.to_uppercase()), &toolchain.cc[0]);
        command.env(format!("CC_{variable}"), toolchain.cc.join(" "));
        command.env(format!("AR_{variable}"), toolchain.utility("ar").get_program());
        // Programs that the build runs are for this machine.
        command.env_remove("CC");
    } else {
        // As rumpmake says it, too: what was compiled for one that is named otherwise is compiled again.
        command.env("CC", toolchain.cc.join(" "));
    }
    if let Some(jobs) = options.jobs {
        command.args(["--jobs", &jobs.to_string()]);
    }
    if options.quiet {
        command.arg("--quiet");
    }
    Ok(command)
}

/// Programs run on this host, and need its hypercalls.
pub fn has_programs(options: &Options) -> bool {
    options.hypercalls == Hypercalls::Posix
}

/// A client is a program of this host, as its server is.
pub fn has_clients(options: &Options) -> bool {
    has_programs(options)
}

/// The library of `rump run` goes before glibc.
pub fn has_hijack(options: &Options, toolchain: &Toolchain) -> Outcome<bool> {
    Ok(has_programs(options) && toolchain.target()?.contains("-linux-gnu"))
}

/// What to ask of `librump`, if that is not all.
fn features(options: &Options) -> Outcome<Vec<String>> {
    if options.components.is_none() && options.hypercalls == Hypercalls::Posix {
        return Ok(Vec::new());
    }
    let chosen = components::chosen(options)?;
    let mut features: Vec<_> = chosen.iter().map(|component| format!("{WHOLE}/{}", component.name)).collect();
    if options.hypercalls == Hypercalls::Posix {
        features.push(format!("{WHOLE}/posix"));
    }
    Ok(features)
}

/// Where the results of [`build`] are.
pub fn results(options: &Options, toolchain: &Toolchain) -> PathBuf {
    let target = toolchain.cross.as_deref().unwrap_or_default();
    options.objects.join(target).join(options.profile.folder())
}

/// A path that stays right when another program runs in another folder.
pub fn absolute(path: &Path) -> Outcome<PathBuf> {
    std::path::absolute(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn cargo(options: &Options) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(&options.source);
    for (variable, flags) in &options.flags {
        let given = std::env::var(variable).unwrap_or_default();
        command.env(variable, format!("{given} {flags}").trim());
    }
    command.envs(options.environment.iter().map(|(name, value)| (name, value)));
    command
}
