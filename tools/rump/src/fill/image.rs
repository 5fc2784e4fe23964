//! An image as a sink.
//!
//! A path is resolved name by name from the top, never through a symbolic link: what an archive puts into the image
//! may not lead its later entries elsewhere. What is there already makes room, as with GNU tar: a file replaces a
//! file, a directory stays. Directories get their attributes at the end ([`Filler::finish`]), so that making what is
//! in them changes no times, and no set-id bit or default list of theirs is inherited. A file that cannot be
//! completed is taken away again.

use super::{Content, Entry, Kind, Sink, Trouble, split, tell};
use crate::chain::Chain;
use crate::output::escaped;
use crate::session::{Failure, Session};
use crate::stop::Stop;
use rumpkit::kpi::{Capabilities, SetTime, acl};
use rumpkit::{AtFlags, Errno, Fd, FileType, KError, KResult, Mode, OpenFlags, Process, XattrFlags};
use std::collections::BTreeMap;

/// Permission bits that a change of owner takes away.
const SET_ID: u32 = Mode::SUID | Mode::SGID;
const NEW_DIRECTORY: u32 = 0o755;
/// What an archive may make us remember of extended attributes.
const MOST_KEPT_BYTES: usize = 64 << 20;

/// An open directory, with what new files in it inherit.
#[derive(Clone, Copy)]
struct Place {
    fd: Fd,
    gid: u32,
    has_default_acl: bool,
}

/// A directory of the image, closed when dropped.
struct Directory<'p> {
    process: &'p Process,
    place: Place,
}

impl<'p> Directory<'p> {
    fn open(process: &'p Process, parent: Option<Fd>, name: &[u8], flags: OpenFlags) -> KResult<Self> {
        let fd = process.openat(parent, name, OpenFlags::DIRECTORY | flags, Mode::new(0))?;
        let mut directory = Self { process, place: Place { fd, gid: 0, has_default_acl: false } };
        directory.place.gid = process.fstat(fd)?.gid;
        directory.place.has_default_acl = process.fgetxattr(fd, acl::DEFAULT).is_ok();
        Ok(directory)
    }
}

impl Drop for Directory<'_> {
    fn drop(&mut self) {
        // A directory has nothing that closing could lose.
        let _ = self.process.close(self.place.fd);
    }
}

/// A way from the top down, some of it open.
struct Way<'p> {
    process: &'p Process,
    path: Vec<u8>,
    chain: Chain<Directory<'p>, ()>,
}

impl<'p> Way<'p> {
    fn new(top: Directory<'p>) -> Self {
        let mut way =
            Self { process: top.process, path: Vec::new(), chain: Chain::new(crate::walk::DESCRIPTORS / 4) };
        way.chain.push(b"", (), top);
        way
    }

    /// Goes to the directory at `path`; `make` is asked for what is missing on the way.
    fn go(&mut self, path: &[u8], make: &dyn Fn(Fd, &[u8]) -> KResult<()>) -> Result<Place, Trouble> {
        if self.path != path {
            let kept = common(&self.path, path);
            self.path.truncate(kept);
            self.chain.truncate(1 + names(&self.path).count());
            let rest = path[kept..].to_vec();
            for name in names(&rest) {
                let directory = self.enter(name, make)?;
                self.chain.push(name, (), directory);
                if !self.path.is_empty() {
                    self.path.push(b'/');
                }
                self.path.extend_from_slice(name);
            }
        }
        let last = self.last()?;
        Ok(last.place)
    }

    fn last(&mut self) -> Result<&Directory<'p>, Trouble> {
        let process = self.process;
        let opened = self.chain.last(|above, name, ()| {
            Directory::open(process, Some(above.place.fd), name, OpenFlags::NOFOLLOW)
        });
        match opened {
            Some(Ok(directory)) => Ok(directory),
            Some(Err(error)) => Err(error.into()),
            None => Err(Trouble::file(Errno::ENOENT)),
        }
    }

    fn enter(
        &mut self,
        name: &[u8],
        make: &dyn Fn(Fd, &[u8]) -> KResult<()>,
    ) -> Result<Directory<'p>, Trouble> {
        let process = self.process;
        let above = self.last()?.place.fd;
        let open = || Directory::open(process, Some(above), name, OpenFlags::NOFOLLOW);
        match open() {
            Err(error) if error.errno == Errno::ENOENT => {
                make(above, name)?;
                Ok(open()?)
            }
            Err(error) if matches!(error.errno, Errno::ELOOP | Errno::ENOTDIR) => {
                let why = if error.errno == Errno::ELOOP {
                    "a symbolic link, which is not followed"
                } else {
                    "no directory"
                };
                Err(Trouble::file(format!("{} on the way to it is {why}", escaped(name))))
            }
            opened => Ok(opened?),
        }
    }

    /// Forgets a directory that is there no more.
    fn forget(&mut self, path: &[u8]) {
        if common(&self.path, path) == path.len() && !path.is_empty() {
            let above = split(path).map_or(0, |(above, _)| above.len());
            self.path.truncate(above);
            self.chain.truncate(1 + names(&self.path).count());
        }
    }
}

/// The length of the names that both paths begin with.
fn common(one: &[u8], other: &[u8]) -> usize {
    let same = one.iter().zip(other).take_while(|(a, b)| a == b).count();
    let ends = |path: &[u8]| same == path.len() || path[same] == b'/';
    if ends(one) && ends(other) {
        return same;
    }
    one[..same].iter().rposition(|&byte| byte == b'/').unwrap_or(0)
}

fn names(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|&byte| byte == b'/').filter(|name| !name.is_empty())
}

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
    /// What each directory gets at the end.
    directories: BTreeMap<Vec<u8>, Entry>,
    /// Bytes of extended attributes among that.
    kept_bytes: usize,
    /// Whether the image has owners and modes; without, they are left out.
    has_owners: bool,
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
        let has_owners = process.capabilities(top)?.contains(Capabilities::OWNERS);
        if !has_owners {
            session.note(&format!("{volume} stores no owners and modes: they are left out"));
        }
        Ok(Self {
            process,
            session,
            stop,
            volume,
            top: top.to_vec(),
            way,
            other_way,
            directories: BTreeMap::new(),
            kept_bytes: 0,
            has_owners,
        })
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
            if let Err(trouble) = self.finish_directory(&entry) {
                tell(self, &path, trouble)?;
            }
        }
        Ok(())
    }

    /// Keeps the attributes of a directory until the end; of several, the last.
    fn keep(&mut self, entry: &Entry) -> Result<(), Trouble> {
        let bytes =
            |entry: &Entry| entry.xattrs.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        let before = self.directories.get(&entry.path).map_or(0, bytes);
        self.kept_bytes = self.kept_bytes - before + bytes(entry);
        if self.kept_bytes > MOST_KEPT_BYTES {
            self.kept_bytes -= bytes(entry);
            self.directories.remove(&entry.path);
            return Err(Trouble::file("directories have too many extended attributes"));
        }
        self.directories.insert(entry.path.clone(), entry.clone());
        Ok(())
    }

    fn finish_directory(&mut self, entry: &Entry) -> Result<(), Trouble> {
        let process = self.process;
        let fd = self.way.go(&entry.path, &|_, _| Err(Errno::ENOENT.into()))?.fd;
        if self.has_owners {
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
            return self.keep(entry);
        }
        let fd = self.make(entry, place.fd, name).or_else(|trouble| match trouble {
            Trouble::Image(error) if error.errno == Errno::EEXIST => {
                self.make_room(place.fd, name, &entry.path)?;
                self.make(entry, place.fd, name)
            }
            trouble => Err(trouble),
        })?;
        let finished = match (&entry.kind, fd) {
            (Kind::HardLink(_), _) => Ok(()),
            (_, Some(fd)) => self.finish_file(fd, entry, &place, content),
            (_, None) => self.finish_special(name, entry, &place),
        };
        if let Some(fd) = fd {
            process.close(fd)?;
        }
        if finished.is_err() {
            // The error that led here is the one to tell.
            let _ = process.unlinkat(Some(place.fd), name, AtFlags::empty());
        }
        finished
    }

    fn put_directory(&mut self, above: Fd, name: &[u8], path: &[u8]) -> KResult<()> {
        match make_directory(self.process, above, name) {
            Err(error) if error.errno == Errno::EEXIST => {
                let there = self.process.fstatat(Some(above), name, AtFlags::SYMLINK_NOFOLLOW)?;
                if there.file_type == FileType::Directory {
                    return Ok(());
                }
                self.make_room(above, name, path)?;
                make_directory(self.process, above, name)
            }
            made => made,
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
                let flags = OpenFlags::CREAT | OpenFlags::EXCL | OpenFlags::WRONLY;
                return Ok(Some(process.openat(Some(above), name, flags, Mode::new(entry.mode))?));
            }
            Kind::Symlink(target) => process.symlinkat(target, Some(above), name)?,
            Kind::Special(file_type, device) => {
                process.mknodat(Some(above), name, *file_type, Mode::new(entry.mode), *device)?;
            }
            Kind::HardLink(target) => {
                let lost =
                    || Trouble::file(format!("{}, which it is a link to, is not there", escaped(target)));
                let (parent, first) = split(target).ok_or_else(lost)?;
                let missing = |_, _: &[u8]| Err(KError::from(Errno::ENOENT));
                let from = self.other_way.go(parent, &missing).map_err(|_| lost())?.fd;
                match process.linkat(Some(from), first, Some(above), name, AtFlags::empty()) {
                    Err(error) if error.errno == Errno::ENOENT => return Err(lost()),
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
        if self.has_owners && (entry.uid, entry.gid) != (0, place.gid) {
            process.fchown(fd, Some(entry.uid), Some(entry.gid))?;
        }
        if place.has_default_acl {
            drop_lists(entry, |list| process.fremovexattr(fd, list))?;
        }
        if self.has_owners && (place.has_default_acl || entry.mode & SET_ID != 0) {
            process.fchmod(fd, Mode::new(entry.mode))?;
        }
        self.set_xattrs(entry, |name, value| process.fsetxattr(fd, name, value, XattrFlags::empty()))?;
        Ok(process.futimens(fd, times(entry))?)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_common_way_ends_at_a_name() {
        let cases = [
            ("a/b", "a/b/c", 3),
            ("a/b", "a/bc", 1),
            ("", "a", 0),
            ("a", "a", 1),
            ("ab", "ac", 0),
            ("a/b/c", "a/b", 3),
        ];
        for (one, other, expected) in cases {
            assert_eq!(common(one.as_bytes(), other.as_bytes()), expected, "{one} {other}");
        }
    }
}
