//! netstack3, in a program of its own (`netstack3/`), where it was built.

use crate::{OURS, PORT, TAP, Way, configure, linux_end};
use rump_benches::Outcome;
use rump_benches::namespace::Namespace;
use rump_benches::program::Running;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Where the program is, if it was built.
pub fn built() -> Option<PathBuf> {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("netstack3/target/release/rump-bench-netstack3");
    let path = std::env::var_os("RUMP_NETSTACK3").map_or(place, PathBuf::from);
    path.is_file().then_some(path)
}

/// How long so many bytes take.
pub fn run(program: &Path, way: Way, bytes: usize) -> Outcome<Duration> {
    let linux = Namespace::new()?;
    let mut command = Command::new("nsenter");
    command.arg(format!("--net={}", linux.path())).arg(program).args([TAP, &OURS.to_string()]);
    command.args([&PORT.to_string(), way.word(), &bytes.to_string()]).stdout(Stdio::piped());
    let mut peer = Running(command.spawn()?);
    let said = peer.0.stdout.take().ok_or("no output")?;
    // A line says that the tap is there.
    BufReader::new(said).read_line(&mut String::new())?;
    configure(&linux)?;
    linux_end(&linux, way, bytes)
}
