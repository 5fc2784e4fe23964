//! The `rump` command: where it is, and its answers as a [`Tree`].

use crate::program::{Finished, run_within};
use crate::tree::{Contents, Entry, Time, Tree, compare};
use crate::{Check, context};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

/// Address space that one command may use.
pub const MEMORY_BYTES: u64 = 256 << 20;

/// How long one command may take on a tree of the tests.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// The command under test: `RUMP_BIN`, else the release build, made when it is missing.
pub fn binary() -> Check<&'static Path> {
    static BINARY: OnceLock<Check<PathBuf>> = OnceLock::new();
    BINARY.get_or_init(find_binary).as_deref().map_err(Clone::clone)
}

fn find_binary() -> Check<PathBuf> {
    if let Some(given) = std::env::var_os("RUMP_BIN") {
        return Ok(given.into());
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--release", "--quiet", "--package", "rump"]).current_dir(project());
    let finished = run_within(&mut build, Duration::from_secs(1200))?;
    if finished.status != Some(0) {
        return Err(format!("building rump: {}", finished.verdict()));
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| project().join("target"), Into::into);
    Ok(target.join("release/rump"))
}

/// The root of the project.
pub fn project() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// Runs `rump` with a limit of memory where the host can set one.
pub fn run(arguments: &[&str], limit: Duration) -> Check<Finished> {
    let mut command = if crate::program::lacks(&["prlimit"]).is_none() {
        let mut limited = Command::new("prlimit");
        limited.arg(format!("--as={MEMORY_BYTES}")).arg("--core=0").arg(binary()?);
        limited
    } else {
        Command::new(binary()?)
    };
    run_within(command.args(arguments), limit)
}

/// Runs `rump` as [`run`] does; it has to end with `status`.
pub fn ends(status: i32, arguments: &[&str]) -> Check<Finished> {
    let finished = run(arguments, PATIENCE)?;
    if finished.status == Some(status) {
        return Ok(finished);
    }
    let shown = String::from_utf8_lossy(&finished.stdout).chars().take(2000).collect::<String>();
    Err(format!("rump {}: {} instead of {status}\n{shown}", arguments.join(" "), finished.verdict()))
}

/// Our whole view of the file system at `place` (an image, `IMAGE@N` or `IMAGE+OFFSET`).
pub fn view(place: &str, contents: Contents) -> Check<Tree> {
    view_with("", place, contents)
}

/// As [`view`], with options of the mount.
pub fn view_with(options: &str, place: &str, contents: Contents) -> Check<Tree> {
    let (root, options) = (format!("{place}:/"), format!("--mount-options={options}"));
    let mut tree = parse_listing(&run_whole(&["find", &options, &root, "--json", "--xattrs"])?)?;
    let mut listed = parse_listing(&run_whole(&["ls", &options, "-laR", "--json", "--xattrs", &root])?)?;
    if let Some(entry) = tree.get("/") {
        listed.insert("/".to_string(), entry.clone());
    }
    compare(&tree, &listed).map_err(|what| format!("find and ls do not agree: {what}"))?;
    if contents == Contents::Hashed {
        add_sums(&mut tree, &run_whole(&["sum", &options, &root])?)?;
    }
    Ok(tree)
}

fn run_whole(arguments: &[&str]) -> Check<Vec<u8>> {
    let finished = run(arguments, PATIENCE)?;
    if finished.status == Some(0) {
        return Ok(finished.stdout);
    }
    Err(format!("rump {}: {}", arguments.join(" "), finished.verdict()))
}

/// Reads the array that `rump ls --json` and `rump find --json` print.
pub fn parse_listing(json: &[u8]) -> Check<Tree> {
    let value: Value = context(serde_json::from_slice(json), "listing")?;
    let rows = value.as_array().ok_or("listing: not an array")?;
    let mut tree = Tree::new();
    for row in rows {
        if matches!(row["name"].as_str(), Some("." | "..")) {
            continue;
        }
        let path = row["path"].as_str().ok_or("listing: a row without a path")?;
        let path = format!("/{}", path.trim_start_matches('/'));
        let entry = read_row(row).map_err(|what| format!("listing: {path}: {what}"))?;
        if tree.insert(path.clone(), entry).is_some() {
            return Err(format!("listing: {path} twice"));
        }
    }
    Ok(tree)
}

fn read_row(row: &Value) -> Check<Entry> {
    let number = |key: &str| row[key].as_u64().ok_or_else(|| format!("no number {key}"));
    let small = |key: &str| number(key).and_then(|value| context(u32::try_from(value), key));
    let kind = row["type"].as_str().ok_or("no type")?.to_string();
    let mode = row["mode"].as_str().ok_or("no mode")?;
    let device = match kind.as_str() {
        "char" | "block" => Some((part(&row["rdev"], "major")?, part(&row["rdev"], "minor")?)),
        _ => None,
    };
    let xattrs = row["xattrs"].as_object().into_iter().flatten();
    Ok(Entry {
        mode: context(u32::from_str_radix(mode, 8), "mode")? & 0o7777,
        uid: small("uid")?,
        gid: small("gid")?,
        nlink: number("nlink")?,
        size: number("size")?,
        ino: number("ino")?,
        mtime: time(&row["mtime"])?,
        atime: time(&row["atime"])?,
        ctime: time(&row["ctime"])?,
        target: row["target"].as_str().map(str::to_string),
        device,
        xattrs: xattrs
            .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_string()))
            .collect(),
        sha256: None,
        kind,
    })
}

fn part(value: &Value, key: &str) -> Check<u32> {
    let number = value[key].as_u64().ok_or_else(|| format!("no number {key}"))?;
    context(u32::try_from(number), key)
}

fn time(value: &Value) -> Check<Time> {
    let seconds = value["sec"].as_i64().ok_or("a time without sec")?;
    Ok((seconds, part(value, "nsec")?))
}

/// Adds `sha256  /path` lines; as with `sha256sum`, a backslash in front says that the path is escaped.
fn add_sums(tree: &mut Tree, sums: &[u8]) -> Check {
    for line in String::from_utf8_lossy(sums).lines() {
        let (sum, path) = line.split_once("  ").ok_or_else(|| format!("sum: odd line {line:?}"))?;
        let (sum, path) = match sum.strip_prefix('\\') {
            Some(sum) => (sum, path.replace("\\n", "\n").replace("\\\\", "\\")),
            None => (sum, path.to_string()),
        };
        let path = format!("/{}", path.trim_start_matches('/'));
        match tree.get_mut(&path) {
            Some(entry) => entry.sha256 = Some(sum.to_string()),
            None => return Err(format!("sum: {path} is not in the listing")),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_with_sums_becomes_a_tree() {
        let json = br#"[{"path":"/a","name":"a","type":"file","mode":"0644","uid":1,"gid":2,"nlink":1,
            "size":3,"ino":12,"mtime":{"sec":-5,"nsec":6},"atime":{"sec":0,"nsec":0},
            "ctime":{"sec":0,"nsec":0},"xattrs":{"user.x":"ff"}}]"#;
        let mut tree = parse_listing(json).unwrap();
        add_sums(&mut tree, b"abcd  /a\n").unwrap();
        let entry = &tree["/a"];
        assert_eq!((entry.mode, entry.mtime), (0o644, (-5, 6)));
        assert_eq!(entry.xattrs["user.x"], "ff");
        assert_eq!(entry.sha256.as_deref(), Some("abcd"));
        assert!(add_sums(&mut tree, b"abcd  /b\n").is_err());
    }
}
