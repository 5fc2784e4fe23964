//! `rump chown`: changes owners and groups.

use crate::change::{Change, Telling};
use crate::output::Output;
use crate::owner::Owner;
use crate::session::{Failure, Place, Session};
use crate::steps::{Follow, Links, walk_following};
use crate::walk::{Entry, Listing, Step, Visitor};
use clap::{Args as ClapArgs, ValueHint};
use rumpkit::{AtFlags, Errno, Fd, FileType, KResult, Mode, OpenFlags, Process};
use std::ffi::OsString;

const GROUP_EXECUTE: u32 = 0o010;

/// Arguments of `rump chown`.
#[derive(ClapArgs)]
#[command(after_help = "Examples:
  rump chown 1000:1000 disk.img:/home/anna
  rump chown -R anna: disk.img@1:/home/anna
  rump chown :wheel disk.img:/etc/sudoers
Names are those of the image's own /etc/passwd and /etc/group; numbers need neither. With `USER:` the group is the
one that the user logs in with. Symbolic links that -R comes to are changed themselves, and followed with -L only. A program that
changes hands loses its set-id bits and its capabilities.")]
pub struct Args {
    /// Directories with all that is in them
    #[arg(short = 'R', long)]
    recursive: bool,
    /// Change symbolic links themselves
    #[arg(short = 'h', long)]
    no_dereference: bool,
    /// Say nothing of what cannot be changed
    #[arg(short = 'f', long)]
    force: bool,
    #[command(flatten)]
    links: Links,
    #[command(flatten)]
    telling: Telling,
    /// USER, USER:GROUP, USER: or :GROUP
    #[arg(value_name = "OWNER", value_parser = Owner::check)]
    owner: String,
    /// What to change, as IMAGE:/PATH
    #[arg(value_name = "ADDRESS", value_hint = ValueHint::AnyPath, required = true)]
    addresses: Vec<OsString>,
}

/// Runs it.
pub fn run(args: &Args, session: &mut Session, output: &mut Output) -> Result<(), Failure> {
    let mut change = Change::new(session, output, &(&args.telling).into());
    let places = change.places(&args.addresses)?;
    let owners = places.iter().map(|place| Owner::resolve(&args.owner, place));
    let owners = owners.collect::<Result<Vec<_>, _>>()?;
    let mut owners = owners.into_iter();
    change.each(&places, |change, place| {
        let Some(owner) = owners.next() else { return Ok(Ok(())) };
        let follow = args.links.follow(args.recursive, !args.no_dereference);
        let mut setter = Setter { args, change: &mut *change, place, owner, follow };
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
    owner: Owner,
    follow: Follow,
}

impl Visitor<Failure> for Setter<'_, '_> {
    const LISTING: Listing = Listing::Names;

    fn enter(&mut self, entry: &Entry<'_>) -> Result<Step, Failure> {
        self.change.session.stop.check()?;
        let flags = if self.follow.of(entry.depth) { AtFlags::empty() } else { AtFlags::SYMLINK_NOFOLLOW };
        let Owner { uid, gid } = self.owner;
        let process = self.place.process();
        let given = process
            .fchownat(entry.directory, entry.name, uid, gid, flags)
            .and_then(|()| drop_rights(process, entry, flags));
        match given {
            Ok(()) => {
                let text = |id: Option<u32>| id.map(|id| id.to_string()).unwrap_or_default();
                let text = format!(" to {}:{}", text(uid), text(gid));
                self.change.tell_more("give", self.place, entry.path, &text)?;
            }
            Err(_) if self.args.force => {}
            Err(error) => self.change.fail(self.place, entry.path, &error)?,
        }
        Ok(if self.args.recursive { Step::Into } else { Step::Over })
    }

    fn failed(&mut self, path: &[u8], why: &str) -> Result<(), Failure> {
        self.change.session.report(self.place, path, &why);
        Ok(())
    }
}

/// Takes from a file what would lend the rights of its new owner, as Linux does for everybody. A set-group-id bit
/// without execution is a mark for locks, which stays.
fn drop_rights(process: &Process, entry: &Entry<'_>, flags: AtFlags) -> KResult<()> {
    let stat = process.fstatat(entry.directory, entry.name, flags)?;
    if stat.file_type != FileType::Regular {
        return Ok(());
    }
    let mode = stat.mode.bits();
    let group = if mode & GROUP_EXECUTE == 0 { 0 } else { Mode::SGID };
    let kept = mode & !(Mode::SUID | group);
    if kept != mode {
        process.fchmodat(entry.directory, entry.name, Mode::new(kept), flags)?;
    }
    let nofollow = if flags.is_empty() { OpenFlags::empty() } else { OpenFlags::NOFOLLOW };
    let fd = process.openat(entry.directory, entry.name, nofollow, Mode::new(0))?;
    let dropped = drop_capabilities(process, fd);
    process.close(fd)?;
    dropped
}

fn drop_capabilities(process: &Process, fd: Fd) -> KResult<()> {
    match process.fremovexattr(fd, "security.capability") {
        Err(error) if matches!(error.errno, Errno::ENOATTR | Errno::ENOTSUP) => Ok(()),
        dropped => dropped,
    }
}
