//! Where in an image a source goes, by the rules of cp(1).

use super::mark::Mark;
use crate::change::{parent_of, trimmed};
use crate::session::{Failure, Place};
use crate::walk::{file_name, join};
use rumpkit::{Errno, FileType};

/// A directory of the image, and the name in it that the copy gets.
#[derive(Debug)]
pub struct Target {
    /// The directory, which the user named: through symbolic links, too.
    pub directory: Vec<u8>,
    /// The name; `None` if what is in the source goes right into the directory.
    pub name: Option<Vec<u8>>,
    /// The path of the copy, for messages.
    pub path: Vec<u8>,
    /// What the user named is not there as a directory: the copy gets that name.
    pub is_named: bool,
    /// The user wrote a slash at the end: only a directory will do.
    pub has_slash: bool,
}

impl Target {
    /// Where a source of this `name` goes if the user says `place`: to that path itself or, if a directory is there,
    /// to the name in it. `origin` is what a mark says of a source that an earlier run began to copy there.
    pub fn find(place: &Place, name: &[u8], origin: &[u8], is_many: bool) -> Result<Self, Failure> {
        let fail = |why: &dyn std::fmt::Display| {
            Failure::Other(format!("{}:{}: {why}", place.volume, crate::output::escaped(&place.path)))
        };
        let is_directory = match place.process().stat(&place.path) {
            Ok(stat) => stat.file_type == FileType::Directory,
            Err(error) if error.errno == Errno::ENOENT => false,
            // A symbolic link that leads nowhere is replaced.
            Err(error) if error.errno == Errno::ELOOP && !place.path.ends_with(b"/") => false,
            Err(error) => return Err(fail(&error)),
        };
        if !is_directory {
            if is_many {
                return Err(fail(&"is no directory to copy more than one thing into"));
            }
            return Self::named(place).ok_or_else(|| fail(&Errno::ENOENT));
        }
        if !is_many {
            if let Some(target) = Self::named(place).filter(|target| Mark::is_set(place, target, origin)) {
                return Ok(target);
            }
        }
        let directory = place.path.clone();
        let mut path = directory.clone();
        if matches!(name, b"" | b"." | b"..") {
            return Ok(Self { directory, name: None, path, is_named: false, has_slash: false });
        }
        join(&mut path, name);
        Ok(Self { directory, name: Some(name.to_vec()), path, is_named: false, has_slash: false })
    }

    fn named(place: &Place) -> Option<Self> {
        let path = trimmed(&place.path).to_vec();
        let name = file_name(&path).to_vec();
        if matches!(&*name, b"" | b"." | b"..") {
            return None;
        }
        Some(Self {
            directory: parent_of(&path).to_vec(),
            name: Some(name),
            has_slash: path.len() < place.path.len(),
            path,
            is_named: true,
        })
    }
}
