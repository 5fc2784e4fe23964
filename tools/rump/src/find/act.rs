//! What find(1) does with what it has found: commands on copies, and removals.

use super::expression::Exec;
use crate::ask::agrees;
use crate::edit::private_directory;
use crate::output::escaped;
use crate::session::{Failure, Place, Session};
use crate::walk::file_name;
use rumpkit::{Fd, FileType, KResult, Mode, OpenFlags, Process};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::Command;

const CHUNK_BYTES: usize = 1 << 20;
/// Files that one command gets at most.
const MANY: usize = 256;

/// Copies of files, each in a directory of its own; all gone when dropped.
#[derive(Default)]
pub struct Copies {
    top: Option<PathBuf>,
    made: usize,
    /// For each command the copies that wait for it.
    waiting: Vec<Vec<PathBuf>>,
}

impl Drop for Copies {
    fn drop(&mut self) {
        if let Some(top) = &self.top {
            // In a directory for such files: left behind, it disturbs nobody.
            let _ = std::fs::remove_dir_all(top);
        }
    }
}

/// A file that was found.
pub struct Found<'a> {
    /// The image.
    pub place: &'a Place,
    /// The directory it is in.
    pub directory: Option<Fd>,
    /// Its name there.
    pub name: &'a [u8],
    /// Its path.
    pub path: &'a [u8],
    /// What it is.
    pub file_type: FileType,
}

impl Copies {
    /// Runs a command on a copy; answers whether it said that all is well. One that gathers files is run later.
    pub fn run(
        &mut self,
        session: &mut Session,
        (index, exec): (usize, &Exec),
        found: &Found<'_>,
    ) -> Result<bool, Failure> {
        if exec.asks && !agrees(&format!("{} {}?", words_of(exec), escaped(found.path))) {
            return Ok(false);
        }
        if found.file_type != FileType::Regular {
            session.report(found.place, found.path, &"only files are copied for a command");
            return Ok(false);
        }
        let copy = self.copy(found)?;
        if exec.gathers {
            self.waiting.resize_with(self.waiting.len().max(index + 1), Vec::new);
            self.waiting[index].push(copy);
            if self.waiting[index].len() >= MANY {
                self.flush(session, (index, exec))?;
            }
            return Ok(true);
        }
        let words = exec.words.iter().map(|word| filled(word, &copy));
        let well = run(words.collect())?;
        remove(&copy);
        Ok(well)
    }

    /// Runs a command that gathers files on those that wait.
    pub fn flush(&mut self, session: &mut Session, (index, exec): (usize, &Exec)) -> Result<(), Failure> {
        let Some(copies) = self.waiting.get_mut(index).map(std::mem::take) else { return Ok(()) };
        if copies.is_empty() {
            return Ok(());
        }
        let words = exec.words.iter().cloned().chain(copies.iter().map(|copy| copy.clone().into_os_string()));
        if !run(words.collect())? {
            session.report_failure(&format!("{} has failed", words_of(exec)));
        }
        copies.iter().for_each(|copy| remove(copy));
        Ok(())
    }

    fn copy(&mut self, found: &Found<'_>) -> Result<PathBuf, Failure> {
        let failed = |error: std::io::Error| Failure::Other(format!("a copy of a file: {error}"));
        let top = match &self.top {
            Some(top) => top.clone(),
            None => self.top.insert(private_directory().map_err(failed)?).clone(),
        };
        self.made += 1;
        let directory = top.join(self.made.to_string());
        std::fs::create_dir(&directory).map_err(failed)?;
        let copy = directory.join(OsStr::from_bytes(file_name(found.path)));
        let mut file = File::create_new(&copy).map_err(failed)?;
        let copied = copy_content(found, &mut file).map_err(failed)?;
        copied.map_err(|error| Failure::Other(format!("{}: {error}", escaped(found.path))))?;
        Ok(copy)
    }
}

fn remove(copy: &Path) {
    if let Some(directory) = copy.parent() {
        // All are gone in the end.
        let _ = std::fs::remove_dir_all(directory);
    }
}

fn copy_content(found: &Found<'_>, file: &mut File) -> std::io::Result<KResult<()>> {
    let process: &Process = found.place.process();
    let fd = match process.openat(found.directory, found.name, OpenFlags::empty(), Mode::new(0)) {
        Ok(fd) => fd,
        Err(error) => return Ok(Err(error)),
    };
    let (mut buffer, mut at) = (vec![0; CHUNK_BYTES], 0);
    let copied = loop {
        match process.pread(fd, &mut buffer, at) {
            Ok(0) => break Ok(Ok(())),
            Ok(count) => {
                if let Err(error) = file.write_all(&buffer[..count]) {
                    break Err(error);
                }
                at += count as u64;
            }
            Err(error) => break Ok(Err(error)),
        }
    };
    // Closing what was only read cannot lose anything.
    let _ = process.close(fd);
    copied
}

/// `word` with `{}` replaced, wherever it is.
fn filled(word: &OsStr, copy: &Path) -> OsString {
    let (mut whole, mut rest) = (Vec::new(), word.as_bytes());
    while let Some(at) = rest.windows(2).position(|pair| pair == b"{}") {
        whole.extend_from_slice(&rest[..at]);
        whole.extend_from_slice(copy.as_os_str().as_bytes());
        rest = &rest[at + 2..];
    }
    whole.extend_from_slice(rest);
    OsString::from_vec(whole)
}

fn words_of(exec: &Exec) -> String {
    exec.words.join(OsStr::new(" ")).to_string_lossy().into_owned()
}

fn run(words: Vec<OsString>) -> Result<bool, Failure> {
    let Some((program, words)) = words.split_first() else { return Ok(false) };
    let ended = Command::new(program).args(words).status();
    let text = program.to_string_lossy();
    Ok(ended.map_err(|error| Failure::Other(format!("{text}: {error}")))?.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_are_filled_wherever_they_are() {
        assert_eq!(filled(OsStr::new("a={}:{}"), Path::new("/x")), "a=/x:/x");
        assert_eq!(filled(OsStr::new("{"), Path::new("/x")), "{");
    }
}
