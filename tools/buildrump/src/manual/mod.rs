//! The manual of the C interface. Section 3 is made of the comments in the headers, a page for each header and a link for each
//! function; section 7 is written by hand, in `share/man/man7`.

mod comment;
mod errors;
mod header;
mod markup;
mod page;

use crate::Outcome;
use crate::file;
use header::{Header, Item};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Installs both sections from the source tree into a folder `man`.
///
/// Errors: a header that cannot be read, or in which something is not documented as the form wants it (with file and line).
pub fn install(source: &Path, man: &Path) -> Outcome {
    for (name, text) in pages(&source.join("include"))? {
        file::write(&man.join("man3").join(name), &text)?;
    }
    file::copy_tree(&source.join("share/man/man7"), &man.join("man7"))
}

/// How each function of the headers in `include` fails, as its comment says.
///
/// Errors: as [`install`].
pub fn documented_errors(include: &Path) -> Outcome<BTreeMap<String, BTreeSet<String>>> {
    let mut documented = BTreeMap::new();
    for header in headers(include)? {
        for item in &header.items {
            let Item::Functions { comment, functions, .. } = item else { continue };
            for function in functions {
                let numbers = errors::numbers(&comment.errors, function, functions)?;
                documented.insert(function.name.clone(), numbers);
            }
        }
    }
    Ok(documented)
}

/// The names and texts of section 3.
fn pages(include: &Path) -> Outcome<BTreeMap<String, String>> {
    let headers = headers(include)?;
    let functions = headers.iter().flat_map(Header::functions).map(str::to_string).collect();
    let mut pages = BTreeMap::new();
    for header in &headers {
        pages.insert(format!("{}.3", header.page()), page::write(header, &functions)?);
    }
    for header in &headers {
        for function in header.functions().filter(|function| *function != header.page()) {
            let link = format!(".so man3/{}.3\n", header.page());
            if pages.insert(format!("{function}.3"), link).is_some() {
                return Err(format!("{}: {function} is the name of another page", header.name));
            }
        }
    }
    Ok(pages)
}

fn headers(include: &Path) -> Outcome<Vec<Header>> {
    let mut headers = Vec::new();
    for folder in ["rump", "rump/sys"] {
        for path in headers_in(&include.join(folder))? {
            let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            let name = format!("{folder}/{}", path.file_name().unwrap_or_default().to_string_lossy());
            headers.push(Header::parse(&name, &text)?);
        }
    }
    Ok(headers)
}

fn headers_in(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let failed = |error| format!("{}: {error}", folder.display());
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "h") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn source() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
    }

    #[test]
    fn every_declaration_of_the_tree_is_documented() {
        let pages = pages(&source().join("include")).unwrap();
        let open = &pages["rump_sys_open.3"];
        for part in [".Nm rump_sys_openat", ".In rump/sys/open.h", ".Fo rump_sys_close", ".It Bq Er EMFILE"] {
            assert!(open.contains(part), "{part} is not in\n{open}");
        }
        assert_eq!(pages["rump_sys_dup2.3"], ".so man3/rump_sys_open.3\n");
    }

    #[test]
    fn pages_refer_to_pages_that_there_are() {
        let pages = pages(&source().join("include")).unwrap();
        let by_hand = ["rump.7", "rumphost.7"].map(|name| source().join("share/man/man7").join(name));
        let by_hand = by_hand.map(|path| fs::read_to_string(path).unwrap());
        let lines = pages.values().chain(&by_hand).flat_map(|page| page.lines());
        let references = lines.filter_map(|line| line.strip_prefix(".Xr rump")?.split_once(" 3"));
        let names: Vec<_> = references.map(|(name, _)| format!("rump{name}.3")).collect();
        let missing: Vec<_> = names.iter().filter(|name| !pages.contains_key(*name)).collect();
        assert!(!names.is_empty() && missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn mandoc_has_nothing_against_a_page() {
        const NO_SKIPS: &str = "RUMP_TEST_NO_SKIPS";
        let man = std::env::temp_dir().join(format!("rump-manual-{}", std::process::id()));
        install(&source(), &man).unwrap();
        let mut lint = Command::new("mandoc");
        lint.args(["-Tlint", "-Wwarning"]);
        for section in ["man3", "man7"] {
            let entries = fs::read_dir(man.join(section)).unwrap();
            lint.args(
                entries.map(|entry| format!("{section}/{}", entry.unwrap().file_name().to_string_lossy())),
            );
        }
        let output = lint.current_dir(&man).output();
        fs::remove_dir_all(&man).unwrap();
        let Ok(output) = output else {
            eprintln!("SKIPPED the syntax of man pages: mandoc is not installed");
            assert!(std::env::var_os(NO_SKIPS).is_none(), "nothing may be skipped");
            return;
        };
        // Links are wanted; a host without symbolic links has them, too.
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let faults: Vec<_> = said.lines().filter(|line| !line.contains(".so is fragile")).collect();
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }
}
