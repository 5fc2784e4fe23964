//! `rump chmod`: changes permission bits.

use crate::change::{Change, Telling};
use crate::mode::{ModeChange, umask};
use crate::output::Output;
use crate::session::{Failure, Place, Session};
use crate::steps::{Follow, Links, walk_following};
use crate::walk::{Entry, Listing, Step, Visitor};
use clap::{Args as ClapArgs, ValueHint};
use rumpkit::{AtFlags, FileType, KResult, Mode};
use std::ffi::OsString;

/// Arguments of `rump chmod`.
#[derive(ClapArgs)]
#[command(after_help = "Examples:
  rump chmod 600 disk.img:/etc/shadow
  rump chmod -R u+rwX,go= disk.img@1:/home/anna
Symbolic links that -R comes to are left alone, unless -L is given.")]
pub struct Args {
    /// Directories with all that is in them
    #[arg(short = 'R', long)]
    recursive: bool,
    /// Change symbolic links themselves, where the format keeps bits of them
    #[arg(short = 'h', long)]
    no_dereference: bool,
    /// Say nothing of what cannot be changed
    #[arg(short = 'f', long)]
    force: bool,
    #[command(flatten)]
    links: Links,
    #[command(flatten)]
    telling: Telling,
    /// The bits: 755, u+rwX,g=,o-w ...
    #[arg(value_name = "MODE", allow_hyphen_values = true)]
    mode: ModeChange,
    /// What to change, as IMAGE:/PATH
    #[arg(value_name = "ADDRESS", value_hint = ValueHint::AnyPath, required = true)]
    addresses: Vec<OsString>,
}

/// Runs it.
pub fn run(args: &Args, session: &mut Session, output: &mut Output) -> Result<(), Failure> {
    let mut change = Change::new(session, output, &(&args.telling).into());
    let places = change.places(&args.addresses)?;
    let umask = umask();
    change.each(&places, |change, place| {
        let follow = args.links.follow(args.recursive, !args.no_dereference);
        let mut setter = Setter { args, change: &mut *change, place, umask, follow };
        match walk_following(place, follow, &mut setter)? {
            Err(_) if args.force => {
                change.session.count_failure();
                Ok(Ok(()))
            }
            walked => Ok(walked),
        }
    })
}

struct Setter<'a, 'b> {
    args: &'a Args,
    change: &'a mut Change<'b>,
    place: &'a Place,
    umask: u32,
    follow: Follow,
}

impl Setter<'_, '_> {
    fn set(&self, entry: &Entry<'_>) -> KResult<u32> {
        let is_directory = entry.stat.file_type == FileType::Directory;
        let mode = self.args.mode.apply(entry.stat.mode.bits(), is_directory, self.umask);
        let follows = self.follow.of(entry.depth);
        let flags = if follows { AtFlags::empty() } else { AtFlags::SYMLINK_NOFOLLOW };
        self.place.process().fchmodat(entry.directory, entry.name, Mode::new(mode), flags)?;
        Ok(mode)
    }
}

impl Visitor<Failure> for Setter<'_, '_> {
    const LISTING: Listing = Listing::Names;

    fn enter(&mut self, entry: &Entry<'_>) -> Result<Step, Failure> {
        self.change.session.stop.check()?;
        if entry.stat.file_type != FileType::Symlink || self.args.no_dereference {
            match self.set(entry) {
                Ok(mode) => {
                    let text = format!(" to {mode:04o}");
                    self.change.tell_more("change", self.place, entry.path, &text)?;
                }
                Err(_) if self.args.force => self.change.session.count_failure(),
                Err(error) => self.change.fail(self.place, entry.path, &error)?,
            }
        }
        Ok(if self.args.recursive { Step::Into } else { Step::Over })
    }

    fn failed(&mut self, path: &[u8], why: &str) -> Result<(), Failure> {
        self.change.session.report(self.place, path, &why);
        Ok(())
    }
}
