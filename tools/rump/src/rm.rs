//! `rump rm`: removes files, and whole trees of any depth without recursion.

use crate::chain::Chain;
use crate::change::{Change, Trial, trimmed};
use crate::entries::Entries;
use crate::output::Output;
use crate::session::{Failure, Place, Session};
use crate::walk::{DESCRIPTORS, OpenDirectory, file_name, join};
use clap::{Args as ClapArgs, ValueHint};
use rumpkit::{AtFlags, Errno, FileType, Ino, KError, KResult};
use std::collections::HashSet;
use std::ffi::OsString;

/// Arguments of `rump rm`.
#[derive(ClapArgs)]
#[command(after_help = "Examples:
  rump rm disk.img:/var/log/old.log
  rump rm -r --dry-run disk.img@1:/home/anna
Nothing is asked. Symbolic links are removed, never followed; the root of an image is not removed.")]
pub struct Args {
    /// Directories with all that is in them
    #[arg(short, short_alias = 'R', long)]
    recursive: bool,
    /// Do not mind what is not there
    #[arg(short, long)]
    force: bool,
    #[command(flatten)]
    trial: Trial,
    /// What to remove, as IMAGE:/PATH
    #[arg(value_name = "ADDRESS", value_hint = ValueHint::AnyPath, required = true)]
    addresses: Vec<OsString>,
}

/// Runs it.
pub fn run(args: &Args, session: &mut Session, output: &mut Output) -> Result<(), Failure> {
    let mut change = Change::new(session, output, &args.trial);
    let places = change.places(&args.addresses)?;
    change.each(&places, |change, place| {
        let is_gone = |error: &KError| args.force && matches!(error.errno, Errno::ENOENT | Errno::ENOTDIR);
        match what_is_there(place, args.recursive) {
            Ok(FileType::Directory) => remove_tree(change, place).map(|_| Ok(())),
            Ok(_) => remove_file(change, place),
            Err(error) if is_gone(&error) => Ok(Ok(())),
            Err(error) => Ok(Err(error)),
        }
    })
}

/// What `place` is, if it may be removed.
fn what_is_there(place: &Place, recursive: bool) -> KResult<FileType> {
    match file_name(&place.path) {
        b"" => return Err(KError::new(Errno::EPERM, "the root of an image is not removed")),
        b"." | b".." => return Err(KError::new(Errno::EINVAL, "a path that ends in . or .. is not removed")),
        _ => {}
    }
    let stat = place.process().lstat(trimmed(&place.path))?;
    match stat.file_type {
        FileType::Directory if stat.ino == place.process().stat("/")?.ino => {
            Err(KError::new(Errno::EPERM, "the root of an image is not removed"))
        }
        FileType::Directory if !recursive => {
            Err(KError::new(Errno::EISDIR, "is a directory: remove it with -r"))
        }
        FileType::Directory => Ok(FileType::Directory),
        _ if place.path.ends_with(b"/") => Err(Errno::ENOTDIR.into()),
        other => Ok(other),
    }
}

fn remove_file(change: &mut Change<'_>, place: &Place) -> Result<KResult<()>, Failure> {
    if !change.is_trial {
        if let Err(error) = place.process().unlink(&place.path) {
            return Ok(Err(error));
        }
    }
    change.tell("remove", place, &place.path).map(Ok)
}

/// Removes the directory at `place` with all that is in it. Answers whether all is gone; what is not was reported.
pub fn remove_tree(change: &mut Change<'_>, place: &Place) -> Result<bool, Failure> {
    let path = trimmed(&place.path).to_vec();
    let (frames, chain, seen) = (Vec::new(), Chain::new(DESCRIPTORS), HashSet::new());
    let mut remover = Remover { change, place, path, frames, chain, seen };
    match remover.start() {
        Ok(()) => remover.run(),
        Err(error) => {
            remover.change.fail(place, &place.path, &error)?;
            Ok(false)
        }
    }
}

struct Frame {
    entries: Entries,
    next: usize,
    name: Vec<u8>,
    path_length: usize,
    /// Something in it could not be removed.
    is_kept: bool,
}

struct Remover<'a, 'b> {
    change: &'a mut Change<'b>,
    place: &'a Place,
    path: Vec<u8>,
    frames: Vec<Frame>,
    /// The directory that the tree is in, then a level for each frame.
    chain: Chain<OpenDirectory<'a>, Ino>,
    seen: HashSet<Ino>,
}

impl<'a> Remover<'a, '_> {
    fn start(&mut self) -> KResult<()> {
        let process = self.place.process();
        let above = OpenDirectory::by_path(process, crate::change::parent_of(&self.path))?;
        self.chain.push(b"", process.fstat(above.fd())?.ino, above);
        let name = file_name(&self.path).to_vec();
        self.push(&name)
    }

    /// Goes into the directory `name` of the last one.
    fn push(&mut self, name: &[u8]) -> KResult<()> {
        let process = self.place.process();
        let opened = OpenDirectory::at(process, self.last()?, name)?;
        let ino = process.fstat(opened.fd())?.ino;
        if !self.seen.insert(ino) {
            return Err(KError::new(Errno::EFTYPE, "directory met before: the image is damaged"));
        }
        let mut entries = Entries::default();
        entries.read_names(process, opened.fd());
        if let Some(damage) = entries.damage() {
            return Err(damage.clone());
        }
        self.chain.push(name, ino, opened);
        let (name, path_length) = (name.to_vec(), self.path.len());
        self.frames.push(Frame { entries, next: 0, name, path_length, is_kept: false });
        Ok(())
    }

    fn last(&mut self) -> KResult<rumpkit::Fd> {
        match self.chain.last(|above, name, &ino| above.again(name, ino)) {
            Some(opened) => opened.map(OpenDirectory::fd),
            None => Err(Errno::ENOENT.into()),
        }
    }

    fn run(mut self) -> Result<bool, Failure> {
        let mut is_gone = false;
        while let Some(frame) = self.frames.last_mut() {
            self.change.session.stop.check()?;
            self.path.truncate(frame.path_length);
            let result = if frame.next < frame.entries.len() {
                let name = frame.entries.name(frame.next).to_vec();
                frame.next += 1;
                join(&mut self.path, &name);
                self.step(&name)
            } else {
                self.leave()
            };
            is_gone = result.is_ok();
            match result {
                Ok(false) => {}
                Ok(true) => self.change.tell("remove", self.place, &self.path)?,
                Err(error) => {
                    self.change.fail(self.place, &self.path, &error)?;
                    self.keep();
                }
            }
        }
        Ok(is_gone)
    }

    /// What is in a directory that could not be emptied keeps it, too.
    fn keep(&mut self) {
        if let Some(frame) = self.frames.last_mut() {
            frame.is_kept = true;
        }
    }

    /// Removes a file, or goes into a directory. Answers whether something was removed.
    fn step(&mut self, name: &[u8]) -> KResult<bool> {
        let directory = self.last()?;
        let process = self.place.process();
        let stat = process.fstatat(Some(directory), name, AtFlags::SYMLINK_NOFOLLOW)?;
        if stat.file_type == FileType::Directory {
            self.push(name)?;
            return Ok(false);
        }
        if !self.change.is_trial {
            process.unlinkat(Some(directory), name, AtFlags::empty())?;
        }
        Ok(true)
    }

    /// Removes the last directory, from the one above it.
    fn leave(&mut self) -> KResult<bool> {
        let Some(frame) = self.frames.pop() else { return Ok(false) };
        self.chain.truncate(self.frames.len() + 1);
        if frame.is_kept {
            self.keep();
            return Err(KError::new(Errno::ENOTEMPTY, "not removed: not everything in it could be"));
        }
        if !self.change.is_trial {
            let above = self.last()?;
            self.place.process().unlinkat(Some(above), &frame.name, AtFlags::REMOVEDIR)?;
        }
        Ok(true)
    }
}
