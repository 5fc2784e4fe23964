//! The workspace as `cargo metadata` describes it: crates, their layer, and whom they use.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One crate of the workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// The crate's name.
    pub name: String,
    /// The folder that holds its manifest.
    pub directory: PathBuf,
    /// The top folder it lives under, which is its layer.
    pub layer: String,
    /// Names of the crates of this workspace in its `[dependencies]` and `[build-dependencies]`.
    pub uses: Vec<String>,
}

/// The root of the project, found from where this program was compiled.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Asks cargo for the crates of the workspace at `root`.
pub fn load(root: &Path) -> Result<Vec<Package>, String> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root)
        .output()
        .map_err(|error| format!("cargo metadata: {error}"))?;
    if !output.status.success() {
        return Err(format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr)));
    }
    parse(&String::from_utf8_lossy(&output.stdout))
}

/// Reads the answer of `cargo metadata --no-deps`.
pub fn parse(metadata: &str) -> Result<Vec<Package>, String> {
    let value: Value = serde_json::from_str(metadata).map_err(|error| format!("metadata: {error}"))?;
    let root = text(&value, "workspace_root")?;
    let listed = value["packages"].as_array().ok_or("metadata: no packages")?;
    let names: Vec<&str> = listed.iter().filter_map(|package| package["name"].as_str()).collect();
    listed.iter().map(|package| read_package(package, Path::new(root), &names)).collect()
}

fn read_package(package: &Value, root: &Path, names: &[&str]) -> Result<Package, String> {
    let name = text(package, "name")?.to_string();
    let manifest = PathBuf::from(text(package, "manifest_path")?);
    let directory = manifest.parent().ok_or("metadata: a manifest without a folder")?.to_path_buf();
    let layer = directory
        .strip_prefix(root)
        .ok()
        .and_then(|inside| inside.components().next())
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .ok_or_else(|| format!("{name} is not in a layer"))?;
    let mut uses: Vec<String> = package["dependencies"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|dependency| dependency["kind"].as_str() != Some("dev"))
        .filter_map(|dependency| dependency["name"].as_str())
        .filter(|used| names.contains(used))
        .map(str::to_string)
        .collect();
    uses.sort();
    uses.dedup();
    Ok(Package { name, directory, layer, uses })
}

fn text<'v>(value: &'v Value, key: &str) -> Result<&'v str, String> {
    value[key].as_str().ok_or_else(|| format!("metadata: no {key}"))
}
