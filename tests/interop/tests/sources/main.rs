//! The command on images at servers that nobody here wrote: qemu-nbd and nbdkit for NBD, nginx and Python's for HTTP. What is shown
//! is what the file has; what is written is judged by `e2fsck`, `qemu-img` and the file.
#![forbid(unsafe_code)]

mod http;
mod nbd;

use interop::image::Scratch;
use interop::program::{Finished, lacks, run_ok, run_within};
use interop::suite::Suite;
use interop::tree::{Contents, compare};
use interop::{Check, context, rump};
use std::fs::{self, File};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);

fn main() {
    let mut suite = Suite::default();
    let judges = lacks(&["qemu-img", "mke2fs", "e2fsck", "debugfs", "prlimit"]);
    nbd::add(&mut suite, judges);
    http::add(&mut suite, judges);
    suite.run();
}

/// Ends once `rump` ended with this status; answers what it printed, to both.
fn rump(words: &[&str], status: i32) -> Check<String> {
    told(words, rump::run(words, LIMIT)?, status)
}

/// The same with a variable of the environment.
fn rump_with(variable: (&str, &str), words: &[&str], status: i32) -> Check<String> {
    let mut command = Command::new(rump::binary()?);
    told(words, run_within(command.env(variable.0, variable.1).args(words), LIMIT)?, status)
}

fn told(words: &[&str], finished: Finished, status: i32) -> Check<String> {
    let text = format!("{}{}", String::from_utf8_lossy(&finished.stdout), finished.stderr);
    if finished.status == Some(status) {
        Ok(text)
    } else {
        Err(format!("rump {}: {}", words.join(" "), finished.verdict()))
    }
}

fn contains(text: &str, wanted: &str) -> Check {
    if text.contains(wanted) { Ok(()) } else { Err(format!("no {wanted:?} in\n{text}")) }
}

/// A folder with `disk`, an ext4 of so many MiB, and the `tree` that is in it, with one file of 8 MiB.
fn disk(name: &str, mebibytes: u64) -> Check<Scratch> {
    let scratch = Scratch::new(name)?;
    let tree = scratch.path("tree");
    context(fs::create_dir_all(tree.join("folder")), "tree")?;
    for number in 0..40_usize {
        let content = vec![b'a' + number as u8 % 26; number * 777];
        context(fs::write(tree.join(format!("folder/{number}")), content), "tree")?;
    }
    let large: Vec<u8> =
        (0..8_u64 << 20).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect();
    context(fs::write(tree.join("large"), large), "tree")?;
    let disk = context(File::create_new(scratch.path("disk")), "disk")?;
    context(disk.set_len(mebibytes << 20), "disk")?;
    let (tree, disk) = (tree.display().to_string(), scratch.path("disk").display().to_string());
    run_ok("mke2fs", &["-q", "-F", "-t", "ext4", "-E", "lazy_itable_init=1", "-d", &tree, &disk])?;
    Ok(scratch)
}

/// Whether what a URL names is seen as the file `name` is.
fn same(scratch: &Scratch, name: &str, url: &str) -> Check {
    let file = rump::view(&scratch.path(name).display().to_string(), Contents::Hashed)?;
    compare(&file, &rump::view(url, Contents::Hashed)?)
}
