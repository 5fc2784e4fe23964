//! Hard links: where the first name of a file with several was created, and how to get there again.

use super::target::{Identity, identity_of, open_beneath};
use rumpkit::Ino;
use rustix::fs::{self, AtFlags};
use rustix::io::Errno;
use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// Number of a directory that copies were made in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Made(usize);

enum Directory {
    /// Where a target is; kept open.
    Target(Arc<OwnedFd>),
    /// A directory by its name in one that was made before it.
    Below(Made, Vec<u8>),
}

struct FirstName {
    directory: Made,
    name: Vec<u8>,
    identity: Identity,
}

/// Every directory of a run, and the first names in them. A name costs its bytes and no descriptor.
#[derive(Default)]
pub struct Links {
    directories: Vec<Directory>,
    first: HashMap<(usize, Ino), FirstName>,
}

/// What became of another name.
pub enum Linked {
    /// It is there.
    Done,
    /// Nothing was copied under another name so far, or it is no longer there.
    NoFirst,
    /// The host has the file but refuses a link to it.
    Refused,
}

impl Links {
    /// Notes the directory that a target is in.
    pub fn add_target(&mut self, directory: Arc<OwnedFd>) -> Made {
        self.directories.push(Directory::Target(directory));
        Made(self.directories.len() - 1)
    }

    /// Notes the directory `name` in `above`.
    pub fn add(&mut self, above: Made, name: &[u8]) -> Made {
        self.directories.push(Directory::Below(above, name.to_vec()));
        Made(self.directories.len() - 1)
    }

    /// Notes that the file `key` was copied as `name` in `directory`, which is open as `parent`.
    pub fn note(
        &mut self,
        key: (usize, Ino),
        directory: Made,
        parent: &OwnedFd,
        name: &[u8],
    ) -> Result<(), Errno> {
        let identity = identity_of(&fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?);
        self.first.insert(key, FirstName { directory, name: name.to_vec(), identity });
        Ok(())
    }

    /// Makes the file `key`, if it was copied before, appear as `name` in `directory`, which is open as `parent`.
    pub fn link(
        &self,
        key: (usize, Ino),
        (directory, parent): (Made, &Arc<OwnedFd>),
        name: &[u8],
        temporary: &[u8],
    ) -> Result<Linked, Errno> {
        let Some(first) = self.first.get(&key) else { return Ok(Linked::NoFirst) };
        let is_first = |dir: &OwnedFd, name: &[u8]| {
            fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)
                .is_ok_and(|stat| identity_of(&stat) == first.identity)
        };
        if is_first(parent, name) {
            return Ok(Linked::Done);
        }
        let from = if first.directory == directory { parent.clone() } else { self.open(first.directory)? };
        if !is_first(&from, &first.name) {
            return Ok(Linked::NoFirst);
        }
        match fs::linkat(&*from, &*first.name, parent, temporary, AtFlags::empty()) {
            Ok(()) => {}
            Err(Errno::MLINK | Errno::PERM | Errno::NOTSUP | Errno::NOSYS) => return Ok(Linked::Refused),
            Err(error) => return Err(error),
        }
        fs::renameat(parent, temporary, parent, name).inspect_err(|_| {
            // The error that led here is the one to tell.
            let _ = fs::unlinkat(parent, temporary, AtFlags::empty());
        })?;
        Ok(Linked::Done)
    }

    /// Opens a directory one step at a time: nothing on the way may have become a symbolic link.
    fn open(&self, made: Made) -> Result<Arc<OwnedFd>, Errno> {
        let mut names = Vec::new();
        let mut at = made;
        let mut directory = loop {
            match self.directories.get(at.0).ok_or(Errno::NOENT)? {
                Directory::Target(target) => break target.clone(),
                Directory::Below(above, name) => {
                    names.push(name);
                    at = *above;
                }
            }
        };
        for name in names.iter().rev() {
            directory = Arc::new(open_beneath(&directory, name)?);
        }
        Ok(directory)
    }
}
