//! `rump rm`: removes files, and whole trees of any depth without recursion.

use crate::ask::agrees;
use crate::chain::Chain;
use crate::change::{Change, Trial, trimmed};
use crate::entries::Entries;
use crate::output::{Output, escaped};
use crate::put::write_all;
use crate::session::{Failure, Place, Session};
use crate::walk::{DESCRIPTORS, OpenDirectory, file_name, join};
use clap::{Args as ClapArgs, ValueHint};
use rumpkit::{AtFlags, Errno, Fd, FileType, Ino, KError, KResult, Mode, OpenFlags, Process};
use std::collections::HashSet;
use std::ffi::OsString;

const CHUNK_BYTES: usize = 1 << 20;
/// What -P writes.
const PASSES: [u8; 3] = [0xff, 0, 0xff];

/// Arguments of `rump rm`.
#[derive(ClapArgs)]
#[command(after_help = "Examples:
  rump rm disk.img:/var/log/old.log
  rump rm -r --dry-run disk.img@1:/home/anna
Symbolic links are removed, never followed; the root of an image is not removed.")]
pub struct Args {
    /// Directories with all that is in them
    #[arg(short, short_alias = 'R', long)]
    recursive: bool,
    /// Empty directories, too
    #[arg(short, long)]
    dir: bool,
    /// Do not mind what is not there, and ask nothing
    #[arg(short, long, overrides_with = "interactive")]
    force: bool,
    /// Ask before each removal
    #[arg(short, long, overrides_with = "force")]
    interactive: bool,
    /// Write over the content of files before
    #[arg(short = 'P', long)]
    overwrite: bool,
    /// Bring back what whiteouts hide, which no format that is known has
    #[arg(short = 'W')]
    undelete: bool,
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
        if args.undelete {
            return Ok(Err(KError::new(Errno::EOPNOTSUPP, "this file system has no whiteouts")));
        }
        match what_is_there(place, args) {
            Ok(FileType::Directory) if args.recursive => remove(args, change, place).map(|_| Ok(())),
            Ok(file_type) => remove_one(args, change, place, file_type),
            Err(error) if is_gone(&error) => Ok(Ok(())),
            Err(error) => Ok(Err(error)),
        }
    })
}

/// What `place` is, if it may be removed.
fn what_is_there(place: &Place, args: &Args) -> KResult<FileType> {
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
        FileType::Directory if !args.recursive && !args.dir => {
            Err(KError::new(Errno::EISDIR, "is a directory: remove it with -r"))
        }
        FileType::Directory => Ok(FileType::Directory),
        _ if place.path.ends_with(b"/") => Err(Errno::ENOTDIR.into()),
        other => Ok(other),
    }
}

/// Removes what is no directory, or an empty one.
fn remove_one(
    args: &Args,
    change: &mut Change<'_>,
    place: &Place,
    file_type: FileType,
) -> Result<KResult<()>, Failure> {
    let path = trimmed(&place.path);
    if !Wish::of(args).may_go(path) {
        return Ok(Ok(()));
    }
    if !change.is_trial {
        let removed = match file_type {
            FileType::Directory => place.process().rmdir(path),
            _ => Wish::of(args).wipe(place.process(), None, path).and_then(|()| place.process().unlink(path)),
        };
        if let Err(error) = removed {
            return Ok(Err(error));
        }
    }
    change.tell("remove", place, &place.path).map(Ok)
}

/// What is done before something is removed.
#[derive(Clone, Copy, Default)]
struct Wish {
    asks: bool,
    overwrites: bool,
}

impl Wish {
    fn of(args: &Args) -> Self {
        Self { asks: args.interactive, overwrites: args.overwrite }
    }

    fn may_go(self, path: &[u8]) -> bool {
        !self.asks || agrees(&format!("remove {}?", escaped(path)))
    }

    /// Writes over the content of a file that has no other name, three times.
    fn wipe(self, process: &Process, directory: Option<Fd>, name: &[u8]) -> KResult<()> {
        let stat = process.fstatat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
        if !self.overwrites || stat.file_type != FileType::Regular || stat.nlink > 1 {
            return Ok(());
        }
        let fd = process.openat(directory, name, OpenFlags::WRONLY | OpenFlags::NOFOLLOW, Mode::new(0))?;
        let wiped = PASSES.iter().try_for_each(|&byte| {
            let bytes = vec![byte; CHUNK_BYTES];
            let mut at = 0;
            while at < stat.size {
                let count = usize::try_from(stat.size - at).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
                write_all(process, fd, &bytes[..count], at)?;
                at += count as u64;
            }
            process.fsync(fd)
        });
        wiped.and(process.close(fd))
    }
}

/// Removes the directory at `place` with all that is in it. Answers whether all is gone; what is not was reported.
pub fn remove_tree(change: &mut Change<'_>, place: &Place) -> Result<bool, Failure> {
    // Who moves a tree has counted its files as they were copied.
    let files = change.session.progress.files;
    let removed = remove_with(Wish::default(), change, place);
    change.session.progress.files = files;
    removed
}

fn remove(args: &Args, change: &mut Change<'_>, place: &Place) -> Result<bool, Failure> {
    remove_with(Wish::of(args), change, place)
}

fn remove_with(wish: Wish, change: &mut Change<'_>, place: &Place) -> Result<bool, Failure> {
    let path = trimmed(&place.path).to_vec();
    let (frames, chain, seen) = (Vec::new(), Chain::new(DESCRIPTORS), HashSet::new());
    let mut remover = Remover { change, place, wish, path, frames, chain, seen };
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
    wish: Wish,
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
            is_gone = result.is_ok() && !self.frames.last().is_some_and(|frame| frame.is_kept);
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
        if !self.wish.may_go(&self.path) {
            self.keep();
            return Ok(false);
        }
        if !self.change.is_trial {
            self.wish.wipe(process, Some(directory), name)?;
            process.unlinkat(Some(directory), name, AtFlags::empty())?;
        }
        Ok(true)
    }

    /// Removes the last directory, from the one above it.
    fn leave(&mut self) -> KResult<bool> {
        let Some(frame) = self.frames.pop() else { return Ok(false) };
        self.chain.truncate(self.frames.len() + 1);
        if (frame.is_kept && self.wish.asks) || (!frame.is_kept && !self.wish.may_go(&self.path)) {
            self.keep();
            return Ok(false);
        }
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
