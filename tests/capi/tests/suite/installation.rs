//! The libraries as the builder installs them.

use super::compiler::run;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What everybody may have.
const NOT_ALL: &str = "rumpnet_sockin";

/// Where things are.
pub struct Installation {
    /// The source tree.
    pub source: PathBuf,
    /// What was installed.
    pub root: PathBuf,
    /// Where programs are built and run.
    pub work: PathBuf,
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
        let installation = Self { source, work: root.join("tests"), root };
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

    /// All components, but the one that others exclude.
    pub fn components(&self) -> Result<Vec<String>, String> {
        let entries = std::fs::read_dir(self.lib()).map_err(|error| error.to_string())?;
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut names: Vec<_> = names
            .filter_map(|name| Some(name.strip_prefix("lib")?.strip_suffix(".a")?.to_string()))
            .collect();
        names.retain(|name| name != NOT_ALL && name != "rump");
        names.sort();
        Ok(names)
    }
}
