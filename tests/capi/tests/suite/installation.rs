//! The libraries as the builder installs them.

use super::compiler::{GNU, Language, run};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What everybody may have.
const NOT_ALL: &str = "rumpnet_sockin";

/// The library of clients, instead of all others.
pub const CLIENTS: &str = "rumpclient";

/// Where things are.
pub struct Installation {
    /// The source tree.
    pub source: PathBuf,
    /// What was installed.
    pub root: PathBuf,
    /// Where programs are built and run.
    pub work: PathBuf,
    /// A program with a kernel that clients come to, which is built when it is wanted.
    server: OnceLock<Result<PathBuf, String>>,
}

impl Installation {
    /// Builds and installs, unless nothing changed or nothing is to be run. Errors: what the builder says.
    pub fn prepare(lists_only: bool) -> Result<Self, String> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let source = source.canonicalize().map_err(|error| error.to_string())?;
        let target =
            std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| source.join("target"), PathBuf::from);
        let is_debug = std::env::var("RUMP_CAPI_PROFILE").is_ok_and(|profile| profile == "debug");
        let (letter, name) = if is_debug { ("-D", "capi-debug") } else { ("-r", "capi") };
        let root = target.join(name);
        let installation = Self { source, work: root.join("tests"), root, server: OnceLock::new() };
        if !lists_only {
            let mut builder = Command::new(installation.source.join("buildrump.sh"));
            builder
                .args(["-q", letter, "--parts", "libraries", "-o"])
                .arg(&target)
                .arg("-d")
                .arg(&installation.root);
            run(builder.arg("-T").arg(installation.root.join("tools")).arg("fullbuild"))?;
            std::fs::create_dir_all(&installation.work).map_err(|error| error.to_string())?;
        }
        Ok(installation)
    }

    /// Where the programs in C are.
    pub fn programs(&self) -> PathBuf {
        self.source.join("tests/capi/c")
    }

    /// The headers.
    pub fn include(&self) -> PathBuf {
        self.root.join("include")
    }

    /// The libraries.
    pub fn lib(&self) -> PathBuf {
        self.root.join("lib")
    }

    /// The program with a kernel that clients come to. Errors: what the compiler says.
    pub fn server(&self) -> Result<&Path, String> {
        let built = self.server.get_or_init(|| {
            let program = self.work.join("server");
            let mut compile = GNU.command(Language::C99);
            compile.arg("-I").arg(self.include()).arg(self.programs().join("remote/server.c"));
            compile.arg("-o").arg(&program).arg("-L").arg(self.lib());
            compile.args(self.components()?.iter().map(|name| format!("-l{name}"))).arg("-lrump");
            run(&mut compile).map(|_| program)
        });
        built.as_deref().map_err(Clone::clone)
    }

    /// All components, but the one that others exclude.
    pub fn components(&self) -> Result<Vec<String>, String> {
        let entries = std::fs::read_dir(self.lib()).map_err(|error| error.to_string())?;
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut names: Vec<_> = names
            .filter_map(|name| Some(name.strip_prefix("lib")?.strip_suffix(".a")?.to_string()))
            .collect();
        names.retain(|name| ![NOT_ALL, "rump", CLIENTS].contains(&name.as_str()));
        names.sort();
        Ok(names)
    }
}
