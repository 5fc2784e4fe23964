//! `rump.mkdir`, as mkdir(1).

use crate::session::{Failure, Session, of};
use crate::tool::Run;
use rump_cli::mode::ModeChange;
use rump_client::RemoteProcess;
use rump_client::abi::{Errno, FileType, Mode};
use rump_client::kpi::KResult;
use std::ffi::OsString;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;

const EVERYTHING: u32 = 0o777;
/// What the owner of a directory on the way needs.
const OWNER_IN: u32 = 0o300;

/// Arguments of `rump.mkdir`.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  rump.mkdir -p /mnt/a/b")]
pub struct Args {
    /// Make what is missing on the way, and do not mind what is there already
    #[arg(short = 'p')]
    parents: bool,
    /// Permission bits, as chmod takes them
    #[arg(short = 'm', value_name = "MODE", allow_hyphen_values = true)]
    mode: Option<ModeChange>,
    /// Directories
    #[arg(value_name = "DIRECTORY", required = true)]
    directories: Vec<OsString>,
}

impl Run for Args {
    fn run(&self, session: &mut Session, _: &mut dyn Write) -> Result<(), Failure> {
        let process = session.connect()?;
        // The masks of a process are asked for by setting them.
        let mask = process.umask(Mode::new(0)).map_err(of("the mask"))?.bits();
        for path in self.directories.iter().map(|path| path.as_bytes()) {
            if let Err(error) = self.make_all(&process, path, mask) {
                session.report(path, &error);
            }
        }
        Ok(())
    }
}

impl Args {
    fn make_all(&self, process: &RemoteProcess, path: &[u8], mask: u32) -> KResult<()> {
        let wanted = self.mode.as_ref().map_or(EVERYTHING & !mask, |mode| mode.apply(EVERYTHING, true, mask));
        if !self.parents {
            return make(process, path, wanted);
        }
        let whole = trimmed(path);
        let ends = (1..whole.len()).filter(|&at| whole[at] == b'/' && whole[at - 1] != b'/');
        for end in ends {
            make_if_missing(process, &whole[..end], EVERYTHING & !mask | OWNER_IN)?;
        }
        make_if_missing(process, whole, wanted)
    }
}

/// Without slashes at its end.
fn trimmed(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|byte| *byte != b'/');
    &path[..end.map_or(path.len().min(1), |end| end + 1)]
}

/// mkdir(2) leaves out the bits of a mode that are no permissions.
fn make(process: &RemoteProcess, path: &[u8], mode: u32) -> KResult<()> {
    process.mkdir(path, Mode::new(mode & EVERYTHING))?;
    if mode & !EVERYTHING == 0 { Ok(()) } else { process.chmod(path, Mode::new(mode)) }
}

fn make_if_missing(process: &RemoteProcess, path: &[u8], mode: u32) -> KResult<()> {
    match make(process, path, mode) {
        Err(error) if error.errno == Errno::EEXIST => match process.stat(path) {
            Ok(stat) if stat.file_type == FileType::Directory => Ok(()),
            _ => Err(error),
        },
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::trimmed;

    #[test]
    fn slashes_at_the_end_are_none() {
        for (path, expected) in [("/a/b//", "/a/b"), ("/", "/"), ("//", "/"), ("", ""), ("a", "a")] {
            assert_eq!(trimmed(path.as_bytes()), expected.as_bytes());
        }
    }
}
