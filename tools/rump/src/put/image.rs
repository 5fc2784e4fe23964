//! An image as a source, which may be the one that is copied into.

use super::content::FileOfImage;
use super::{Facts, Sink, Target, Trouble};
use crate::record::{read_target, read_xattrs, read_xattrs_of, stat_path};
use crate::session::{Failure, Place};
use crate::walk::{Entry, Left, Listing, Step, Visitor, walk};
use rumpkit::{FileType, Ino, KResult, Mode, OpenFlags, Process, Stat};

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
    walk(from.process(), &from.path, &stat, &mut Source { sink, from })
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

struct Source<'w, 's, 'a, 'b> {
    sink: &'w mut Sink<'a, 'b>,
    from: &'s Place,
}

impl Source<'_, '_, '_, '_> {
    fn try_enter(&mut self, entry: &Entry<'_>) -> Result<Step, Trouble> {
        let process = self.from.process();
        let mut facts = facts(entry.stat, self.from.index);
        if entry.stat.file_type == FileType::Directory {
            self.sink.enter(&facts, entry.name)?;
            return Ok(Step::Into);
        }
        let read = |error: rumpkit::KError| Trouble::Source(error.to_string());
        facts.target = read_target(process, entry.directory, entry.name, entry.stat).map_err(read)?;
        let name = if entry.depth == 0 { crate::walk::file_name(entry.path) } else { entry.name };
        if entry.stat.file_type != FileType::Regular {
            self.add_xattrs(&mut facts, entry.path, read_xattrs(process, entry.directory, entry.name));
            self.sink.special(&facts, name)?;
            return Ok(Step::Over);
        }
        let flags = OpenFlags::NOFOLLOW;
        let fd = process.openat(entry.directory, entry.name, flags, Mode::new(0)).map_err(read)?;
        self.add_xattrs(&mut facts, entry.path, read_xattrs_of(process, fd));
        let copied = self.sink.file(&facts, name, &mut FileOfImage::new(process, fd, facts.size));
        process.close(fd)?;
        copied.map(|()| Step::Over)
    }

    /// Damaged attributes do not keep the content from being copied.
    fn add_xattrs(&mut self, facts: &mut Facts, path: &[u8], found: KResult<Vec<crate::record::Xattr>>) {
        match found {
            Ok(found) => facts.xattrs = found,
            Err(error) => {
                self.sink.count_failure();
                let why = format!("its extended attributes: {error}");
                self.sink.change.session.report(self.from, path, &why);
            }
        }
    }

    fn fail(&mut self, trouble: Trouble, path: &[u8], name: &[u8]) -> Result<(), Failure> {
        let from = self.from;
        self.sink.fail(trouble, name, |change, why| change.session.report(from, path, &why))
    }
}

impl Visitor<Failure> for Source<'_, '_, '_, '_> {
    const LISTING: Listing = Listing::Names;

    fn enter(&mut self, entry: &Entry<'_>) -> Result<Step, Failure> {
        if self.sink.change.session.stop.is_wanted() {
            return self.fail(Trouble::Stopped, entry.path, entry.name).map(|()| Step::Over);
        }
        self.sink.change.session.progress.begin(entry.path);
        match self.try_enter(entry) {
            Ok(step) => {
                self.sink.change.session.progress.add_file();
                Ok(step)
            }
            Err(trouble) => {
                self.fail(trouble, entry.path, entry.name)?;
                Ok(Step::Over)
            }
        }
    }

    fn leave(&mut self, left: &Left<'_>) -> Result<(), Failure> {
        let mut facts = facts(left.stat, self.from.index);
        if let Some(fd) = left.fd {
            self.add_xattrs(&mut facts, left.path, read_xattrs_of(self.from.process(), fd));
        }
        match self.sink.leave(&facts) {
            Ok(()) => Ok(()),
            Err(trouble) => self.fail(trouble, left.path, b""),
        }
    }

    fn failed(&mut self, path: &[u8], why: &str) -> Result<(), Failure> {
        self.sink.count_failure();
        self.sink.change.session.report(self.from, path, &why);
        Ok(())
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
