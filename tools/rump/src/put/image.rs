//! An image as a source, which may be the one that is copied into.

use super::ahead::{Ahead, Came, Found, Reading};
use super::content::{FileOfImage, Nothing};
use super::{Facts, Sink, Target};
use crate::jobs::{Job, with_threads};
use crate::record::{read_target, read_xattrs, read_xattrs_of, stat_path};
use crate::session::{Failure, Place, Session};
use crate::walk::{Entry, Left, Listing, OpenFile, Step, Visitor, walk};
use rumpkit::{FileType, Ino, KError, KResult, Mode, OpenFlags, Process, Stat};

/// Copies `from`, which has been given `target`.
pub fn copy_image(sink: &mut Sink<'_, '_>, from: &Place, target: Target) -> Result<(), Failure> {
    let stat = match stat_path(from.process(), &from.path, false) {
        Ok(stat) => stat,
        Err(error) => {
            sink.count_failure();
            sink.change.session.report(from, &from.path, &error);
            return Ok(());
        }
    };
    sink.same_image = from.index == sink.place.index;
    let why = match stat.file_type {
        FileType::Directory if !sink.rules.recursive => Some("is a directory: copy it with -r"),
        FileType::Directory if sink.same_image => match is_below(sink.place.process(), &target, stat.ino) {
            Ok(false) => None,
            Ok(true) => Some("a directory cannot be copied into itself"),
            Err(_) => Some("where the target lies cannot be told"),
        },
        _ => None,
    };
    if let Some(why) = why {
        sink.count_failure();
        sink.change.session.report(from, &from.path, &why);
        return Ok(());
    }
    sink.begin(target, &origin(from))?;
    let threads = if stat.file_type == FileType::Directory { sink.jobs } else { 1 };
    let report = |session: &mut Session, path: &[u8], why: &str| session.report(from, path, &why);
    with_threads(threads, |window| {
        let mut source = Source { ahead: Ahead::new(sink, window, &report), from };
        walk(from.process(), &from.path, &stat, &mut source)?;
        source.ahead.settle(0)
    })
}

/// What tells a source apart from others.
pub fn origin(from: &Place) -> Vec<u8> {
    let mut origin = from.volume.clone().into_bytes();
    origin.push(b':');
    origin.extend_from_slice(&from.path);
    origin
}

/// Whether a target lies in the directory `ino`, or is it.
pub fn is_below(process: &Process, target: &Target, ino: Ino) -> KResult<bool> {
    let root = process.stat("/")?.ino;
    if target.name.as_ref().is_some_and(|_| process.lstat(&target.path).is_ok_and(|stat| stat.ino == ino)) {
        return Ok(true);
    }
    let mut seen = std::collections::HashSet::new();
    let mut fd = process.open(&target.directory, OpenFlags::DIRECTORY, Mode::new(0))?;
    loop {
        let at = process.fstat(fd).map(|stat| stat.ino);
        let above = process.openat(Some(fd), "..", OpenFlags::DIRECTORY, Mode::new(0));
        process.close(fd)?;
        let at = at?;
        fd = above?;
        if at == ino || at == root || !seen.insert(at) {
            process.close(fd)?;
            return Ok(at == ino);
        }
    }
}

struct Source<'x, 'w, 's, 'a, 'b> {
    ahead: Ahead<'x, 'w, 'a, 'b, ImageFile<'s>>,
    from: &'s Place,
}

/// Damage is told as text.
fn text(error: KError) -> String {
    error.to_string()
}

/// A regular file that is to be read before its turn if it is small.
struct ImageFile<'s> {
    found: Found,
    file: OpenFile<'s>,
    reading: Reading,
}

impl<'s> Job for ImageFile<'s> {
    type Result = Came<'s>;

    fn run(mut self, buffer: &mut Vec<u8>) -> Came<'s> {
        self.found.add_xattrs(read_xattrs_of(self.file.process(), self.file.fd()).map_err(text));
        let size = self.found.facts.size;
        let content = self.reading.hold(FileOfImage::new(self.file, size), size, buffer);
        Came::File(self.found, content)
    }

    fn is_small(&self) -> bool {
        true
    }
}

impl Source<'_, '_, '_, '_, '_> {
    fn give(&mut self, entry: &Entry<'_>, mut found: Found) -> Result<(), Failure> {
        let process = self.from.process();
        let fail = |error: KError| Came::Failed(entry.path.to_vec(), text(error));
        match found.facts.file_type {
            FileType::Directory => return self.ahead.give_done(Came::Entered(found)),
            FileType::Regular => {
                return match OpenFile::at(process, entry.directory, entry.name) {
                    Ok(file) => {
                        let reading = self.ahead.reading.clone();
                        self.ahead.give(ImageFile { found, file, reading })
                    }
                    Err(error) => self.ahead.give_done(fail(error)),
                };
            }
            _ => {}
        }
        match read_target(process, entry.directory, entry.name, entry.stat) {
            Ok(target) => found.facts.target = target,
            Err(error) => return self.ahead.give_done(fail(error)),
        }
        found.add_xattrs(read_xattrs(process, entry.directory, entry.name).map_err(text));
        self.ahead.give_done(Came::File(found, Ok(Box::new(Nothing))))
    }
}

impl Visitor<Failure> for Source<'_, '_, '_, '_, '_> {
    const LISTING: Listing = Listing::Names;

    fn enter(&mut self, entry: &Entry<'_>) -> Result<Step, Failure> {
        let facts = facts(entry.stat, self.from.index);
        let is_directory = facts.file_type == FileType::Directory;
        let name = if entry.depth == 0 { crate::walk::file_name(entry.path) } else { entry.name };
        let (path, name) = (entry.path.to_vec(), name.to_vec());
        self.give(entry, Found { path, name, facts, damage: None })?;
        Ok(if is_directory { Step::Into } else { Step::Over })
    }

    fn leave(&mut self, left: &Left<'_>) -> Result<(), Failure> {
        let facts = facts(left.stat, self.from.index);
        let mut found = Found { path: left.path.to_vec(), name: Vec::new(), facts, damage: None };
        if let Some(fd) = left.fd {
            found.add_xattrs(read_xattrs_of(self.from.process(), fd).map_err(text));
        }
        self.ahead.give_done(Came::Left(found))
    }

    fn failed(&mut self, path: &[u8], why: &str) -> Result<(), Failure> {
        self.ahead.give_done(Came::Failed(path.to_vec(), why.into()))
    }
}

/// What image `index` tells of a file, but for links and attributes.
pub fn facts(stat: &Stat, index: usize) -> Facts {
    Facts {
        // Far from the numbers of the host's devices.
        identity: (u64::MAX - index as u64, stat.ino.0),
        nlink: stat.nlink,
        file_type: stat.file_type,
        mode: stat.mode.bits(),
        uid: stat.uid,
        gid: stat.gid,
        size: stat.size,
        rdev: stat.rdev,
        atime: stat.atime,
        mtime: stat.mtime,
        target: None,
        xattrs: Vec::new(),
    }
}
