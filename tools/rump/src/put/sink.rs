//! What makes copies in an image.

use super::content::Nothing;
use super::mark::Mark;
use super::{Content, Existing, Facts, Keep, Rules, Target, Trouble};
use crate::chain::Chain;
use crate::change::{Change, ends_all};
use crate::owner::Owner;
use crate::session::{Failure, Place};
use crate::walk::{DESCRIPTORS, OpenDirectory, file_name, join, open_far};
use rumpkit::kpi::SetTime;
use rumpkit::{
    AtFlags, Errno, Fd, FileType, Ino, KError, KResult, Mode, OpenFlags, Process, Stat, XattrFlags,
};
use std::collections::HashMap;

const CHUNK_BYTES: usize = 1 << 20;
/// The walk of a source in the same image has most of the descriptors.
const SHARE: usize = DESCRIPTORS / 4;
/// Bits that lend rights of an owner.
const SET_ID: u32 = 0o6000;
const NEW_FILE: u32 = 0o600;
const ACCESS_LIST: &[u8] = b"system.posix_acl_access";
const DEFAULT_LIST: &[u8] = b"system.posix_acl_default";

/// A directory of the target.
struct Level {
    path_length: usize,
    /// It was there before.
    is_old: bool,
    mark: Option<Mark>,
}

/// See the module.
pub struct Sink<'a, 'b> {
    /// The command.
    pub change: &'a mut Change<'b>,
    /// The image.
    pub place: &'a Place,
    /// How copies are made.
    pub rules: Rules,
    /// The source is in the same image.
    pub same_image: bool,
    failed: u64,
    levels: Vec<Level>,
    /// The directory of the target, then one for each level.
    chain: Chain<OpenDirectory<'a>, Ino>,
    /// Levels that a trial would have made.
    imagined: usize,
    path: Vec<u8>,
    target: Option<(Target, Vec<u8>)>,
    links: HashMap<(u64, u64), (Vec<u8>, Ino)>,
    buffer: Vec<u8>,
}

impl<'a, 'b> Sink<'a, 'b> {
    /// A sink that makes copies in the image of `place`.
    pub fn new(change: &'a mut Change<'b>, place: &'a Place, rules: Rules) -> Self {
        change.session.show_progress();
        place.process().umask(Mode::new(0));
        Self {
            change,
            place,
            rules,
            same_image: false,
            failed: 0,
            levels: Vec::new(),
            chain: Chain::new(SHARE),
            imagined: 0,
            path: Vec::new(),
            target: None,
            links: HashMap::new(),
            buffer: vec![0; CHUNK_BYTES],
        }
    }

    fn process(&self) -> &'a Process {
        self.place.process()
    }

    /// Begins a source, which `origin` tells apart from others.
    pub fn begin(&mut self, target: Target, origin: &[u8]) -> Result<(), Failure> {
        let process = self.process();
        self.chain = Chain::new(SHARE);
        (self.levels, self.imagined) = (Vec::new(), 0);
        let opened = OpenDirectory::by_path(process, &target.directory)
            .and_then(|directory| Ok((process.fstat(directory.fd())?.ino, directory)));
        match opened {
            Ok((ino, directory)) => self.chain.push(b"", ino, directory),
            Err(error) => {
                let text = crate::output::escaped(&target.directory);
                return Err(Failure::Other(format!("{}:{text}: {error}", self.place.volume)));
            }
        }
        self.path = target.directory.clone();
        self.target = Some((target, origin.to_vec()));
        Ok(())
    }

    /// How many files were not copied.
    pub fn failures(&self) -> u64 {
        self.failed
    }

    /// Takes the progress line away, and says what there is to say of the whole.
    pub fn finish(self) {
        self.change.session.progress.clear();
        if self.failed > 0 {
            let files = self.change.session.progress.files;
            self.change
                .session
                .note(&format!("{files} files copied or there already, {} not copied", self.failed));
        }
    }

    fn last(&mut self) -> KResult<Fd> {
        match self.chain.last(|above, name, &ino| above.again(name, ino)) {
            Some(opened) => opened.map(OpenDirectory::fd),
            None => Err(Errno::ENOENT.into()),
        }
    }

    /// The name of a copy: at the top the target's.
    fn name_of(&self, name: &[u8]) -> Option<Vec<u8>> {
        match &self.target {
            Some((target, _)) if self.levels.is_empty() => target.name.clone(),
            _ => Some(name.to_vec()),
        }
    }

    /// Makes a directory, or goes into the one that is there; [`Sink::leave`] is to follow.
    pub fn enter(&mut self, facts: &Facts, name: &[u8]) -> Result<(), Trouble> {
        let path_length = self.path.len();
        let name = self.name_of(name);
        let entered = self.enter_named(facts, name.as_deref(), path_length);
        if entered.is_err() {
            self.path.truncate(path_length);
        }
        entered
    }

    fn enter_named(&mut self, facts: &Facts, name: Option<&[u8]>, path_length: usize) -> Result<(), Trouble> {
        let process = self.process();
        let Some(name) = name else {
            let fd = self.last()?;
            let ino = process.fstat(fd)?.ino;
            self.chain.push(b".", ino, OpenDirectory::at(process, fd, b".")?);
            self.levels.push(Level { path_length, is_old: true, mark: None });
            return Ok(());
        };
        join(&mut self.path, name);
        if self.imagined > 0 {
            self.tell("make")?;
            self.imagined += 1;
            self.levels.push(Level { path_length, is_old: false, mark: None });
            return Ok(());
        }
        let above = self.last()?;
        let is_old = match process.fstatat(Some(above), name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if stat.file_type == FileType::Directory => true,
            Ok(_) => {
                return Err(Trouble::Refused(
                    "what the image has in its place is no directory (links are not followed)",
                ));
            }
            Err(error) if error.errno == Errno::ENOENT => false,
            Err(error) => return Err(error.into()),
        };
        if !is_old {
            self.tell("make")?;
            if self.change.is_trial {
                self.imagined = 1;
                self.levels.push(Level { path_length, is_old, mark: None });
                return Ok(());
            }
            process.mkdirat(Some(above), name, Mode::new(facts.mode & 0o1777))?;
        }
        let opened = OpenDirectory::at(process, above, name)?;
        let stat = process.fstat(opened.fd())?;
        if !is_old {
            let owner = self.owner(facts, &process.fstat(above)?);
            process.fchown(opened.fd(), owner.uid, owner.gid)?;
        }
        self.chain.push(name, stat.ino, opened);
        let mark = self.mark(!is_old)?;
        self.levels.push(Level { path_length, is_old: is_old && mark.is_none(), mark });
        Ok(())
    }

    /// The mark of a directory at the top that gets a name of its own: new, or begun by an earlier run.
    fn mark(&self, is_new: bool) -> KResult<Option<Mark>> {
        match &self.target {
            Some((target, origin)) if self.levels.is_empty() && target.is_named && !self.change.is_trial => {
                let is_ours = is_new || Mark::is_set(self.place, target, origin);
                if is_ours { Mark::set(self.process(), target, origin).map(Some) } else { Ok(None) }
            }
            _ => Ok(None),
        }
    }

    /// Leaves a directory, which gets the attributes of its source if it is new or all is kept.
    pub fn leave(&mut self, facts: &Facts) -> Result<(), Trouble> {
        let Some(level) = self.levels.pop() else { return Ok(()) };
        let left = match self.imagined {
            0 => self.leave_real(facts, &level),
            _ => Ok(()),
        };
        match self.imagined {
            0 => self.chain.truncate(self.levels.len() + 1),
            _ => self.imagined -= 1,
        }
        self.path.truncate(level.path_length);
        if let Some(mark) = level.mark {
            mark.clear(self.process());
        }
        left
    }

    fn leave_real(&mut self, facts: &Facts, level: &Level) -> Result<(), Trouble> {
        let is_wanted = !level.is_old || self.rules.keep == Keep::All || self.rules.owner.is_some();
        if self.change.is_trial || !is_wanted {
            return Ok(());
        }
        let fd = self.last()?;
        let present = self.process().fstat(fd)?;
        let owner = self.owner(facts, &present);
        if level.is_old && self.rules.keep == Keep::Usual {
            return Ok(self.process().fchown(fd, owner.uid, owner.gid)?);
        }
        let result = self.set_attributes(facts, fd, owner);
        self.or_report(result)
    }

    /// The owner of a copy in a directory with the attributes `directory`.
    fn owner(&self, facts: &Facts, directory: &Stat) -> Owner {
        let (uid, gid) = match self.rules.keep {
            Keep::All => (facts.uid, facts.gid),
            Keep::Usual => (directory.uid, directory.gid),
        };
        let given = self.rules.owner.unwrap_or(Owner { uid: None, gid: None });
        Owner { uid: given.uid.or(Some(uid)), gid: given.gid.or(Some(gid)) }
    }

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
        let (process, directory) = (self.process(), self.last()?);
        let there = match process.fstatat(Some(directory), name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(there) => Some(there),
            Err(error) if error.errno == Errno::ENOENT => None,
            Err(error) => return Err(error.into()),
        };
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
            if self.link(&path, ino, (directory, name), there.as_ref())? {
                return Ok(());
            }
        }
        self.make(facts, (directory, name), there.as_ref(), content)?;
        let made = process.fstatat(Some(directory), name, AtFlags::SYMLINK_NOFOLLOW)?;
        self.remember(facts, made.ino);
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
                process.linkat(Some(above), first, Some(place.0), name, AtFlags::empty())
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
        let owner = self.owner(facts, &process.fstat(place.0)?);
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
    ) -> Result<(), Trouble> {
        let process = self.process();
        let flags = OpenFlags::WRONLY | OpenFlags::CREAT | OpenFlags::EXCL | OpenFlags::NOFOLLOW;
        let fd = process.openat(Some(directory), name, flags, Mode::new(NEW_FILE))?;
        let filled = self.fill(fd, facts.size, content);
        let set = filled.and_then(|()| {
            let result = self.set_attributes(facts, fd, owner);
            self.or_report(result)
        });
        process.close(fd)?;
        set
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
    ) -> Result<(), Trouble> {
        let process = self.process();
        let (above, nofollow) = (Some(directory), AtFlags::SYMLINK_NOFOLLOW);
        let mode = Mode::new(self.mode(facts, owner));
        match &facts.target {
            Some(target) => process.symlinkat(target, above, name)?,
            None => process.mknodat(above, name, facts.file_type, mode, facts.rdev)?,
        }
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

    /// The bits of a copy: without its owner, a set-id bit would lend the wrong rights.
    fn mode(&self, facts: &Facts, owner: Owner) -> u32 {
        let is_given_away = (owner.uid, owner.gid) != (Some(facts.uid), Some(facts.gid));
        let is_wrong = is_given_away && self.rules.owner.is_none() && facts.file_type != FileType::Directory;
        facts.mode & !if is_wrong { SET_ID } else { 0 }
    }

    /// Sets everything of an open copy, in the order in which none undoes another.
    fn set_attributes(&self, facts: &Facts, fd: Fd, owner: Owner) -> Result<(), Trouble> {
        let process = self.process();
        process.fchown(fd, owner.uid, owner.gid)?;
        drop_lists(facts, &process.flistxattr(fd)?, |list| process.fremovexattr(fd, list))?;
        process.fchmod(fd, Mode::new(self.mode(facts, owner)))?;
        let kept =
            self.set_xattrs(facts, &|key, value| process.fsetxattr(fd, key, value, XattrFlags::empty()));
        process.futimens(fd, times(facts))?;
        kept
    }

    /// Sets what is to be kept; each is tried, whatever became of the one before.
    fn set_xattrs(&self, facts: &Facts, set: &dyn Fn(&[u8], &[u8]) -> KResult<()>) -> Result<(), Trouble> {
        let is_kept = |key: &[u8]| {
            self.rules.keep == Keep::All
                || key.starts_with(b"user.")
                || key == ACCESS_LIST
                || key == DEFAULT_LIST
        };
        let mut kept = Ok(());
        for (key, value) in facts.xattrs.iter().filter(|(key, _)| is_kept(key)) {
            if let Err(error) = set(key, value) {
                let what = format!("extended attribute {}: {error}", crate::output::escaped(key));
                kept = Err(Trouble::Target(KError::new(error.errno, what)));
            }
        }
        kept
    }

    /// A file whose attributes are not complete is worth keeping; that they are not is reported.
    fn or_report(&mut self, result: Result<(), Trouble>) -> Result<(), Trouble> {
        match result {
            Err(Trouble::Target(error)) if !ends_all(&error) => {
                self.failed += 1;
                self.change.session.report(self.place, &self.path, &error);
                Ok(())
            }
            other => other,
        }
    }

    fn tell(&mut self, what: &str) -> Result<(), Trouble> {
        self.change.tell(what, self.place, &self.path).map_err(|_| Trouble::Stopped)
    }

    /// Reports why a file was not copied, `report` saying which of the source. Errors: nothing further can be copied.
    pub fn fail(
        &mut self,
        trouble: Trouble,
        name: &[u8],
        report: impl FnOnce(&mut Change<'b>, &str),
    ) -> Result<(), Failure> {
        let files = self.change.session.progress.files;
        let go_on = "run it again to go on";
        match trouble {
            Trouble::Stopped => {
                return Err(self.change.session.stop.failure(&format!(" after {files} files; {go_on}")));
            }
            Trouble::Source(why) => report(self.change, &why),
            Trouble::Refused(why) => report(self.change, why),
            Trouble::Target(error) => {
                let mut path = self.path.clone();
                if let Some(name) = self.name_of(name) {
                    join(&mut path, &name);
                }
                self.change.session.report(self.place, &path, &error);
                if ends_all(&error) {
                    return Err(Failure::Other(format!("stopped after {files} files; {go_on}")));
                }
            }
        }
        self.failed += 1;
        Ok(())
    }

    /// Counts a failure that was reported already.
    pub fn count_failure(&mut self) {
        self.failed += 1;
    }

    /// As [`Sink::file`], of what has no content.
    pub fn special(&mut self, facts: &Facts, name: &[u8]) -> Result<(), Trouble> {
        self.file(facts, name, &mut Nothing)
    }
}

/// Makes something as `name` in `directory`; if something is there, under another name that takes its place when
/// all is done. What cannot be completed is taken away.
fn complete<E: From<KError>>(
    process: &Process,
    (directory, name): (Fd, &[u8]),
    there: Option<&Stat>,
    make: impl FnOnce(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let temporary = there.map(|there| format!(".rump-{}.part", there.ino.0).into_bytes());
    if let Some(temporary) = &temporary {
        // One that a crash has left.
        let _ = process.unlinkat(Some(directory), temporary, AtFlags::empty());
    }
    let made = temporary.as_deref().unwrap_or(name);
    let finished = make(made).and_then(|()| match &temporary {
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

/// Takes away lists of access rights that a copy has inherited and its source does not have.
fn drop_lists(facts: &Facts, names: &[Vec<u8>], remove: impl Fn(&[u8]) -> KResult<()>) -> KResult<()> {
    for list in names.iter().filter(|name| matches!(&***name, ACCESS_LIST | DEFAULT_LIST)) {
        if !facts.xattrs.iter().any(|(name, _)| name == list) {
            remove(list)?;
        }
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

fn times(facts: &Facts) -> [Option<SetTime>; 2] {
    [Some(SetTime::To(facts.atime)), Some(SetTime::To(facts.mtime))]
}
