//! Walking a tree in an image: in byte order, without recursion, each directory once.
//!
//! The image is hostile: a directory that is met twice (a loop, or a directory with two names) is reported and
//! not entered again, so a walk ends after as many steps as the image has entries. Memory: the names of the
//! directories on the way from the root to here, and the numbers of the directories seen. Descriptors: few, at
//! any depth (see [`Chain`]).

use crate::chain::Chain;
use rumpkit::{AtFlags, Errno, Fd, FileType, Ino, KError, KResult, Mode, OpenFlags, Process, Stat};
use std::collections::HashSet;

/// The names of one directory, in one piece of memory.
#[derive(Default)]
pub struct Names {
    bytes: Vec<u8>,
    spans: Vec<(usize, u32)>,
    damage: Option<KError>,
}

impl Names {
    /// Reads the open directory `fd`, without `.` and `..`, sorted by bytes. Damage does not hide the names that
    /// can be read: see [`Names::damage`].
    pub fn read(process: &Process, fd: Fd) -> Self {
        let mut names = Self::default();
        let result = process.getdents(fd, &mut |entry| {
            if entry.name != b"." && entry.name != b".." {
                names.push(entry.name);
            }
            true
        });
        names.damage = result.err();
        names.sort();
        names
    }

    /// Why there may be more names than were read.
    pub fn damage(&self) -> Option<&KError> {
        self.damage.as_ref()
    }

    fn push(&mut self, name: &[u8]) {
        self.spans.push((self.bytes.len(), name.len() as u32));
        self.bytes.extend_from_slice(name);
    }

    fn sort(&mut self) {
        let bytes = &self.bytes;
        let name = |span: &(usize, u32)| &bytes[span.0..span.0 + span.1 as usize];
        self.spans.sort_unstable_by(|a, b| name(a).cmp(name(b)));
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// The name at `index`.
    pub fn name(&self, index: usize) -> &[u8] {
        let (start, length) = self.spans[index];
        &self.bytes[start..start + length as usize]
    }
}

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
    /// The directory it is in; `None` for the top, whose `name` is then a path.
    pub directory: Option<Fd>,
    /// Steps from the top.
    pub depth: usize,
    /// Its attributes.
    pub stat: &'a Stat,
    /// Whether it is the last of its directory.
    pub is_last: bool,
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
    /// A file, before what is in it. The answer counts for directories only.
    fn enter(&mut self, entry: &Entry<'_>) -> Result<Step, E>;
    /// A directory that was entered, after all that is in it.
    fn leave(&mut self, left: &Left<'_>) -> Result<(), E> {
        let _ = left;
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

struct Frame {
    names: Names,
    next: usize,
    stat: Stat,
    path_length: usize,
}

/// Descriptors that a process of a rump kernel may have.
pub const DESCRIPTORS: usize = rumpkit::OPEN_MAX as usize;

/// Walks from `top`, whose attributes are `stat`, in order of bytes.
pub fn walk<E>(process: &Process, top: &[u8], stat: &Stat, visitor: &mut impl Visitor<E>) -> Result<(), E> {
    let (path, frames, chain, seen) = (top.to_vec(), Vec::new(), Chain::new(DESCRIPTORS), HashSet::new());
    let mut walk = Walk { process, path, frames, chain, seen };
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
}

impl Walk<'_> {
    fn run<E>(&mut self, visitor: &mut impl Visitor<E>) -> Result<(), E> {
        while let Some(frame) = self.frames.last_mut() {
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
            let Some(directory) = directory.filter(|_| frame.next < frame.names.len()) else {
                let stat = frame.stat;
                self.frames.pop();
                let left = Left { path: &self.path, depth: self.frames.len(), stat: &stat, fd: directory };
                visitor.leave(&left)?;
                self.chain.truncate(self.frames.len());
                continue;
            };
            let index = frame.next;
            frame.next += 1;
            let name = frame.names.name(index).to_vec();
            let is_last = frame.next == frame.names.len();
            join(&mut self.path, &name);
            self.step(directory, &name, is_last, visitor)?;
        }
        Ok(())
    }

    fn step<E>(
        &mut self,
        fd: Fd,
        name: &[u8],
        is_last: bool,
        visitor: &mut impl Visitor<E>,
    ) -> Result<(), E> {
        let stat = match self.process.fstatat(Some(fd), name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(error) => return visitor.failed(&self.path, &error.to_string()),
        };
        let depth = self.frames.len();
        let entry = Entry { path: &self.path, name, directory: Some(fd), depth, stat: &stat, is_last };
        if visitor.enter(&entry)? == Step::Into && stat.file_type == FileType::Directory {
            self.push(Some(fd), name, &stat, visitor)?;
        }
        Ok(())
    }

    /// Opens a directory that the visitor has entered; it is left at once if that fails.
    fn push<E>(
        &mut self,
        parent: Option<Fd>,
        name: &[u8],
        stat: &Stat,
        visitor: &mut impl Visitor<E>,
    ) -> Result<(), E> {
        let why = if !self.seen.insert(stat.ino) {
            "directory met before: the image is damaged".to_string()
        } else {
            match self.open(parent, name) {
                Ok(directory) => {
                    let names = Names::read(self.process, directory.fd);
                    if let Some(damage) = names.damage() {
                        visitor.failed(&self.path, &damage.to_string())?;
                    }
                    self.chain.push(name, stat.ino, directory);
                    self.frames.push(Frame { names, next: 0, stat: *stat, path_length: self.path.len() });
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
