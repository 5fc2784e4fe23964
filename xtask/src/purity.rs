//! Where `unsafe` and `std` may stand: ARCHITECTURE.md, sections "Layers and folders" and "Clients".
//!
//! The compiler enforces `#![forbid(unsafe_code)]` and `#![no_std]` once they are written at a crate's
//! root; this check sees that they are, and that nobody brings `std` back by naming it.

use crate::workspace::Package;
use std::fs;
use std::path::{Path, PathBuf};

/// The crates that talk to the machine itself; each block of theirs says why it holds.
const MAY_BE_UNSAFE: &[&str] =
    &["rump-host-posix", "rump-capi", "rump-client", "rump-hijack", "rumpnet-shmif", "rumpnet-dpdk"];

/// Layers that must build where there is no host.
const WITHOUT_STD: &[&str] = &["lib", "abi", "kpi", "kern", "fs", "net", "dev"];

/// Whether a crate must build without std.
pub fn is_pure(package: &Package) -> bool {
    WITHOUT_STD.contains(&package.layer.as_str()) || package.name == "rump-hyper"
}

/// Reports every crate that breaks one of the two rules.
pub fn check(packages: &[Package]) -> Result<Vec<String>, String> {
    let mut findings = Vec::new();
    for package in packages {
        let pure = is_pure(package);
        check_root(package, pure, &mut findings)?;
        if pure {
            for file in rust_files(&package.directory.join("src"))? {
                findings.extend(names_of_std(&file, &read(&file)?));
            }
        }
    }
    Ok(findings)
}

fn check_root(package: &Package, pure: bool, findings: &mut Vec<String>) -> Result<(), String> {
    for name in ["lib.rs", "main.rs"] {
        let path = package.directory.join("src").join(name);
        if !path.exists() {
            continue;
        }
        let source = read(&path)?;
        let has = |attribute: &str| source.lines().any(|line| line.trim() == attribute);
        // A component for C names functions for C, by a macro or its own.
        let may_be_unsafe = MAY_BE_UNSAFE.contains(&package.name.as_str()) || package.layer == "component";
        if !may_be_unsafe && !has("#![forbid(unsafe_code)]") {
            findings.push(format!("{}: no #![forbid(unsafe_code)] in src/{name}", package.name));
        }
        if pure && !has("#![no_std]") {
            findings.push(format!("{}: no #![no_std] in src/{name}", package.name));
        }
    }
    Ok(())
}

/// Every line that names `std` outside tests, comments and what the feature `std` guards.
fn names_of_std(path: &Path, source: &str) -> Vec<String> {
    if path.file_stem().is_some_and(|stem| stem == "tests") {
        return Vec::new();
    }
    let mut findings = Vec::new();
    let mut guarded = Guard::default();
    for (index, line) in source.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        if !guarded.covers(code) && mentions_std(code) {
            findings.push(format!("{}:{}: names std: {}", path.display(), index + 1, line.trim()));
        }
    }
    findings
}

/// Follows an item behind `#[cfg(test)]` or `#[cfg(feature = "std")]` until its braces close.
#[derive(Default)]
struct Guard {
    armed: bool,
    depth: i64,
}

impl Guard {
    fn covers(&mut self, code: &str) -> bool {
        let trimmed = code.trim();
        if self.depth == 0 && !self.armed {
            self.armed = trimmed.starts_with("#[cfg(test)]")
                || trimmed.starts_with("#[cfg(all(test")
                || trimmed.starts_with("#[cfg(feature = \"std\")]");
            return self.armed;
        }
        if self.depth == 0 && trimmed.starts_with("#[") {
            return true;
        }
        let opened = code.matches('{').count() as i64;
        let closed = code.matches('}').count() as i64;
        self.depth = (self.depth + opened - closed).max(0);
        self.armed = self.armed && self.depth == 0 && !trimmed.ends_with([';', '}']);
        true
    }
}

fn mentions_std(code: &str) -> bool {
    let starts_word = |at: usize| {
        !code[..at].ends_with(|letter: char| letter.is_alphanumeric() || letter == '_' || letter == '"')
    };
    code.match_indices("std::").any(|(at, _)| starts_word(at)) || code.contains("extern crate std")
}

fn rust_files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut files = Vec::new();
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for entry in entries {
        let path = entry.map_err(|error| format!("{}: {error}", folder.display()))?.path();
        if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(source: &str) -> usize {
        names_of_std(Path::new("src/x.rs"), source).len()
    }

    #[test]
    fn std_in_code_is_found_and_in_comments_is_not() {
        assert_eq!(findings("use std::fs;\nextern crate std;\n"), 2);
        assert_eq!(findings("//! like std::fs\nlet a = 1; // std::fs\nmystd::go();\n"), 0);
    }

    #[test]
    fn std_in_tests_is_allowed_and_after_them_is_not() {
        let tests = "#[cfg(test)]\nmod tests {\n    extern crate std;\n    fn a() { std::f(); }\n}\n";
        assert_eq!(findings(tests), 0);
        assert_eq!(findings(&format!("{tests}use std::fs;\n")), 1);
        assert_eq!(findings("#[cfg(test)]\nextern crate std;\nuse std::fs;\n"), 1);
        assert_eq!(findings("#[cfg(test)]\nmod tests;\nuse std::fs;\n"), 1);
    }

    #[test]
    fn a_crate_without_its_attributes_is_reported() {
        let folder = std::env::temp_dir().join(format!("xtask-purity-{}", std::process::id()));
        fs::create_dir_all(folder.join("src")).unwrap();
        fs::write(folder.join("src/lib.rs"), "//! Empty.\n").unwrap();
        let package = Package {
            name: "rumpfs-x".to_string(),
            directory: folder.clone(),
            layer: "fs".to_string(),
            uses: Vec::new(),
        };
        let found = check(&[package]).unwrap();
        fs::remove_dir_all(folder).unwrap();
        assert_eq!(found.len(), 2, "{found:?}");
    }
}
