//! Volumes on LUKS, LVM2 and MD: the command reads of them what the tools and the drivers of Linux put there.
//!
//! LUKS 2 is made by `cryptsetup` and LUKS 1 by `qemu-img`, without any driver; LVM and MD by their tools in a Linux of its own.
#![forbid(unsafe_code)]

mod array;
mod group;
mod hostile;
mod secret;
mod thin;

use interop::image::Scratch;
use interop::program::lacks;
use interop::suite::Suite;
use interop::{Check, context, rump};
use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

fn main() {
    let mut suite = Suite::default();
    secret::add(&mut suite, lacks(&["cryptsetup", "qemu-img", "mke2fs", "prlimit", "sfdisk"]));
    let machine = interop::uml::lacking();
    array::add(&mut suite, machine.or_else(|| lacks(&["mdadm", "sha256sum"])));
    group::add(&mut suite, machine.or_else(|| lacks(&["lvm", "vgchange", "sha256sum"])));
    thin::add(&mut suite, machine.or_else(|| lacks(&["lvm", "thin_restore", "thin_check", "awk"])));
    let machine = machine.or_else(|| lacks(&["lvm", "vgchange", "dmsetup", "mdadm"]));
    hostile::add(&mut suite, lacks(&["cryptsetup"]), machine);
    suite.run();
}

/// Runs `rump`, which has to end with this status; answers what it printed, to both.
fn told(arguments: &[&str], status: i32) -> Check<String> {
    let finished = rump::run(arguments, LIMIT)?;
    let text = format!("{}{}", String::from_utf8_lossy(&finished.stdout), finished.stderr);
    if finished.status == Some(status) {
        Ok(text)
    } else {
        Err(format!("rump {}: {}", arguments.join(" "), finished.verdict()))
    }
}

fn contains(text: &str, wanted: &str) -> Check {
    if text.contains(wanted) { Ok(()) } else { Err(format!("no {wanted:?} in\n{text}")) }
}

/// The SHA-256 of all bytes of a volume, as `rump cat` gives them.
fn sum(scratch: &Scratch, arguments: &[&str]) -> Check<String> {
    let content = scratch.path("content");
    let mut command = Command::new(rump::binary()?);
    let file = context(File::create(&content), "content")?;
    let status = context(command.args(arguments).stdout(file).status(), "rump")?;
    if !status.success() {
        return Err(format!("rump {}: {status}", arguments.join(" ")));
    }
    let line = interop::program::run_ok("sha256sum", &[content.as_os_str()])?;
    Ok(line.chars().take(64).collect())
}

fn empty(path: &Path, mebibytes: u64) -> Check {
    let file = context(File::create(path), path.display())?;
    context(file.set_len(mebibytes << 20), path.display())
}

/// What a line of `sha256sum` for this device says.
fn expected(output: &[u8], device: &str) -> Check<String> {
    let text = String::from_utf8_lossy(output);
    let line = text.lines().find(|line| line.ends_with(&format!("  {device}")));
    Ok(line.ok_or_else(|| format!("no sum of {device} in\n{text}"))?.chars().take(64).collect())
}
