//! What the commands that change an image share: how they open it, what they tell, and whose new files are.

use crate::mode::umask;
use crate::output::{Output, escaped};
use crate::session::{Failure, Place, Session};
use clap::Args as ClapArgs;
use rumpkit::hyper::Access;
use rumpkit::{AtFlags, Errno, KError, KResult, Mode, Process};
use std::ffi::{OsStr, OsString};
use std::io::Write;

/// What a command tells of its work.
#[derive(ClapArgs)]
pub struct Telling {
    /// Print what is done
    #[arg(short, long)]
    pub verbose: bool,
    /// Print what was done as a JSON object: files, bytes, losses, errors
    #[arg(long, conflicts_with = "verbose")]
    pub json: bool,
}

/// As [`Telling`], for commands that destroy something.
#[derive(ClapArgs)]
pub struct Trial {
    /// Print what is done
    #[arg(short, long)]
    pub verbose: bool,
    /// Print what would be done, and open the image for reading only
    #[arg(long)]
    pub dry_run: bool,
    /// Print what was done as a JSON object: files, bytes, losses, errors
    #[arg(long, conflicts_with = "verbose")]
    pub json: bool,
}

impl From<&Telling> for Trial {
    fn from(telling: &Telling) -> Self {
        Self { verbose: telling.verbose, dry_run: false, json: telling.json }
    }
}

/// A command at work.
pub struct Change<'a> {
    /// The session.
    pub session: &'a mut Session,
    output: &'a mut Output,
    tells: bool,
    /// Nothing is changed.
    pub is_trial: bool,
}

impl<'a> Change<'a> {
    /// A command that tells what `trial` says.
    pub fn new(session: &'a mut Session, output: &'a mut Output, trial: &Trial) -> Self {
        let tells = trial.verbose || (trial.dry_run && !trial.json);
        session.outcome.ask(trial.json, trial.dry_run);
        Self { session, output, tells, is_trial: trial.dry_run }
    }

    /// Opens what `word` addresses to be changed.
    pub fn place(&mut self, word: &OsStr) -> Result<Place, Failure> {
        let access = if self.is_trial { Access::Read } else { Access::ReadWrite };
        let place = self.session.place_as(word, access)?;
        place.process().umask(Mode::new(umask()));
        Ok(place)
    }

    /// Opens all of `words`.
    pub fn places(&mut self, words: &[OsString]) -> Result<Vec<Place>, Failure> {
        words.iter().map(|word| self.place(word)).collect()
    }

    /// Says what is done to `path`, and counts it.
    pub fn tell(&mut self, what: &str, place: &Place, path: &[u8]) -> Result<(), Failure> {
        self.tell_more(what, place, path, "")
    }

    /// As [`Change::tell`], of what is counted elsewhere.
    pub fn show(&mut self, what: &str, place: &Place, path: &[u8]) -> Result<(), Failure> {
        self.show_more(what, place, path, "")
    }

    /// As [`Change::tell`], with more to say after the path.
    pub fn tell_more(&mut self, what: &str, place: &Place, path: &[u8], more: &str) -> Result<(), Failure> {
        self.session.progress.add_file();
        self.show_more(what, place, path, more)
    }

    fn show_more(&mut self, what: &str, place: &Place, path: &[u8], more: &str) -> Result<(), Failure> {
        if self.tells {
            let (output, text) = (&mut *self.output, escaped(path));
            let mut written = Ok(());
            self.session.progress.suspend(|| {
                written = writeln!(output, "{what} {}:{text}{more}", place.volume);
            });
            written?;
        }
        Ok(())
    }

    /// Reports a failure at `path`. Errors: one that every further step would meet as well.
    pub fn fail(&mut self, place: &Place, path: &[u8], error: &KError) -> Result<(), Failure> {
        if !ends_all(error) {
            self.session.report(place, path, error);
            return Ok(());
        }
        Err(Failure::Other(format!("{}:{}: {error}", place.volume, escaped(path))))
    }

    /// Does something to each of `places`, until a signal comes.
    pub fn each(
        &mut self,
        places: &[Place],
        mut action: impl FnMut(&mut Self, &Place) -> Result<KResult<()>, Failure>,
    ) -> Result<(), Failure> {
        for place in places {
            self.session.stop.check()?;
            if let Err(error) = action(self, place)? {
                self.fail(place, &place.path, &error)?;
            }
        }
        Ok(())
    }
}

/// Whether every further change of the image would meet the same.
pub fn ends_all(error: &KError) -> bool {
    matches!(error.errno, Errno::ENOSPC | Errno::EDQUOT | Errno::EIO | Errno::EROFS | Errno::ENXIO)
}

/// `path` without slashes at its end; the root stays.
pub fn trimmed(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|&byte| byte != b'/').map_or(1, |at| at + 1);
    path.get(..end).unwrap_or(path)
}

/// The directory that `path` is in.
pub fn parent_of(path: &[u8]) -> &[u8] {
    let path = trimmed(path);
    match path.iter().rposition(|&byte| byte == b'/') {
        Some(0) | None => b"/",
        Some(at) => &path[..at],
    }
}

/// Gives what was just made at `path` to the owner of the directory that it is in.
pub fn give_to_owner_of_directory(process: &Process, path: &[u8]) -> KResult<()> {
    let directory = process.stat(parent_of(path))?;
    let made = process.lstat(path)?;
    if (made.uid, made.gid) == (directory.uid, directory.gid) {
        return Ok(());
    }
    process.lchown(path, Some(directory.uid), Some(directory.gid))
}

/// Makes something new in the place of what may be at `path`, which stays until the new one is complete. `make` gets
/// the path to make it at.
pub fn replace(process: &Process, path: &[u8], make: impl FnOnce(&[u8]) -> KResult<()>) -> KResult<()> {
    let mut temporary = parent_of(path).to_vec();
    crate::walk::join(&mut temporary, format!(".rump-{}.part", std::process::id()).as_bytes());
    let made = make(&temporary).and_then(|()| process.rename(&temporary, path));
    if made.is_err() {
        // The error that led here is the one to tell.
        let _ = process.unlinkat(None, &temporary, AtFlags::empty());
    }
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_are_found_whatever_the_slashes() {
        for (path, parent) in [("/a", "/"), ("/a/b", "/a"), ("/a/b//", "/a"), ("/", "/"), ("//", "/")] {
            assert_eq!(parent_of(path.as_bytes()), parent.as_bytes(), "{path}");
        }
        assert_eq!(trimmed(b"/a//"), b"/a");
        assert_eq!(trimmed(b"//"), b"/");
    }
}
