//! Which layer may use which: the table of ARCHITECTURE.md, section "Layers and folders".
//!
//! A folder at the top is a layer. Dev-dependencies are exempt: a driver's tests may boot a kernel.

use crate::workspace::Package;

/// A layer and the layers it may use.
const TABLE: &[(&str, &[&str])] = &[
    ("lib", &[]),
    ("abi", &[]),
    ("hyper", &["abi", "lib"]),
    ("kpi", &["abi", "lib", "kpi"]),
    ("kern", &["abi", "lib", "hyper", "kpi", "kern"]),
    ("fs", &["kpi", "lib"]),
    ("net", &["kpi", "lib"]),
    ("dev", &["kpi", "lib", "hyper"]),
    ("client", &["lib", "abi", "hyper", "kpi", "kern", "fs", "net", "dev", "client"]),
    ("component", &["client", "fs", "net", "dev", "component"]),
    ("tools", &["client", "fs", "net", "dev"]),
    ("tests", &["lib", "client", "fs", "net", "dev", "hyper", "tests"]),
    ("benches", &["client", "fs", "net", "dev"]),
    ("examples", &["client", "fs", "net", "dev"]),
    ("xtask", &[]),
];

/// What the hosts beside it in `hyper` may use: the traits that they implement, and how to wait.
const OF_HOSTS: &[&str] = &["rump-hyper", "rump-spin"];

/// Says of every forbidden edge who uses whom and what is allowed instead.
pub fn check(packages: &[Package]) -> Vec<String> {
    packages.iter().flat_map(|package| check_one(package, packages)).collect()
}

fn check_one(package: &Package, packages: &[Package]) -> Vec<String> {
    let Some((_, allowed)) = TABLE.iter().find(|(layer, _)| *layer == package.layer) else {
        return vec![format!("{}: the folder {}/ is not a layer", package.name, package.layer)];
    };
    let forbidden = |used: &&Package| !allowed.contains(&used.layer.as_str()) && !is_host(package, used);
    package
        .uses
        .iter()
        .filter_map(|name| packages.iter().find(|other| other.name == *name))
        .filter(forbidden)
        .map(|used| {
            let may = if allowed.is_empty() { "nothing of ours".to_string() } else { allowed.join(", ") };
            format!(
                "{}/{} uses {}/{}: {} may use {may}",
                package.layer, package.name, used.layer, used.name, package.layer
            )
        })
        .collect()
}

fn is_host(package: &Package, used: &Package) -> bool {
    package.layer == "hyper" && OF_HOSTS.contains(&used.name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace;
    use std::path::{Path, PathBuf};

    /// A workspace of empty crates in a temporary folder, removed when dropped.
    struct Fixture(PathBuf);

    impl Fixture {
        fn new(name: &str) -> Self {
            let root = std::env::temp_dir().join(format!("xtask-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&root).unwrap();
            let members = "[workspace]\nresolver = \"3\"\nmembers = [\"*/*\"]\n";
            std::fs::write(root.join("Cargo.toml"), members).unwrap();
            Self(root)
        }

        fn crate_in(&self, layer: &str, name: &str, tables: &str) {
            let folder = self.0.join(layer).join(name);
            std::fs::create_dir_all(folder.join("src")).unwrap();
            std::fs::write(folder.join("src/lib.rs"), "").unwrap();
            let manifest =
                format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n{tables}");
            std::fs::write(folder.join("Cargo.toml"), manifest).unwrap();
        }

        fn findings(&self) -> Vec<String> {
            check(&workspace::load(&self.0).unwrap())
        }
    }

    impl Drop for Fixture {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    const USES_KERN: &str = "[dependencies]\nrump-vfs = { path = \"../../kern/rump-vfs\" }\n";

    #[test]
    fn a_driver_that_uses_the_kernel_is_refused() {
        let fixture = Fixture::new("driver");
        fixture.crate_in("kern", "rump-vfs", "");
        fixture.crate_in("fs", "rumpfs-x", USES_KERN);
        let findings = fixture.findings();
        assert_eq!(findings, ["fs/rumpfs-x uses kern/rump-vfs: fs may use kpi, lib"]);
    }

    #[test]
    fn a_driver_whose_tests_use_the_kernel_is_accepted() {
        let fixture = Fixture::new("dev-dependency");
        fixture.crate_in("kern", "rump-vfs", "");
        fixture.crate_in("fs", "rumpfs-x", &USES_KERN.replace("dependencies", "dev-dependencies"));
        assert!(fixture.findings().is_empty());
    }

    #[test]
    fn a_renamed_or_conditional_dependency_is_still_seen() {
        let fixture = Fixture::new("renamed");
        fixture.crate_in("kern", "rump-vfs", "");
        let table = "[target.'cfg(unix)'.dependencies]\n\
                     other = { package = \"rump-vfs\", path = \"../../kern/rump-vfs\" }\n";
        fixture.crate_in("net", "rumpnet-x", table);
        assert_eq!(fixture.findings().len(), 1);
    }

    #[test]
    fn a_tool_reaches_the_kernel_only_through_a_client() {
        let fixture = Fixture::new("tool");
        fixture.crate_in("kern", "rump-vfs", "");
        fixture.crate_in("tools", "rump-x", USES_KERN);
        assert_eq!(fixture.findings().len(), 1);
    }

    #[test]
    fn a_folder_that_is_no_layer_is_refused() {
        let fixture = Fixture::new("stray");
        fixture.crate_in("misc", "odds", "");
        assert_eq!(fixture.findings(), ["odds: the folder misc/ is not a layer"]);
    }

    #[test]
    fn hosts_use_the_hypercall_traits_but_not_each_other() {
        let package = |name: &str, uses: &[&str]| Package {
            name: name.to_string(),
            directory: Path::new("/").join(name),
            layer: "hyper".to_string(),
            uses: uses.iter().map(|used| used.to_string()).collect(),
        };
        let packages = [
            package("rump-hyper", &[]),
            package("rump-host-sim", &["rump-hyper"]),
            package("rump-host-posix", &["rump-hyper", "rump-host-sim"]),
        ];
        assert_eq!(check(&packages).len(), 1);
    }

    #[test]
    fn this_workspace_obeys_its_own_table() {
        let findings = check(&workspace::load(&workspace::root()).unwrap());
        assert!(findings.is_empty(), "{findings:#?}");
    }
}
