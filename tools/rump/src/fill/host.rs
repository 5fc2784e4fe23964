//! A directory of the host as a source: in order of bytes, no symbolic link followed, nothing of it changed.
//!
//! Everything is opened relative to its directory, so that a tree which changes meanwhile leads nowhere else. What
//! may not be read is reported: a file is left out, a directory is there without what is in it. The time of access
//! is kept where the host lets us (`O_NOATIME`).

use super::{Content, Entry, Kind, Nothing, Sink, Source, Take, Trouble, hand, tell};
use crate::chain::Chain;
use crate::cp::{Identity, identity_of, names_in, open_again, open_beneath, open_user_directory};
use crate::session::Failure;
use crate::stop::Stop;
use rumpkit::{DevNumber, FileType, TimeSpec};
use rustix::fs::{self, AtFlags, Mode, OFlags, SeekFrom, Stat};
use rustix::io::Errno;
use std::collections::HashMap;
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const CHUNK_BYTES: usize = 1 << 20;

/// See the module.
pub struct Tree {
    top: PathBuf,
    stop: Stop,
    skipped: Option<Identity>,
    buffer: Vec<u8>,
}

impl Tree {
    /// The tree below `top`. `skipped` is left out: an image may lie in the tree that it is made from.
    pub fn new(top: &Path, skipped: Option<&Path>, stop: Stop) -> Self {
        let skipped = skipped.and_then(|path| fs::stat(path).ok()).map(|stat| identity_of(&stat));
        Self { top: top.into(), stop, skipped, buffer: vec![0; CHUNK_BYTES] }
    }
}

impl Source for Tree {
    fn run(&mut self, sink: &mut dyn Sink) -> Result<(), Failure> {
        let named = |error: Errno| Failure::Other(format!("{}: {error}", self.top.display()));
        let directory = open_user_directory(self.top.as_os_str().as_bytes()).map_err(named)?;
        let stat = fs::fstat(&directory).map_err(named)?;
        let mut walk = Walk {
            tree: self,
            path: Vec::new(),
            frames: Vec::new(),
            chain: Chain::new(crate::cp::host_descriptors()),
            links: HashMap::new(),
        };
        walk.directory_found(directory.as_fd(), b".", &stat, sink)?;
        walk.enter(b"", directory, &stat, sink);
        walk.run(sink)
    }
}

struct Frame {
    names: Vec<Vec<u8>>,
    next: usize,
    path_length: usize,
}

struct Walk<'t> {
    tree: &'t mut Tree,
    path: Vec<u8>,
    /// As many as the levels of `chain`.
    frames: Vec<Frame>,
    chain: Chain<Arc<OwnedFd>, Identity>,
    links: HashMap<Identity, Vec<u8>>,
}

impl Walk<'_> {
    fn run(&mut self, sink: &mut dyn Sink) -> Result<(), Failure> {
        while let Some(frame) = self.frames.last_mut() {
            self.tree.stop.check()?;
            self.path.truncate(frame.path_length);
            let Some(name) = frame.names.get_mut(frame.next).map(std::mem::take) else {
                self.frames.pop();
                self.chain.truncate(self.frames.len());
                continue;
            };
            frame.next += 1;
            let opened = self.chain.last(|above, name, &expected| open_again(above, name, expected));
            let directory = match opened {
                Some(Ok(directory)) => directory.clone(),
                Some(Err(error)) => {
                    sink.failed(&self.path, &error.to_string());
                    frame.next = frame.names.len();
                    continue;
                }
                None => break,
            };
            if !self.path.is_empty() {
                self.path.push(b'/');
            }
            self.path.extend_from_slice(&name);
            self.step(directory.as_fd(), &name, sink)?;
        }
        Ok(())
    }

    fn step(&mut self, directory: BorrowedFd<'_>, name: &[u8], sink: &mut dyn Sink) -> Result<(), Failure> {
        let stat = match fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(error) => {
                sink.failed(&self.path, &error.to_string());
                return Ok(());
            }
        };
        if self.tree.skipped == Some(identity_of(&stat)) {
            sink.note(&format!("{}: the image itself is left out", String::from_utf8_lossy(&self.path)));
            return Ok(());
        }
        match FileType::from_mode(stat.st_mode) {
            Some(FileType::Directory) => {
                self.directory_found(directory, name, &stat, sink)?;
                match open_beneath(directory, name) {
                    Ok(opened) => self.enter(name, opened, &stat, sink),
                    Err(error) => sink.failed(&self.path, &format!("cannot be listed: {error}")),
                }
                Ok(())
            }
            Some(file_type) => self.file_found(directory, name, &stat, file_type, sink),
            None => {
                sink.failed(&self.path, "a type of file that is not known here");
                Ok(())
            }
        }
    }

    fn enter(&mut self, name: &[u8], opened: OwnedFd, stat: &Stat, sink: &mut dyn Sink) {
        match names_in(&opened) {
            Ok(names) => {
                self.frames.push(Frame { names, next: 0, path_length: self.path.len() });
                self.chain.push(name, identity_of(stat), Arc::new(opened));
            }
            Err(error) => sink.failed(&self.path, &format!("cannot be listed: {error}")),
        }
    }

    fn directory_found(
        &mut self,
        above: BorrowedFd<'_>,
        name: &[u8],
        stat: &Stat,
        sink: &mut dyn Sink,
    ) -> Result<(), Failure> {
        let mut entry = entry(&self.path, Kind::Directory, stat);
        self.add_xattrs(above, name, &mut entry, sink);
        hand(sink, &entry, &mut Nothing)
    }

    fn file_found(
        &mut self,
        directory: BorrowedFd<'_>,
        name: &[u8],
        stat: &Stat,
        file_type: FileType,
        sink: &mut dyn Sink,
    ) -> Result<(), Failure> {
        if stat.st_nlink > 1 {
            if let Some(first) = self.links.get(&identity_of(stat)) {
                return hand(sink, &entry(&self.path, Kind::HardLink(first.clone()), stat), &mut Nothing);
            }
            self.links.insert(identity_of(stat), self.path.clone());
        }
        let kind = match file_type {
            FileType::Regular => Kind::File(stat.st_size as u64),
            FileType::Symlink => match fs::readlinkat(directory, name, Vec::new()) {
                Ok(target) => Kind::Symlink(target.into_bytes()),
                Err(error) => {
                    sink.failed(&self.path, &error.to_string());
                    return Ok(());
                }
            },
            other => Kind::Special(other, device(stat, other)),
        };
        let mut entry = entry(&self.path, kind, stat);
        self.add_xattrs(directory, name, &mut entry, sink);
        if file_type != FileType::Regular {
            return hand(sink, &entry, &mut Nothing);
        }
        // Opened before it is handed over: what may not be read is not there at all.
        match open_file(directory, name, stat) {
            Ok(file) => {
                let Tree { stop, buffer, .. } = &mut *self.tree;
                hand(sink, &entry, &mut File { file, stat: *stat, buffer, stop })
            }
            Err(trouble) => {
                self.links.remove(&identity_of(stat));
                tell(sink, &self.path, trouble)
            }
        }
    }

    fn add_xattrs(&self, directory: BorrowedFd<'_>, name: &[u8], entry: &mut Entry, sink: &mut dyn Sink) {
        match xattrs(&self.tree.top, &self.path, directory, name) {
            Ok(found) => entry.xattrs = found,
            Err(error) => sink.failed(&self.path, &format!("extended attributes: {error}")),
        }
    }
}

fn entry(path: &[u8], kind: Kind, stat: &Stat) -> Entry {
    Entry {
        path: path.to_vec(),
        kind,
        mode: stat.st_mode & 0o7777,
        uid: stat.st_uid,
        gid: stat.st_gid,
        atime: TimeSpec { sec: stat.st_atime, nsec: stat.st_atime_nsec as u32 },
        mtime: TimeSpec { sec: stat.st_mtime, nsec: stat.st_mtime_nsec as u32 },
        xattrs: Vec::new(),
    }
}

fn device(stat: &Stat, file_type: FileType) -> DevNumber {
    match file_type {
        FileType::CharDevice | FileType::BlockDevice => {
            DevNumber { major: fs::major(stat.st_rdev), minor: fs::minor(stat.st_rdev) }
        }
        _ => DevNumber::default(),
    }
}

fn open_file(directory: BorrowedFd<'_>, name: &[u8], expected: &Stat) -> Result<OwnedFd, Trouble> {
    // NONBLOCK: a fifo that took the place of the file must not make us wait.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = match open_quietly(directory, name, flags) {
        Err(Errno::PERM) => fs::openat(directory, name, flags, Mode::empty()),
        opened => opened,
    }?;
    if identity_of(&fs::fstat(&file)?) != identity_of(expected) {
        return Err(Trouble::file("another file has taken its place"));
    }
    Ok(file)
}

/// Opens without a trace in the time of access. Errors: EPERM for who is neither owner nor root.
#[cfg(target_os = "linux")]
fn open_quietly(directory: BorrowedFd<'_>, name: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    fs::openat(directory, name, flags | OFlags::NOATIME, Mode::empty())
}

#[cfg(not(target_os = "linux"))]
fn open_quietly(directory: BorrowedFd<'_>, name: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    fs::openat(directory, name, flags, Mode::empty())
}

type Xattrs = Vec<(Vec<u8>, Vec<u8>)>;

/// The extended attributes of a file itself, in order of names.
pub fn xattrs(top: &Path, path: &[u8], directory: BorrowedFd<'_>, name: &[u8]) -> Result<Xattrs, Errno> {
    let place = xattr_path(top, path, directory, name);
    collect_xattrs(|names| fs::llistxattr(&*place, names), |name, value| fs::lgetxattr(&*place, name, value))
}

/// Those of an open file, in order of names.
pub fn xattrs_of(file: impl AsFd) -> Result<Xattrs, Errno> {
    collect_xattrs(|names| fs::flistxattr(&file, names), |name, value| fs::fgetxattr(&file, name, value))
}

fn collect_xattrs(
    list: impl Fn(&mut [u8]) -> Result<usize, Errno>,
    read: impl Fn(&[u8], &mut [u8]) -> Result<usize, Errno>,
) -> Result<Xattrs, Errno> {
    let mut names = [0_u8; 1024];
    let listed = match list(&mut names) {
        Ok(0) | Err(Errno::OPNOTSUPP) => return Ok(Vec::new()),
        Ok(length) => names[..length].to_vec(),
        Err(Errno::RANGE) => {
            let mut names = vec![0; 64 << 10];
            let length = list(&mut names)?;
            names.truncate(length);
            names
        }
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    let mut value = vec![0; 64 << 10];
    for name in listed.split(|&byte| byte == 0).filter(|name| !name.is_empty()) {
        match read(name, &mut value) {
            Ok(length) => found.push((name.to_vec(), value[..length].to_vec())),
            // It went away since it was listed.
            Err(Errno::NODATA) => {}
            Err(error) => return Err(error),
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// A path for calls that know no directory: through the open one, so that no depth is too deep.
#[cfg(target_os = "linux")]
fn xattr_path(_top: &Path, _path: &[u8], directory: BorrowedFd<'_>, name: &[u8]) -> Vec<u8> {
    let mut place = format!("/proc/self/fd/{}/", directory.as_raw_fd()).into_bytes();
    place.extend_from_slice(name);
    place
}

#[cfg(not(target_os = "linux"))]
fn xattr_path(top: &Path, path: &[u8], _directory: BorrowedFd<'_>, _name: &[u8]) -> Vec<u8> {
    top.join(std::ffi::OsStr::from_bytes(path)).as_os_str().as_bytes().to_vec()
}

/// An open file of the host.
struct File<'t> {
    file: OwnedFd,
    stat: Stat,
    buffer: &'t mut [u8],
    stop: &'t Stop,
}

impl File<'_> {
    fn part(&self, from: u64, size: u64) -> Result<Option<Range<u64>>, Errno> {
        let start = match fs::seek(&self.file, SeekFrom::Data(from as i64 as _)) {
            Ok(start) => start,
            Err(Errno::NXIO) => return Ok(None),
            Err(Errno::INVAL) => return Ok(Some(from..size)),
            Err(error) => return Err(error),
        };
        let end = fs::seek(&self.file, SeekFrom::Hole(start as i64 as _))?;
        Ok((start < size).then_some(start..end.min(size)))
    }
}

impl Content for File<'_> {
    fn map(&mut self) -> Result<Vec<Range<u64>>, Trouble> {
        let size = self.stat.st_size as u64;
        if size == 0 {
            return Ok(Vec::new());
        }
        if self.stat.st_blocks as u64 >= size.div_ceil(512) {
            return Ok(std::iter::once(0..size).collect());
        }
        let mut parts = Vec::new();
        let mut from = 0;
        while from < size {
            let Some(part) = self.part(from, size)? else { break };
            if part.end <= from {
                return Err(Trouble::file("its holes move while it is read"));
            }
            from = part.end;
            parts.push(part);
        }
        Ok(parts)
    }

    fn copy(&mut self, take: &mut Take<'_>) -> Result<(), Trouble> {
        for part in self.map()? {
            let mut at = part.start;
            while at < part.end {
                self.stop.check()?;
                let wanted = usize::try_from(part.end - at).unwrap_or(usize::MAX).min(self.buffer.len());
                match rustix::io::pread(&self.file, &mut self.buffer[..wanted], at) {
                    Ok(0) => return Err(Trouble::file("it became shorter while it was read")),
                    Ok(count) => {
                        take(at, &self.buffer[..count])?;
                        at += count as u64;
                    }
                    Err(Errno::INTR) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }
}
