//! One of the two trees that are compared.

use super::below;
use crate::entries::Entries;
use crate::output::escaped;
use crate::record::stat_path;
use crate::session::{Failure, Place, Session};
use crate::walk::{file_name, join};
use rumpkit::{Fd, FileType, Ino, Mode, OpenFlags, Process};
use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// What a name is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A file, and its size.
    Regular(u64),
    /// A symbolic link, and where it leads.
    Link(Vec<u8>),
    /// Something else: its type, and the numbers of a device.
    Special(&'static str, (u32, u32)),
}

impl Kind {
    /// As diff(1) calls it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Directory => "directory",
            Self::Regular(0) => "regular empty file",
            Self::Regular(_) => "regular file",
            Self::Link(_) => "symbolic link",
            Self::Special("Character", _) => "character special file",
            Self::Special("Block", _) => "block special file",
            Self::Special("socket", _) => "socket",
            Self::Special(..) => "fifo",
        }
    }
}

enum Where {
    Image(Place, HashSet<Ino>),
    Host(PathBuf),
}

/// See the module. Paths are relative to what was named.
pub struct Side {
    at: Where,
    top: Vec<u8>,
    /// The image is named in front of paths.
    pub is_named_in_full: bool,
}

impl Side {
    /// What `word` says: a path in an image if it says so itself, else one of this host.
    pub fn new(word: &OsStr, session: &mut Session) -> Result<Self, Failure> {
        if !session.is_address(word) {
            let (at, top) = (Where::Host(word.into()), word.as_bytes().to_vec());
            return Ok(Self { at, top, is_named_in_full: false });
        }
        let place = session.place(word)?;
        let top = place.path.clone();
        Ok(Self { at: Where::Image(place, HashSet::new()), top, is_named_in_full: false })
    }

    /// The image, if it is in one.
    pub fn volume(&self) -> Option<&str> {
        match &self.at {
            Where::Image(place, _) => Some(&place.volume),
            Where::Host(_) => None,
        }
    }

    /// The name of what was named.
    pub fn name(&self) -> Vec<u8> {
        file_name(&self.top).to_vec()
    }

    /// Goes to `name` in what was named.
    pub fn enter(&mut self, name: &[u8]) {
        join(&mut self.top, name);
        if let Where::Host(path) = &mut self.at {
            path.push(OsStr::from_bytes(name));
        }
    }

    /// A path as it is shown.
    pub fn shown(&self, path: &[u8]) -> String {
        let whole = escaped(&below(&self.top, path));
        match self.volume() {
            Some(volume) if self.is_named_in_full => format!("{volume}:{whole}"),
            _ => whole,
        }
    }

    fn on_host(&self, root: &Path, path: &[u8]) -> PathBuf {
        if path.is_empty() { root.to_path_buf() } else { root.join(OsStr::from_bytes(path)) }
    }

    /// What is at `path`, or at the end of a link there. Errors: why that cannot be told.
    pub fn kind(&self, path: &[u8], follow: bool) -> Result<Kind, String> {
        match &self.at {
            Where::Image(place, _) => {
                let whole = below(&self.top, path);
                let stat = stat_path(place.process(), &whole, follow).map_err(|error| error.to_string())?;
                let numbers = (stat.rdev.major, stat.rdev.minor);
                Ok(match stat.file_type {
                    FileType::Directory => Kind::Directory,
                    FileType::Regular => Kind::Regular(stat.size),
                    FileType::Symlink => {
                        Kind::Link(place.process().readlink(&whole).map_err(|error| error.to_string())?)
                    }
                    FileType::CharDevice => Kind::Special("Character", numbers),
                    FileType::BlockDevice => Kind::Special("Block", numbers),
                    FileType::Fifo => Kind::Special("fifo", (0, 0)),
                    FileType::Socket => Kind::Special("socket", (0, 0)),
                })
            }
            Where::Host(root) => {
                let whole = self.on_host(root, path);
                let found = if follow { fs::metadata(&whole) } else { fs::symlink_metadata(&whole) };
                let found = found.map_err(|error| error.to_string())?;
                let numbers = (
                    rustix::fs::major(found.rdev() as _) as u32,
                    rustix::fs::minor(found.rdev() as _) as u32,
                );
                let file_type = found.file_type();
                Ok(match file_type {
                    _ if file_type.is_dir() => Kind::Directory,
                    _ if file_type.is_file() => Kind::Regular(found.len()),
                    _ if file_type.is_symlink() => {
                        let target = fs::read_link(&whole).map_err(|error| error.to_string())?;
                        Kind::Link(target.into_os_string().into_vec())
                    }
                    _ if file_type.is_char_device() => Kind::Special("Character", numbers),
                    _ if file_type.is_block_device() => Kind::Special("Block", numbers),
                    _ if file_type.is_fifo() => Kind::Special("fifo", (0, 0)),
                    _ => Kind::Special("socket", (0, 0)),
                })
            }
        }
    }

    /// The names in the directory at `path`, in the order of their bytes. None of a directory that is not there.
    pub fn names(&mut self, path: &[u8]) -> Result<Vec<Vec<u8>>, String> {
        let whole = below(&self.top, path);
        match &mut self.at {
            Where::Image(place, entered) => names_in(place.process(), &whole, entered),
            Where::Host(root) => {
                let folder = if path.is_empty() { root.clone() } else { root.join(OsStr::from_bytes(path)) };
                let found = match fs::read_dir(&folder) {
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
                    found => found.map_err(|error| error.to_string())?,
                };
                let name =
                    |entry: std::io::Result<fs::DirEntry>| entry.map(|entry| entry.file_name().into_vec());
                let names: Result<Vec<_>, _> = found.map(name).collect();
                let mut names = names.map_err(|error| error.to_string())?;
                names.sort();
                Ok(names)
            }
        }
    }

    /// Opens the file at `path`.
    pub fn open(&self, path: &[u8]) -> Result<Reader<'_>, String> {
        let failed = |why: &dyn std::fmt::Display| format!("{}: {why}", self.shown(path));
        match &self.at {
            Where::Image(place, _) => {
                let process = place.process();
                let opened = process.open(below(&self.top, path), OpenFlags::empty(), Mode::new(0));
                Ok(Reader::Image { process, fd: opened.map_err(|error| failed(&error))?, at: 0 })
            }
            Where::Host(root) => {
                File::open(self.on_host(root, path)).map(Reader::Host).map_err(|error| failed(&error))
            }
        }
    }

    /// Copies the file at `path` to one of the host.
    pub fn copy(&self, path: &[u8], file: &mut File, buffer: &mut [u8]) -> Result<(), String> {
        let mut reader = self.open(path)?;
        loop {
            match reader.read(buffer)? {
                0 => return Ok(()),
                count => file.write_all(&buffer[..count]).map_err(|error| format!("a copy: {error}"))?,
            }
        }
    }
}

fn names_in(process: &Process, path: &[u8], entered: &mut HashSet<Ino>) -> Result<Vec<Vec<u8>>, String> {
    let fd = match process.open(path, OpenFlags::DIRECTORY, Mode::new(0)) {
        Err(error) if error.errno == rumpkit::Errno::ENOENT => return Ok(Vec::new()),
        opened => opened.map_err(|error| error.to_string())?,
    };
    let mut entries = Entries::default();
    let is_new = process.fstat(fd).map(|stat| entered.insert(stat.ino));
    entries.read_names(process, fd);
    // Closing what was only read cannot lose anything.
    let _ = process.close(fd);
    match (is_new, entries.damage()) {
        (Err(error), _) => Err(error.to_string()),
        (_, Some(damage)) => Err(damage.to_string()),
        (Ok(false), _) => Err("directory met before: the image is damaged".into()),
        _ => Ok((0..entries.len()).map(|index| entries.name(index).to_vec()).collect()),
    }
}

/// A file on its way.
pub enum Reader<'a> {
    /// In an image.
    Image {
        /// Who reads it.
        process: &'a Process,
        /// The open file.
        fd: Fd,
        /// Where it is read next.
        at: u64,
    },
    /// On this host.
    Host(File),
}

impl Reader<'_> {
    /// Fills `buffer` as far as the file goes; answers how far.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, String> {
        let mut filled = 0;
        while filled < buffer.len() {
            let count = match self {
                Self::Image { process, fd, at } => {
                    let count = process.pread(*fd, &mut buffer[filled..], *at);
                    let count = count.map_err(|error| error.to_string())?;
                    *at += count as u64;
                    count
                }
                Self::Host(file) => file.read(&mut buffer[filled..]).map_err(|error| error.to_string())?,
            };
            if count == 0 {
                break;
            }
            filled += count;
        }
        Ok(filled)
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        if let Self::Image { process, fd, .. } = self {
            // Closing what was only read cannot lose anything.
            let _ = process.close(*fd);
        }
    }
}
