//! Files of the host as a source: trees of any depth, no symbolic link followed, nothing of them changed.
//!
//! Everything is opened relative to its directory, so that a tree which changes meanwhile leads nowhere else.

use super::content::host_trouble;
use super::{Facts, FileOfHost, Sink, Target, Trouble};
use crate::chain::Chain;
use crate::cp::{
    Identity, host_descriptors, host_text, identity_of, names_in, open_again, open_beneath,
    open_user_directory,
};
use crate::fill::host::{xattrs, xattrs_of};
use crate::session::Failure;
use crate::walk::join;
use rumpkit::{DevNumber, FileType, TimeSpec};
use rustix::fs::{self, AtFlags, FileType as HostType, Mode, OFlags, Stat};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::rc::Rc;

/// Copies the host's `path`, which has been given `target`.
pub fn copy_host(sink: &mut Sink<'_, '_>, path: &[u8], target: Target) -> Result<(), Failure> {
    let split = path.iter().rposition(|&byte| byte == b'/');
    let (above, name) = match split {
        _ if target.name.is_none() || path.ends_with(b"/") => (path, &b"."[..]),
        Some(0) => (&b"/"[..], &path[1..]),
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (&b"."[..], path),
    };
    sink.begin(target, &origin_of_host(path))?;
    let mut walk =
        Walk { sink, path: path.to_vec(), frames: Vec::new(), chain: Chain::new(host_descriptors()) };
    match open_user_directory(above) {
        Ok(above) => {
            let is_top = true;
            walk.step(above.as_fd(), name, is_top)?;
            walk.run()
        }
        Err(error) => {
            walk.report(&host_text(error));
            Ok(())
        }
    }
}

/// What tells a source apart from others.
pub fn origin_of_host(path: &[u8]) -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt;
    let path = std::path::Path::new(std::ffi::OsStr::from_bytes(path));
    let path = std::path::absolute(path).unwrap_or_else(|_| path.into());
    [b"host:", path.as_os_str().as_bytes()].concat()
}

struct Frame {
    names: Vec<Vec<u8>>,
    next: usize,
    facts: Facts,
    path_length: usize,
}

struct Walk<'w, 'a, 'b> {
    sink: &'w mut Sink<'a, 'b>,
    path: Vec<u8>,
    /// As many as the levels of `chain`.
    frames: Vec<Frame>,
    chain: Chain<Rc<OwnedFd>, Identity>,
}

impl Walk<'_, '_, '_> {
    fn run(&mut self) -> Result<(), Failure> {
        while let Some(frame) = self.frames.last_mut() {
            self.path.truncate(frame.path_length);
            let Some(name) = frame.names.get_mut(frame.next).map(std::mem::take) else {
                self.leave()?;
                continue;
            };
            frame.next += 1;
            let opened = self.chain.last(|above, name, expected| open_again(above, name, *expected));
            let directory = match opened {
                Some(opened) => opened.cloned(),
                None => break,
            };
            match directory {
                Ok(directory) => {
                    join(&mut self.path, &name);
                    self.step(directory.as_fd(), &name, false)?;
                }
                Err(error) => {
                    frame.next = frame.names.len();
                    self.report(&host_text(error));
                }
            }
        }
        Ok(())
    }

    fn leave(&mut self) -> Result<(), Failure> {
        let Some(frame) = self.frames.pop() else { return Ok(()) };
        self.chain.truncate(self.frames.len());
        match self.sink.leave(&frame.facts) {
            Ok(()) => Ok(()),
            Err(trouble) => self.fail(trouble, b""),
        }
    }

    fn report(&mut self, why: &str) {
        self.sink.count_failure();
        self.sink.change.session.report_host(&self.path, &why);
    }

    fn fail(&mut self, trouble: Trouble, name: &[u8]) -> Result<(), Failure> {
        let path = &self.path;
        self.sink.fail(trouble, name, |change, why| change.session.report_host(path, &why))
    }

    /// Copies `name` in `directory`; a directory is gone into.
    fn step(&mut self, directory: BorrowedFd<'_>, name: &[u8], is_top: bool) -> Result<(), Failure> {
        if self.sink.change.session.stop.is_wanted() {
            return self.fail(Trouble::Stopped, name);
        }
        self.sink.change.session.progress.begin(&self.path);
        match self.try_step(directory, name, is_top) {
            Ok(()) => {
                self.sink.change.session.progress.add_file();
                Ok(())
            }
            Err(trouble) => self.fail(trouble, name),
        }
    }

    fn try_step(&mut self, directory: BorrowedFd<'_>, name: &[u8], is_top: bool) -> Result<(), Trouble> {
        let stat = fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).map_err(host_trouble)?;
        let session = &self.sink.change.session;
        if session.file_of(self.sink.place) == Some((stat.st_dev as u64, stat.st_ino as u64)) {
            return Err(Trouble::Refused("the image itself is left out"));
        }
        let mut facts = facts(&stat).ok_or(Trouble::Refused("a type of file that is not known here"))?;
        if facts.file_type == FileType::Symlink {
            let target = fs::readlinkat(directory, name, Vec::new()).map_err(host_trouble)?;
            facts.target = Some(target.into_bytes());
        }
        let file = match facts.file_type {
            FileType::Regular => Some(open_file(directory, name, &stat)?),
            _ => None,
        };
        let found = match &file {
            Some(file) => xattrs_of(file),
            None => xattrs(Path::new(""), &self.path, directory, name),
        };
        match found {
            Ok(found) => facts.xattrs = found,
            Err(error) => self.report(&format!("its extended attributes: {}", host_text(error))),
        }
        if let Some(file) = file {
            return self.sink.file(&facts, name, &mut content_of(&file, &stat));
        }
        match facts.file_type {
            FileType::Directory if is_top && !self.sink.rules.recursive => {
                Err(Trouble::Refused("is a directory: copy it with -r"))
            }
            FileType::Directory => self.enter(directory, name, facts),
            _ => self.sink.special(&facts, name),
        }
    }

    fn enter(&mut self, directory: BorrowedFd<'_>, name: &[u8], facts: Facts) -> Result<(), Trouble> {
        let opened = open_beneath(directory, name).map_err(host_trouble)?;
        let identity = identity_of(&fs::fstat(&opened).map_err(host_trouble)?);
        let names = names_in(&opened).map_err(host_trouble)?;
        self.sink.enter(&facts, name)?;
        self.chain.push(name, identity, Rc::new(opened));
        self.frames.push(Frame { names, next: 0, facts, path_length: self.path.len() });
        Ok(())
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

fn open_file(directory: BorrowedFd<'_>, name: &[u8], expected: &Stat) -> Result<OwnedFd, Trouble> {
    // NONBLOCK: a fifo that took the place of the file must not make us wait.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = fs::openat(directory, name, flags, Mode::empty()).map_err(host_trouble)?;
    let found = identity_of(&fs::fstat(&file).map_err(host_trouble)?);
    if found == identity_of(expected) {
        Ok(file)
    } else {
        Err(Trouble::Refused("another file has taken its place"))
    }
}

/// What is in a file; where as many blocks are allotted as it is long, nobody asks for holes.
fn content_of<'a>(file: &'a OwnedFd, stat: &Stat) -> FileOfHost<'a> {
    let size = stat.st_size as u64;
    match (stat.st_blocks as u64).saturating_mul(512) >= size {
        true => FileOfHost::without_holes(file.as_fd(), size),
        false => FileOfHost::new(file.as_fd(), size),
    }
}
