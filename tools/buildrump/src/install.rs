//! Copies what was built into the destination: `bin`, `lib` and `share`.

use crate::Outcome;
use crate::build::{absolute, results};
use crate::options::Options;
use std::fs;
use std::path::Path;
use std::process::Command;

/// What goes into `share/doc/rump`, as far as the source tree has it.
const DOCUMENTS: &[&str] = &["README.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE", "docs/status.md"];

/// Stands in `lib` so that nobody looks for a library that is not there.
const LIBRARIES: &str = "\
Programs in Rust use the crate rumpkit from the source tree; it is compiled into them by cargo.
Libraries for other languages stand in this folder when the source tree builds them.
";

/// Installs; what the destination holds beside it stays.
pub fn install(options: &Options) -> Outcome {
    let built = results(options);
    copy(&built.join("rump"), &options.destination.join("bin/rump"))?;
    for entry in fs::read_dir(&built).map_err(|error| format!("{}: {error}", built.display()))? {
        let entry = entry.map_err(|error| error.to_string())?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("librump") && (name.ends_with(".a") || name.ends_with(".so")) {
            copy(&entry.path(), &options.destination.join("lib").join(name))?;
        }
    }
    write(&options.destination.join("lib/README"), LIBRARIES)?;
    for document in DOCUMENTS {
        let from = options.source.join(document);
        if from.exists() {
            let name = from.file_name().unwrap_or_default();
            copy(&from, &options.destination.join("share/doc/rump").join(name))?;
        }
    }
    generate(options)?;
    options.say(&format!("installed into {}", options.destination.display()));
    Ok(())
}

/// Man pages and completions: the program writes them itself.
fn generate(options: &Options) -> Outcome {
    let program = absolute(&options.destination.join("bin/rump"))?;
    let share = options.destination.join("share");
    let output = Command::new(&program).arg("generate").arg(&share).output();
    let output = output.map_err(|error| format!("{}: {error}", program.display()))?;
    if output.status.success() {
        return Ok(());
    }
    let complaint = String::from_utf8_lossy(&output.stderr).trim().to_string();
    Err(format!("man pages and completions: {}: {complaint}", output.status))
}

/// Replaces rather than overwrites, so that a program that runs keeps its file.
fn copy(from: &Path, to: &Path) -> Outcome {
    make_parent(to)?;
    let fresh = to.with_extension("new");
    fs::copy(from, &fresh)
        .and_then(|_| fs::rename(&fresh, to))
        .map_err(|error| format!("{} to {}: {error}", from.display(), to.display()))
}

fn write(path: &Path, text: &str) -> Outcome {
    make_parent(path)?;
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

fn make_parent(path: &Path) -> Outcome {
    let parent = path.parent().unwrap_or(path);
    fs::create_dir_all(parent).map_err(|error| format!("{}: {error}", parent.display()))
}
