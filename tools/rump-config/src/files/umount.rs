//! `rump.umount`, as umount(8) of NetBSD.

use crate::session::{Failure, Session, of};
use crate::tool::Run;
use rump_cli::escape::escaped;
use rump_client::kern::{MountedFs, Unmount};
use std::ffi::OsString;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;

/// Arguments of `rump.umount`.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  rump.umount /mnt")]
pub struct Args {
    /// Even where files are open
    #[arg(short = 'f')]
    force: bool,
    /// Say what was unmounted
    #[arg(short = 'v')]
    verbose: bool,
    /// Directories that something is mounted at, or devices
    #[arg(value_name = "SPECIAL|NODE", required = true)]
    what: Vec<OsString>,
}

impl Run for Args {
    fn run(&self, session: &mut Session, out: &mut dyn Write) -> Result<(), Failure> {
        let process = session.connect()?;
        let how = if self.force { Unmount::Force } else { Unmount::Normal };
        for what in self.what.iter().map(|what| what.as_bytes()) {
            let all = process.getvfsstat().map_err(of("what is mounted"))?;
            let node = node_of(&all, what);
            match process.unmount(node, how) {
                Ok(()) if self.verbose => writeln!(out, "{}: unmounted", escaped(node))?,
                Ok(()) => {}
                Err(error) => session.report(what, &error),
            }
        }
        Ok(())
    }
}

/// The directory that is meant: of a device, where it was mounted last.
fn node_of<'a>(all: &'a [MountedFs], what: &'a [u8]) -> &'a [u8] {
    let is_node = all.iter().any(|one| one.info.target == what);
    let mut of_device = all.iter().filter(|one| one.info.source == what && !is_node);
    of_device.next_back().map_or(what, |one| &one.info.target)
}
