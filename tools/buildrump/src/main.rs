//! The builder behind `buildrump.sh`: builds the components, installs them into `./rump`, and proves with
//! sample images that what was installed works.
//!
//! Commands and options are those of NetBSD's `buildrump.sh` as far as they have a meaning here.
#![forbid(unsafe_code)]

mod build;
mod components;
mod folders;
mod install;
mod libraries;
mod options;
mod pkgconfig;
mod proof;
mod run;
mod toolchain;
mod tools;

use buildrump::{Outcome, file, manual};
use options::{Command, Options, Parsed};
use std::process::ExitCode;
use toolchain::Toolchain;

/// Exit status of a wrong command line.
const USAGE_ERROR: u8 = 2;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (options, commands) = match options::parse(&arguments) {
        Ok(Parsed::Help) => {
            print!("{}", options::USAGE);
            return ExitCode::SUCCESS;
        }
        Ok(Parsed::Run(options, commands)) => (options, commands),
        Err(message) => {
            eprintln!("buildrump.sh: {message} (-h tells what there is)");
            return ExitCode::from(USAGE_ERROR);
        }
    };
    if let Err(message) = folders::check(&options, &commands) {
        eprintln!("buildrump.sh: {message}");
        return ExitCode::FAILURE;
    }
    for command in commands {
        match run(command, &options) {
            Ok(true) => {}
            Ok(false) => return ExitCode::FAILURE,
            Err(message) => {
                eprintln!("buildrump.sh: {}: {}", command.name(), message.trim_end());
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

/// Runs one command; `false` when it has already said what failed.
fn run(command: Command, options: &Options) -> Outcome<bool> {
    options.say(&format!("{} ...", command.name()));
    let toolchain = Toolchain::chosen(options);
    match command {
        Command::Checkout => build::fetch(options)?,
        Command::Probe => tools::report(options, &toolchain)?,
        Command::Tools => tools::write(options, &toolchain)?,
        Command::Build => compile(options, &toolchain)?,
        Command::Install => install::install(options, &toolchain)?,
        Command::Fullbuild => {
            tools::write(options, &toolchain)?;
            compile(options, &toolchain)?;
            install::install(options, &toolchain)?;
        }
        Command::Tests => return proof::prove(options, &toolchain),
    }
    Ok(true)
}

fn compile(options: &Options, toolchain: &Toolchain) -> Outcome {
    build::build(options, toolchain)?;
    libraries::make(options, toolchain)
}
