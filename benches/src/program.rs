//! Programs that are measured: `rump` itself, and its peers.

use crate::Outcome;
use crate::table::Measure;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use wait4::Wait4;

/// Runs `rump`; an argument that begins with a colon is a path in the image.
pub fn rump(image: &Path, arguments: &[&str]) -> Outcome<Measure> {
    measured(rump_command(image, arguments).stdin(Stdio::null()))
}

/// `rump` with arguments; one that begins with a colon is a path in the image.
pub fn rump_command(image: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(rump_path());
    for argument in arguments {
        match argument.strip_prefix(':') {
            Some(path) => command.arg(format!("{}:{path}", image.display())),
            None => command.arg(argument),
        };
    }
    command
}

/// Where `rump` is, with what is built beside it.
pub fn rump_path() -> PathBuf {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/release/rump");
    std::env::var_os("RUMP_BIN").map_or(built, PathBuf::from)
}

/// Runs one request of debugfs.
pub fn debugfs(image: &Path, request: &str) -> Outcome<Duration> {
    timed(Command::new("debugfs").args(["-R", request]).arg(image))
}

/// Lists folders with debugfs, which has no recursive listing: `requests` is a file for one request a folder.
pub fn debugfs_listing(image: &Path, requests: &Path, tops: &[&str], folders: usize) -> Outcome<Duration> {
    let mut text: String = tops.iter().map(|top| format!("ls -l {top}\n")).collect();
    let last = tops.last().map_or("", |top| top.trim_end_matches('/'));
    for number in 0..folders {
        text.push_str(&format!("ls -l {last}/d{number}\n"));
    }
    fs::write(requests, text)?;
    timed(Command::new("debugfs").arg("-f").arg(requests).arg(image))
}

/// Whether a program is there to be run.
pub fn is_installed(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
}

/// A mount of the host, which ends with it.
pub struct Mounted {
    /// Where it is.
    pub at: PathBuf,
}

impl Mounted {
    /// By the host's kernel, through a loop device, for reading.
    pub fn by_loop(image: &Path, at: PathBuf) -> Outcome<Self> {
        fs::create_dir_all(&at)?;
        succeed(Command::new("mount").args(["-o", "loop,ro"]).arg(image).arg(&at))?;
        Ok(Self { at })
    }

    /// By the host's kernel, through a loop device, for writing.
    pub fn by_loop_writing(image: &Path, at: PathBuf) -> Outcome<Self> {
        fs::create_dir_all(&at)?;
        succeed(Command::new("mount").args(["-o", "loop"]).arg(image).arg(&at))?;
        Ok(Self { at })
    }

    /// By fuse2fs, for reading.
    pub fn by_fuse2fs(image: &Path, at: PathBuf) -> Outcome<Self> {
        fs::create_dir_all(&at)?;
        succeed(Command::new("fuse2fs").arg(image).arg(&at).args(["-o", "ro"]))?;
        Ok(Self { at })
    }

    /// By `rump mount`, for reading.
    pub fn by_rump(image: &Path, at: PathBuf) -> Outcome<Self> {
        fs::create_dir_all(&at)?;
        succeed(Command::new(rump_path()).args(["mount", "-o", "ro"]).arg(image).arg(&at))?;
        Ok(Self { at })
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let done = ["umount", "fusermount"].iter().any(|program| {
            let mut command = Command::new(program);
            if *program == "fusermount" {
                command.arg("-u");
            }
            succeed(command.arg(&self.at)).is_ok()
        });
        if !done {
            eprintln!("{} is still mounted", self.at.display());
        }
    }
}

/// A program that is ended with this.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How long the command takes.
pub fn timed(command: &mut Command) -> Outcome<Duration> {
    Ok(measured(command.stdin(Stdio::null()))?.time)
}

/// How long the command takes, and how much memory.
pub fn measured(command: &mut Command) -> Outcome<Measure> {
    let start = Instant::now();
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let used = child.wait4()?;
    let time = start.elapsed();
    if !used.status.success() {
        return Err(format!("{command:?}: {}", used.status).into());
    }
    Ok(Measure { time, memory: Some(used.rusage.maxrss) })
}

/// Runs the command. Errors: it is not there, or fails.
pub fn succeed(command: &mut Command) -> Outcome {
    measured(command.stdin(Stdio::null())).map(drop)
}
