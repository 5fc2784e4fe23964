//! The programs that a build needs: `$CC` says which compiler for C, and so for what machine.
//!
//! `cc`, `gcc`, `clang` and `gcc-12` build for this machine. Another name with a dash is that of a cross compiler, whose target
//! is the part before the last dash, and which has an `ar`, `ld`, `nm` and `objcopy` of the same target.

use crate::Outcome;
use crate::file;
use crate::options::{Checks, Options};
use crate::run::output;
use std::fs;
use std::process::Command;

/// Targets as compilers for C name them, and as the one for Rust does, where they differ in more than the vendor.
const RENAMED: &[(&str, &str)] = &[
    ("arm-linux-gnueabihf", "armv7-unknown-linux-gnueabihf"),
    ("arm-linux-gnueabi", "arm-unknown-linux-gnueabi"),
    ("i386-linux-gnu", "i686-unknown-linux-gnu"),
    ("powerpc64le-linux-gnu", "powerpc64le-unknown-linux-gnu"),
    ("riscv64-linux-gnu", "riscv64gc-unknown-linux-gnu"),
];

/// The tools of one target.
pub struct Toolchain {
    /// The compiler for C, and flags that `$CC` holds.
    pub cc: Vec<String>,
    /// The target as the compiler for Rust names it, if it is another machine's.
    pub cross: Option<String>,
    prefix: String,
}

/// A program that the build runs, and where Debian has it.
pub struct Tool {
    pub program: String,
    package: String,
    /// Nothing is built without it.
    needed: bool,
}

impl Toolchain {
    /// What `$CC` says.
    pub fn of(environment: Option<String>) -> Self {
        let cc = environment.unwrap_or_default();
        let mut cc: Vec<String> = cc.split_whitespace().map(str::to_string).collect();
        if cc.is_empty() {
            cc.push("cc".to_string());
        }
        match cc[0].rsplit_once('-') {
            // Of this machine, with the number of its version.
            Some((_, version)) if version.starts_with(|letter: char| letter.is_ascii_digit()) => {}
            Some((target, _)) => {
                let name = target.rsplit('/').next().unwrap_or(target);
                return Self { cross: Some(rust_target(name)), prefix: format!("{target}-"), cc };
            }
            None => {}
        }
        Self { cc, cross: None, prefix: String::new() }
    }

    /// What the environment and the options say.
    pub fn chosen(options: &Options) -> Self {
        let given = options.environment.iter().rev().find(|(name, _)| name == "CC");
        Self::of(given.map(|(_, value)| value.clone()).or_else(|| std::env::var("CC").ok()))
    }

    /// The compiler for C, with the flags that were given.
    pub fn compiler(&self, options: &Options) -> Command {
        let mut command = self.command(&self.cc[0]);
        command.args(&self.cc[1..]).envs(options.environment.iter().map(|(name, value)| (name, value)));
        for variable in ["CPPFLAGS", "CFLAGS", "CWARNFLAGS", "DBG"] {
            command.args(options.flags(variable));
        }
        command
    }

    /// One of the binary utilities.
    pub fn utility(&self, name: &str) -> Command {
        self.command(&format!("{}{name}", self.prefix))
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        // What they say is read.
        command.env("LC_ALL", "C");
        command
    }

    /// All that a build runs.
    pub fn tools(&self) -> Vec<Tool> {
        let of_target = self.prefix.trim_end_matches('-');
        let (compiler, binutils) = match (&self.cross, self.cc[0].ends_with("clang")) {
            (Some(_), _) => (format!("gcc-{of_target}"), format!("binutils-{of_target}")),
            (None, true) => ("clang".to_string(), "binutils".to_string()),
            (None, false) => ("gcc".to_string(), "binutils".to_string()),
        };
        let tool = |program: &str, package: &str, needed| Tool {
            program: program.to_string(),
            package: package.to_string(),
            needed,
        };
        let mut tools = vec![tool("cargo", "cargo", true), tool("rustc", "rustc", true)];
        tools.push(tool(&self.cc[0], &compiler, true));
        for name in ["ar", "ld", "nm", "objcopy"] {
            tools.push(tool(&format!("{}{name}", self.prefix), &binutils, true));
        }
        tools.push(tool("pkg-config", "pkgconf", false));
        tools
    }

    /// Checks that all is there and that a program for C can be linked. Errors: what to install.
    pub fn check(&self, options: &Options) -> Outcome {
        if options.checks == Checks::Skipped {
            return Ok(());
        }
        let missing: Vec<_> =
            self.tools().into_iter().filter(|tool| tool.needed && tool.version().is_none()).collect();
        if missing.is_empty() {
            self.check_target()?;
            return self.check_link(options);
        }
        let names: Vec<_> = missing.iter().map(|tool| tool.program.as_str()).collect();
        let mut packages: Vec<_> = missing.iter().map(|tool| tool.package.as_str()).collect();
        packages.dedup();
        Err(format!(
            "{} not found or not working, and the build needs it; on Debian: apt-get install {} (-H skips this check)",
            names.join(", "),
            packages.join(" ")
        ))
    }

    /// What is built for. Errors: the compiler for Rust does not say.
    pub fn target(&self) -> Outcome<String> {
        if let Some(target) = &self.cross {
            return Ok(target.clone());
        }
        let text = output(Command::new("rustc").arg("-vV"))?;
        let host = text.lines().find_map(|line| line.strip_prefix("host: "));
        host.map(str::to_string).ok_or_else(|| "rustc does not say what it builds for".to_string())
    }

    /// Errors: the library of Rust for another machine is not there.
    fn check_target(&self) -> Outcome {
        let Some(target) = &self.cross else { return Ok(()) };
        let folder = output(Command::new("rustc").args(["--print", "target-libdir", "--target", target]));
        match folder {
            Ok(folder) if std::path::Path::new(folder.trim()).is_dir() => Ok(()),
            _ => Err(format!("Rust has no library for {target} here; rustup target add {target}")),
        }
    }

    /// Errors: a program that prints cannot be made, as without headers of the host's library; with the compiler's words.
    fn check_link(&self, options: &Options) -> Outcome {
        let folder = std::env::temp_dir().join(format!("buildrump-{}", std::process::id()));
        file::write(&folder.join("trial.c"), TRIAL)?;
        let mut compile = self.compiler(options);
        compile.current_dir(&folder).args(["trial.c", "-o", "trial"]);
        let linked = output(compile.args(options.flags("LDFLAGS")));
        let _ = fs::remove_dir_all(&folder);
        linked.map(drop).map_err(|error| {
            let library = self.cross.as_ref().map_or("libc6-dev", |_| "the libc6-dev of its target");
            format!("{error}\na program for C cannot be built; on Debian: apt-get install {library} (-H skips this check)")
        })
    }
}

/// What every host's library has.
const TRIAL: &str = "#include <stdio.h>\nint main(void) { return puts(\"\") < 0; }\n";

impl Tool {
    /// The first line of what it says it is.
    pub fn version(&self) -> Option<String> {
        let output = Command::new(&self.program).arg("--version").output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        output.status.success().then(|| text.lines().next().unwrap_or_default().to_string())
    }
}

/// The target of `aarch64-linux-gnu-gcc` is `aarch64-unknown-linux-gnu`.
fn rust_target(name: &str) -> String {
    if let Some((_, target)) = RENAMED.iter().find(|(known, _)| *known == name) {
        return target.to_string();
    }
    match name.split('-').collect::<Vec<_>>().as_slice() {
        [machine, system, libc] if *system != "unknown" => format!("{machine}-unknown-{system}-{libc}"),
        _ => name.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(cc: &str) -> Toolchain {
        Toolchain::of(Some(cc.to_string()))
    }

    #[test]
    fn compilers_of_this_machine_cross_nothing() {
        for cc in ["cc", "gcc", "clang", "", "gcc-12", "gcc -m64", "/usr/bin/clang-14"] {
            assert_eq!(of(cc).cross, None, "{cc}");
        }
        assert_eq!(Toolchain::of(None).cc, ["cc"]);
    }

    #[test]
    fn the_target_is_the_part_before_the_last_dash() {
        let toolchain = of("arm-linux-gnueabihf-gcc");
        assert_eq!(toolchain.cross.as_deref(), Some("armv7-unknown-linux-gnueabihf"));
        assert_eq!(toolchain.utility("ar").get_program(), "arm-linux-gnueabihf-ar");
        assert_eq!(of("x86_64-linux-gnu-gcc").cross.as_deref(), Some("x86_64-unknown-linux-gnu"));
        assert_eq!(
            of("/opt/x/bin/aarch64-linux-gnu-gcc").cross.as_deref(),
            Some("aarch64-unknown-linux-gnu")
        );
    }
}
