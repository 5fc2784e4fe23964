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
use std::fs;
use std::path::Path;
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
    for (name, text) in pkgconfig::files(&components::chosen(options)?) {
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

/// The command, with man pages and completions, which it writes itself.
fn install_programs(options: &Options, toolchain: &Toolchain) -> Outcome {
    let program = options.destination.join("bin/rump");
    file::copy(&results(options, toolchain).join("rump"), &program)?;
    if build::has_hijack(options, toolchain)? {
        let library = "librumphijack.so";
        let to = options.destination.join("lib").join(library);
        file::copy(&results(options, toolchain).join(library), &to)?;
    }
    let share = absolute(&options.destination.join("share"))?;
    if toolchain.cross.is_some() {
        options.say("man pages and completions of rump: not written, it runs on another machine");
        return Ok(());
    }
    // It remembers what they were written by.
    let mark = results(options, toolchain).join("generated.made");
    let inputs = format!("{}{}", file::state(&program), share.display());
    file::unless_done(&mark, &inputs, || {
        let written = output(Command::new(absolute(&program)?).arg("generate").arg(&share));
        written.map(drop).map_err(|error| format!("man pages and completions: {error}"))
    })
}
