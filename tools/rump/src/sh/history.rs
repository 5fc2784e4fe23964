//! The lines of earlier runs, in a file that nobody else may read.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;

/// Lines that are kept; the file has at most twice as many.
pub const LINES: usize = 1000;
/// What is longer is no history.
const FILE_BYTES: u64 = 4 << 20;

/// The file.
pub struct History {
    path: Option<PathBuf>,
}

impl History {
    /// That of the user, if there is a place for it.
    pub fn of_user() -> Self {
        let variable =
            |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let state =
            variable("XDG_STATE_HOME").or_else(|| variable("HOME").map(|home| home.join(".local/state")));
        Self { path: state.map(|state| state.join("rump/history")) }
    }

    /// The lines, oldest first. A file that cannot be read has none.
    pub fn lines(&self) -> Vec<String> {
        let read = |path: &PathBuf| {
            let is_ours = fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() <= FILE_BYTES);
            is_ours.then(|| fs::read(path).ok()).flatten()
        };
        let bytes = self.path.as_ref().and_then(read).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<String> = text.lines().map(String::from).collect();
        let kept = lines[lines.len().saturating_sub(LINES)..].to_vec();
        if lines.len() > 2 * LINES {
            // Without a shorter one the longer one will do.
            let _ = self.replace(&kept);
        }
        kept
    }

    fn replace(&self, lines: &[String]) -> io::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        let new = path.with_extension(format!("{}.part", std::process::id()));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        lines.iter().try_for_each(|line| writeln!(file, "{line}"))?;
        fs::rename(&new, path)
    }

    /// Adds a line. Without a place to keep it, it is there for this run only.
    pub fn add(&self, line: &str) {
        let Some(path) = &self.path else { return };
        let add = || -> io::Result<()> {
            let folder = path.parent().unwrap_or(path);
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
            keep_to_owner(&file)?;
            writeln!(file, "{line}")
        };
        let _ = add();
    }
}

fn keep_to_owner(file: &File) -> io::Result<()> {
    match file.metadata()?.permissions().mode() & 0o077 {
        0 => Ok(()),
        _ => file.set_permissions(fs::Permissions::from_mode(0o600)),
    }
}
