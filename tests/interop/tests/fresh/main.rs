//! Fresh volumes of FAT and exFAT, and trees in them, against programs that nobody here wrote.
//!
//! Judges: `fsck.fat -n` and `fsck.exfat -n`; mtools and exfat-fuse, which list a volume and copy out of it; `blkid`;
//! and `mkfs.fat` and `mkfs.exfat`, whose choices are ours for the same wishes.
#![forbid(unsafe_code)]

mod exfat;
mod fat;
mod filled;
mod format;
mod refusals;

use interop::image::Scratch;
use interop::program::{Finished, lacks, run_within};
use interop::suite::Suite;
use interop::{Check, context, rump, text};
use rumpkit::hyper::{Access, HostFs, Lock};
use rumpkit::mkfs::{Request, Summary, Zeroed, make};
use rumpkit::{KError, PosixHost, TimeSpec};
use std::fs::File;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;

/// How long one command may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// 2023-11-14.
const NOW: TimeSpec = TimeSpec { sec: 1_700_000_000, nsec: 0 };
/// Its first four bytes are 1A2B-3C4D.
const IDENTIFIER: [u8; 16] = [0x1a, 0x2b, 0x3c, 0x4d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

fn main() {
    let fat = lacks(&["fsck.fat", "mkfs.fat", "minfo", "mdir", "mlabel", "mcopy", "blkid", "sfdisk", "tar"]);
    let exfat = lacks(&["fsck.exfat", "mkfs.exfat", "dump.exfat", "exfatlabel", "blkid", "sfdisk", "tar"]);
    let mounts = exfat.or_else(format::lacks_mounts);
    let mut suite = Suite::default();
    fat::add(&mut suite, fat);
    exfat::add(&mut suite, exfat);
    filled::add(&mut suite, format::Format::Vfat, fat);
    filled::add(&mut suite, format::Format::Exfat, mounts);
    refusals::add(&mut suite, fat.or(mounts));
    suite.run();
}

/// A sparse file in a folder of its own.
struct Blank {
    _scratch: Scratch,
    path: PathBuf,
}

impl Blank {
    fn new(size: u64) -> Check<Self> {
        let scratch = Scratch::new("fresh")?;
        let path = scratch.path("image");
        let file = context(File::create(&path), "image")?;
        context(file.set_len(size), "image")?;
        Ok(Self { _scratch: scratch, path })
    }

    fn name(&self) -> String {
        text(&self.path)
    }

    fn make(&self, format: &str, request: &Request) -> Check<Result<Summary, KError>> {
        let host = PosixHost::new();
        let io = host.open(self.path.as_os_str().as_encoded_bytes(), Access::ReadWrite, Lock::Advisory);
        let device = rumpkit::dev::HostDevice::new(context(io, "open")?);
        Ok(make(format, device.as_ref(), request))
    }
}

/// Of a sparse file of this length.
fn request(size: u64) -> Request {
    Request { zeroed: Zeroed::Yes, ..Request::new(size, IDENTIFIER, [0; 16], NOW) }
}

/// Runs a program that has to succeed; answers what it printed.
fn told(program: &str, arguments: &[&str]) -> Check<String> {
    let mut command = Command::new(program);
    command.args(arguments).env("MTOOLS_SKIP_CHECK", "1").env("LC_ALL", "C.UTF-8").env("TZ", "UTC");
    let finished = run_within(&mut command, PATIENCE)?;
    let said = String::from_utf8_lossy(&finished.stdout).into_owned();
    match finished.status {
        Some(0) => Ok(said),
        _ => Err(format!("{program} {}: {}\n{said}", arguments.join(" "), finished.verdict())),
    }
}

/// Runs `rump`, which has to end with `status`.
fn rump_ends(status: i32, arguments: &[&str]) -> Check<Finished> {
    let mut command = Command::new(rump::binary()?);
    command.args(arguments).env_remove("SOURCE_DATE_EPOCH");
    let finished = run_within(&mut command, PATIENCE)?;
    if finished.status == Some(status) {
        return Ok(finished);
    }
    Err(format!("rump {}: {} instead of {status}", arguments.join(" "), finished.verdict()))
}

/// The text has to be there.
fn says(finished: &Finished, text: &str) -> Check {
    if finished.stderr.contains(text) {
        Ok(())
    } else {
        Err(format!("{text:?} is not in {:?}", finished.stderr))
    }
}
