//! Images that `rump mkfs` and `rump tar` build, against what other programs make and see.
//!
//! Judges: `e2fsck -fn`, the kernel, which mounts what was built, GNU tar and bsdtar, which make the archives and
//! unpack ours, and `cmp`. Images from hostile archives are judged by `e2fsck` alone.
#![forbid(unsafe_code)]

mod archive;
mod hostile;
mod refusals;
mod trees;

use interop::image::{Scratch, sound};
use interop::mount::Mounted;
use interop::program::{Finished, lacks, run_ok, run_within};
use interop::suite::{Suite, lacks_kernel};
use interop::tree::{Contents, Tree, compare, lasting, of_host};
use interop::{Check, context, rump, text};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// How long one command may take.
const PATIENCE: Duration = Duration::from_secs(120);

fn main() {
    let programs = ["e2fsck", "tar", "setfacl", "setfattr", "setcap", "setpriv", "bash"];
    let kernel = lacks_kernel().or_else(|| lacks(&programs));
    let tools = lacks(&["e2fsck", "mke2fs", "dumpe2fs", "sfdisk", "gzip", "tar"]);
    let mut suite = Suite::default();
    trees::add(&mut suite, kernel);
    archive::add(&mut suite, kernel);
    hostile::add(&mut suite, tools);
    refusals::add(&mut suite, tools);
    suite.run();
}

/// Runs `rump`, in `folder` if that matters, with variables set.
fn rump_with(arguments: &[&str], set: impl FnOnce(&mut Command)) -> Check<Finished> {
    let mut command = Command::new(rump::binary()?);
    command.args(arguments).env_remove("SOURCE_DATE_EPOCH");
    set(&mut command);
    run_within(&mut command, PATIENCE)
}

/// Runs `rump`, which has to end with `status`; answers what it said.
fn rump_ends(status: i32, arguments: &[&str]) -> Check<Finished> {
    ends(status, rump_with(arguments, |_| ())?, arguments)
}

fn ends(status: i32, finished: Finished, arguments: &[&str]) -> Check<Finished> {
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

/// The tree that the kernel sees in an image.
fn kernel_view(image: &Path) -> Check<Tree> {
    sound(image)?;
    let mounted = Mounted::read_only(image)?;
    let tree = of_host(mounted.path(), Contents::Hashed)?;
    mounted.unmount()?;
    Ok(tree)
}

/// Compares the lasting parts of a source and of an image.
fn same(source: &Path, image: &Path) -> Check {
    compare(&lasting(of_host(source, Contents::Hashed)?), &lasting(kernel_view(image)?))
}

/// A source with every kind of file, and what only root can make besides.
fn source(scratch: &Scratch) -> Check<std::path::PathBuf> {
    let root = scratch.path("source");
    context(std::fs::create_dir(&root), root.display())?;
    interop::source::fill(&root, 2000)?;
    let at = |name: &str| text(&root.join(name));
    run_ok("setfacl", &["-m", "u:1000:rw,g:4:r", &at("xattrs/small")])?;
    run_ok("setfacl", &["-d", "-m", "u:7:rwx", &at("xattrs")])?;
    run_ok("setfattr", &["-n", "user.lines", "-v", "0x610a62003d0a", &at("xattrs/small")])?;
    run_ok("setfattr", &["-n", "security.selinux", "-v", "system_u:object_r:etc_t:s0", &at("xattrs/small")])?;
    run_ok("setfattr", &["-h", "-n", "trusted.of-a-link", "-v", "x", &at("links/live")])?;
    run_ok("setcap", &["cap_net_raw+ep", &at("sizes/100")])?;
    interop::source::set_times(&root.join("xattrs"), 1_600_000_000, 1)?;
    interop::source::set_times(&root.join("links/live"), 1_600_000_000, 999_999_999)?;
    interop::source::set_times(&root, 1_500_000_000, 123_456_789)?;
    Ok(root)
}
