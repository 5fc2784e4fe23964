//! An image as a source, which may be the one that is copied into.

use super::ahead::{Ahead, Came, Found, Reading};
use super::content::{FileOfImage, Nothing};
use super::{Facts, Sink, Target};
use crate::jobs::{Job, with_threads};
use crate::record::{read_target, read_xattrs, read_xattrs_of, stat_path};
use crate::session::{Failure, Place, Session};
use crate::steps::walk_following;
use crate::walk::{Entry, Left, Listing, OpenFile, Step, Visitor, file_name};
use rumpkit::{FileType, Ino, KError, KResult, Mode, OpenFlags, Process, Stat};
use std::collections::HashSet;

const INTO_ITSELF: &str = "a directory cannot be copied into itself";
/// What is said of a link that is to be followed.
pub const LEADS_NOWHERE: &str = "the link leads to no file";

/// Copies `from`, which has been given `target`.
pub fn copy_image(sink: &mut Sink<'_, '_>, from: &Place, target: Target) -> Result<(), Failure> {
    let follow = sink.rules.follow;
    let stat = match stat_path(from.process(), &from.path, follow.of(0)) {
        Ok(stat) => stat,
        Err(error) => {
            sink.count_failure();
            sink.change.session.report(from, &from.path, &error);
            return Ok(());
        }
    };
    sink.same_image = from.index == sink.place.index;
    let mut own = HashSet::new();
    let why = match stat.file_type {
        FileType::Directory if !sink.rules.recursive => Some("is a directory: copy it with -r"),
        FileType::Directory if sink.same_image => match directories_of(sink.place.process(), &target) {
            Ok(found) => {
                own = found;
                own.contains(&stat.ino).then_some(INTO_ITSELF)
            }
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
        let mut source = Source { ahead: Ahead::new(sink, window, &report), from, own };
        if let Err(error) = walk_following(from, follow, &mut source)? {
            source.failed(&from.path, &text(error))?;
        }
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
    Ok(directories_of(process, target)?.contains(&ino))
}

/// The directories that a target lies in, and what is there.
fn directories_of(process: &Process, target: &Target) -> KResult<HashSet<Ino>> {
    let root = process.stat("/")?.ino;
    let there = target.name.as_ref().and_then(|_| process.lstat(&target.path).ok());
    let mut found: HashSet<Ino> = there.map(|stat| stat.ino).into_iter().collect();
    let mut seen = HashSet::new();
    let mut fd = process.open(&target.directory, OpenFlags::DIRECTORY, Mode::new(0))?;
    loop {
        let at = process.fstat(fd).map(|stat| stat.ino);
        let above = process.openat(Some(fd), "..", OpenFlags::DIRECTORY, Mode::new(0));
        process.close(fd)?;
        let at = at?;
        fd = above?;
        found.insert(at);
        if at == root || !seen.insert(at) {
            process.close(fd)?;
            return Ok(found);
        }
    }
}

struct Source<'x, 'w, 's, 'a, 'b> {
    ahead: Ahead<'x, 'w, 'a, 'b, ImageFile<'s>>,
    from: &'s Place,
    /// The directories that the target lies in, if they are of the same image: a link may lead there.
    own: HashSet<Ino>,
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
                return match OpenFile::of(process, entry, self.ahead.sink.rules.follow) {
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
        let why = match facts.file_type {
            FileType::Directory => self.own.contains(&entry.stat.ino).then_some(INTO_ITSELF),
            FileType::Symlink if self.ahead.sink.rules.follow.of(entry.depth) => Some(LEADS_NOWHERE),
            _ => None,
        };
        if let Some(why) = why {
            return self.failed(entry.path, why).map(|()| Step::Over);
        }
        let (path, name) = (entry.path.to_vec(), file_name(entry.path).to_vec());
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
