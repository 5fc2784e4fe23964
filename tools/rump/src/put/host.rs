//! Files of the host as a source: trees of any depth, symbolic links followed if that is asked for, nothing of them changed.
//!
//! Everything is opened relative to its directory, so that a tree which changes meanwhile leads nowhere else.

use super::ahead::{Ahead, Came, Found, Reading};
use super::content::Nothing;
use super::{Facts, FileOfHost, Sink, Target};
use crate::chain::Chain;
use crate::cp::{
    Identity, entries_in, host_descriptors, host_text, identity_of, open_again_by, open_by,
    open_user_directory,
};
use crate::fill::host::{xattrs, xattrs_of};
use crate::jobs::{Job, with_threads};
use crate::session::{Failure, Session};
use crate::steps::Follow;
use crate::walk::join;
use rumpkit::{DevNumber, FileType, TimeSpec};
use rustix::fs::{self, AtFlags, FileType as HostType, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::borrow::Cow;
use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::sync::Arc;

/// Copies the host's `path`, which has been given `target`.
pub fn copy_host(sink: &mut Sink<'_, '_>, path: &[u8], target: Target) -> Result<(), Failure> {
    let path = &match followed(path, sink.rules.follow) {
        Ok(path) => path,
        Err(error) => {
            sink.count_failure();
            sink.change.session.report_host(path, &error);
            return Ok(());
        }
    }[..];
    let split = path.iter().rposition(|&byte| byte == b'/');
    let (above, name) = match split {
        _ if target.name.is_none() || path.ends_with(b"/") => (path, &b"."[..]),
        Some(0) => (&b"/"[..], &path[1..]),
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (&b"."[..], path),
    };
    sink.begin(target, &origin_of_host(path))?;
    let above = match open_user_directory(above) {
        Ok(above) => Arc::new(above),
        Err(error) => {
            sink.count_failure();
            sink.change.session.report_host(path, &host_text(error));
            return Ok(());
        }
    };
    let is_tree = sink.rules.recursive
        && fs::statat(&above, name, AtFlags::SYMLINK_NOFOLLOW)
            .is_ok_and(|stat| HostType::from_raw_mode(stat.st_mode) == HostType::Directory);
    let report = |session: &mut Session, path: &[u8], why: &str| session.report_host(path, &why);
    with_threads(if is_tree { sink.jobs } else { 1 }, |window| {
        let ahead = Ahead::new(sink, window, &report);
        let chain = Chain::new(host_descriptors());
        let links = match ahead.sink.rules.follow {
            Follow::All => OFlags::empty(),
            Follow::No | Follow::Named => OFlags::NOFOLLOW,
        };
        let mut walk = Walk { ahead, links, path: path.to_vec(), frames: Vec::new(), chain };
        let is_top = true;
        walk.step(&above, name, is_top)?;
        walk.run()?;
        walk.ahead.settle(0)
    })
}

/// What is named, or what that leads to if it is a link that is to be followed.
fn followed(path: &[u8], follow: Follow) -> std::io::Result<Cow<'_, [u8]>> {
    let named = Path::new(OsStr::from_bytes(path));
    let is_link = || std::fs::symlink_metadata(named).is_ok_and(|about| about.is_symlink());
    if !follow.of(0) || !is_link() {
        return Ok(path.into());
    }
    Ok(named.canonicalize()?.into_os_string().into_vec().into())
}

/// What tells a source apart from others.
pub fn origin_of_host(path: &[u8]) -> Vec<u8> {
    let path = Path::new(OsStr::from_bytes(path));
    let path = std::path::absolute(path).unwrap_or_else(|_| path.into());
    [b"host:", path.as_os_str().as_bytes()].concat()
}

const IS_IMAGE: &str = "the image itself is left out";

struct Frame {
    entries: Vec<(Vec<u8>, HostType)>,
    next: usize,
    facts: Facts,
    path_length: usize,
}

struct Walk<'x, 'w, 'a, 'b> {
    ahead: Ahead<'x, 'w, 'a, 'b, HostFile>,
    /// NOFOLLOW, unless links in a tree are followed.
    links: OFlags,
    path: Vec<u8>,
    /// As many as the levels of `chain`.
    frames: Vec<Frame>,
    chain: Chain<Arc<OwnedFd>, Identity>,
}

impl Walk<'_, '_, '_, '_> {
    fn run(&mut self) -> Result<(), Failure> {
        while let Some(frame) = self.frames.last_mut() {
            self.path.truncate(frame.path_length);
            let Some((name, kind)) = frame.entries.get_mut(frame.next) else {
                self.leave()?;
                continue;
            };
            let (name, kind) = (std::mem::take(name), *kind);
            frame.next += 1;
            let again = |above: &Arc<OwnedFd>, name: &[u8], expected: &Identity| {
                open_again_by(above, name, self.links, *expected)
            };
            let opened = self.chain.last(again);
            let directory = match opened {
                Some(opened) => opened.cloned(),
                None => break,
            };
            match directory {
                Ok(directory) => {
                    join(&mut self.path, &name);
                    match kind {
                        // What it is like is asked of the open file.
                        HostType::RegularFile => self.give_file(&directory, name)?,
                        _ => self.step(&directory, &name, false)?,
                    }
                }
                Err(error) => {
                    frame.next = frame.entries.len();
                    self.ahead.give_done(Came::Failed(self.path.clone(), host_text(error)))?;
                }
            }
        }
        Ok(())
    }

    fn leave(&mut self) -> Result<(), Failure> {
        let Some(frame) = self.frames.pop() else { return Ok(()) };
        self.chain.truncate(self.frames.len());
        let (path, name) = (self.path.clone(), Vec::new());
        self.ahead.give_done(Came::Left(Found { path, name, facts: frame.facts, damage: None }))
    }

    /// Gives `name` in `directory` to be copied; a directory is gone into.
    fn step(&mut self, directory: &Arc<OwnedFd>, name: &[u8], is_top: bool) -> Result<(), Failure> {
        match self.find(directory.as_fd(), name, is_top) {
            Ok(facts) => self.go(directory, name, facts),
            Err(why) => self.ahead.give_done(Came::Failed(self.path.clone(), why)),
        }
    }

    fn give_file(&mut self, directory: &Arc<OwnedFd>, name: Vec<u8>) -> Result<(), Failure> {
        let (path, directory, reading) = (self.path.clone(), directory.clone(), self.ahead.reading.clone());
        self.ahead.give(HostFile { path, name, directory, links: self.links, image: self.image(), reading })
    }

    /// Which file of the host the image is that is copied into.
    fn image(&self) -> Option<(u64, u64)> {
        let sink = &self.ahead.sink;
        sink.change.session.file_of(sink.place)
    }

    fn find(&self, directory: BorrowedFd<'_>, name: &[u8], is_top: bool) -> Result<Facts, String> {
        let links = if self.links.is_empty() { AtFlags::empty() } else { AtFlags::SYMLINK_NOFOLLOW };
        let stat = fs::statat(directory, name, links).map_err(host_text)?;
        let mut facts = facts(&stat).ok_or("a type of file that is not known here")?;
        if self.image() == Some(facts.identity) {
            return Err(IS_IMAGE.into());
        }
        if facts.file_type == FileType::Symlink {
            let target = fs::readlinkat(directory, name, Vec::new()).map_err(host_text)?;
            facts.target = Some(target.into_bytes());
        }
        let is_loop = || self.frames.iter().any(|frame| frame.facts.identity == facts.identity);
        match facts.file_type {
            FileType::Directory if is_top && !self.ahead.sink.rules.recursive => {
                Err("is a directory: copy it with -r".into())
            }
            FileType::Directory if self.links.is_empty() && is_loop() => {
                Err("a loop of symbolic links".into())
            }
            _ => Ok(facts),
        }
    }

    fn go(&mut self, directory: &Arc<OwnedFd>, name: &[u8], facts: Facts) -> Result<(), Failure> {
        if facts.file_type == FileType::Regular {
            return self.give_file(directory, name.to_vec());
        }
        let mut found = Found { path: self.path.clone(), name: name.to_vec(), facts, damage: None };
        if found.facts.file_type != FileType::Directory {
            let xattrs = xattrs(Path::new(""), &self.path, directory.as_fd(), name);
            found.add_xattrs(xattrs.map_err(host_text));
            return self.ahead.give_done(Came::File(found, Ok(Box::new(Nothing))));
        }
        match self.enter(directory.as_fd(), name, &mut found) {
            Ok(()) => self.ahead.give_done(Came::Entered(found)),
            Err(error) => self.ahead.give_done(Came::Failed(self.path.clone(), host_text(error))),
        }
    }

    fn enter(&mut self, directory: BorrowedFd<'_>, name: &[u8], found: &mut Found) -> Result<(), Errno> {
        let opened = open_by(directory, name, self.links)?;
        found.add_xattrs(xattrs_of(&opened).map_err(host_text));
        let identity = identity_of(&fs::fstat(&opened)?);
        let entries = entries_in(&opened)?;
        self.chain.push(name, identity, Arc::new(opened));
        let facts = found.facts.clone();
        self.frames.push(Frame { entries, next: 0, facts, path_length: self.path.len() });
        Ok(())
    }
}

/// A regular file that is to be opened, and read if it is small.
struct HostFile {
    path: Vec<u8>,
    name: Vec<u8>,
    directory: Arc<OwnedFd>,
    /// NOFOLLOW, unless links are followed.
    links: OFlags,
    /// Which file of the host the image is that is copied into.
    image: Option<(u64, u64)>,
    reading: Reading,
}

impl HostFile {
    fn open(&self) -> Result<(OwnedFd, Stat, Facts), String> {
        // NONBLOCK: a fifo that took the place of the file must not make us wait.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC | self.links;
        let file = fs::openat(&self.directory, &*self.name, flags, Mode::empty()).map_err(host_text)?;
        let stat = fs::fstat(&file).map_err(host_text)?;
        let facts = facts(&stat).filter(|facts| facts.file_type == FileType::Regular);
        let facts = facts.ok_or("another file has taken its place")?;
        if self.image == Some(facts.identity) {
            return Err(IS_IMAGE.into());
        }
        Ok((file, stat, facts))
    }
}

impl Job for HostFile {
    type Result = Came<'static>;

    fn run(self, buffer: &mut Vec<u8>) -> Came<'static> {
        let (file, stat, facts) = match self.open() {
            Ok(opened) => opened,
            Err(why) => return Came::Failed(self.path, why),
        };
        let mut found = Found { path: self.path, name: self.name, facts, damage: None };
        found.add_xattrs(xattrs_of(&file).map_err(host_text));
        let content = self.reading.hold(content_of(file, &stat), found.facts.size, buffer);
        Came::File(found, content)
    }

    fn is_small(&self) -> bool {
        true
    }
}

/// What the host tells of a file, but for links and attributes.
pub fn facts(stat: &Stat) -> Option<Facts> {
    let file_type = match HostType::from_raw_mode(stat.st_mode) {
        HostType::RegularFile => FileType::Regular,
        HostType::Directory => FileType::Directory,
        HostType::Symlink => FileType::Symlink,
        HostType::CharacterDevice => FileType::CharDevice,
        HostType::BlockDevice => FileType::BlockDevice,
        HostType::Fifo => FileType::Fifo,
        HostType::Socket => FileType::Socket,
        _ => return None,
    };
    let rdev = match file_type {
        FileType::CharDevice | FileType::BlockDevice => {
            DevNumber { major: fs::major(stat.st_rdev as _) as _, minor: fs::minor(stat.st_rdev as _) as _ }
        }
        _ => DevNumber::default(),
    };
    Some(Facts {
        identity: (stat.st_dev as _, stat.st_ino as _),
        nlink: stat.st_nlink as _,
        file_type,
        mode: u32::from(stat.st_mode) & 0o7777,
        uid: stat.st_uid,
        gid: stat.st_gid,
        size: stat.st_size as _,
        rdev,
        atime: TimeSpec { sec: stat.st_atime as _, nsec: stat.st_atime_nsec as _ },
        mtime: TimeSpec { sec: stat.st_mtime as _, nsec: stat.st_mtime_nsec as _ },
        target: None,
        xattrs: Vec::new(),
    })
}

/// What is in a file; where as many blocks are allotted as it is long, nobody asks for holes.
fn content_of(file: OwnedFd, stat: &Stat) -> FileOfHost<OwnedFd> {
    let size = stat.st_size as u64;
    match (stat.st_blocks as u64).saturating_mul(512) >= size {
        true => FileOfHost::without_holes(file, size),
        false => FileOfHost::new(file, size),
    }
}
