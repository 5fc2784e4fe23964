//! An image as a sink.
//!
//! A path is resolved name by name from the top, never through a symbolic link: what an archive puts into the image
//! may not lead its later entries elsewhere. What is there already makes room, as with GNU tar: a file replaces a
//! file, a directory stays. Directories get their attributes at the end ([`Filler::finish`]), so that making what is
//! in them changes no times, and no set-id bit or default list of theirs is inherited. A file that cannot be
//! completed is taken away again.
//!
//! What the image's format does not have is left out or becomes something else, and that is said once: owners and
//! modes, extended attributes, hard links. A name that the format takes for another one of the source is an error.

use super::way::{Directory, Place, Way};
use super::{Content, Entry, Kind, Sink, Trouble, split, tell};
use crate::output::escaped;
use crate::session::{Failure, Session};
use crate::stop::Stop;
use rumpkit::kpi::{Capabilities, SetTime, acl};
use rumpkit::{
    AtFlags, Errno, Fd, FileType, Ino, KError, KResult, Mode, OpenFlags, Process, Stat, XattrFlags,
};
use std::collections::{BTreeMap, HashMap};

/// Permission bits that a change of owner takes away.
const SET_ID: u32 = Mode::SUID | Mode::SGID;
const NEW_DIRECTORY: u32 = 0o755;
/// What is copied at once.
const COPIED_BYTES: usize = 1 << 20;
/// What an archive may make us remember of the paths and extended attributes of directories.
const MOST_KEPT_BYTES: usize = 256 << 20;

fn make_directory(process: &Process, above: Fd, name: &[u8]) -> KResult<()> {
    process.mkdirat(Some(above), name, Mode::new(NEW_DIRECTORY))
}

/// See the module.
pub struct Filler<'p> {
    process: &'p Process,
    session: &'p mut Session,
    stop: Stop,
    volume: String,
    top: Vec<u8>,
    way: Way<'p>,
    /// To the first names of hard links.
    other_way: Way<'p>,
    /// What each directory gets at the end, by its path, which is not in the entry.
    directories: BTreeMap<Vec<u8>, Entry>,
    /// Bytes of paths and extended attributes among that.
    kept_bytes: usize,
    /// What the image can hold.
    can: Capabilities,
    /// What it was said not to hold.
    said: Capabilities,
    /// What was put there, where names fold: an inode has one path, since nothing else does that and has hard links.
    put: HashMap<Ino, Vec<u8>>,
}

impl<'p> Filler<'p> {
    /// Fills the directory at `top`. `volume` is for messages.
    ///
    /// Errors: those of opening it.
    pub fn new(
        process: &'p Process,
        top: &[u8],
        volume: String,
        session: &'p mut Session,
        stop: Stop,
    ) -> KResult<Self> {
        process.umask(Mode::new(0));
        let open = || Directory::open(process, None, top, OpenFlags::empty());
        let (way, other_way) = (Way::new(open()?), Way::new(open()?));
        let can = process.capabilities(top)?;
        let mut filler = Self {
            process,
            session,
            stop,
            volume,
            top: top.to_vec(),
            way,
            other_way,
            directories: BTreeMap::new(),
            kept_bytes: 0,
            can,
            said: Capabilities::empty(),
            put: HashMap::new(),
        };
        filler.has(Capabilities::OWNERS, "stores no owners and modes: they are left out");
        Ok(filler)
    }

    /// Whether the image can hold something; if not, that is said, once.
    fn has(&mut self, what: Capabilities, otherwise: &str) -> bool {
        if !self.can.contains(what) && !self.said.contains(what) {
            self.said |= what;
            self.session.note(&format!("{} {otherwise}", self.volume));
        }
        self.can.contains(what)
    }

    fn has_owners(&self) -> bool {
        self.can.contains(Capabilities::OWNERS)
    }

    /// What a path below the top is called in the image.
    fn full(&self, path: &[u8]) -> Vec<u8> {
        let top = self.top.strip_suffix(b"/").unwrap_or(&self.top);
        [top, b"/", path].concat()
    }

    /// Gives all directories their attributes.
    pub fn finish(&mut self) -> Result<(), Failure> {
        // In order of names, neighbours have most of their way in common.
        for (path, entry) in std::mem::take(&mut self.directories) {
            self.stop.check()?;
            let entry = Entry { path, ..entry };
            if let Err(trouble) = self.finish_directory(&entry) {
                tell(self, &entry.path, trouble)?;
            }
        }
        Ok(())
    }

    /// Keeps the attributes of a directory until the end; of several, the last.
    fn keep(&mut self, entry: &Entry) -> Result<(), Trouble> {
        let xattrs =
            |entry: &Entry| entry.xattrs.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        let path = entry.path.len();
        let before = self.directories.get(&entry.path).map_or(0, |before| path + xattrs(before));
        self.kept_bytes -= before;
        if self.kept_bytes + path + xattrs(entry) > MOST_KEPT_BYTES {
            self.directories.remove(&entry.path);
            return Err(Trouble::file("directories have too long paths, or too many extended attributes"));
        }
        self.kept_bytes += path + xattrs(entry);
        self.directories.insert(entry.path.clone(), Entry { path: Vec::new(), ..entry.clone() });
        Ok(())
    }

    fn finish_directory(&mut self, entry: &Entry) -> Result<(), Trouble> {
        let process = self.process;
        let fd = self.way.go(&entry.path, &|_, _| Err(Errno::ENOENT.into()))?.fd;
        if self.has_owners() {
            process.fchown(fd, Some(entry.uid), Some(entry.gid))?;
            process.fchmod(fd, Mode::new(entry.mode))?;
        }
        drop_lists(entry, |list| process.fremovexattr(fd, list))?;
        self.set_xattrs(entry, |name, value| process.fsetxattr(fd, name, value, XattrFlags::empty()))?;
        Ok(process.futimens(fd, times(entry))?)
    }

    /// Sets all that can be set. Errors: what ends everything.
    fn set_xattrs(
        &mut self,
        entry: &Entry,
        set: impl Fn(&[u8], &[u8]) -> KResult<()>,
    ) -> Result<(), Trouble> {
        let is_left_out = "stores no extended attributes: they are left out";
        if entry.xattrs.is_empty() || !self.has(Capabilities::XATTRS, is_left_out) {
            return Ok(());
        }
        for (name, value) in &entry.xattrs {
            match set(name, value) {
                Ok(()) => {}
                Err(error) if ends_all(&error) && error.errno != Errno::ENOSPC => return Err(error.into()),
                // A file whose attributes are not complete is worth keeping.
                Err(error) => {
                    self.failed(&entry.path, &format!("extended attribute {}: {error}", escaped(name)));
                }
            }
        }
        Ok(())
    }

    fn put(&mut self, entry: &Entry, content: &mut dyn Content) -> Result<(), Trouble> {
        let process = self.process;
        let Some((parent, name)) = split(&entry.path) else {
            if entry.kind != Kind::Directory {
                return Err(Trouble::file("only a directory can be the top"));
            }
            return self.keep(entry);
        };
        let place = self.way.go(parent, &|above, name| make_directory(process, above, name))?;
        if entry.kind == Kind::Directory {
            self.put_directory(place.fd, name, &entry.path)?;
            let look = || process.fstatat(Some(place.fd), name, AtFlags::SYMLINK_NOFOLLOW);
            self.note_put(&entry.path, look)?;
            return self.keep(entry);
        }
        let fd = self.make(entry, place.fd, name).or_else(|trouble| match trouble {
            Trouble::Image(error) if error.errno == Errno::EEXIST => {
                self.check_other(place.fd, name, &entry.path)?;
                self.make_room(place.fd, name, &entry.path)?;
                self.make(entry, place.fd, name)
            }
            trouble => Err(trouble),
        })?;
        let finished = match (&entry.kind, fd) {
            (Kind::HardLink(_), None) => Ok(()),
            (Kind::HardLink(target), Some(fd)) => self.finish_copy(fd, target, entry),
            (_, Some(fd)) => self.finish_file(fd, entry, &place, content),
            (_, None) => self.finish_special(name, entry, &place),
        };
        if let Some(fd) = fd {
            let noted = match finished {
                Ok(()) => self.note_put(&entry.path, || process.fstat(fd)),
                Err(_) => Ok(()),
            };
            process.close(fd)?;
            noted?;
        }
        if finished.is_err() {
            // The error that led here is the one to tell.
            let _ = process.unlinkat(Some(place.fd), name, AtFlags::empty());
        }
        finished
    }

    /// Whether an inode tells what has a name in the image.
    fn tells_names(&self) -> bool {
        self.can.contains(Capabilities::CASE_FOLDING) && !self.can.contains(Capabilities::HARD_LINKS)
    }

    fn note_put(&mut self, path: &[u8], look: impl FnOnce() -> KResult<Stat>) -> KResult<()> {
        if self.tells_names() {
            self.put.insert(look()?.ino, path.to_vec());
        }
        Ok(())
    }

    /// What has a name already may not be there by another name of the source.
    fn check_other(&self, above: Fd, name: &[u8], path: &[u8]) -> Result<(), Trouble> {
        if !self.tells_names() {
            return Ok(());
        }
        let there = self.process.fstatat(Some(above), name, AtFlags::SYMLINK_NOFOLLOW)?;
        match self.put.get(&there.ino) {
            Some(other) if other != path => {
                let other = escaped(other);
                Err(Trouble::file(format!(
                    "the image takes the name for that of {other}, which is there already"
                )))
            }
            _ => Ok(()),
        }
    }

    fn put_directory(&mut self, above: Fd, name: &[u8], path: &[u8]) -> Result<(), Trouble> {
        match make_directory(self.process, above, name) {
            Err(error) if error.errno == Errno::EEXIST => {
                self.check_other(above, name, path)?;
                let there = self.process.fstatat(Some(above), name, AtFlags::SYMLINK_NOFOLLOW)?;
                if there.file_type == FileType::Directory {
                    return Ok(());
                }
                self.make_room(above, name, path)?;
                Ok(make_directory(self.process, above, name)?)
            }
            made => Ok(made?),
        }
    }

    /// Takes away what has the name now; a directory only if it is empty.
    fn make_room(&mut self, above: Fd, name: &[u8], path: &[u8]) -> KResult<()> {
        let there = self.process.fstatat(Some(above), name, AtFlags::SYMLINK_NOFOLLOW)?;
        if there.file_type != FileType::Directory {
            return self.process.unlinkat(Some(above), name, AtFlags::empty());
        }
        self.way.forget(path);
        self.other_way.forget(path);
        self.process.unlinkat(Some(above), name, AtFlags::REMOVEDIR)
    }

    /// Makes the file, and answers it open if it has content.
    fn make(&mut self, entry: &Entry, above: Fd, name: &[u8]) -> Result<Option<Fd>, Trouble> {
        let process = self.process;
        match &entry.kind {
            Kind::File(_) => {
                return Ok(Some(create(process, above, name, entry)?));
            }
            Kind::HardLink(_)
                if !self.has(Capabilities::HARD_LINKS, "has no hard links: they become copies") =>
            {
                return Ok(Some(create(process, above, name, entry)?));
            }
            Kind::Symlink(target) => process.symlinkat(target, Some(above), name)?,
            Kind::Special(file_type, device) => {
                process.mknodat(Some(above), name, *file_type, Mode::new(entry.mode), *device)?;
            }
            Kind::HardLink(target) => {
                let (from, first) = self.first_name(target)?;
                match process.linkat(Some(from), first, Some(above), name, AtFlags::empty()) {
                    Err(error) if error.errno == Errno::ENOENT => return Err(lost(target)),
                    linked => linked?,
                }
            }
            Kind::Directory => return Err(KError::from(Errno::EISDIR).into()),
        }
        Ok(None)
    }

    fn finish_file(
        &mut self,
        fd: Fd,
        entry: &Entry,
        place: &Place,
        content: &mut dyn Content,
    ) -> Result<(), Trouble> {
        let (process, stop) = (self.process, &self.stop);
        let progress = &mut self.session.progress;
        let mut length = 0;
        content.copy(&mut |offset, bytes| {
            stop.check()?;
            process.pwrite(fd, bytes, offset)?;
            length = offset + bytes.len() as u64;
            progress.add_bytes(bytes.len());
            Ok(())
        })?;
        if let Kind::File(size) = entry.kind {
            if length < size {
                process.ftruncate(fd, size)?;
            }
        }
        if self.has_owners() && (entry.uid, entry.gid) != (0, place.gid) {
            process.fchown(fd, Some(entry.uid), Some(entry.gid))?;
        }
        if place.has_default_acl {
            drop_lists(entry, |list| process.fremovexattr(fd, list))?;
        }
        if self.has_owners() && (place.has_default_acl || entry.mode & SET_ID != 0) {
            process.fchmod(fd, Mode::new(entry.mode))?;
        }
        self.set_xattrs(entry, |name, value| process.fsetxattr(fd, name, value, XattrFlags::empty()))?;
        Ok(process.futimens(fd, times(entry))?)
    }

    /// The directory of a file that came before, and its name there.
    fn first_name<'t>(&mut self, target: &'t [u8]) -> Result<(Fd, &'t [u8]), Trouble> {
        let (parent, first) = split(target).ok_or_else(|| lost(target))?;
        let missing = |_, _: &[u8]| Err(KError::from(Errno::ENOENT));
        let from = self.other_way.go(parent, &missing).map_err(|_| lost(target))?.fd;
        Ok((from, first))
    }

    /// Copies the content of a file that came before.
    fn finish_copy(&mut self, fd: Fd, target: &[u8], entry: &Entry) -> Result<(), Trouble> {
        let (above, first) = self.first_name(target)?;
        let process = self.process;
        let flags = OpenFlags::NOFOLLOW;
        let from = process.openat(Some(above), first, flags, Mode::new(0)).map_err(|_| lost(target))?;
        let copied = self.copy(from, fd);
        process.close(from)?;
        copied?;
        Ok(process.futimens(fd, times(entry))?)
    }

    fn copy(&mut self, from: Fd, to: Fd) -> Result<(), Trouble> {
        let mut buffer = vec![0; COPIED_BYTES];
        let mut at = 0;
        loop {
            self.stop.check()?;
            let count = self.process.pread(from, &mut buffer, at)?;
            if count == 0 {
                return Ok(());
            }
            self.process.pwrite(to, &buffer[..count], at)?;
            at += count as u64;
            self.session.progress.add_bytes(count);
        }
    }

    fn finish_special(&mut self, name: &[u8], entry: &Entry, place: &Place) -> Result<(), Trouble> {
        let (process, above, nofollow) = (self.process, Some(place.fd), AtFlags::SYMLINK_NOFOLLOW);
        if (entry.uid, entry.gid) != (0, place.gid) {
            process.fchownat(above, name, Some(entry.uid), Some(entry.gid), nofollow)?;
        }
        let is_link = matches!(entry.kind, Kind::Symlink(_));
        if place.has_default_acl || !entry.xattrs.is_empty() {
            // No call that is about attributes of a file that is not open takes a directory.
            process.fchdir(place.fd)?;
        }
        if place.has_default_acl && !is_link {
            drop_lists(entry, |list| process.lremovexattr(name, list))?;
        }
        if !is_link && (place.has_default_acl || entry.mode & SET_ID != 0) {
            process.fchmodat(above, name, Mode::new(entry.mode), nofollow)?;
        }
        if !entry.xattrs.is_empty() {
            let set = |key: &[u8], value: &[u8]| process.lsetxattr(name, key, value, XattrFlags::empty());
            self.set_xattrs(entry, set)?;
        }
        Ok(process.utimensat(above, name, times(entry), nofollow)?)
    }
}

fn create(process: &Process, above: Fd, name: &[u8], entry: &Entry) -> KResult<Fd> {
    let flags = OpenFlags::CREAT | OpenFlags::EXCL | OpenFlags::WRONLY;
    process.openat(Some(above), name, flags, Mode::new(entry.mode))
}

fn lost(target: &[u8]) -> Trouble {
    Trouble::file(format!("{}, which it is a link to, is not there", escaped(target)))
}

/// Takes away lists that a directory had before, or a file has inherited.
fn drop_lists(entry: &Entry, remove: impl Fn(&[u8]) -> KResult<()>) -> KResult<()> {
    for list in [acl::ACCESS, acl::DEFAULT] {
        if entry.xattrs.iter().any(|(name, _)| name == list) {
            continue;
        }
        match remove(list) {
            Err(error) if !matches!(error.errno, Errno::ENOATTR | Errno::ENOTSUP | Errno::EACCES) => {
                return Err(error);
            }
            _ => {}
        }
    }
    Ok(())
}

/// An error that every later file would meet as well.
fn ends_all(error: &KError) -> bool {
    matches!(error.errno, Errno::ENOSPC | Errno::EDQUOT | Errno::EIO | Errno::EROFS | Errno::ENXIO)
}

impl Sink for Filler<'_> {
    fn entry(&mut self, entry: &Entry, content: &mut dyn Content) -> Result<(), Trouble> {
        self.stop.check()?;
        self.session.progress.begin(&entry.path);
        match self.put(entry, content) {
            Ok(()) => {
                self.session.progress.add_file();
                Ok(())
            }
            Err(Trouble::Image(error)) if ends_all(&error) => {
                let full =
                    if error.errno == Errno::ENOSPC { ": it is full, what follows is missing" } else { "" };
                let path = escaped(&self.full(&entry.path));
                let text = format!("{}:{path}: {error}{full}", self.volume);
                Err(Trouble::Stop(Failure::Other(text)))
            }
            Err(trouble) => Err(trouble),
        }
    }

    fn failed(&mut self, path: &[u8], why: &str) {
        let path = self.full(path);
        self.session.report_in(&self.volume, &path, &why);
    }

    fn note(&mut self, text: &str) {
        self.session.note(text);
    }
}

fn times(entry: &Entry) -> [Option<SetTime>; 2] {
    [Some(SetTime::To(entry.atime)), Some(SetTime::To(entry.mtime))]
}
