//! `rump edit`: changes a file with the user's editor.
//!
//! The editor works on a copy in a directory that nobody else may enter. What it wrote takes the place of the file
//! at once and as a whole, with the same mode, owner and attributes. Nothing is written if nothing was changed; what
//! could not be written is kept.

use crate::change::{Change, Telling, parent_of, trimmed};
use crate::mode::umask;
use crate::output::{Output, escaped};
use crate::put::{Existing, Facts, FileOfHost, Keep, Rules, Sink, Target, facts, facts_of_host};
use crate::record::read_xattrs_of;
use crate::session::{Failure, Place, Session};
use crate::steps::Follow;
use crate::walk::{file_name, join};
use clap::{Args as ClapArgs, ValueHint};
use rumpkit::{Errno, Fd, FileType, KError, KResult, Mode, OpenFlags, Process};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

const CHUNK_BYTES: usize = 1 << 20;
/// Symbolic links that one path may lead through.
const LINKS: usize = 40;

/// Arguments of `rump edit`.
#[derive(ClapArgs)]
#[command(after_help = "Example:
  rump edit disk.img@1:/etc/fstab
The editor is the one in VISUAL or EDITOR, else vi. The image is locked until it ends.
A file with several names gets a copy of its own under this one: the others keep what they had.")]
pub struct Args {
    #[command(flatten)]
    telling: Telling,
    /// The file, as IMAGE:/PATH; one that is not there is made
    #[arg(value_name = "ADDRESS", value_hint = ValueHint::AnyPath)]
    address: OsString,
}

/// Runs it.
pub fn run(args: &Args, session: &mut Session, output: &mut Output) -> Result<(), Failure> {
    let mut change = Change::new(session, output, &(&args.telling).into());
    let place = change.place(&args.address)?;
    let before = match Original::read(&place) {
        Ok(before) => before,
        Err(error) => return change.fail(&place, &place.path, &error),
    };
    if !work_on_copy(&mut change, &place, &before, edit)? {
        change.session.note("not changed");
    }
    Ok(())
}

/// Has `tool` work on a copy of a file, which takes its place if it was changed; answers whether it was. What `tool`
/// wrote and the image does not take is kept.
pub fn work_on_copy(
    change: &mut Change<'_>,
    place: &Place,
    before: &Original,
    tool: impl FnOnce(&mut Change<'_>, &Path) -> Result<(), Failure>,
) -> Result<bool, Failure> {
    let copy = Copy::make(file_name(&before.path)).map_err(|error| other("a copy of the file", &error))?;
    if let Err(error) = copy.fill(place, before) {
        copy.remove();
        return Err(error);
    }
    let worked = tool(change, &copy.path).and_then(|()| copy.is_changed(place, before));
    let written = worked.and_then(|changed| match changed {
        true => write_back(change, place, before, &copy).map(Some),
        false => Ok(None),
    });
    match written {
        Ok(Some(true)) => {
            copy.remove();
            change.tell("write", place, &before.path)?;
            Ok(true)
        }
        Ok(None) => {
            copy.remove();
            Ok(false)
        }
        Ok(Some(false)) => {
            change.session.note(&copy.is_kept());
            Ok(true)
        }
        Err(failure) => {
            change.session.note(&copy.is_kept());
            Err(failure)
        }
    }
}

fn other(what: &str, error: &dyn std::fmt::Display) -> Failure {
    Failure::Other(format!("{what}: {error}"))
}

/// The file as it is.
pub struct Original {
    /// Where it is, without symbolic links at the end.
    path: Vec<u8>,
    facts: Option<Facts>,
}

impl Original {
    /// Whether there is such a file.
    pub fn is_there(&self) -> bool {
        self.facts.is_some()
    }

    /// The one that `place` leads to. Errors: EISDIR, EINVAL (no regular file), those of the path.
    pub fn read(place: &Place) -> KResult<Self> {
        let process = place.process();
        let path = resolve(process, &place.path)?;
        let stat = match process.lstat(&path) {
            Ok(stat) => stat,
            Err(error) if error.errno == Errno::ENOENT => return Ok(Self { path, facts: None }),
            Err(error) => return Err(error),
        };
        match stat.file_type {
            FileType::Regular => {}
            FileType::Directory => return Err(Errno::EISDIR.into()),
            _ => return Err(KError::new(Errno::EINVAL, "is no file that an editor could change")),
        }
        let mut found = facts(&stat, place.index);
        let fd = process.open(&path, OpenFlags::NOFOLLOW, Mode::new(0))?;
        let xattrs = read_xattrs_of(process, fd);
        process.close(fd)?;
        found.xattrs = xattrs?;
        Ok(Self { path, facts: Some(found) })
    }

    fn open(&self, place: &Place) -> KResult<Option<Fd>> {
        match self.facts {
            Some(_) => place.process().open(&self.path, OpenFlags::NOFOLLOW, Mode::new(0)).map(Some),
            None => Ok(None),
        }
    }
}

/// Where the symbolic links at the end of `path` lead; what is there in the end need not be.
pub fn resolve(process: &Process, path: &[u8]) -> KResult<Vec<u8>> {
    let mut path = trimmed(path).to_vec();
    for _ in 0..LINKS {
        match process.lstat(&path) {
            Ok(stat) if stat.file_type == FileType::Symlink => {}
            Err(error) if error.errno != Errno::ENOENT => return Err(error),
            _ => return Ok(path),
        }
        let target = process.readlink(&path)?;
        if target.starts_with(b"/") {
            path = target;
        } else {
            path = parent_of(&path).to_vec();
            join(&mut path, &target);
        }
    }
    Err(Errno::ELOOP.into())
}

/// Makes a directory of an unforeseeable name, which nobody else may enter.
pub fn private_directory() -> io::Result<PathBuf> {
    let mut random = [0; 8];
    rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())?;
    let directory = std::env::temp_dir().join(format!("rump-edit-{}", crate::output::hex(&random)));
    fs::DirBuilder::new().mode(0o700).create(&directory)?;
    Ok(directory)
}

/// What the editor works on.
struct Copy {
    directory: PathBuf,
    path: PathBuf,
}

impl Copy {
    fn make(name: &[u8]) -> io::Result<Self> {
        let directory = private_directory()?;
        let is_safe = !matches!(name, b"" | b"." | b"..") && !name.contains(&b'/');
        let name = if is_safe { OsStr::from_bytes(name) } else { OsStr::new("file") };
        Ok(Self { path: directory.join(name), directory })
    }

    fn fill(&self, place: &Place, before: &Original) -> Result<(), Failure> {
        let failed = |error: &dyn std::fmt::Display| other(&self.path.display().to_string(), error);
        let made = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.path);
        let mut file = made.map_err(|error| failed(&error))?;
        let Some(fd) = before.open(place).map_err(|error| other(&escaped(&before.path), &error))? else {
            return Ok(());
        };
        let (mut buffer, mut at) = (vec![0; CHUNK_BYTES], 0);
        let copied = loop {
            match place.process().pread(fd, &mut buffer, at) {
                Ok(0) => break Ok(()),
                Ok(count) => {
                    if let Err(error) = file.write_all(&buffer[..count]) {
                        break Err(failed(&error));
                    }
                    at += count as u64;
                }
                Err(error) => break Err(other(&escaped(&before.path), &error)),
            }
        };
        let closed = place.process().close(fd);
        copied.and(closed.map_err(|error| other(&escaped(&before.path), &error)))
    }

    /// Whether it differs from the file in the image.
    fn is_changed(&self, place: &Place, before: &Original) -> Result<bool, Failure> {
        let failed = |error: io::Error| other(&self.path.display().to_string(), &error);
        let in_image = |error: KError| other(&escaped(&before.path), &error);
        let mut file = File::open(&self.path).map_err(failed)?;
        let size = file.metadata().map_err(failed)?.len();
        let Some(facts) = &before.facts else { return Ok(size > 0) };
        if size != facts.size {
            return Ok(true);
        }
        let Some(fd) = before.open(place).map_err(in_image)? else { return Ok(true) };
        let (mut ours, mut theirs, mut at) = (vec![0; CHUNK_BYTES], vec![0; CHUNK_BYTES], 0);
        let changed = loop {
            let count = match place.process().pread(fd, &mut ours, at) {
                Ok(0) => break Ok(false),
                Ok(count) => count,
                Err(error) => break Err(in_image(error)),
            };
            if let Err(error) = file.read_exact(&mut theirs[..count]) {
                break Err(failed(error));
            }
            if ours[..count] != theirs[..count] {
                break Ok(true);
            }
            at += count as u64;
        };
        place.process().close(fd).map_err(in_image)?;
        changed
    }

    fn is_kept(&self) -> String {
        format!("what was made of the copy is kept: {}", self.path.display())
    }

    fn remove(&self) {
        // In a directory for such files: left behind, it disturbs nobody.
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// Has the user edit the copy.
fn edit(change: &mut Change<'_>, copy: &Path) -> Result<(), Failure> {
    let editor = ["VISUAL", "EDITOR"].into_iter().filter_map(std::env::var_os).find(|text| !text.is_empty());
    let mut line = editor.unwrap_or_else(|| "vi".into());
    line.push(" \"$@\"");
    let status = Command::new("sh").arg("-c").arg(&line).arg("rump").arg(copy).status();
    // Ctrl-C is a key of editors.
    change.session.stop.forget_interrupt();
    change.session.stop.check()?;
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::Other(format!("the editor ended with {status}: nothing is written"))),
        Err(error) => Err(other("the editor", &error)),
    }
}

/// Answers whether the image has it now; what has failed was reported.
fn write_back(
    change: &mut Change<'_>,
    place: &Place,
    before: &Original,
    copy: &Copy,
) -> Result<bool, Failure> {
    let failed = |error: io::Error| other(&copy.path.display().to_string(), &error);
    let file = File::open(&copy.path).map_err(failed)?;
    let stat = rustix::fs::fstat(&file).map_err(|error| failed(error.into()))?;
    let edited = facts_of_host(&stat).filter(|facts| facts.file_type == FileType::Regular);
    let edited = edited.ok_or_else(|| other("the editor", &"left no file"))?;
    let is_new = before.facts.is_none();
    let mut wanted =
        before.facts.clone().unwrap_or_else(|| Facts { mode: 0o666 & !umask(), ..edited.clone() });
    (wanted.size, wanted.atime, wanted.mtime, wanted.nlink) = (edited.size, edited.atime, edited.mtime, 1);
    let keep = if is_new { Keep::Usual } else { Keep::All };
    let rules =
        Rules { keep, owner: None, existing: Existing::Replace, recursive: false, follow: Follow::No };
    let target = Target {
        directory: parent_of(&before.path).to_vec(),
        name: Some(file_name(&before.path).to_vec()),
        path: before.path.clone(),
        is_named: true,
        has_slash: false,
    };
    let mut sink = Sink::new(change, place, rules);
    sink.begin(target, b"")?;
    let mut content = FileOfHost::new(file.as_fd(), edited.size);
    if let Err(trouble) = sink.file(&wanted, b"", &mut content) {
        let path = &copy.path;
        sink.fail(trouble, b"", |change, why| change.session.report_host(bytes_of(path), &why))?;
    }
    let is_whole = sink.failures() == 0;
    sink.change.session.progress.clear();
    if is_whole {
        place.process().sync().map_err(|error| other(&place.volume, &error))?;
    }
    Ok(is_whole)
}

fn bytes_of(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}
