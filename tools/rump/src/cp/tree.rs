//! The walk that copies one source: directories of the host are gone through beside those of the image.

use super::attributes::timestamps;
use super::content::{open_device, write_content};
use super::copier::Copier;
use super::error::CopyError;
use super::file::{Copied, FileJob, Run};
use super::links::{Linked, Made};
use super::new_file::{Making, finish};
use super::resume::Mark;
use super::special::{is_same_special, make_special};
use super::target::{Identity, Target, identity_of, is_safe_name, make_directory, open_beneath};
use crate::ask::agrees;
use crate::chain::Chain;
use crate::jobs::{Window, window};
use crate::output::escaped;
use crate::put::{Existing, LEADS_NOWHERE};
use crate::record::{Xattr, read_target, read_xattrs, read_xattrs_of};
use crate::session::{Failure, Place};
use crate::walk::{Entry, Left, Listing, OpenFile, Step, Visitor, file_name, join};
use rumpkit::{FileType, KResult, Stat};
use rustix::fs::{self, AtFlags, FileType as HostType};
use rustix::io::Errno;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;

const MANY_DESCRIPTORS: usize = 1024;

/// A directory of the host that copies are made in.
struct Directory {
    made: Made,
    /// Nobody else has put anything there.
    is_new: bool,
    making: Making,
}

/// A directory all of whose files were given to be copied.
pub struct Leaving {
    path: Vec<u8>,
    depth: usize,
    stat: Stat,
    xattrs: Vec<Xattr>,
    damage: Option<String>,
    directory: Result<Arc<OwnedFd>, CopyError>,
    mark: Option<Mark>,
}

/// What the walk came to, in its order.
pub enum Came {
    /// Something that was copied, or was not.
    Copied(Copied),
    /// The end of a directory.
    Left(Leaving),
    /// Something that could not be read.
    Failed(Vec<u8>, String),
}

/// One source on its way.
pub struct Tree<'a, 'b, 'p, 'w> {
    copier: &'a mut Copier<'b>,
    place: &'p Place,
    target: Target,
    /// The host's directories: that of the target, then those that were made below it.
    open: Chain<Arc<OwnedFd>, Option<Identity>>,
    /// The same directories, for hard links.
    made: Vec<Directory>,
    mark: Option<Mark>,
    /// What is under way. A directory gets its attributes when its turn comes: by then its files are complete.
    window: &'a mut Window<'w, FileJob<'p>>,
    /// Most that may be under way.
    most: usize,
    /// Path of the last entry: entries come in order of their names.
    last: Vec<u8>,
    run: Run,
}

impl<'a, 'b, 'p, 'w> Tree<'a, 'b, 'p, 'w> {
    /// Copies `place` to `target`; [`Tree::settle`] is to follow.
    pub fn new(
        copier: &'a mut Copier<'b>,
        place: &'p Place,
        target: Target,
        work: &'a mut Window<'w, FileJob<'p>>,
    ) -> Self {
        let mut open = Chain::new(host_descriptors());
        open.push(b"", None, target.directory.clone());
        let made = copier.links.add_target(target.directory.clone());
        let made = vec![Directory { made, is_new: false, making: Making::default() }];
        let run = Run { stop: copier.stop.clone(), follow: copier.follow, bytes: Arc::default() };
        let (most, last) = (window(), Vec::new());
        Self { copier, place, target, open, made, mark: None, window: work, most, last, run }
    }

    /// Takes results until no more than `left` are under way.
    pub fn settle(&mut self, left: usize) -> Result<(), Failure> {
        while self.window.len() > left {
            let (progress, bytes) = (&mut self.copier.session.progress, &self.run.bytes);
            let came = self.window.take(|| progress.add_bytes(bytes.swap(0, Ordering::Relaxed) as usize));
            match came {
                Some(came) => self.conclude(came)?,
                None => break,
            }
        }
        Ok(())
    }

    /// Lets results gather before they are taken: who does the work is not to be woken for each.
    fn settle_if_full(&mut self) -> Result<(), Failure> {
        match self.copier.existing {
            Existing::Ask => self.settle(0),
            _ if self.window.len() < self.most => Ok(()),
            _ => self.settle(self.most / 2),
        }
    }

    fn conclude(&mut self, came: Came) -> Result<(), Failure> {
        match came {
            Came::Copied(copied) => self.conclude_copied(&copied),
            Came::Left(left) => self.conclude_left(left),
            Came::Failed(path, why) => {
                self.copier.fail(self.place, &path, &why);
                Ok(())
            }
        }
    }

    fn conclude_copied(&mut self, copied: &Copied) -> Result<(), Failure> {
        self.copier.lost.add(&copied.lost);
        self.tell_damage(&copied.path, copied.damage.as_deref());
        match &copied.result {
            Ok(()) => {
                let count = self.run.bytes.swap(0, Ordering::Relaxed) as usize;
                self.copier.session.progress.add_bytes(count);
                self.copier.session.progress.add_file();
                if self.copier.tells { self.tell(&copied.path) } else { Ok(()) }
            }
            Err(CopyError::Interrupted) => Err(self.interrupted()),
            Err(error) => {
                self.copier.fail_copy(self.place, &copied.path, &self.host_path(&copied.path), error)
            }
        }
    }

    fn conclude_left(&mut self, left: Leaving) -> Result<(), Failure> {
        self.tell_damage(&left.path, left.damage.as_deref());
        let Leaving { path, depth, stat, xattrs, directory, mark, .. } = left;
        let finished =
            directory.and_then(|directory| self.finish_directory(&directory, depth, &stat, &xattrs));
        if let Err(error) = finished {
            self.copier.fail_copy(self.place, &path, &self.host_path(&path), &error)?;
        }
        if let Some(mark) = mark {
            mark.clear();
        }
        Ok(())
    }

    /// Damaged attributes do not keep the content from being copied.
    fn tell_damage(&mut self, path: &[u8], damage: Option<&str>) {
        if let Some(why) = damage {
            self.copier.fail(self.place, path, &format!("its extended attributes: {why}"));
        }
    }

    /// What is complete counts; what is under way ends by itself.
    fn interrupted(&mut self) -> Failure {
        while let Some(came) = self.window.take(|| ()) {
            if matches!(came, Came::Copied(Copied { result: Ok(()), .. })) {
                self.copier.session.progress.add_file();
            }
        }
        self.copier.interrupted()
    }

    /// The host directory at the end of the way.
    fn parent(&mut self) -> Result<Arc<OwnedFd>, CopyError> {
        let again = |above: &Arc<OwnedFd>, name: &[u8], identity: &Option<Identity>| {
            let directory = open_beneath(above, name)?;
            match *identity == Some(identity_of(&fs::fstat(&directory)?)) {
                true => Ok(Arc::new(directory)),
                false => Err(CopyError::Refused("its directory on the host was replaced meanwhile")),
            }
        };
        self.open.last(again).unwrap_or(Err(Errno::NOENT.into())).cloned()
    }

    fn host_name(&self, entry: &Entry<'_>) -> Result<Vec<u8>, CopyError> {
        let name = if entry.depth == 0 { &self.target.name } else { file_name(entry.path) };
        let is_content_of_root = entry.depth == 0 && name == b".";
        if is_content_of_root || is_safe_name(name) {
            Ok(name.to_vec())
        } else {
            Err(CopyError::Refused("its name is not allowed on this host"))
        }
    }

    /// Where on the host `path` goes, for messages.
    fn host_path(&self, path: &[u8]) -> Vec<u8> {
        let mut whole = self.target.path.clone();
        for name in path.strip_prefix(&*self.place.path).unwrap_or_default().split(|&byte| byte == b'/') {
            if !name.is_empty() {
                join(&mut whole, name);
            }
        }
        whole
    }

    /// Says what was copied, and where to.
    fn tell(&mut self, path: &[u8]) -> Result<(), Failure> {
        let (volume, from, to) = (&self.place.volume, escaped(path), escaped(&self.host_path(path)));
        let mut told = Ok(());
        self.copier.session.progress.suspend(|| {
            told = writeln!(std::io::stdout(), "copy {volume}:{from} to {to}");
        });
        Ok(told?)
    }

    fn enter_directory(&mut self, entry: &Entry<'_>) -> Result<(), CopyError> {
        let name = self.host_name(entry)?;
        let parent = self.parent()?;
        let (directory, stat, is_new) =
            make_directory(&parent, &name, self.copier.uid).map_err(|error| match error {
                Errno::NOTDIR | Errno::LOOP => CopyError::Refused(
                    "what the host has in its place is no directory (links are not followed)",
                ),
                error => error.into(),
            })?;
        if entry.depth == 0 && self.target.is_named && (is_new || Mark::is_set(&parent, &stat, self.place)) {
            self.mark = Some(Mark::set(&parent, &stat, self.place)?);
        }
        let above = self.made.last().ok_or(Errno::NOENT)?;
        let making = if is_new { above.making.clone() } else { Making::default() };
        let made = self.copier.links.add(above.made, &name);
        self.made.push(Directory { made, is_new, making });
        self.open.push(&name, Some(identity_of(&stat)), Arc::new(directory));
        Ok(())
    }

    /// Copies what is no directory, or gives it to be copied.
    fn copy_other(&mut self, entry: &Entry<'_>, copied: &mut Copied) -> Result<Given, CopyError> {
        if self.copier.follow.of(entry.depth) && entry.stat.file_type == FileType::Symlink {
            return Err(CopyError::Refused(LEADS_NOWHERE));
        }
        let name = self.host_name(entry)?;
        if name == b"." {
            return Err(CopyError::Refused("the root is not a directory"));
        }
        let parent = self.parent()?;
        if self.is_into_device(entry, &parent, &name)? {
            return Ok(Given::Done);
        }
        let Directory { made: directory, is_new, .. } = *self.made.last().ok_or(Errno::NOENT)?;
        let key = (self.place.index, entry.stat.ino);
        let has_more_names = entry.stat.nlink > 1;
        if has_more_names {
            let temporary = self.copier.next_temporary();
            match self.copier.links.link(key, (directory, &parent), &name, &temporary)? {
                Linked::Done => return Ok(Given::Done),
                Linked::NoFirst => {}
                Linked::Refused => copied.lost.links += 1,
            }
        }
        let target = read_target(self.place.process(), entry.directory, entry.name, entry.stat)?;
        if is_new || !is_there(self.copier.existing, entry.stat, target.as_deref(), &parent, &name)? {
            match entry.stat.file_type {
                FileType::Regular => {
                    let job = self.file(entry, &parent, &name)?;
                    if !has_more_names {
                        self.window.give(job);
                        return Ok(Given::Away);
                    }
                    // The next name waits for this one.
                    job.copy(&mut self.copier.buffer, copied)?;
                }
                _ => self.copy_special(entry, target.as_deref(), (&parent, &name), copied)?,
            }
        }
        if has_more_names {
            self.copier.links.note(key, directory, &parent, &name)?;
        }
        Ok(Given::Done)
    }

    /// Writes into a device or a pipe that the user named, as cp(1) does. Answers whether there is one.
    fn is_into_device(
        &mut self,
        entry: &Entry<'_>,
        parent: &OwnedFd,
        name: &[u8],
    ) -> Result<bool, CopyError> {
        let is_meant = entry.depth == 0 && self.target.is_named && entry.stat.file_type == FileType::Regular;
        if !is_meant || self.copier.existing == Existing::Keep {
            return Ok(false);
        }
        let Some(to) = open_device(parent, name)? else { return Ok(false) };
        if self.copier.existing == Existing::Ask && !agrees(&format!("write into {}?", escaped(name))) {
            return Ok(true);
        }
        let from = OpenFile::of(self.place.process(), entry, self.copier.follow)?;
        let Copier { session, buffer, stop, .. } = &mut *self.copier;
        write_content(self.place.process(), from.fd(), &to, buffer, &mut session.progress, stop)
            .map(|()| true)
    }

    fn file(
        &mut self,
        entry: &Entry<'_>,
        parent: &Arc<OwnedFd>,
        name: &[u8],
    ) -> Result<FileJob<'p>, CopyError> {
        let making = self.made.last().ok_or(Errno::NOENT)?.making.clone();
        let names = (self.copier.next_temporary(), name.to_vec());
        FileJob::open(self.place.process(), entry, (parent.clone(), making), names, self.run.clone())
    }

    fn copy_special(
        &mut self,
        entry: &Entry<'_>,
        target: Option<&[u8]>,
        (parent, name): (&OwnedFd, &[u8]),
        copied: &mut Copied,
    ) -> Result<(), CopyError> {
        let xattrs = read_xattrs(self.place.process(), entry.directory, entry.name);
        let xattrs = or_damage(xattrs, &mut copied.damage);
        let temporary = self.copier.next_temporary();
        make_special(parent, &temporary, entry.stat, target)?;
        finish(parent, &temporary, name, || copied.lost.set_at(entry.stat, &xattrs, parent, &temporary))
    }

    fn finish_directory(
        &mut self,
        directory: &OwnedFd,
        depth: usize,
        stat: &Stat,
        xattrs: &[Xattr],
    ) -> Result<(), CopyError> {
        match self.copier.lost.set(stat, xattrs, directory, None) {
            // The target may be a directory of somebody else's that was there before.
            Err(CopyError::Host(Errno::PERM)) if depth == 0 => {
                // As much as such a directory allows.
                let _ = fs::futimens(directory, &timestamps(stat));
                Ok(())
            }
            other => other,
        }
    }
}

/// Who is through with a file.
enum Given {
    /// This thread.
    Done,
    /// Whoever copies it.
    Away,
}

/// Damaged attributes do not keep the content from being copied.
pub fn or_damage(xattrs: KResult<Vec<Xattr>>, damage: &mut Option<String>) -> Vec<Xattr> {
    xattrs.unwrap_or_else(|error| {
        *damage = Some(error.to_string());
        Vec::new()
    })
}

/// How many descriptors this process may have, as far as more would help.
pub fn host_descriptors() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(MANY_DESCRIPTORS).min(MANY_DESCRIPTORS)
}

/// Whether what is there is left: an earlier run has made this copy, or the user wants it.
fn is_there(
    existing: Existing,
    stat: &Stat,
    target: Option<&[u8]>,
    parent: &OwnedFd,
    name: &[u8],
) -> Result<bool, CopyError> {
    let host = match fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(host) => host,
        Err(Errno::NOENT) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    let same_time = i128::from(host.st_mtime) == i128::from(stat.mtime.sec)
        && i128::from(host.st_mtime_nsec) == i128::from(stat.mtime.nsec);
    let host_type = HostType::from_raw_mode(host.st_mode);
    if host_type == HostType::Directory {
        return Err(CopyError::Refused("there is a directory of this name on the host"));
    }
    Ok(match (existing, host_type) {
        (Existing::Keep, _) => true,
        (Existing::Replace, _) => false,
        (Existing::Ask, _) => !agrees(&format!("replace {}?", escaped(name))),
        (_, HostType::RegularFile) => {
            stat.file_type == FileType::Regular
                && same_time
                && i128::from(host.st_size) == i128::from(stat.size)
        }
        _ => same_time && is_same_special(stat, target, &host, parent, name),
    })
}

impl Visitor<Failure> for Tree<'_, '_, '_, '_> {
    const LISTING: Listing = Listing::Names;

    fn enter(&mut self, entry: &Entry<'_>) -> Result<Step, Failure> {
        if self.copier.stop.is_wanted() {
            return Err(self.interrupted());
        }
        self.copier.session.progress.begin(entry.path);
        if self.last == entry.path {
            // A damaged directory has a name twice; the second is to find what became of the first.
            self.settle(0)?;
        }
        self.last.clear();
        self.last.extend_from_slice(entry.path);
        let mut copied = Copied::new(entry.path);
        let (result, step) = match entry.stat.file_type {
            FileType::Directory => (self.enter_directory(entry).map(|()| Given::Done), Step::Into),
            _ => (self.copy_other(entry, &mut copied), Step::Over),
        };
        let step = if result.is_ok() { step } else { Step::Over };
        match result {
            Ok(Given::Away) => {}
            result => {
                copied.result = result.map(|_| ());
                self.window.give_done(Came::Copied(copied));
            }
        }
        self.settle_if_full()?;
        Ok(step)
    }

    fn leave(&mut self, left: &Left<'_>) -> Result<(), Failure> {
        let (directory, mut damage) = (self.parent(), None);
        let xattrs = left.fd.map_or(Ok(Vec::new()), |fd| read_xattrs_of(self.place.process(), fd));
        let xattrs = or_damage(xattrs, &mut damage);
        self.open.truncate(left.depth + 1);
        self.made.truncate(left.depth + 1);
        let mark = self.mark.take_if(|_| left.depth == 0);
        let (path, depth, stat) = (left.path.to_vec(), left.depth, *left.stat);
        self.window.give_done(Came::Left(Leaving { path, depth, stat, xattrs, damage, directory, mark }));
        self.settle_if_full()
    }

    fn failed(&mut self, path: &[u8], why: &str) -> Result<(), Failure> {
        self.window.give_done(Came::Failed(path.to_vec(), why.into()));
        self.settle_if_full()
    }
}
