//! The walk that copies: directories of the host are open along the way, as those of the image are.

use super::file::{
    Caller, CopyError, copy_content, create_new, set_attributes, set_attributes_at, timestamps,
};
use super::progress::Progress;
use super::target::{Target, is_safe_name, open_beneath};
use crate::record::{read_target, stat_path};
use crate::session::{Failure, Place, Session, warn};
use crate::walk::{Entry, Step, Visitor, walk};
use rumpkit::{FileType, Ino, Mode, OpenFlags, Stat};
use rustix::fs::{self, AtFlags, FileType as HostType};
use rustix::io::Errno;
use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const CHUNK_BYTES: usize = 1 << 20;

/// Where the first name of a file with several was created: below which target, by which names.
#[derive(Clone)]
struct FirstName {
    target: usize,
    names: Vec<Vec<u8>>,
}

/// Copies sources one after the other.
pub struct Copier<'a> {
    session: &'a mut Session,
    recursive: bool,
    caller: Caller,
    progress: Progress,
    stop: Arc<AtomicBool>,
    buffer: Vec<u8>,
    /// The directories that targets are in; kept open, for hard links between sources.
    targets: Vec<OwnedFd>,
    linked: HashMap<(usize, Ino), FirstName>,
    temporary: u64,
    failed: u64,
    lost_xattrs: bool,
}

impl<'a> Copier<'a> {
    /// A copier; from now on Ctrl-C is asked for between pieces of work.
    pub fn new(session: &'a mut Session, recursive: bool, progress: Progress) -> Result<Self, Failure> {
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            signal_hook::flag::register(signal, stop.clone())
                .map_err(|error| Failure::Other(format!("cannot watch for Ctrl-C: {error}")))?;
        }
        Ok(Self {
            session,
            recursive,
            caller: Caller::current(),
            progress,
            stop,
            buffer: vec![0; CHUNK_BYTES],
            targets: Vec::new(),
            linked: HashMap::new(),
            temporary: 0,
            failed: 0,
            lost_xattrs: false,
        })
    }

    /// Copies `place` to `target`.
    pub fn copy(&mut self, place: &Place, target: Target) -> Result<(), Failure> {
        let stat = match stat_path(place.process(), &place.path, false) {
            Ok(stat) => stat,
            Err(error) => {
                self.fail(place, &place.path, &error.to_string());
                return Ok(());
            }
        };
        if stat.file_type == FileType::Directory && !self.recursive {
            self.fail(place, &place.path, "is a directory: copy it with -r");
            return Ok(());
        }
        let index = self.targets.len();
        self.targets.push(target.directory);
        let mut tree =
            Tree { copier: self, place, target: index, top: target.name, open: Vec::new(), names: vec![] };
        walk(place.process(), &place.path, &stat, &mut tree)
    }

    /// Takes the progress line away; a summary if anything was not copied.
    pub fn finish(self) -> Option<String> {
        self.progress.clear();
        let files = self.progress.files;
        (self.failed > 0)
            .then(|| format!("{files} files copied or there already, {} not copied", self.failed))
    }

    fn fail(&mut self, place: &Place, path: &[u8], why: &str) {
        self.failed += 1;
        self.session.report(place, path, &why);
    }

    fn next_temporary(&mut self) -> Vec<u8> {
        self.temporary += 1;
        format!(".rump-{}-{}.part", std::process::id(), self.temporary).into_bytes()
    }
}

/// One source on its way. `open` holds the host's directories from the target's child down, `names` their names.
struct Tree<'a, 'b> {
    copier: &'a mut Copier<'b>,
    place: &'a Place,
    target: usize,
    top: Vec<u8>,
    open: Vec<OwnedFd>,
    names: Vec<Vec<u8>>,
}

impl Tree<'_, '_> {
    /// The host directory that an entry of this depth goes to; `None` if it could not be made.
    fn parent(&self, depth: usize) -> Option<&OwnedFd> {
        match depth.checked_sub(1) {
            None => self.copier.targets.get(self.target),
            Some(above) => self.open.get(above),
        }
    }

    fn host_name<'n>(&'n self, entry: &Entry<'n>) -> Result<&'n [u8], CopyError> {
        let name = if entry.depth == 0 { &self.top } else { entry.name };
        let is_content_of_root = entry.depth == 0 && name == b".";
        if is_content_of_root || is_safe_name(name) {
            Ok(name)
        } else {
            Err(CopyError::Refused("its name is not allowed on this host"))
        }
    }

    fn make_directory(&self, entry: &Entry<'_>) -> Result<OwnedFd, CopyError> {
        let name = self.host_name(entry)?;
        let parent = self.parent(entry.depth).ok_or(Errno::NOENT)?;
        if name != b"." {
            match fs::mkdirat(parent, name, fs::Mode::RWXU) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(open_beneath(parent, name)?)
    }

    fn copy_other(&mut self, entry: &Entry<'_>) -> Result<(), CopyError> {
        let name = self.host_name(entry)?.to_vec();
        if name == b"." {
            return Err(CopyError::Refused("the root is not a directory"));
        }
        if entry.stat.nlink > 1 && self.link_to_first(entry, &name)? {
            return Ok(());
        }
        let parent = self.parent(entry.depth).ok_or(Errno::NOENT)?;
        if !self.is_there(entry, parent, &name)? {
            match entry.stat.file_type {
                FileType::Regular => self.copy_file(entry, &name)?,
                _ => self.make_special(entry, &name)?,
            }
        }
        if entry.stat.nlink > 1 {
            let mut names = self.names.clone();
            names.push(name);
            let first = FirstName { target: self.target, names };
            self.copier.linked.insert((self.place.index, entry.stat.ino), first);
        }
        Ok(())
    }

    /// Whether an earlier run has made this copy.
    fn is_there(&self, entry: &Entry<'_>, parent: &OwnedFd, name: &[u8]) -> Result<bool, CopyError> {
        let host = match fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(host) => host,
            Err(Errno::NOENT) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        let stat = entry.stat;
        let same_time = i128::from(host.st_mtime) == i128::from(stat.mtime.sec)
            && i128::from(host.st_mtime_nsec) == i128::from(stat.mtime.nsec);
        match HostType::from_raw_mode(host.st_mode) {
            HostType::Directory => Err(CopyError::Refused("there is a directory of this name on the host")),
            HostType::RegularFile if stat.file_type == FileType::Regular => {
                Ok(same_time && i128::from(host.st_size) == i128::from(stat.size))
            }
            _ => Ok(false),
        }
    }

    /// Creates the entry as another name of a file that was copied already, if there is one.
    fn link_to_first(&mut self, entry: &Entry<'_>, name: &[u8]) -> Result<bool, CopyError> {
        let Some(first) = self.copier.linked.get(&(self.place.index, entry.stat.ino)).cloned() else {
            return Ok(false);
        };
        let Some((last, above)) = first.names.split_last() else { return Ok(false) };
        // One step at a time: nothing on the way may have become a symbolic link.
        let mut directory = rustix::io::fcntl_dupfd_cloexec(&self.copier.targets[first.target], 0)?;
        for step in above {
            directory = open_beneath(&directory, step)?;
        }
        let temporary = self.copier.next_temporary();
        let parent = self.parent(entry.depth).ok_or(Errno::NOENT)?;
        fs::linkat(&directory, &**last, parent, &*temporary, AtFlags::empty())?;
        let renamed = fs::renameat(parent, &*temporary, parent, name);
        // Renaming over another name of the same file does nothing, and leaves the temporary name.
        match fs::unlinkat(parent, &*temporary, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(renamed.map(|()| true)?),
            Err(error) => Err(error.into()),
        }
    }

    fn copy_file(&mut self, entry: &Entry<'_>, name: &[u8]) -> Result<(), CopyError> {
        let process = self.place.process();
        let temporary = self.copier.next_temporary();
        let from = process.openat(entry.directory, entry.name, OpenFlags::NOFOLLOW, Mode::new(0))?;
        let Copier { targets, buffer, progress, stop, caller, .. } = &mut *self.copier;
        let parent = match entry.depth.checked_sub(1) {
            None => targets.get(self.target),
            Some(above) => self.open.get(above),
        };
        let result = (|| -> Result<bool, CopyError> {
            let parent = parent.ok_or(Errno::NOENT)?;
            let to = create_new(parent, &temporary)?;
            let mut finish = || -> Result<bool, CopyError> {
                copy_content(process, from, &to, buffer, progress, stop)?;
                let kept = set_attributes(process, entry.path, entry.stat, &to, *caller)?;
                fs::renameat(parent, &*temporary, parent, name)?;
                Ok(kept)
            };
            let finished = finish();
            if finished.is_err() {
                // The error that led here is the one to tell.
                let _ = fs::unlinkat(parent, &*temporary, AtFlags::empty());
            }
            finished
        })();
        // Closing what was only read cannot lose anything.
        let _ = process.close(from);
        self.note_xattrs(result?);
        Ok(())
    }

    fn note_xattrs(&mut self, kept_all: bool) {
        if !kept_all && !self.copier.lost_xattrs {
            self.copier.lost_xattrs = true;
            warn("some extended attributes could not be kept: this host or its file system refuses them");
        }
    }

    fn make_special(&mut self, entry: &Entry<'_>, name: &[u8]) -> Result<(), CopyError> {
        let target = read_target(self.place.process(), entry.directory, entry.name, entry.stat)?;
        let temporary = self.copier.next_temporary();
        let caller = self.copier.caller;
        let parent = self.parent(entry.depth).ok_or(Errno::NOENT)?;
        match target {
            Some(target) => fs::symlinkat(&*target, parent, &*temporary)?,
            None => make_node(parent, &temporary, entry.stat, caller)?,
        }
        let finished = set_attributes_at(parent, &temporary, entry.stat, caller)
            .and_then(|()| Ok(fs::renameat(parent, &*temporary, parent, name)?));
        if finished.is_err() {
            // The error that led here is the one to tell.
            let _ = fs::unlinkat(parent, &*temporary, AtFlags::empty());
        }
        finished
    }

    fn finish_directory(&mut self, path: &[u8], stat: &Stat, directory: &OwnedFd) -> Result<(), CopyError> {
        let kept = match set_attributes(self.place.process(), path, stat, directory, self.copier.caller) {
            // The target may be a directory of somebody else's that was there before.
            Err(CopyError::Host(Errno::PERM)) if path == self.place.path => {
                fs::futimens(directory, &timestamps(stat)).is_ok()
            }
            other => other?,
        };
        self.note_xattrs(kept);
        Ok(())
    }
}

/// Device files need root; fifos and sockets do not.
#[cfg(not(target_vendor = "apple"))]
fn make_node(parent: &OwnedFd, name: &[u8], stat: &Stat, caller: Caller) -> Result<(), CopyError> {
    let file_type = match stat.file_type {
        FileType::CharDevice => HostType::CharacterDevice,
        FileType::BlockDevice => HostType::BlockDevice,
        FileType::Fifo => HostType::Fifo,
        FileType::Socket => HostType::Socket,
        _ => return Err(CopyError::Refused("its type cannot be created")),
    };
    if !caller.is_root && matches!(stat.file_type, FileType::CharDevice | FileType::BlockDevice) {
        return Err(CopyError::Refused("a device file: only root may create one"));
    }
    let device = fs::makedev(stat.rdev.major, stat.rdev.minor);
    Ok(fs::mknodat(parent, name, file_type, fs::Mode::RUSR | fs::Mode::WUSR, device)?)
}

/// This host has no call to create one relative to a directory.
#[cfg(target_vendor = "apple")]
fn make_node(_parent: &OwnedFd, _name: &[u8], _stat: &Stat, _caller: Caller) -> Result<(), CopyError> {
    Err(CopyError::Refused("a special file: this host cannot create one safely"))
}

impl Visitor<Failure> for Tree<'_, '_> {
    fn enter(&mut self, entry: &Entry<'_>) -> Result<Step, Failure> {
        if self.copier.stop.load(Ordering::Relaxed) {
            return Err(interrupted(self.copier));
        }
        self.names.truncate(entry.depth);
        self.open.truncate(entry.depth);
        let result = if entry.stat.file_type == FileType::Directory {
            self.make_directory(entry).map(|directory| {
                let name = if entry.depth == 0 { self.top.clone() } else { entry.name.to_vec() };
                self.names.push(name);
                self.open.push(directory);
                Step::Into
            })
        } else {
            self.copy_other(entry).map(|()| Step::Over)
        };
        match result {
            Ok(step) => {
                self.copier.progress.add_file();
                Ok(step)
            }
            Err(CopyError::Interrupted) => Err(interrupted(self.copier)),
            Err(error) => {
                self.copier.fail(self.place, entry.path, &error.to_string());
                Ok(Step::Over)
            }
        }
    }

    fn leave(&mut self, path: &[u8], depth: usize, stat: &Stat) -> Result<(), Failure> {
        self.open.truncate(depth + 1);
        self.names.truncate(depth);
        if let Some(directory) = self.open.pop() {
            if let Err(error) = self.finish_directory(path, stat, &directory) {
                self.copier.fail(self.place, path, &error.to_string());
            }
        }
        Ok(())
    }

    fn failed(&mut self, path: &[u8], why: &str) -> Result<(), Failure> {
        self.copier.fail(self.place, path, why);
        Ok(())
    }
}

fn interrupted(copier: &Copier<'_>) -> Failure {
    copier.progress.clear();
    Failure::Interrupted(format!("interrupted after {} files; run it again to go on", copier.progress.files))
}
