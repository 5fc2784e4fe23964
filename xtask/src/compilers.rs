//! Builds with less than the usual compiler: with the oldest that is promised, and without std.

use crate::Options;
use crate::debian::{self, Compiler};
use crate::purity;
use crate::run::step;
use crate::workspace::{self, Package};
use std::fs;
use std::path::Path;
use std::process::Command;

/// The compiler that the manifests promise.
const OLDEST: &str = "1.85";

/// Debian's packages of it; their libraries are looked up beside them.
const PACKAGES: &[&str] = &[
    "rustc-web",
    "cargo-web",
    "libstd-rust-web-dev",
    "libstd-rust-web-1.85",
    "libllvm19",
    "libhttp-parser2.9",
    "libpcre3",
];

/// The libraries of the compiler that need no host.
const CORE: &[&str] = &["core", "alloc", "compiler_builtins", "rustc_std_workspace_core"];

/// Checks the whole workspace, tests included, with the oldest compiler.
///
/// It is taken from rustup, else from Debian's packages, which are unpacked below `target` without installing them.
/// Where neither is to be had nothing is checked, which is said aloud, and is an error if nothing may be skipped.
pub fn check_oldest(options: Options) -> Result<(), String> {
    let root = workspace::root();
    let target = root.join("target/msrv-build").to_string_lossy().into_owned();
    let check = ["check", "--workspace", "--all-targets", "--locked", "--quiet", "--target-dir", &target];
    if let Some(toolchain) = installed_toolchain() {
        let arguments = [&["run", &toolchain, "cargo"][..], &check].concat();
        return step("minimum compiler", "rustup", &arguments, &[]);
    }
    let prefix = root.join("target/msrv");
    let packages = || {
        let is_compiler = |name: &str| name.contains("-web");
        Ok(PACKAGES
            .iter()
            .map(|name| debian::Package::new(name, is_compiler(name).then_some(OLDEST)))
            .collect())
    };
    let compiler = match Compiler::at(&prefix, packages) {
        Err(lacking) => {
            let lacking =
                format!("Rust {OLDEST} is not installed (rustup, or Debian's rustc-web): {lacking}");
            if options.no_skips {
                return Err(lacking);
            }
            println!("== minimum compiler: not checked: {lacking}");
            return Ok(());
        }
        Ok(compiler) => compiler,
    };
    let [cargo, rustc] = ["cargo", "rustc"].map(|name| compiler.program(name));
    let variables = [("LD_LIBRARY_PATH", compiler.libraries()), ("RUSTC", &rustc)];
    step("minimum compiler", &rustc, &["--version"], &variables)?;
    step("minimum compiler", &cargo, &check, &variables)
}

fn installed_toolchain() -> Option<String> {
    let output = Command::new("rustup").args(["toolchain", "list"]).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines()
        .filter_map(|line| line.split_whitespace().next())
        .find(|name| is_oldest(name))
        .map(str::to_string)
}

fn is_oldest(toolchain: &str) -> bool {
    toolchain.strip_prefix(OLDEST).is_some_and(|rest| rest.starts_with(['.', '-']) || rest.is_empty())
}

/// Checks every crate that must do without std, and all that it depends on, against core and alloc alone.
///
/// No other target has to be installed for it: the libraries of this one are linked into a folder of their own,
/// all but std, and the compiler is told to look there.
pub fn check_without_std(packages: &[Package]) -> Result<(), String> {
    let host = host()?;
    let prefix = workspace::root().join("target/no-std");
    link_core(&printed("rustc", &["--print", "sysroot"])?, &prefix, &host)?;
    let build = prefix.join("build").to_string_lossy().into_owned();
    let flags = format!("--sysroot={}", prefix.display());
    let mut arguments =
        vec!["check", "--quiet", "--no-default-features", "--target", &host, "--target-dir", &build];
    for package in packages.iter().filter(|package| purity::is_pure(package)) {
        arguments.extend(["--package", &package.name]);
    }
    step("without std", "cargo", &arguments, &[("RUSTFLAGS", &flags)])
}

/// Links core, alloc and what they are made of from the compiler's libraries to below `prefix`.
fn link_core(sysroot: &str, prefix: &Path, host: &str) -> Result<(), String> {
    let libraries = Path::new("lib/rustlib").join(host).join("lib");
    let (from, to) = (Path::new(sysroot.trim()).join(&libraries), prefix.join(&libraries));
    let told = |error: std::io::Error| format!("{}: {error}", to.display());
    let _ = fs::remove_dir_all(&to);
    fs::create_dir_all(&to).map_err(told)?;
    for path in fs::read_dir(&from).map_err(told)?.flatten().map(|entry| entry.path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if CORE.iter().any(|library| name.starts_with(&format!("lib{library}-"))) {
            std::os::unix::fs::symlink(&path, to.join(&name)).map_err(told)?;
        }
    }
    Ok(())
}

/// The target that the compiler builds for by itself.
pub fn host() -> Result<String, String> {
    let text = printed("rustc", &["-vV"])?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: ")).map(str::to_string);
    host.ok_or_else(|| "rustc -vV names no host".to_string())
}

fn printed(program: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program).args(arguments).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_compiler_is_told_from_others() {
        assert!(is_oldest("1.85.1-x86_64-unknown-linux-gnu") && is_oldest("1.85-x86_64-unknown-linux-gnu"));
        assert!(!is_oldest("1.850.0") && !is_oldest("stable-x86_64-unknown-linux-gnu"));
    }
}
