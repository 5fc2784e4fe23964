//! Files that are made only if they are not there already, as they should be.

use crate::Outcome;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::time::UNIX_EPOCH;

/// Copies unless the copy is there. Replaces rather than overwrites, so that a program that runs keeps its file.
pub fn copy(from: &Path, to: &Path) -> Outcome {
    let bytes = fs::read(from).map_err(|error| format!("{}: {error}", from.display()))?;
    if fs::read(to).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    make_parent(to)?;
    let fresh = fresh(to);
    fs::copy(from, &fresh)
        .and_then(|_| fs::rename(&fresh, to))
        .map_err(|error| format!("{} to {}: {error}", from.display(), to.display()))
}

/// Copies a folder with all that is in it.
pub fn copy_tree(from: &Path, to: &Path) -> Outcome {
    let failed = |error| format!("{}: {error}", from.display());
    for entry in fs::read_dir(from).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let target = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() { copy_tree(&path, &target)? } else { copy(&path, &target)? }
    }
    Ok(())
}

/// Writes unless it is there.
pub fn write(path: &Path, text: &str) -> Outcome {
    if fs::read(path).is_ok_and(|there| there == text.as_bytes()) {
        return Ok(());
    }
    make_parent(path)?;
    let fresh = fresh(path);
    fs::write(&fresh, text)
        .and_then(|()| fs::rename(&fresh, path))
        .map_err(|error| format!("{}: {error}", path.display()))
}

/// Makes `link` lead to `name` beside it.
#[cfg(unix)]
pub fn link(name: &str, link: &Path) -> Outcome {
    if fs::read_link(link).is_ok_and(|there| there == Path::new(name)) {
        return Ok(());
    }
    make_parent(link)?;
    let fresh = fresh(link);
    let _ = fs::remove_file(&fresh);
    std::os::unix::fs::symlink(name, &fresh)
        .and_then(|()| fs::rename(&fresh, link))
        .map_err(|error| format!("{}: {error}", link.display()))
}

/// Makes a folder.
pub fn make_folder(path: &Path) -> Outcome {
    fs::create_dir_all(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Does something unless it was done with the same inputs; `mark` is the file that remembers them.
pub fn unless_done(mark: &Path, inputs: &str, work: impl FnOnce() -> Outcome) -> Outcome {
    if fs::read_to_string(mark).is_ok_and(|there| there == inputs) {
        return Ok(());
    }
    let _ = fs::remove_file(mark);
    work()?;
    write(mark, inputs)
}

/// Tells one state of a file from another.
pub fn state(path: &Path) -> String {
    let Ok(metadata) = fs::metadata(path) else { return format!("{} missing\n", path.display()) };
    let since =
        metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    format!("{} {} {}\n", path.display(), metadata.len(), since.as_nanos())
}

/// Tells one content of a file from another, with its name.
pub fn content(path: &Path) -> Outcome<String> {
    let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Ok(format!("{name} {} {:016x}", bytes.len(), hasher.finish()))
}

/// Tells one builder from another.
pub fn builder() -> String {
    std::env::current_exe().map(|path| state(&path)).unwrap_or_default()
}

fn fresh(path: &Path) -> std::path::PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}

fn make_parent(path: &Path) -> Outcome {
    make_folder(path.parent().unwrap_or(path))
}
