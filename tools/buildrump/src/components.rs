//! The components of the source tree: a folder of `component` for each library, beside `librump`, which has all of them.

use crate::Outcome;
use crate::options::{Hypercalls, Options};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The library that holds all others.
pub const WHOLE: &str = "librump";
/// The library of programs whose kernel is a server's.
pub const CLIENTS: &str = "librumpclient";
/// The library of the hypercalls, and that of servers, which are nothing without them.
const HYPERCALLS: &[&str] = &["rumpuser", "rumpkern_sysproxy"];

/// A component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// Its library's name after `lib`.
    pub name: String,
    /// What it is, in some words.
    pub description: String,
    /// Components that come with it.
    pub needs: Vec<String>,
}

/// Those that are to be built, by name. Errors: one that there is not, with those that there are.
pub fn chosen(options: &Options) -> Outcome<Vec<Component>> {
    let mut all = load(&options.source.join("component"))?;
    if options.hypercalls == Hypercalls::Callbacks {
        all.retain(|component| !HYPERCALLS.contains(&component.name.as_str()));
    }
    let Some(wanted) = &options.components else { return Ok(all) };
    let mut names: BTreeSet<&str> = BTreeSet::new();
    // "rump" is the library itself, which is always built.
    let mut open: Vec<&str> = wanted.iter().map(String::as_str).filter(|name| *name != "rump").collect();
    while let Some(name) = open.pop() {
        let known =
            all.iter().find(|component| component.name == name || component.name == format!("rump{name}"));
        let component = known.ok_or_else(|| {
            let known: Vec<_> = all.iter().map(|component| component.name.as_str()).collect();
            format!("there is no component {name}; there are: {}", known.join(" "))
        })?;
        if names.insert(&component.name) {
            open.extend(component.needs.iter().map(String::as_str));
        }
    }
    Ok(all.iter().filter(|component| names.contains(component.name.as_str())).cloned().collect())
}

fn load(folder: &Path) -> Outcome<Vec<Component>> {
    let failed = |error| format!("{}: {error}", folder.display());
    let mut components = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !name.starts_with(WHOLE) && path.join("Cargo.toml").exists() {
            let manifest = path.join("Cargo.toml");
            let text =
                fs::read_to_string(&manifest).map_err(|error| format!("{}: {error}", manifest.display()))?;
            components.push(read(name, &text));
        }
    }
    components.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(components)
}

/// A manifest of ours says each of these in a line.
fn read(name: String, manifest: &str) -> Component {
    let description = manifest.lines().find_map(|line| line.strip_prefix("description = \""));
    let needs =
        manifest.lines().filter_map(|line| line.strip_prefix("lib")?.strip_suffix(".workspace = true"));
    Component {
        description: description.unwrap_or_default().trim_end_matches('"').to_string(),
        needs: needs.filter(|needed| needed.starts_with("rump")).map(str::to_string).collect(),
        name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::{Parsed, parse};

    fn of(line: &str) -> Outcome<Vec<String>> {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_string).collect();
        let Ok(Parsed::Run(options, _)) = parse(&arguments) else { panic!("{line}") };
        Ok(chosen(&options)?.into_iter().map(|component| component.name).collect())
    }

    #[test]
    fn what_a_component_needs_comes_with_it() {
        let names = ["rumpfs_ext2fs", "rumpnet", "rumpnet_net", "rumpnet_netinet", "rumpvfs"];
        assert_eq!(of("--components fs_ext2fs,-lrumpnet_netinet").unwrap(), names);
        assert_eq!(of("--components=librumpnet,rump").unwrap(), ["rumpnet"]);
    }

    #[test]
    fn a_component_that_there_is_not_is_named_with_those_that_there_are() {
        let message = of("--components rumpfs_zfs").unwrap_err();
        assert!(message.contains("rumpfs_zfs") && message.contains("rumpfs_ext2fs"), "{message}");
    }

    #[test]
    fn without_hypercalls_their_libraries_are_not_built() {
        let (all, without) = (of("").unwrap(), of("-k").unwrap());
        assert!(HYPERCALLS.iter().all(|name| all.contains(&name.to_string())));
        assert_eq!(without.len(), all.len() - HYPERCALLS.len());
    }
}
