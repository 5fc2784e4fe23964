//! What the toolchain is, and `rumpmake`, which rebuilds and installs the component in whose folder it is called.

use crate::Outcome;
use crate::build::absolute;
use crate::file;
use crate::options::{Hypercalls, Options, Profile};
use crate::toolchain::Toolchain;
use std::path::Path;

/// Prints a line for each program, and what is built for what, by `probe`.
pub fn report(options: &Options, toolchain: &Toolchain) -> Outcome {
    print!("{}", describe(toolchain));
    println!("source={}", options.source.display());
    toolchain.check(options)
}

/// Checks that the needed programs are there; writes `toolchain-conf` and `rumpmake`.
pub fn write(options: &Options, toolchain: &Toolchain) -> Outcome {
    toolchain.check(options)?;
    file::write(&options.tools.join("toolchain-conf"), &describe(toolchain))?;
    let rumpmake = options.tools.join("rumpmake");
    file::write(&rumpmake, &rumpmake_script(options, toolchain)?)?;
    make_executable(&rumpmake)
}

fn describe(toolchain: &Toolchain) -> String {
    let version = |tool: &crate::toolchain::Tool| tool.version().unwrap_or_else(|| "not found".to_string());
    let mut lines: String =
        toolchain.tools().iter().map(|tool| format!("{}={}\n", tool.program, version(tool))).collect();
    let target = toolchain.target().unwrap_or_else(|_| "unknown".to_string());
    lines.push_str(&format!("target={target}\n"));
    lines
}

/// It calls the builder with what this one was called with.
fn rumpmake_script(options: &Options, toolchain: &Toolchain) -> Outcome<String> {
    let path = |path: &Path| -> Outcome<String> { Ok(quoted(&absolute(path)?.to_string_lossy())) };
    let mut again = vec![path(&options.source.join("buildrump.sh"))?, "-q".to_string()];
    again.push(if options.profile == Profile::Release { "-r" } else { "-D" }.to_string());
    let folders = [("-s", &options.source), ("-o", &options.objects), ("-d", &options.destination)];
    for (letter, folder) in folders.into_iter().chain([("-T", &options.tools)]) {
        again.extend([letter.to_string(), path(folder)?]);
    }
    if options.hypercalls == Hypercalls::Callbacks {
        again.push("-k".to_string());
    }
    let flags = options.flags.iter().map(|(name, value)| ("-F", name, value));
    let environment = options.environment.iter().map(|(name, value)| ("-V", name, value));
    for (letter, name, value) in flags.chain(environment) {
        again.extend([letter.to_string(), quoted(&format!("{name}={value}"))]);
    }
    if let Some(components) = &options.components {
        again.extend(["--components".to_string(), quoted(&components.join(","))]);
    }
    if let Some(jobs) = options.jobs {
        again.extend(["-j".to_string(), jobs.to_string()]);
    }
    let (again, cc) = (again.join(" "), quoted(&toolchain.cc.join(" ")));
    let tools = path(&absolute(&options.source)?.join("tools"))?;
    Ok(format!(
        "#!/bin/sh\n\
         # Rebuilds (dependall) or installs (install) what is in this folder: a component, or below tools the programs.\n\
         set -eu\n\
         CC={cc}\n\
         export CC\n\
         parts=libraries\n\
         case $(pwd -P)/ in {tools}/*) parts=all ;; esac\n\
         for command in \"${{@:-dependall}}\"; do\n\
         \x20   case $command in\n\
         \x20   dependall) {again} --parts $parts build ;;\n\
         \x20   install) {again} --parts $parts build install ;;\n\
         \x20   *) echo \"rumpmake: unknown command $command (dependall, install)\" >&2; exit 2 ;;\n\
         \x20   esac\n\
         done\n"
    ))
}

/// As the shell takes it for one word.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(unix)]
fn make_executable(path: &Path) -> Outcome {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
        .map_err(|error| format!("{}: {error}", path.display()))
}
