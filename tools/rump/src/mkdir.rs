//! `rump mkdir`: makes directories.

use crate::change::{Change, Telling, give_to_owner_of_directory, trimmed};
use crate::mode::{ModeChange, umask};
use crate::output::Output;
use crate::session::{Failure, Place, Session};
use clap::{Args as ClapArgs, ValueHint};
use rumpkit::{Errno, FileType, KResult, Mode};
use std::ffi::OsString;

const EVERYTHING: u32 = 0o777;
/// What the owner of a directory on the way needs.
const OWNER_IN: u32 = 0o300;
const SET_ID: u32 = 0o6000;

/// Arguments of `rump mkdir`.
#[derive(ClapArgs)]
#[command(after_help = "Example:
  rump mkdir -p disk.img@1:/srv/data/in
New directories belong to the owner of the directory that they are in.")]
pub struct Args {
    /// Make what is missing on the way, and do not mind what is there already
    #[arg(short, long)]
    parents: bool,
    /// Permission bits, as chmod takes them
    #[arg(short, long, value_name = "MODE", allow_hyphen_values = true)]
    mode: Option<ModeChange>,
    #[command(flatten)]
    telling: Telling,
    /// What to make, as IMAGE:/PATH
    #[arg(value_name = "ADDRESS", value_hint = ValueHint::AnyPath, required = true)]
    addresses: Vec<OsString>,
}

/// Runs it.
pub fn run(args: &Args, session: &mut Session, output: &mut Output) -> Result<(), Failure> {
    let mut change = Change::new(session, output, &(&args.telling).into());
    let places = change.places(&args.addresses)?;
    change.each(&places, |change, place| {
        if args.parents {
            return make_all(args, change, place);
        }
        match make(args, place, &place.path, true) {
            Ok(()) => change.tell("make", place, &place.path).map(Ok),
            Err(error) => Ok(Err(error)),
        }
    })
}

fn make_all(args: &Args, change: &mut Change<'_>, place: &Place) -> Result<KResult<()>, Failure> {
    let whole = trimmed(&place.path);
    let ends = (1..whole.len()).filter(|&at| whole[at] == b'/' && whole[at - 1] != b'/');
    for end in ends.chain([whole.len()]) {
        let path = &whole[..end];
        match make(args, place, path, end == whole.len()) {
            Ok(()) => change.tell("make", place, path)?,
            Err(error) if error.errno == Errno::EEXIST => match place.process().stat(path) {
                Ok(stat) if stat.file_type == FileType::Directory => {}
                _ => return Ok(Err(error)),
            },
            Err(error) => return Ok(Err(error)),
        }
    }
    Ok(Ok(()))
}

fn make(args: &Args, place: &Place, path: &[u8], is_last: bool) -> KResult<()> {
    let process = place.process();
    let given = args.mode.as_ref().filter(|_| is_last);
    let wanted = given.map(|mode| mode.apply(EVERYTHING, true, umask()));
    process.mkdir(path, Mode::new(wanted.unwrap_or(EVERYTHING)))?;
    give_to_owner_of_directory(process, path)?;
    let made = process.lstat(path)?.mode.bits();
    let mode = match wanted {
        Some(wanted) => wanted | made & SET_ID,
        None if is_last => made,
        None => made | OWNER_IN,
    };
    if mode == made { Ok(()) } else { process.chmod(path, Mode::new(mode)) }
}
