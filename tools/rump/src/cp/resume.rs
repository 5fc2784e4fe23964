//! How a second run finds what the first one left unfinished.
//!
//! A directory that is copied to a name that was free would, at the second run, be taken for a directory to copy
//! into. So while it is copied, a mark lies beside it: a file with the number of the directory in its name and the
//! source as its content. It is gone once everything below was tried.

use crate::session::Place;
use rustix::fs::{self, AtFlags, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// The mark of a directory that is being copied.
pub struct Mark {
    beside: Arc<OwnedFd>,
    name: Vec<u8>,
}

fn name_of(directory: &Stat) -> Vec<u8> {
    format!(".rump-{}.part", directory.st_ino).into_bytes()
}

fn content_of(place: &Place) -> Vec<u8> {
    let mut content = place.volume.clone().into_bytes();
    content.push(b':');
    content.extend_from_slice(&place.path);
    content
}

impl Mark {
    /// Sets the mark of `directory`, which lies in `beside` and is being copied from `place`.
    pub fn set(beside: &Arc<OwnedFd>, directory: &Stat, place: &Place) -> Result<Self, Errno> {
        let mark = Self { beside: beside.clone(), name: name_of(directory) };
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = fs::openat(beside, &*mark.name, flags, Mode::RUSR | Mode::WUSR)?;
        rustix::io::write(&file, &content_of(place))?;
        Ok(mark)
    }

    /// Whether `directory`, which lies in `beside`, was being copied from `place`.
    pub fn is_set(beside: &OwnedFd, directory: &Stat, place: &Place) -> bool {
        let expected = content_of(place);
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let Ok(file) = fs::openat(beside, &*name_of(directory), flags, Mode::empty()) else { return false };
        let mut content = vec![0; expected.len() + 1];
        rustix::io::read(&file, &mut content).is_ok_and(|count| content[..count] == *expected)
    }

    /// Takes the mark away.
    pub fn clear(self) {
        // A mark that stays only makes the next run look at what is there.
        let _ = fs::unlinkat(&self.beside, &*self.name, AtFlags::empty());
    }
}
