//! What makes copies in an image.

use super::attributes::DEFAULT_LIST;
use super::losses::Losses;
use super::mark::Mark;
use super::{Facts, Keep, Rules, Target, Trouble};
use crate::chain::Chain;
use crate::change::{Change, ends_all};
use crate::session::{Failure, Place};
use crate::walk::{DESCRIPTORS, OpenDirectory, join};
use rumpkit::kpi::Capabilities;
use rumpkit::{AtFlags, Errno, Fd, FileType, Ino, KResult, Mode, Process};
use std::collections::HashMap;

/// Size of the pieces that content is copied in.
pub const CHUNK_BYTES: usize = 1 << 20;
/// The walk of a source in the same image has most of the descriptors.
const SHARE: usize = DESCRIPTORS / 4;

/// A directory of the target.
pub(super) struct Level {
    path_length: usize,
    /// It was there before.
    is_old: bool,
    mark: Option<Mark>,
    home: Home,
}

/// What a directory means for files that are made in it.
#[derive(Clone, Copy, Default)]
pub(super) struct Home {
    /// Its owner and its group, which is that of new files.
    pub ids: (u32, u32),
    /// It has a default list of access rights, which new files inherit, or that cannot be known.
    pub has_default_list: bool,
    /// Nothing was in it when this run came to it.
    pub is_fresh: bool,
}

impl Home {
    /// Of the open directory `fd`.
    fn of(process: &Process, fd: Fd, is_fresh: bool) -> KResult<Self> {
        let stat = process.fstat(fd)?;
        let has_default_list = match process.fgetxattr(fd, DEFAULT_LIST) {
            Err(error) => !matches!(error.errno, Errno::ENOATTR | Errno::ENOTSUP),
            Ok(_) => true,
        };
        Ok(Self { ids: (stat.uid, stat.gid), has_default_list, is_fresh })
    }
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
    /// How many threads open and read what is copied, the one that writes among them.
    pub jobs: usize,
    /// What is lost, if that is to be told; else it is an error.
    pub losses: Option<Losses>,
    /// What the target can store.
    pub(super) can: Capabilities,
    pub(super) failed: u64,
    pub(super) levels: Vec<Level>,
    /// The directory of the target, then one for each level.
    chain: Chain<OpenDirectory<'a>, Ino>,
    /// The directory of the target.
    top: Home,
    /// Levels that a trial would have made.
    pub(super) imagined: usize,
    pub(super) path: Vec<u8>,
    pub(super) target: Option<(Target, Vec<u8>)>,
    pub(super) links: HashMap<(u64, u64), (Vec<u8>, Ino)>,
    pub(super) buffer: Vec<u8>,
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
            jobs: crate::jobs::usual(),
            losses: None,
            // Of a directory that is not there, opening it tells more.
            can: place.process().capabilities("/").unwrap_or(Capabilities::empty()),
            failed: 0,
            levels: Vec::new(),
            chain: Chain::new(SHARE),
            top: Home::default(),
            imagined: 0,
            path: Vec::new(),
            target: None,
            links: HashMap::new(),
            buffer: vec![0; CHUNK_BYTES],
        }
    }

    pub(super) fn process(&self) -> &'a Process {
        self.place.process()
    }

    /// Begins a source, which `origin` tells apart from others.
    pub fn begin(&mut self, target: Target, origin: &[u8]) -> Result<(), Failure> {
        let process = self.process();
        self.chain = Chain::new(SHARE);
        (self.levels, self.imagined) = (Vec::new(), 0);
        let opened = OpenDirectory::by_path(process, &target.directory)
            .and_then(|directory| Ok((Home::of(process, directory.fd(), false)?, directory)))
            .and_then(|(home, directory)| Ok((home, process.fstat(directory.fd())?.ino, directory)));
        match opened {
            Ok((home, ino, directory)) => {
                self.top = home;
                self.chain.push(b"", ino, directory);
            }
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
        for line in self.losses.iter().flat_map(Losses::lines) {
            self.change.session.note(&format!("{}: {line}", self.place.volume));
        }
    }

    pub(super) fn last(&mut self) -> KResult<Fd> {
        match self.chain.last(|above, name, &ino| above.again(name, ino)) {
            Some(opened) => opened.map(OpenDirectory::fd),
            None => Err(Errno::ENOENT.into()),
        }
    }

    /// The directory that copies are made in at present.
    pub(super) fn home(&self) -> Home {
        self.levels.last().map_or(self.top, |level| level.home)
    }

    /// The name of a copy: at the top the target's.
    pub(super) fn name_of(&self, name: &[u8]) -> Option<Vec<u8>> {
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
            self.levels.push(Level { path_length, is_old: true, mark: None, home: self.top });
            return Ok(());
        };
        join(&mut self.path, name);
        let imagined = Level { path_length, is_old: false, mark: None, home: Home::default() };
        if self.imagined > 0 {
            self.tell("make")?;
            self.imagined += 1;
            self.levels.push(imagined);
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
                self.levels.push(imagined);
                return Ok(());
            }
            process.mkdirat(Some(above), name, Mode::new(facts.mode & 0o1777))?;
        }
        let opened = OpenDirectory::at(process, above, name)?;
        let ino = process.fstat(opened.fd())?.ino;
        if !is_old {
            let owner = self.owner(facts, self.home().ids);
            self.or_not_stored(process.fchown(opened.fd(), owner.uid, owner.gid))?;
        }
        let home = Home::of(process, opened.fd(), !is_old)?;
        self.chain.push(name, ino, opened);
        let mark = self.mark(!is_old)?;
        self.levels.push(Level { path_length, is_old: is_old && mark.is_none(), mark, home });
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
        let owner = self.owner(facts, (present.uid, present.gid));
        if level.is_old && self.rules.keep == Keep::Usual {
            return Ok(self.process().fchown(fd, owner.uid, owner.gid)?);
        }
        let result = self.set_attributes(facts, fd, owner, None);
        self.or_report(result)
    }

    pub(super) fn tell(&mut self, what: &str) -> Result<(), Trouble> {
        self.change.show(what, self.place, &self.path).map_err(|_| Trouble::Stopped)
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
}
