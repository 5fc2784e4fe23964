//! `rump ln`: hard and symbolic links.

use crate::ask::agrees;
use crate::change::{Change, Telling, give_to_owner_of_directory, replace, trimmed};
use crate::output::{Output, escaped};
use crate::record::stat_path;
use crate::session::{Failure, Place, Session};
use crate::walk::{file_name, join};
use clap::{Args as ClapArgs, ValueHint};
use rumpkit::{AtFlags, Errno, FileType, KError, KResult, Process};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

/// Arguments of `rump ln`.
#[derive(ClapArgs)]
#[command(after_help = "Examples:
  rump ln disk.img:/etc/motd disk.img:/etc/issue
  rump ln -s ../usr/bin/tool disk.img@1:/bin/tool
The target of a symbolic link is a text: it is written as it is. A link at a directory is made in it.")]
pub struct Args {
    /// Make symbolic links
    #[arg(short, long)]
    symbolic: bool,
    /// Replace what is there, unless it is a directory
    #[arg(short, long)]
    force: bool,
    /// Ask before something is replaced
    #[arg(short, long)]
    interactive: bool,
    /// A link at a symbolic link to a directory is that link's, not in the directory
    #[arg(short = 'n', short_alias = 'h', long)]
    no_dereference: bool,
    #[command(flatten)]
    telling: Telling,
    /// What the links lead to: IMAGE:/PATH, with -s any text
    #[arg(value_name = "TARGET", value_hint = ValueHint::AnyPath, required = true)]
    targets: Vec<OsString>,
    /// The link, or the directory to make links in, as IMAGE:/PATH
    #[arg(value_name = "ADDRESS", value_hint = ValueHint::AnyPath)]
    link: OsString,
}

impl Args {
    fn replaces(&self, path: &[u8]) -> bool {
        self.force || (self.interactive && agrees(&format!("replace {}?", escaped(path))))
    }
}

/// Runs it.
pub fn run(args: &Args, session: &mut Session, output: &mut Output) -> Result<(), Failure> {
    let mut change = Change::new(session, output, &(&args.telling).into());
    let link = change.place(&args.link)?;
    let there = stat_path(link.process(), &link.path, !args.no_dereference);
    let is_directory = there.is_ok_and(|stat| stat.file_type == FileType::Directory);
    if args.targets.len() > 1 && !is_directory {
        return Err(Failure::Usage(format!("ln: {} is no directory", escaped(&link.path))));
    }
    for target in &args.targets {
        change.session.stop.check()?;
        let target = Target::find(args, &mut change, &link, target)?;
        let mut path = link.path.clone();
        if is_directory {
            join(&mut path, target.name());
        }
        match target.link(args, link.process(), &path) {
            Ok(()) => change.tell_more("link", &link, &path, &format!(" to {}", escaped(target.text())))?,
            Err(error) => change.fail(&link, &path, &error)?,
        }
    }
    Ok(())
}

enum Target {
    Text(Vec<u8>),
    File(Place),
}

impl Target {
    fn find(args: &Args, change: &mut Change<'_>, link: &Place, word: &OsStr) -> Result<Self, Failure> {
        if args.symbolic {
            return Ok(Self::Text(word.as_bytes().to_vec()));
        }
        let place = change.place(word)?;
        if place.index != link.index {
            return Err(Failure::Usage("ln: a hard link cannot lead to another file system; use cp".into()));
        }
        Ok(Self::File(place))
    }

    fn text(&self) -> &[u8] {
        match self {
            Self::Text(text) => text,
            Self::File(place) => &place.path,
        }
    }

    fn name(&self) -> &[u8] {
        file_name(self.text())
    }

    fn link(&self, args: &Args, process: &Process, path: &[u8]) -> KResult<()> {
        match (self.make(process, path), process.lstat(trimmed(path))) {
            (Err(error), Ok(there)) if error.errno == Errno::EEXIST && args.replaces(path) => {
                if there.file_type == FileType::Directory {
                    return Err(KError::new(Errno::EISDIR, "a directory is not replaced"));
                }
                if let Self::File(place) = self {
                    if process.lstat(&place.path)?.ino == there.ino {
                        return Err(KError::new(Errno::EEXIST, "is the same file already"));
                    }
                }
                replace(process, path, |temporary| self.make(process, temporary))
            }
            (made, _) => made,
        }
    }

    fn make(&self, process: &Process, path: &[u8]) -> KResult<()> {
        match self {
            Self::File(place) => process.linkat(None, &place.path, None, path, AtFlags::empty()),
            Self::Text(text) => {
                process.symlink(text, path)?;
                give_to_owner_of_directory(process, path)
            }
        }
    }
}
