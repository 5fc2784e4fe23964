//! Walking a tree in an image: in byte order, without recursion, each directory once.
//!
//! The image is hostile: a directory that is met twice (a loop, or a directory with two names) is reported and
//! not entered again, so a walk ends after as many steps as the image has entries. Memory: the names of the
//! directories on the way from the root to here, a limited number of attributes, and the numbers of the
//! directories seen. Descriptors: few, at any depth (see [`Chain`]).

use crate::chain::Chain;
use crate::entries::Entries;
use crate::steps::Follow;
use rumpkit::{Errno, Fd, FileType, Ino, KError, KResult, Mode, OpenFlags, Process, Stat};
use std::collections::HashSet;

/// Opens the directory `name` in `parent`, never through a symbolic link.
pub fn open_directory(process: &Process, parent: Option<Fd>, name: &[u8]) -> KResult<Fd> {
    process.openat(parent, name, OpenFlags::DIRECTORY | OpenFlags::NOFOLLOW, Mode::new(0))
}

/// Longest piece of a path that the kernel takes in one call, well below its limit.
const PIECE_BYTES: usize = 3072;

/// Opens the directory at `path`, which may be longer than the kernel takes in one call.
pub fn open_far(process: &Process, path: &[u8]) -> KResult<Fd> {
    let mut at = None;
    let mut rest = path;
    while rest.len() > PIECE_BYTES {
        let Some(end) = rest[..PIECE_BYTES].iter().rposition(|&byte| byte == b'/').filter(|&end| end > 0)
        else {
            break;
        };
        let next = OpenDirectory { process, fd: open_directory(process, at_fd(&at), &rest[..end])? };
        at = Some(next);
        rest = &rest[end + 1..];
    }
    open_directory(process, at_fd(&at), rest)
}

fn at_fd(directory: &Option<OpenDirectory<'_>>) -> Option<Fd> {
    directory.as_ref().map(|directory| directory.fd)
}

/// Appends `name` to `path`.
pub fn join(path: &mut Vec<u8>, name: &[u8]) {
    if path.last() != Some(&b'/') {
        path.push(b'/');
    }
    path.extend_from_slice(name);
}

/// The last component of `path`; empty for the root.
pub fn file_name(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|&byte| byte != b'/').map_or(0, |at| at + 1);
    let start = path[..end].iter().rposition(|&byte| byte == b'/').map_or(0, |at| at + 1);
    &path[start..end]
}

/// A file that the walk has come to.
pub struct Entry<'a> {
    /// Its path from the root of the image.
    pub path: &'a [u8],
    /// Its name.
    pub name: &'a [u8],
    /// The directory it is in; `None` for the top, and where a link that is followed leads to a directory: `name` is then a path.
    pub directory: Option<Fd>,
    /// Steps from the top.
    pub depth: usize,
    /// Its attributes.
    pub stat: &'a Stat,
    /// Whether it is the last of its directory.
    pub is_last: bool,
}

/// How directories are read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Listing {
    /// With the attributes of their entries: for who looks at files from outside.
    WithStats,
    /// The names first, which the kernel remembers then, and attributes as they are when a file is come to: for
    /// who opens or changes the files.
    Names,
}

impl Listing {
    /// Attributes that are kept on the way from the top to here.
    fn kept_stats(self) -> usize {
        match self {
            Self::WithStats => 100_000,
            Self::Names => 0,
        }
    }
}

/// Whether to enter a directory.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Enter it.
    Into,
    /// Go on beside it.
    Over,
}

/// A directory at its end.
pub struct Left<'a> {
    /// Its path from the root of the image.
    pub path: &'a [u8],
    /// Steps from the top.
    pub depth: usize,
    /// Its attributes.
    pub stat: &'a Stat,
    /// The directory, open; `None` if it could not be opened, which was reported then.
    pub fd: Option<Fd>,
}

/// What is done on a walk. `E` ends it.
pub trait Visitor<E> {
    /// How directories are read for it.
    const LISTING: Listing = Listing::WithStats;

    /// A file, before what is in it. The answer counts for directories only.
    fn enter(&mut self, entry: &Entry<'_>) -> Result<Step, E>;
    /// A directory that was entered, after all that is in it.
    fn leave(&mut self, left: &Left<'_>) -> Result<(), E> {
        let _ = left;
        Ok(())
    }
    /// Errors: the walk ends here.
    fn check(&self) -> Result<(), E> {
        Ok(())
    }
    /// Something could not be read.
    fn failed(&mut self, path: &[u8], why: &str) -> Result<(), E>;
}

/// A directory of the image, closed when dropped.
pub struct OpenDirectory<'a> {
    process: &'a Process,
    fd: Fd,
}

impl<'a> OpenDirectory<'a> {
    /// Opens the directory `name` in `parent`, never through a symbolic link.
    pub fn at(process: &'a Process, parent: Fd, name: &[u8]) -> KResult<Self> {
        Ok(Self { process, fd: open_directory(process, Some(parent), name)? })
    }

    /// Opens the directory at `path`, which the user named: through symbolic links, too.
    pub fn by_path(process: &'a Process, path: &[u8]) -> KResult<Self> {
        Ok(Self { process, fd: process.open(path, OpenFlags::DIRECTORY, Mode::new(0))? })
    }

    /// Its descriptor.
    pub fn fd(&self) -> Fd {
        self.fd
    }

    /// Opens a directory once more, which has to be the same.
    pub fn again(&self, name: &[u8], ino: Ino) -> KResult<Self> {
        let opened = Self::at(self.process, self.fd, name)?;
        if self.process.fstat(opened.fd)?.ino == ino {
            return Ok(opened);
        }
        Err(KError::new(Errno::EIO, "the directory has changed during the walk"))
    }
}

impl Drop for OpenDirectory<'_> {
    fn drop(&mut self) {
        // Closing a directory that was only read cannot lose anything.
        let _ = self.process.close(self.fd);
    }
}

/// A file of the image that is read, closed when dropped.
pub struct OpenFile<'a>(OpenDirectory<'a>);

impl<'a> OpenFile<'a> {
    /// Opens what a walk has come to: never through a symbolic link, unless its attributes are of what that leads to.
    pub fn of(process: &'a Process, entry: &Entry<'_>, follow: Follow) -> KResult<Self> {
        let flags = if follow.of(entry.depth) { OpenFlags::empty() } else { OpenFlags::NOFOLLOW };
        let fd = process.openat(entry.directory, entry.name, flags, Mode::new(0))?;
        Ok(Self(OpenDirectory { process, fd }))
    }

    /// Its descriptor.
    pub fn fd(&self) -> Fd {
        self.0.fd
    }

    /// Whose descriptor it is.
    pub fn process(&self) -> &'a Process {
        self.0.process
    }
}

struct Frame {
    entries: Entries,
    next: usize,
    stat: Stat,
    path_length: usize,
}

/// Descriptors that a process of a rump kernel may have.
pub const DESCRIPTORS: usize = rumpkit::OPEN_MAX as usize;

/// Walks from `top`, whose attributes are `stat`, in order of bytes.
pub fn walk<E>(process: &Process, top: &[u8], stat: &Stat, visitor: &mut impl Visitor<E>) -> Result<(), E> {
    let (path, frames, chain, seen) = (top.to_vec(), Vec::new(), Chain::new(DESCRIPTORS), HashSet::new());
    let mut walk = Walk { process, path, frames, chain, seen, spare: Entries::default(), kept: 0 };
    let entry = Entry { path: top, name: top, directory: None, depth: 0, stat, is_last: true };
    if visitor.enter(&entry)? == Step::Into && stat.file_type == FileType::Directory {
        walk.push(None, top, stat, visitor)?;
    }
    walk.run(visitor)
}

struct Walk<'a> {
    process: &'a Process,
    path: Vec<u8>,
    /// As many as the levels of `chain`.
    frames: Vec<Frame>,
    chain: Chain<OpenDirectory<'a>, Ino>,
    seen: HashSet<Ino>,
    /// Those of a directory that was left: their memory is used again.
    spare: Entries,
    /// Attributes that the frames keep.
    kept: usize,
}

impl Walk<'_> {
    fn run<E>(&mut self, visitor: &mut impl Visitor<E>) -> Result<(), E> {
        while let Some(frame) = self.frames.last_mut() {
            visitor.check()?;
            self.path.truncate(frame.path_length);
            let opened = self.chain.last(|above, name, &ino| above.again(name, ino));
            let directory = match opened {
                Some(Ok(directory)) => Some(directory.fd),
                Some(Err(error)) => {
                    visitor.failed(&self.path, &error.to_string())?;
                    None
                }
                None => None,
            };
            let Some(directory) = directory.filter(|_| frame.next < frame.entries.len()) else {
                let stat = frame.stat;
                self.spare = std::mem::take(&mut frame.entries);
                self.kept -= self.spare.kept();
                self.frames.pop();
                let left = Left { path: &self.path, depth: self.frames.len(), stat: &stat, fd: directory };
                visitor.leave(&left)?;
                self.chain.truncate(self.frames.len());
                continue;
            };
            let index = frame.next;
            frame.next += 1;
            let is_last = frame.next == frame.entries.len();
            join(&mut self.path, frame.entries.name(index));
            let stat = frame.entries.stat(self.process, directory, index);
            self.step(directory, stat, is_last, visitor)?;
        }
        Ok(())
    }

    /// Shows the visitor what `self.path` has come to, in the directory `fd`.
    fn step<E>(
        &mut self,
        fd: Fd,
        stat: KResult<Stat>,
        is_last: bool,
        visitor: &mut impl Visitor<E>,
    ) -> Result<(), E> {
        let stat = match stat {
            Ok(stat) => stat,
            Err(error) => return visitor.failed(&self.path, &error.to_string()),
        };
        let depth = self.frames.len();
        let name = file_name(&self.path);
        let entry = Entry { path: &self.path, name, directory: Some(fd), depth, stat: &stat, is_last };
        if visitor.enter(&entry)? == Step::Into && stat.file_type == FileType::Directory {
            let name = name.to_vec();
            self.push(Some(fd), &name, &stat, visitor)?;
        }
        Ok(())
    }

    /// Opens a directory that the visitor has entered; it is left at once if that fails.
    fn push<E, V: Visitor<E>>(
        &mut self,
        parent: Option<Fd>,
        name: &[u8],
        stat: &Stat,
        visitor: &mut V,
    ) -> Result<(), E> {
        let why = if !self.seen.insert(stat.ino) {
            "directory met before: the image is damaged".to_string()
        } else {
            match self.open(parent, name) {
                Ok(directory) => {
                    let entries = self.read(directory.fd, V::LISTING);
                    if let Some(damage) = entries.damage() {
                        visitor.failed(&self.path, &damage.to_string())?;
                    }
                    self.chain.push(name, stat.ino, directory);
                    self.frames.push(Frame { entries, next: 0, stat: *stat, path_length: self.path.len() });
                    return Ok(());
                }
                Err(error) => error.to_string(),
            }
        };
        visitor.failed(&self.path, &why)?;
        visitor.leave(&Left { path: &self.path, depth: self.frames.len(), stat, fd: None })
    }
}

impl<'a> Walk<'a> {
    fn read(&mut self, fd: Fd, listing: Listing) -> Entries {
        let mut entries = std::mem::take(&mut self.spare);
        match listing.kept_stats().saturating_sub(self.kept) {
            0 => entries.read_names(self.process, fd),
            most => entries.read(self.process, fd, most),
        }
        self.kept += entries.kept();
        entries
    }

    fn open(&self, parent: Option<Fd>, name: &[u8]) -> KResult<OpenDirectory<'a>> {
        let process = self.process;
        match parent {
            Some(parent) => OpenDirectory::at(process, parent, name),
            // The top is what the user named: a symbolic link there may be followed.
            None => OpenDirectory::by_path(process, name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_are_last_components() {
        assert_eq!(file_name(b"/etc/fstab"), b"fstab");
        assert_eq!(file_name(b"/etc//"), b"etc");
        assert_eq!(file_name(b"/"), b"");
        assert_eq!(file_name(b"x"), b"x");
    }

    #[test]
    fn joining_makes_no_double_slash() {
        let mut path = b"/".to_vec();
        join(&mut path, b"a");
        join(&mut path, b"b");
        assert_eq!(path, b"/a/b");
    }
}
