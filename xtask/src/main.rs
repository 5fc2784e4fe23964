//! The project's own checks: `cargo xtask layers | test | fuzz | races | torture | msrv | no-std | builder | ci`.
//!
//! `layers` holds the table of ARCHITECTURE.md against every manifest; `test` runs every test and
//! says at its end what was skipped and why; `fuzz` runs the guided fuzzing; `races` looks for data races;
//! `builder` runs the builder in all its ways; `ci` is everything a change has to
//! pass but the slow ones, which `.ci/run` adds.
#![forbid(unsafe_code)]

mod builder;
mod compilers;
mod debian;
mod fuzz;
mod layers;
mod planted;
mod purity;
mod races;
mod run;
mod torture;
mod workspace;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND [OPTIONS]

commands:
  layers    check which layer uses which, where unsafe and std may stand
  test      build the programs, run every test, list what was skipped
  ci        fmt, clippy (of fuzz and benches as well), layers, documentation and tests
  fuzz      guided fuzzing of every parser of outside data, from seeds that are made first
  races     programs in C with threads, and the library, under ThreadSanitizer; planted races have to be found
  torture   the tests of power cuts, random operations and threads in their long form; --planted: find the defects of
            crash safety that are planted in a copy of the sources
  msrv      check everything with the oldest compiler that is promised
  no-std    check what must do without std against core and alloc alone
  builder   the builder with every compiler, profile and host, without a network, and how long each takes

options of test, ci and msrv:
  --no-skips   what lacks a tool or a privilege fails instead of being skipped
  --quick      smaller trees in the tests that compare with the kernel

options of races:
  --rounds N   how often each program runs (3)
  --no-skips   fail where the compiler, which comes from Debian's packages, or clang is missing

options of fuzz:
  --seconds N    for each target (60)
  --target NAME  one of them alone; a wrong name tells which there are
  --seed N       where the random numbers begin, for runs that are alike
  --planted      find the defects that are planted in a copy of the sources, each within N seconds
";

/// Folders of the project that are workspaces of their own: their dependencies are nobody else's.
const APART: &[&str] = &["benches", "fuzz"];

/// How `test` and `ci` were asked to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Options {
    no_skips: bool,
    quick: bool,
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut options = Self::default();
        for argument in arguments {
            match argument.as_str() {
                "--no-skips" => options.no_skips = true,
                "--quick" => options.quick = true,
                other => return Err(format!("unknown option {other}\n\n{USAGE}")),
            }
        }
        Ok(options)
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {}", message.trim_end());
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<(), String> {
    let Some((command, rest)) = arguments.split_first() else {
        return Err(format!("no command\n\n{USAGE}"));
    };
    match command.as_str() {
        "layers" if rest.is_empty() => check_layers(),
        "test" => run::tests(Options::parse(rest)?),
        "ci" => ci(Options::parse(rest)?),
        "msrv" => compilers::check_oldest(Options::parse(rest)?),
        "builder" if rest.is_empty() => builder::run(),
        "no-std" if rest.is_empty() => compilers::check_without_std(&workspace::load(&workspace::root())?),
        "races" => races::run(races::Options::parse(rest)?),
        "torture" => torture::run(rest),
        "fuzz" => fuzz::run(&fuzz::Options::parse(rest)?),
        "help" | "--help" | "-h" => {
            print!("{USAGE}");
            Ok(())
        }
        _ => Err(format!("unknown command {}\n\n{USAGE}", arguments.join(" "))),
    }
}

/// Runs both checks of structure and reports every finding, not only the first.
fn check_layers() -> Result<(), String> {
    let packages = workspace::load(&workspace::root())?;
    let mut findings = layers::check(&packages);
    findings.extend(purity::check(&packages)?);
    if findings.is_empty() {
        println!("layers: {} crates, nothing to object to", packages.len());
        return Ok(());
    }
    Err(format!("{} findings in the layers:\n  {}", findings.len(), findings.join("\n  ")))
}

fn ci(options: Options) -> Result<(), String> {
    run::step("formatting", "cargo", &["fmt", "--all", "--check"], &[])?;
    run::step(
        "clippy",
        "cargo",
        &["clippy", "--workspace", "--all-targets", "--all-features", "--quiet", "--", "-D", "warnings"],
        &[],
    )?;
    APART.iter().try_for_each(|folder| check_apart(folder))?;
    println!("== layers");
    check_layers()?;
    // Before the tests, which take longest.
    run::step(
        "documentation",
        "cargo",
        &["doc", "--workspace", "--no-deps", "--quiet"],
        &[("RUSTDOCFLAGS", "-D warnings")],
    )?;
    run::tests(options)
}

/// What is built with the workspace, but is none of it: its format and clippy's opinion. Parts that both have in common
/// are compiled once.
fn check_apart(folder: &str) -> Result<(), String> {
    let manifest = format!("{folder}/Cargo.toml");
    let of_manifest = ["--manifest-path", &manifest];
    let format = [&["fmt", "--check"][..], &of_manifest].concat();
    run::step(&format!("formatting of {folder}"), "cargo", &format, &[])?;
    let opinion = ["--target-dir", "target", "--all-targets", "--quiet", "--", "-D", "warnings"];
    let clippy = [&["clippy"][..], &of_manifest, &opinion].concat();
    run::step(&format!("clippy of {folder}"), "cargo", &clippy, &[])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_apart_is_a_workspace_of_its_own() {
        for folder in APART {
            let manifest = workspace::root().join(folder).join("Cargo.toml");
            let text = std::fs::read_to_string(&manifest).unwrap();
            assert!(text.lines().any(|line| line == "[workspace]"), "{folder}");
        }
    }

    #[test]
    fn options_are_read_in_any_order() {
        let both = ["--quick".to_string(), "--no-skips".to_string()];
        assert_eq!(Options::parse(&both), Ok(Options { no_skips: true, quick: true }));
    }

    #[test]
    fn unknown_commands_and_options_are_refused() {
        assert!(dispatch(&["fly".to_string()]).is_err());
        assert!(dispatch(&[]).is_err());
        assert!(Options::parse(&["--fast".to_string()]).is_err());
    }
}
