//! Examples as programs.

use std::path::Path;
use std::process::Command;

/// An example, built. All packages with all features are asked for since that is how tests are built: asked for alone, every
/// crate below would be compiled once more.
pub fn built(name: &str) -> Command {
    let build = ["build", "--quiet", "--workspace", "--all-features", "--example", name];
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let status = Command::new(env!("CARGO")).args(build).current_dir(project).status().unwrap();
    assert!(status.success(), "{name} was not built: {status}");
    let here = std::env::current_exe().unwrap();
    Command::new(here.ancestors().nth(2).unwrap().join("examples").join(name))
}
