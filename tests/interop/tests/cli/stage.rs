//! What the tests of the command line share: images that the kernel filled, and runs of the command.

use interop::image::{Image, Scratch};
use interop::mount::Mounted;
use interop::program::{Finished, run_ok, run_within};
use interop::tree::{Contents, Tree, of_host};
use interop::{Check, context, rump};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// How long one run may take.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// The number of a user who owns nothing.
pub const NOBODY: u32 = 65_534;

/// Fails with `why` unless `holds`.
pub fn ensure(holds: bool, why: impl FnOnce() -> String) -> Check {
    if holds { Ok(()) } else { Err(why()) }
}

/// An ext4 image whose content the kernel wrote, so that times have nanoseconds.
pub fn image_filled(name: &str, mebibytes: u64, fill: impl FnOnce(&Path) -> Check) -> Check<Image> {
    let image = Image::make(name, mebibytes, &["-t", "ext4"], None)?;
    let mounted = Mounted::read_write(&image.path(), "")?;
    fill(mounted.path())?;
    mounted.unmount()?;
    Ok(image)
}

/// The address of a path in an image.
pub fn address(image: &Image, path: &str) -> String {
    format!("{}:{path}", image.path().display())
}

/// Runs `rump`.
pub fn run(arguments: &[&str]) -> Check<Finished> {
    run_command(Command::new(rump::binary()?).args(arguments))
}

/// Runs `rump` as [`NOBODY`], who may execute a copy of it in `scratch`.
pub fn run_as_nobody(scratch: &Scratch, arguments: &[&str]) -> Check<Finished> {
    let program = scratch.path("rump");
    if !program.exists() {
        run_ok("install", &["-m755".as_ref(), rump::binary()?.as_os_str(), program.as_os_str()])?;
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]).arg(program);
    run_command(command.args(arguments))
}

fn run_command(command: &mut Command) -> Check<Finished> {
    let finished = run_within(command, PATIENCE)?;
    let shown = format!("{command:?}: {}", finished.verdict());
    ensure(!finished.timed_out, || shown.clone())?;
    let is_clean = !finished.stderr.contains("panicked") && !finished.stderr.contains("internal error");
    ensure(is_clean, || shown)?;
    Ok(finished)
}

/// Runs `rump`, which has to end with `status`.
pub fn run_to(status: i32, arguments: &[&str]) -> Check<Finished> {
    let finished = run(arguments)?;
    expect(status, &finished, || arguments.join(" "))?;
    Ok(finished)
}

/// Fails unless a run ended with `status`.
pub fn expect(status: i32, finished: &Finished, what: impl FnOnce() -> String) -> Check {
    ensure(finished.status == Some(status), || {
        format!("{}: {}, not exit status {status}", what(), finished.verdict())
    })
}

/// A folder of the host with what may differ between two copies taken out: numbers of inodes are those of their
/// hard links, and directories have no size.
pub fn comparable(root: &Path) -> Check<Tree> {
    let mut tree = of_host(root, Contents::Hashed)?;
    tree.retain(|path, _| !path.starts_with("/.rump-") && !path.contains("/.rump-"));
    let mut groups = BTreeMap::new();
    for entry in tree.values_mut() {
        let next = groups.len() as u64;
        entry.ino = *groups.entry(entry.ino).or_insert(next);
        entry.ctime = (0, 0);
        if entry.nlink > 1 {
            // Another name of it may have been read before.
            entry.atime = (0, 0);
        }
        if entry.kind == "dir" {
            (entry.size, entry.nlink) = (0, 0);
        }
    }
    Ok(tree)
}

/// Names in a folder that a copy leaves only while it is not complete.
pub fn leftovers(root: &Path) -> Check<Vec<String>> {
    let tree = of_host(root, Contents::Skipped)?;
    Ok(tree.into_keys().filter(|path| path.contains("/.rump-")).collect())
}

/// A path as the command line takes it.
pub fn text(path: &Path) -> Check<&str> {
    path.to_str().ok_or_else(|| format!("{}: not UTF-8", path.display()))
}

/// Makes a folder that [`NOBODY`] owns.
pub fn folder_of_nobody(path: &Path) -> Check {
    context(std::fs::create_dir(path), path.display())?;
    context(std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)), path.display())
}
