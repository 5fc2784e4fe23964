//! Copies of what is no directory.

use super::attributes::{drop_lists, times};
use super::losses::Loss;
use super::sink::Sink;
use super::{Content, Existing, Facts, Trouble};
use crate::ask::agrees;
use crate::output::escaped;
use crate::owner::Owner;
use crate::walk::{file_name, join, open_far};
use rumpkit::kpi::Capabilities;
use rumpkit::{
    AtFlags, Errno, Fd, FileType, Ino, KError, KResult, Mode, OpenFlags, Process, Stat, XattrFlags,
};

impl Sink<'_, '_> {
    /// Copies what is no directory.
    pub fn file(&mut self, facts: &Facts, name: &[u8], content: &mut dyn Content) -> Result<(), Trouble> {
        let Some(name) = self.name_of(name) else {
            return Err(Trouble::Refused("is no directory whose content could be copied"));
        };
        if let Some((target, _)) = self.target.as_ref().filter(|_| self.levels.is_empty()) {
            if target.has_slash {
                return Err(Trouble::Refused(
                    "is no directory, and the target, with a slash at its end, is to be one",
                ));
            }
        }
        let length = self.path.len();
        join(&mut self.path, &name);
        let result = match self.imagined {
            0 => self.copy(facts, &name, content),
            _ => self.tell("copy"),
        };
        self.path.truncate(length);
        result
    }

    fn copy(&mut self, facts: &Facts, name: &[u8], content: &mut dyn Content) -> Result<(), Trouble> {
        let directory = self.last()?;
        if self.home().is_fresh {
            match self.copy_over(facts, (directory, name), None, content) {
                // Names that fold, or a damaged source that has one twice.
                Err(Trouble::Target(error)) if error.errno == Errno::EEXIST => {}
                copied => return copied,
            }
        }
        let there = match self.process().fstatat(Some(directory), name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(there) => Some(there),
            Err(error) if error.errno == Errno::ENOENT => None,
            Err(error) => return Err(error.into()),
        };
        self.copy_over(facts, (directory, name), there, content)
    }

    /// Copies to a name that `there` has.
    fn copy_over(
        &mut self,
        facts: &Facts,
        (directory, name): (Fd, &[u8]),
        there: Option<Stat>,
        content: &mut dyn Content,
    ) -> Result<(), Trouble> {
        let process = self.process();
        let is_first_there = |first: &(Vec<u8>, Ino)| there.is_some_and(|there| there.ino == first.1);
        let first = self.links.get(&facts.identity).filter(|_| facts.nlink > 1).cloned();
        if let Some(there) = there {
            if first.as_ref().is_some_and(is_first_there) {
                return Ok(());
            }
            if there.file_type == FileType::Directory {
                return Err(Trouble::Refused("the image has a directory of this name"));
            }
            if self.same_image && there.ino.0 == facts.identity.1 {
                return Err(Trouble::Refused("the copy would be the same file"));
            }
            let is_left = match self.rules.existing {
                Existing::Keep => true,
                Existing::Replace => false,
                Existing::Ask => !agrees(&format!("replace {}?", escaped(&self.path))),
                Existing::Compare => first.is_none() && is_same(facts, &there, directory, name, process),
            };
            if is_left {
                self.remember(facts, there.ino);
                return Ok(());
            }
        }
        self.tell(if there.is_some() { "replace with a copy" } else { "copy" })?;
        if self.change.is_trial {
            return Ok(());
        }
        if let Some((path, ino)) = first {
            if self.bears_losses() && !self.can.contains(Capabilities::HARD_LINKS) {
                self.lose(Loss::HardLink);
            } else if self.link(&path, ino, (directory, name), there.as_ref())? {
                return Ok(());
            }
        }
        self.make(facts, (directory, name), there.as_ref(), content)?;
        if facts.nlink > 1 {
            let made = process.fstatat(Some(directory), name, AtFlags::SYMLINK_NOFOLLOW)?;
            self.remember(facts, made.ino);
        }
        Ok(())
    }

    /// Notes the first name of what has more.
    fn remember(&mut self, facts: &Facts, ino: Ino) {
        if facts.nlink > 1 {
            self.links.entry(facts.identity).or_insert_with(|| (self.path.clone(), ino));
        }
    }

    /// Makes another name of the file at `first`. Answers whether that is possible.
    fn link(&self, first: &[u8], ino: Ino, place: (Fd, &[u8]), there: Option<&Stat>) -> KResult<bool> {
        let process = self.process();
        let above = open_far(process, crate::change::parent_of(first))?;
        let first = file_name(first);
        let linked = (|| -> KResult<bool> {
            if process.fstatat(Some(above), first, AtFlags::SYMLINK_NOFOLLOW)?.ino != ino {
                return Ok(false);
            }
            complete(process, place, there, |name| {
                process.linkat(Some(above), first, Some(place.0), name, AtFlags::empty()).map(Ok)
            })?;
            Ok(true)
        })();
        process.close(above)?;
        match linked {
            Err(error) if matches!(error.errno, Errno::EMLINK | Errno::ENOENT) => Ok(false),
            linked => linked,
        }
    }

    fn make(
        &mut self,
        facts: &Facts,
        place: (Fd, &[u8]),
        there: Option<&Stat>,
        content: &mut dyn Content,
    ) -> Result<(), Trouble> {
        let process = self.process();
        let owner = self.owner(facts, self.home().ids);
        complete(process, place, there, |name| {
            if facts.file_type == FileType::Regular {
                return self.make_regular(facts, (place.0, name), owner, content);
            }
            self.make_special(facts, (place.0, name), owner)
        })
    }

    fn make_regular(
        &mut self,
        facts: &Facts,
        (directory, name): (Fd, &[u8]),
        owner: Owner,
        content: &mut dyn Content,
    ) -> Result<Result<(), Trouble>, Trouble> {
        let process = self.process();
        let made = self.made(facts, owner);
        let flags = OpenFlags::WRONLY | OpenFlags::CREAT | OpenFlags::EXCL | OpenFlags::NOFOLLOW;
        let fd = process.openat(Some(directory), name, flags, made.mode)?;
        let filled = self.fill(fd, facts.size, content);
        let set = filled.and_then(|()| {
            let result = self.set_attributes(facts, fd, owner, Some(made));
            self.or_report(result)
        });
        Ok(process.close(fd).map_err(Trouble::from).and(set))
    }

    fn fill(&mut self, fd: Fd, size: u64, content: &mut dyn Content) -> Result<(), Trouble> {
        let process = self.process();
        let mut end = 0;
        loop {
            if self.change.session.stop.is_wanted() {
                return Err(Trouble::Stopped);
            }
            let Some((at, count)) = content.next(&mut self.buffer)? else { break };
            write_all(process, fd, &self.buffer[..count], at)?;
            end = at + count as u64;
            self.change.session.progress.add_bytes(count);
        }
        if end < size {
            process.ftruncate(fd, size)?;
        }
        Ok(())
    }

    fn make_special(
        &mut self,
        facts: &Facts,
        (directory, name): (Fd, &[u8]),
        owner: Owner,
    ) -> Result<Result<(), Trouble>, Trouble> {
        let (process, above) = (self.process(), Some(directory));
        let mode = Mode::new(self.mode(facts, owner));
        match &facts.target {
            Some(target) => process.symlinkat(target, above, name)?,
            None => process.mknodat(above, name, facts.file_type, mode, facts.rdev)?,
        }
        Ok(self.finish_special(facts, (directory, name), owner))
    }

    fn finish_special(
        &mut self,
        facts: &Facts,
        (directory, name): (Fd, &[u8]),
        owner: Owner,
    ) -> Result<(), Trouble> {
        let (process, above, nofollow) = (self.process(), Some(directory), AtFlags::SYMLINK_NOFOLLOW);
        let mode = Mode::new(self.mode(facts, owner));
        process.fchownat(above, name, owner.uid, owner.gid, nofollow)?;
        // The calls on attributes know no directory but the working one, which nothing else here depends on.
        process.fchdir(directory)?;
        if facts.target.is_none() {
            drop_lists(facts, &process.llistxattr(name)?, |list| process.lremovexattr(name, list))?;
            process.fchmodat(above, name, mode, nofollow)?;
        }
        let set = |key: &[u8], value: &[u8]| process.lsetxattr(name, key, value, XattrFlags::empty());
        let kept = self.set_xattrs(facts, &set);
        process.utimensat(above, name, times(facts), nofollow)?;
        self.or_report(kept)
    }
}

/// Makes something as `name` in `directory`; if something is there, under another name that takes its place when
/// all is done. What cannot be completed is taken away, which `make` answers; its error says that nothing was made.
fn complete<E: From<KError>>(
    process: &Process,
    (directory, name): (Fd, &[u8]),
    there: Option<&Stat>,
    make: impl FnOnce(&[u8]) -> Result<Result<(), E>, E>,
) -> Result<(), E> {
    let temporary = there.map(|there| format!(".rump-{}.part", there.ino.0).into_bytes());
    if let Some(temporary) = &temporary {
        // One that a crash has left.
        let _ = process.unlinkat(Some(directory), temporary, AtFlags::empty());
    }
    let made = temporary.as_deref().unwrap_or(name);
    let finished = make(made)?.and_then(|()| match &temporary {
        Some(temporary) => Ok(process.renameat(Some(directory), temporary, Some(directory), name)?),
        None => Ok(()),
    });
    if finished.is_err() {
        // The error that led here is the one to tell.
        let _ = process.unlinkat(Some(directory), made, AtFlags::empty());
    }
    finished
}

/// Writes all of `bytes`.
pub fn write_all(process: &Process, fd: Fd, mut bytes: &[u8], mut at: u64) -> KResult<()> {
    while !bytes.is_empty() {
        let count = process.pwrite(fd, bytes, at)?;
        if count == 0 {
            return Err(Errno::EIO.into());
        }
        bytes = &bytes[count..];
        at += count as u64;
    }
    Ok(())
}

/// Whether an earlier run has made this copy.
fn is_same(facts: &Facts, there: &Stat, directory: Fd, name: &[u8], process: &Process) -> bool {
    there.file_type == facts.file_type
        && there.mtime == facts.mtime
        && match facts.file_type {
            FileType::Regular => there.size == facts.size,
            FileType::Symlink => process.readlinkat(Some(directory), name).ok() == facts.target,
            FileType::CharDevice | FileType::BlockDevice => there.rdev == facts.rdev,
            _ => true,
        }
}
