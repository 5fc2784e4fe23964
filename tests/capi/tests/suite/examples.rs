//! The examples in C: built by their own `Makefile`, as people build them, and tried by its `check`.

use super::compiler::{Compiler, run};
use super::installation::Installation;
use interop::suite::Suite;
use std::process::Command;
use std::sync::Arc;

/// How programs are linked, and what `make` is told for it.
const LINKAGES: &[(&str, &[&str])] =
    &[("shared", &[]), ("static", &["PKG_CONFIG=pkg-config --static", "LDFLAGS=-static"])];
/// The last line of what `check` prints.
const DONE: &str = "Success";

/// Adds the tests.
pub fn add(suite: &mut Suite, installation: &Arc<Installation>, compilers: &[&'static Compiler]) {
    for compiler in compilers.iter().copied() {
        for (linkage, settings) in LINKAGES {
            let installation = installation.clone();
            let name = format!("examples: {} {linkage}", compiler.c);
            suite.add(name, None, move || check(&installation, compiler, linkage, settings));
        }
    }
    let installation = installation.clone();
    suite.add("the program in README is an example", None, move || compare(&installation));
}

fn check(
    installation: &Installation,
    compiler: &Compiler,
    linkage: &str,
    settings: &[&str],
) -> Result<(), String> {
    let folder = installation.work.join(format!("examples-{}-{linkage}", compiler.c));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut make = Command::new("make");
    make.arg("-C").arg(installation.source.join("examples/c")).args(settings).arg("check");
    make.arg(format!("CC={}", compiler.c)).arg(format!("O={}", folder.display()));
    make.arg(format!("PKG_CONFIG_PATH={}", installation.lib().join("pkgconfig").display()));
    let said = run(&mut make)?;
    // Static ones are large.
    let _ = std::fs::remove_dir_all(&folder);
    if said.lines().any(|line| line == DONE) {
        Ok(())
    } else {
        Err(format!("it does not say {DONE}: {said}"))
    }
}

/// What README shows is what is tried.
fn compare(installation: &Installation) -> Result<(), String> {
    let read = |name: &str| {
        let path = installation.source.join(name);
        std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
    };
    let program = format!("```c\n{}```\n", read("examples/c/cat.c")?);
    if read("README.md")?.contains(&program) {
        Ok(())
    } else {
        Err("README.md has not examples/c/cat.c".into())
    }
}
