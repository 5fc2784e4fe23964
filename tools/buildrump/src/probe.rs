//! What the toolchain can do, and `rumpmake`, which rebuilds one component from inside its folder.

use crate::Outcome;
use crate::build::absolute;
use crate::options::{Options, Profile};
use std::fs;
use std::path::Path;
use std::process::Command;

/// A program, the question that makes it name its version, and whether the build needs it.
const PROGRAMS: &[(&str, &str, bool)] =
    &[("cargo", "--version", true), ("rustc", "--version", true), ("cc", "--version", true)];

/// Prints one line for each program, and what the compiler builds for.
pub fn report(options: &Options) -> Outcome {
    for (program, question, _) in PROGRAMS {
        let answer = ask(program, question).unwrap_or_else(|| "not found".to_string());
        println!("{program}: {answer}");
    }
    println!("target: {}", target().unwrap_or_else(|| "unknown".to_string()));
    println!("source: {}", options.source.display());
    Ok(())
}

/// Checks that the needed programs are there; writes `toolchain-conf` and `rumpmake`.
pub fn write_tools(options: &Options) -> Outcome {
    let mut lines = String::new();
    for (program, question, needed) in PROGRAMS {
        match ask(program, question) {
            Some(version) => lines.push_str(&format!("{program}={version}\n")),
            None if *needed => return Err(format!("{program} is not installed, and the build needs it")),
            None => {}
        }
    }
    lines.push_str(&format!("target={}\n", target().unwrap_or_default()));
    fs::create_dir_all(&options.tools).map_err(|error| format!("{}: {error}", options.tools.display()))?;
    write(&options.tools.join("toolchain-conf"), &lines)?;
    let rumpmake = options.tools.join("rumpmake");
    write(&rumpmake, &rumpmake_script(options)?)?;
    make_executable(&rumpmake)
}

fn rumpmake_script(options: &Options) -> Outcome<String> {
    let quoted = |path: &Path| -> Outcome<String> {
        Ok(format!("'{}'", absolute(path)?.to_string_lossy().replace('\'', "'\\''")))
    };
    let (source, objects) = (quoted(&options.source)?, quoted(&options.objects)?);
    let (destination, tools) = (quoted(&options.destination)?, quoted(&options.tools)?);
    let (flag, letter) = match options.profile {
        Profile::Release => (" --release", "-r"),
        Profile::Debug => ("", "-D"),
    };
    Ok(format!(
        "#!/bin/sh\n\
         # Rebuilds (dependall) or installs (install) the component in this folder.\n\
         set -eu\n\
         for command in \"${{@:-dependall}}\"; do\n\
         \x20   case $command in\n\
         \x20   dependall) cargo build --locked{flag} --target-dir {objects} ;;\n\
         \x20   install) {source}/buildrump.sh -q {letter} -s {source} -o {objects} -d {destination} \
         -T {tools} build install ;;\n\
         \x20   *) echo \"rumpmake: unknown command $command (dependall, install)\" >&2; exit 2 ;;\n\
         \x20   esac\n\
         done\n"
    ))
}

fn ask(program: &str, question: &str) -> Option<String> {
    let output = Command::new(program).arg(question).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    output.status.success().then(|| text.lines().next().unwrap_or_default().to_string())
}

fn target() -> Option<String> {
    let output = Command::new("rustc").arg("-vV").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().find_map(|line| line.strip_prefix("host: ")).map(str::to_string)
}

fn write(path: &Path, text: &str) -> Outcome {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(unix)]
fn make_executable(path: &Path) -> Outcome {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
        .map_err(|error| format!("{}: {error}", path.display()))
}
