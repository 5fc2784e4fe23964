//! How a second run finds what the first one left unfinished, as in the other direction.
//!
//! A directory that is copied to a name that was free would, at the second run, be taken for a directory to copy
//! into. So while it is copied, a mark lies beside it: a file with the number of the directory in its name and the
//! source as its content. It is gone once everything below was tried.

use super::Target;
use crate::session::Place;
use crate::walk::join;
use rumpkit::{Ino, KResult, Mode, OpenFlags, Process};

/// The mark of a directory that is being copied.
pub struct Mark {
    path: Vec<u8>,
}

impl Mark {
    fn beside(target: &Target, directory: Ino) -> Self {
        let mut path = target.directory.clone();
        join(&mut path, format!(".rump-{}.part", directory.0).as_bytes());
        Self { path }
    }

    /// Sets the mark of the directory at `target`, which is being copied from `origin`.
    pub fn set(process: &Process, target: &Target, origin: &[u8]) -> KResult<Self> {
        let mark = Self::beside(target, process.lstat(&target.path)?.ino);
        let flags = OpenFlags::WRONLY | OpenFlags::CREAT | OpenFlags::TRUNC | OpenFlags::NOFOLLOW;
        let fd = process.open(&mark.path, flags, Mode::new(0o600))?;
        let written = process.write(fd, origin);
        process.close(fd)?;
        written?;
        Ok(mark)
    }

    /// Whether the directory at `target` was being copied from `origin`.
    pub fn is_set(place: &Place, target: &Target, origin: &[u8]) -> bool {
        Self::content(place.process(), target, origin.len()).is_ok_and(|content| content == origin)
    }

    fn content(process: &Process, target: &Target, length: usize) -> KResult<Vec<u8>> {
        let mark = Self::beside(target, process.lstat(&target.path)?.ino);
        let flags = OpenFlags::NOFOLLOW | OpenFlags::NONBLOCK;
        let fd = process.open(&mark.path, flags, Mode::new(0))?;
        let mut content = vec![0; length + 1];
        let count = process.read(fd, &mut content);
        process.close(fd)?;
        content.truncate(count?);
        Ok(content)
    }

    /// Takes the mark away.
    pub fn clear(self, process: &Process) {
        // A mark that stays only makes the next run look at what is there.
        let _ = process.unlink(&self.path);
    }
}
