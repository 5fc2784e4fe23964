//! Compilers out of Debian's packages, which are unpacked below `target` without installing them.

use crate::run::step;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A package, and which version of it; the first that is offered if it says none.
#[derive(Debug, PartialEq, Eq)]
pub struct Package {
    name: String,
    version: Option<String>,
}

impl Package {
    /// The newest version that begins so; any, if it does not matter.
    pub fn new(name: &str, version: Option<&str>) -> Self {
        Self { name: name.to_string(), version: version.map(str::to_string) }
    }
}

/// A compiler for Rust below a folder.
pub struct Compiler {
    /// Where it was unpacked.
    pub prefix: PathBuf,
    libraries: String,
}

impl Compiler {
    /// The one below `prefix`, which is unpacked from the packages if it is not there. Errors: what is lacking.
    pub fn at(
        prefix: &Path,
        packages: impl FnOnce() -> Result<Vec<Package>, String>,
    ) -> Result<Self, String> {
        if !prefix.join("usr/bin/rustc").exists() {
            unpack(prefix, &packages()?)?;
        }
        Ok(Self { prefix: prefix.to_path_buf(), libraries: libraries(prefix)? })
    }

    /// A program of it.
    pub fn program(&self, name: &str) -> String {
        self.prefix.join("usr/bin").join(name).to_string_lossy().into_owned()
    }

    /// Where its shared libraries are: `LD_LIBRARY_PATH`.
    pub fn libraries(&self) -> &str {
        &self.libraries
    }
}

/// The newest compiler with the source of its library, and the runtimes of sanitizers that belong to its LLVM.
pub fn newest_with_source() -> Result<Vec<Package>, String> {
    let offered = asked("madison", "rustc-web")?;
    let version = version_of(None, &offered).ok_or("no package rustc-web")?;
    let series = series(&version).ok_or_else(|| format!("rustc-web has the version {version}"))?;
    let library = format!("libstd-rust-web-{series}");
    let needed = asked("depends", &library)?;
    let llvm = llvm_of(&needed).ok_or_else(|| format!("{library} needs no libllvm"))?;
    let of_rust = ["rustc-web", "rust-web-src", "libstd-rust-web-dev", &library];
    let of_llvm = [format!("libllvm{llvm}"), format!("libclang-rt-{llvm}-dev")];
    let of_rust = of_rust.iter().map(|name| Package::new(name, Some(&version)));
    Ok(of_rust.chain(of_llvm.iter().map(|name| Package::new(name, None))).collect())
}

/// `1.96` of `1.96.0+dfsg1-1`.
fn series(version: &str) -> Option<String> {
    let mut numbers = version.split('.');
    Some(format!("{}.{}", numbers.next()?, numbers.next()?))
}

fn llvm_of(depends: &str) -> Option<u32> {
    depends.lines().find_map(|line| line.split_once("Depends: libllvm")?.1.trim().parse().ok())
}

fn asked(question: &str, package: &str) -> Result<String, String> {
    let output = Command::new("apt-cache").args([question, package]).output();
    let output = output.map_err(|error| format!("apt-cache: {error}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Downloads packages and unpacks them below `prefix`.
fn unpack(prefix: &Path, packages: &[Package]) -> Result<(), String> {
    let folder = prefix.join("packages");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut wanted = Vec::new();
    for Package { name, version } in packages {
        let offered = asked("madison", name)?;
        let version = version_of(version.as_deref(), &offered).ok_or_else(|| format!("no package {name}"))?;
        wanted.push(format!("{name}={version}"));
    }
    let download =
        Command::new("apt-get").args(["download", "-q"]).args(&wanted).current_dir(&folder).status();
    if !download.map_err(|error| format!("apt-get: {error}"))?.success() {
        return Err(format!("apt-get download {} failed", wanted.join(" ")));
    }
    let packages = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for package in packages.flatten().map(|entry| entry.path()) {
        let [from, to] = [&package, prefix].map(|path| path.to_string_lossy().into_owned());
        step("compiler from packages", "dpkg", &["-x", &from, &to], &[])?;
    }
    fs::remove_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))
}

/// The first version that `apt-cache madison` lists and that begins as it should.
fn version_of(wanted: Option<&str>, listing: &str) -> Option<String> {
    let mut versions = listing.lines().filter_map(|line| line.split('|').nth(1)).map(str::trim);
    versions.find(|version| version.starts_with(wanted.unwrap_or_default())).map(str::to_string)
}

/// The folders of shared libraries below `prefix`.
fn libraries(prefix: &Path) -> Result<String, String> {
    let mut found = Vec::new();
    for folder in ["usr/lib", "lib"].map(|name| prefix.join(name)).iter().filter(|folder| folder.is_dir()) {
        let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let paths = entries.flatten().map(|entry| entry.path().to_string_lossy().into_owned());
        found.extend(paths.filter(|path| path.ends_with("-linux-gnu")));
    }
    Ok(found.join(":"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_versions_the_one_that_is_wanted_is_taken() {
        let listing = " cargo-web | 1.96.0+dfsg1-1 | http://x\n cargo-web | 1.85.0+dfsg3-1 | http://y\n";
        assert_eq!(version_of(Some("1.85"), listing).as_deref(), Some("1.85.0+dfsg3-1"));
        assert_eq!(version_of(None, listing).as_deref(), Some("1.96.0+dfsg1-1"));
        assert_eq!(version_of(None, " libllvm19 | 1:19.1 | z\n").as_deref(), Some("1:19.1"));
        assert_eq!(version_of(Some("1.85"), " cargo-web | 1.96.0 | x\n"), None);
    }

    #[test]
    fn packages_follow_from_the_version_of_the_compiler() {
        assert_eq!(series("1.96.0+dfsg1-1~deb12u2").as_deref(), Some("1.96"));
        assert_eq!(llvm_of("libstd-rust-web-1.96\n  Depends: libc6\n  Depends: libllvm22\n"), Some(22));
        assert_eq!(llvm_of("  Depends: libc6\n"), None);
    }
}
