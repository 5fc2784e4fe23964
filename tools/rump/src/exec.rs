//! `rump exec`: runs a command of the host on a copied file.
//!
//! The copy is in a directory that nobody else may enter. If the command changed it, it takes the place of the file as a
//! whole, whatever the command's exit status, which is that of `rump` as well.

use crate::change::{Change, Telling};
use crate::edit::{Original, work_on_copy};
use crate::output::Output;
use crate::session::{Failure, Session};
use clap::{Args as ClapArgs, ValueHint};
use rumpkit::Errno;
use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

/// What shells add to the number of a signal.
const BY_SIGNAL: i32 = 128;

/// Arguments of `rump exec`.
#[derive(ClapArgs)]
#[command(after_help = "Examples:
  rump exec disk.img@1:/etc/fstab -- sed -i s/sda1/vda1/
  rump exec disk.img:/bin/ls -- file
The path of a copy is put behind the words of the command. A changed copy replaces the file at once and as a whole. The
exit status is that of the command; 128 and the number of the signal that ended it.")]
pub struct Args {
    #[command(flatten)]
    telling: Telling,
    /// The file, as IMAGE:/PATH
    #[arg(value_name = "ADDRESS", value_hint = ValueHint::AnyPath)]
    address: OsString,
    /// The command
    #[arg(value_name = "COMMAND", required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<OsString>,
}

/// Runs it.
pub fn run(args: &Args, session: &mut Session, output: &mut Output) -> Result<(), Failure> {
    let mut change = Change::new(session, output, &(&args.telling).into());
    let place = change.place(&args.address)?;
    let before = match Original::read(&place) {
        Ok(before) if before.is_there() => before,
        Ok(_) => return change.fail(&place, &place.path, &Errno::ENOENT.into()),
        Err(error) => return change.fail(&place, &place.path, &error),
    };
    let mut status = 0;
    let (program, words) = args.command.split_first().unwrap_or((&args.address, &[]));
    work_on_copy(&mut change, &place, &before, |change, path| {
        let ended = Command::new(program).args(words).arg(path).status();
        // Ctrl-C is the command's.
        change.session.stop.forget_interrupt();
        let text = program.to_string_lossy();
        let ended = ended.map_err(|error| Failure::Other(format!("{text}: {error}")))?;
        status = ended.code().unwrap_or_else(|| BY_SIGNAL + ended.signal().unwrap_or_default());
        change.session.stop.check()
    })?;
    match u8::try_from(status) {
        Ok(0) => Ok(()),
        Ok(status) => Err(Failure::Told(status)),
        Err(_) => Err(Failure::Told(u8::MAX)),
    }
}
