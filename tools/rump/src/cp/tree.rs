//! The walk that copies one source: directories of the host are gone through beside those of the image.

use super::attributes::{Owner, timestamps};
use super::content::{copy_content, create_new, open_device, write_content};
use super::copier::Copier;
use super::error::CopyError;
use super::links::{Linked, Made};
use super::resume::Mark;
use super::special::{is_same_special, make_special};
use super::target::{Identity, Target, identity_of, is_safe_name, make_directory, open_beneath};
use crate::ask::agrees;
use crate::chain::Chain;
use crate::output::escaped;
use crate::put::Existing;
use crate::record::{Xattr, read_target, read_xattrs, read_xattrs_of};
use crate::session::{Failure, Place};
use crate::walk::{Entry, Left, Listing, Step, Visitor, join};
use rumpkit::{Fd, FileType, KResult, Mode, OpenFlags, Stat};
use rustix::fs::{self, AtFlags, FileType as HostType};
use rustix::io::Errno;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::rc::Rc;

const MANY_DESCRIPTORS: usize = 1024;

/// A directory of the host that copies are made in.
struct Directory {
    made: Made,
    /// Nobody else has put anything there.
    is_new: bool,
    /// Who gets the files that are made in it, once one was.
    owner: Option<Owner>,
}

/// One source on its way.
pub struct Tree<'a, 'b> {
    copier: &'a mut Copier<'b>,
    place: &'a Place,
    target: Target,
    /// The host's directories: that of the target, then those that were made below it.
    open: Chain<Rc<OwnedFd>, Option<Identity>>,
    /// The same directories, for hard links.
    made: Vec<Directory>,
    mark: Option<Mark>,
}

impl<'a, 'b> Tree<'a, 'b> {
    /// Copies `place` to `target`.
    pub fn new(copier: &'a mut Copier<'b>, place: &'a Place, target: Target) -> Self {
        let mut open = Chain::new(host_descriptors());
        open.push(b"", None, target.directory.clone());
        let made = copier.links.add_target(target.directory.clone());
        let made = vec![Directory { made, is_new: false, owner: None }];
        Self { copier, place, target, open, made, mark: None }
    }

    /// The host directory at the end of the way.
    fn parent(&mut self) -> Result<Rc<OwnedFd>, CopyError> {
        let again = |above: &Rc<OwnedFd>, name: &[u8], identity: &Option<Identity>| {
            let directory = open_beneath(above, name)?;
            match *identity == Some(identity_of(&fs::fstat(&directory)?)) {
                true => Ok(Rc::new(directory)),
                false => Err(CopyError::Refused("its directory on the host was replaced meanwhile")),
            }
        };
        self.open.last(again).unwrap_or(Err(Errno::NOENT.into())).cloned()
    }

    fn host_name(&self, entry: &Entry<'_>) -> Result<Vec<u8>, CopyError> {
        let name = if entry.depth == 0 { &self.target.name } else { entry.name };
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
        let above = self.made.last().ok_or(Errno::NOENT)?.made;
        self.made.push(Directory { made: self.copier.links.add(above, &name), is_new, owner: None });
        self.open.push(&name, Some(identity_of(&stat)), Rc::new(directory));
        Ok(())
    }

    fn copy_other(&mut self, entry: &Entry<'_>) -> Result<(), CopyError> {
        let name = self.host_name(entry)?;
        if name == b"." {
            return Err(CopyError::Refused("the root is not a directory"));
        }
        let parent = self.parent()?;
        if self.is_into_device(entry, &parent, &name)? {
            return Ok(());
        }
        let Directory { made: directory, is_new, .. } = *self.made.last().ok_or(Errno::NOENT)?;
        let key = (self.place.index, entry.stat.ino);
        let has_more_names = entry.stat.nlink > 1;
        if has_more_names {
            let temporary = self.copier.next_temporary();
            match self.copier.links.link(key, (directory, &parent), &name, &temporary)? {
                Linked::Done => return Ok(()),
                Linked::NoFirst => {}
                Linked::Refused => self.copier.lost.links += 1,
            }
        }
        let target = read_target(self.place.process(), entry.directory, entry.name, entry.stat)?;
        if is_new || !is_there(self.copier.existing, entry.stat, target.as_deref(), &parent, &name)? {
            match entry.stat.file_type {
                FileType::Regular => self.copy_file(entry, &parent, &name)?,
                _ => self.copy_special(entry, target.as_deref(), &parent, &name)?,
            }
        }
        if has_more_names {
            self.copier.links.note(key, directory, &parent, &name)?;
        }
        Ok(())
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
        let process = self.place.process();
        let from = process.openat(entry.directory, entry.name, OpenFlags::NOFOLLOW, Mode::new(0))?;
        let Copier { session, buffer, stop, .. } = &mut *self.copier;
        let result = write_content(process, from, &to, buffer, &mut session.progress, stop);
        let _ = process.close(from);
        result.map(|()| true)
    }

    fn copy_file(&mut self, entry: &Entry<'_>, parent: &OwnedFd, name: &[u8]) -> Result<(), CopyError> {
        let process = self.place.process();
        let from = process.openat(entry.directory, entry.name, OpenFlags::NOFOLLOW, Mode::new(0))?;
        let result = self.copy_open_file(entry, from, parent, name);
        // Closing what was only read cannot lose anything.
        let _ = process.close(from);
        result
    }

    fn copy_open_file(
        &mut self,
        entry: &Entry<'_>,
        from: Fd,
        parent: &OwnedFd,
        name: &[u8],
    ) -> Result<(), CopyError> {
        let process = self.place.process();
        let xattrs = self.or_report(entry.path, read_xattrs_of(process, from));
        let temporary = self.copier.next_temporary();
        let to = create_new(parent, &temporary)?;
        let Copier { session, buffer, stop, lost, .. } = &mut *self.copier;
        let owner = &mut self.made.last_mut().ok_or(Errno::NOENT)?.owner;
        finish(parent, &temporary, name, || {
            copy_content(process, from, &to, buffer, &mut session.progress, stop)?;
            let present = match *owner {
                Some(owner) => owner,
                None => *owner.insert(Owner::of(&to)?),
            };
            lost.set(entry.stat, &xattrs, &to, Some(present))
        })
    }

    fn copy_special(
        &mut self,
        entry: &Entry<'_>,
        target: Option<&[u8]>,
        parent: &OwnedFd,
        name: &[u8],
    ) -> Result<(), CopyError> {
        let xattrs =
            self.or_report(entry.path, read_xattrs(self.place.process(), entry.directory, entry.name));
        let temporary = self.copier.next_temporary();
        make_special(parent, &temporary, entry.stat, target)?;
        let lost = &mut self.copier.lost;
        finish(parent, &temporary, name, || lost.set_at(entry.stat, &xattrs, parent, &temporary))
    }

    /// Damaged attributes do not keep the content from being copied.
    fn or_report(&mut self, path: &[u8], xattrs: KResult<Vec<Xattr>>) -> Vec<Xattr> {
        xattrs.unwrap_or_else(|error| {
            self.copier.fail(self.place, path, &format!("its extended attributes: {error}"));
            Vec::new()
        })
    }

    fn finish_directory(&mut self, left: &Left<'_>) -> Result<(), CopyError> {
        let directory = self.parent()?;
        let xattrs = match left.fd {
            Some(fd) => self.or_report(left.path, read_xattrs_of(self.place.process(), fd)),
            None => Vec::new(),
        };
        match self.copier.lost.set(left.stat, &xattrs, &*directory, None) {
            // The target may be a directory of somebody else's that was there before.
            Err(CopyError::Host(Errno::PERM)) if left.depth == 0 => {
                // As much as such a directory allows.
                let _ = fs::futimens(&directory, &timestamps(left.stat));
                Ok(())
            }
            other => other,
        }
    }
}

/// How many descriptors this process may have, as far as more would help.
pub fn host_descriptors() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(MANY_DESCRIPTORS).min(MANY_DESCRIPTORS)
}

/// Gives a new file its name once `complete` is through with it; takes it away if that fails.
fn finish(
    parent: &OwnedFd,
    temporary: &[u8],
    name: &[u8],
    complete: impl FnOnce() -> Result<(), CopyError>,
) -> Result<(), CopyError> {
    let finished = complete().and_then(|()| Ok(fs::renameat(parent, temporary, parent, name)?));
    if finished.is_err() {
        // The error that led here is the one to tell.
        let _ = fs::unlinkat(parent, temporary, AtFlags::empty());
    }
    finished
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

impl Visitor<Failure> for Tree<'_, '_> {
    const LISTING: Listing = Listing::Names;

    fn enter(&mut self, entry: &Entry<'_>) -> Result<Step, Failure> {
        self.copier.check_stop()?;
        self.copier.session.progress.begin(entry.path);
        let (result, step) = match entry.stat.file_type {
            FileType::Directory => (self.enter_directory(entry), Step::Into),
            _ => (self.copy_other(entry), Step::Over),
        };
        match result {
            Ok(()) => {
                self.copier.session.progress.add_file();
                if self.copier.tells {
                    self.tell(entry.path)?;
                }
                Ok(step)
            }
            Err(error) => {
                self.copier.fail_copy(self.place, entry.path, &self.host_path(entry.path), &error)?;
                Ok(Step::Over)
            }
        }
    }

    fn leave(&mut self, left: &Left<'_>) -> Result<(), Failure> {
        let result = self.finish_directory(left);
        self.open.truncate(left.depth + 1);
        self.made.truncate(left.depth + 1);
        if let Err(error) = result {
            self.copier.fail_copy(self.place, left.path, &self.host_path(left.path), &error)?;
        }
        if let Some(mark) = self.mark.take_if(|_| left.depth == 0) {
            mark.clear();
        }
        Ok(())
    }

    fn failed(&mut self, path: &[u8], why: &str) -> Result<(), Failure> {
        self.copier.fail(self.place, path, why);
        Ok(())
    }
}
