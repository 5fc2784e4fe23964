//! Copies what was built into the destination: `bin`, `include`, `lib` and `share`. What is there already stays as it is.

use crate::Outcome;
use crate::build::{self, absolute, results};
use crate::components;
use crate::file;
use crate::libraries;
use crate::manual;
use crate::options::{Options, Parts};
use crate::pkgconfig;
use crate::run::output;
use crate::toolchain::Toolchain;
use buildrump::{CONFIG_PROGRAM, CONFIG_TOOLS, FSU_TOOLS};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What goes into `share/doc/rump`, as far as the source tree has it.
const DOCUMENTS: &[&str] = &["README.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE", "docs/status.md"];

/// Installs; what the destination holds beside it stays.
pub fn install(options: &Options, toolchain: &Toolchain) -> Outcome {
    install_libraries(options, toolchain)?;
    file::copy_tree(&options.source.join("include"), &options.destination.join("include"))?;
    manual::install(&options.source, &options.destination.join("share/man"))?;
    for document in DOCUMENTS {
        let from = options.source.join(document);
        if from.exists() {
            let name = from.file_name().unwrap_or_default();
            file::copy(&from, &options.destination.join("share/doc/rump").join(name))?;
        }
    }
    if options.parts == Parts::All && build::has_programs(options) {
        install_programs(options, toolchain)?;
    }
    options.say(&format!("installed into {}", options.destination.display()));
    Ok(())
}

fn install_libraries(options: &Options, toolchain: &Toolchain) -> Outcome {
    let (from, to) = (libraries::folder(options, toolchain), options.destination.join("lib"));
    if !from.is_dir() {
        return Err(format!("{}: nothing was built there; fullbuild builds and installs", from.display()));
    }
    copy_libraries(&from, &to)?;
    for (name, text) in pkgconfig::files(&components::chosen(options)?, build::has_clients(options)) {
        file::write(&to.join("pkgconfig").join(name), &text)?;
    }
    Ok(())
}

/// Links stay links.
fn copy_libraries(from: &Path, to: &Path) -> Outcome {
    let failed = |error| format!("{}: {error}", from.display());
    for entry in fs::read_dir(from).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let target = to.join(path.file_name().unwrap_or_default());
        match fs::read_link(&path) {
            Ok(name) => file::link(&name.to_string_lossy(), &target)?,
            Err(_) if path.is_dir() => file::copy_tree(&path, &target)?,
            Err(_) => file::copy(&path, &target)?,
        }
    }
    Ok(())
}

/// Beside the command: kernels for clients of other processes, and what belongs to them.
pub const SERVER_PROGRAMS: &[&str] = &["rump_server", "rump_halt", "shmif_dumpbus"];
/// A server that has every component: another name of `rump_server`.
const SERVER_OF_ALL: &str = "rump_allserver";

/// The programs, with man pages and completions, which they write themselves.
fn install_programs(options: &Options, toolchain: &Toolchain) -> Outcome {
    let program = options.destination.join("bin/rump");
    file::copy(&results(options, toolchain).join("rump"), &program)?;
    for tool in FSU_TOOLS {
        file::link("rump", &options.destination.join("bin").join(tool))?;
    }
    for name in SERVER_PROGRAMS {
        file::copy(&results(options, toolchain).join(name), &options.destination.join("bin").join(name))?;
    }
    file::link(SERVER_PROGRAMS[0], &options.destination.join("bin").join(SERVER_OF_ALL))?;
    let config = options.destination.join("bin").join(CONFIG_PROGRAM);
    file::copy(&results(options, toolchain).join(CONFIG_PROGRAM), &config)?;
    for tool in CONFIG_TOOLS {
        file::link(CONFIG_PROGRAM, &options.destination.join("bin").join(tool))?;
    }
    if build::has_hijack(options, toolchain)? {
        let library = "librumphijack.so";
        let to = options.destination.join("lib").join(library);
        file::copy(&results(options, toolchain).join(library), &to)?;
    }
    let share = absolute(&options.destination.join("share"))?;
    if toolchain.cross.is_some() {
        options.say("man pages and completions of programs: not written, they run on another machine");
        return Ok(());
    }
    // It remembers what they were written by.
    let mark = results(options, toolchain).join("generated.made");
    let servers = SERVER_PROGRAMS.iter().chain([&CONFIG_PROGRAM]);
    let servers = servers.map(|name| options.destination.join("bin").join(name));
    let programs: Vec<_> = [program].into_iter().chain(servers).collect();
    let states: String = programs.iter().map(|program| file::state(program)).collect();
    file::unless_done(&mark, &format!("{states}{}", share.display()), || generate(&programs, &share))
}

/// Has the command, and behind it the other programs, write what belongs below `share`.
fn generate(programs: &[PathBuf], share: &Path) -> Outcome {
    let pages = share.join("man/man1");
    for (number, program) in programs.iter().enumerate() {
        let mut command = Command::new(absolute(program)?);
        if number == 0 {
            command.arg("generate").arg(share);
        } else {
            command.arg("--man").arg(&pages);
        }
        output(&mut command).map_err(|error| format!("man pages and completions: {error}"))?;
    }
    let other = format!(".so man1/{}.1\n", SERVER_PROGRAMS[0]);
    file::write(&pages.join(format!("{SERVER_OF_ALL}.1")), &other)
}
