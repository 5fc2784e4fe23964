//! The headers: each compiles alone, and all of them declare what the libraries export.

use super::compiler::{Compiler, GNU, Language, run};
use super::installation::{CLIENTS, Installation};
use interop::suite::Suite;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What libraries of components call, and programs do not.
const OF_COMPONENTS: &str = "rump_component_";
/// What names of ours begin with, and those of the compiler for Rust, which have the crate in them.
const OURS: [&str; 3] = ["rump", "_ZN", "_R"];

/// Adds the tests.
pub fn add(suite: &mut Suite, installation: &Arc<Installation>, compilers: &[&'static Compiler]) {
    for compiler in compilers.iter().copied() {
        for language in [Language::C99, Language::Cxx17] {
            let installation = installation.clone();
            let name = format!("headers compile alone: {} {language:?}", compiler.c);
            suite.add(name, None, move || compile_alone(&installation, compiler, language));
        }
    }
    let installation = installation.clone();
    let of_headers = installation.clone();
    suite.add("headers declare what the libraries export", None, move || compare(&of_headers));
    suite.add("static libraries have no name that might be another's", None, move || {
        look_inside(&installation)
    });
}

/// Every header by its name, as programs include it.
fn headers(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.join("rump")];
    while let Some(open) = folders.pop() {
        for path in
            std::fs::read_dir(&open).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()))
        {
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(name) = path.strip_prefix(folder) {
                found.push(name.to_path_buf());
            }
        }
    }
    found.sort();
    found
}

fn compile_alone(installation: &Installation, compiler: &Compiler, language: Language) -> Result<(), String> {
    let headers = headers(&installation.include());
    let alone = headers.iter().map(|header| {
        let file = installation.work.join(format!("{}-{language:?}.c", compiler.c));
        // Twice is as good as once; an empty file would be none of C.
        let text = format!("#include <{0}>\n#include <{0}>\nextern int alone;\n", header.display());
        std::fs::write(&file, text).map_err(|error| error.to_string())?;
        let mut command = compiler.command(language);
        run(command.arg("-fsyntax-only").arg("-I").arg(installation.include()).arg(&file)).map(drop)
    });
    let failures: Vec<_> = alone.filter_map(Result::err).collect();
    if headers.is_empty() {
        return Err("there are no headers".to_string());
    }
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n")) }
}

fn compare(installation: &Installation) -> Result<(), String> {
    let (kernels, clients) = (exported(installation, "rump")?, exported(installation, CLIENTS)?);
    let (declared, exported) = (declared(installation)?, kernels.union(&clients).cloned().collect());
    let missing: Vec<_> = declared.difference(&exported).map(String::as_str).collect();
    let secret: Vec<_> = exported.difference(&declared).map(String::as_str).collect();
    // Clients have all system calls, and what is theirs.
    let unshared: Vec<_> = kernels
        .symmetric_difference(&clients)
        .filter(|name| {
            name.starts_with("rump_sys_") || kernels.contains(*name) == name.starts_with("rumpclient_")
        })
        .map(String::as_str)
        .collect();
    if missing.is_empty() && secret.is_empty() && unshared.is_empty() && !declared.is_empty() {
        return Ok(());
    }
    Err(format!(
        "declared, not exported: {}\nexported, not declared: {}\nof one library: {}",
        missing.join(" "),
        secret.join(" "),
        unshared.join(" ")
    ))
}

/// In a static program all global names meet.
fn look_inside(installation: &Installation) -> Result<(), String> {
    for name in ["rump", CLIENTS] {
        let library = installation.lib().join(format!("lib{name}.a"));
        let listing = run(std::process::Command::new("nm").args(["-g", "--defined-only"]).arg(library))?;
        let names: Vec<_> = listing.lines().filter_map(|line| line.split_whitespace().nth(2)).collect();
        let is_foreign = |name: &&&str| !OURS.iter().any(|prefix| name.starts_with(prefix));
        let foreign: Vec<_> = names.iter().filter(is_foreign).copied().collect();
        if names.is_empty() || !foreign.is_empty() {
            return Err(format!("lib{name}.a, of {} names: {}", names.len(), foreign.join(" ")));
        }
    }
    Ok(())
}

/// Names of functions outside of all braces, as the compiler sees the headers.
fn declared(installation: &Installation) -> Result<BTreeSet<String>, String> {
    let file = installation.work.join("all.c");
    let text: String = headers(&installation.include())
        .iter()
        .map(|header| format!("#include <{}>\n", header.display()))
        .collect();
    std::fs::write(&file, text).map_err(|error| error.to_string())?;
    let mut command = GNU.command(Language::C99);
    Ok(functions(&run(command.args(["-E", "-P", "-I"]).arg(installation.include()).arg(&file))?))
}

fn functions(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut depth = 0_usize;
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let length =
            rest.find(|letter: char| !(letter.is_alphanumeric() || letter == '_')).unwrap_or(rest.len());
        let (word, after) = rest.split_at(length.max(letter.len_utf8()));
        match letter {
            '{' | '(' => depth += 1,
            '}' | ')' => depth = depth.saturating_sub(1),
            _ if depth == 0 && word.starts_with("rump") && after.trim_start().starts_with('(') => {
                found.insert(word.to_string());
            }
            _ => {}
        }
        rest = after;
    }
    found
}

fn exported(installation: &Installation, name: &str) -> Result<BTreeSet<String>, String> {
    let library = installation.lib().join(format!("lib{name}.so"));
    let listing = run(std::process::Command::new("nm").args(["-D", "--defined-only"]).arg(library))?;
    let names = listing.lines().filter_map(|line| line.split_whitespace().nth(2));
    Ok(names.filter(|name| !name.starts_with(OF_COMPONENTS)).map(str::to_string).collect())
}
