//! The tools and the host's own ones, side by side: images that both see, and what each says.

use interop::image::{Image, Scratch};
use interop::mount::Mounted;
use interop::program::{Finished, run_within};
use interop::tree::Tree;
use interop::{Check, context, rump};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use crate::disk::{Disk, PATIENCE, comparable, ensure};

static LINKS: Mutex<Option<Scratch>> = Mutex::new(None);

/// Takes the folder of links away.
pub fn remove_links() {
    drop(LINKS.lock().unwrap_or_else(PoisonError::into_inner).take());
}

/// A link in a folder of links, each of which is a tool.
pub fn tool(name: &str) -> Check<PathBuf> {
    let mut links = LINKS.lock().unwrap_or_else(PoisonError::into_inner);
    let links = match &mut *links {
        Some(links) => links,
        links => links.insert(Scratch::new("tools")?),
    };
    let path = links.path(name);
    let made = std::os::unix::fs::symlink(rump::binary()?, &path);
    match made {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error.to_string()),
        _ => Ok(path),
    }
}

/// A command of a surroundings that is the same for both.
pub fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env("LC_ALL", "C.UTF-8").env("TZ", "UTC").env_remove("COLUMNS").env_remove("LS_COLORS");
    command.env_remove("FSU_DEVICE").env_remove("FSU_TYPE").env_remove("FSU_MNTOPTS");
    command.env("HOME", "/nonexistent");
    command
}

/// Runs a tool.
pub fn run(name: &str, arguments: &[&str]) -> Check<Finished> {
    run_within(command(&tool(name)?).args(arguments), PATIENCE)
}

/// Words of a line, in which `@` at the beginning of one is the root of the file system, and `~` is a space.
fn words(line: &str, root: &str) -> Vec<String> {
    let word = |word: &str| match word.strip_prefix('@') {
        Some(path) => format!("{root}{path}"),
        None => word.to_string(),
    };
    line.split_whitespace().map(|text| word(text).replace('~', " ")).collect()
}

/// Runs the host's tool; its output is as if the mount were the root.
fn host(program: &str, line: &str, root: &Path) -> Check<Finished> {
    let root = root.to_str().ok_or("the mount has an odd name")?;
    let arguments = words(line, root);
    let mut finished = run_within(command(Path::new(program)).args(&arguments), PATIENCE)?;
    let output = replaced(&finished.stdout, format!("{root}/").as_bytes());
    finished.stdout = replaced(&output, root.as_bytes());
    Ok(finished)
}

/// `bytes` with a slash in the place of `root`.
fn replaced(mut bytes: &[u8], root: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(at) = bytes.windows(root.len()).position(|window| window == root) {
        whole.extend_from_slice(&bytes[..at]);
        whole.push(b'/');
        bytes = &bytes[at + root.len()..];
    }
    whole.extend_from_slice(bytes);
    whole
}

/// Runs our tool on `image`.
fn ours(name: &str, line: &str, image: &str) -> Check<Finished> {
    let arguments: Vec<String> = [image.to_string()].into_iter().chain(words(line, "")).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    run(name, &arguments)
}

/// What differs between two runs.
fn difference(line: &str, theirs: &Finished, ours: &Finished) -> Option<String> {
    let is_same = theirs.stdout == ours.stdout && theirs.status == ours.status;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let first = || {
        let (theirs, ours) = (text(&theirs.stdout), text(&ours.stdout));
        let pair = theirs.lines().zip(ours.lines()).find(|(theirs, ours)| theirs != ours);
        let counts = format!("{} and {} lines", theirs.lines().count(), ours.lines().count());
        pair.map_or(counts, |(theirs, ours)| format!("{theirs:?}\n      not {ours:?}"))
    };
    let shown = |run: &Finished| format!("{:?} {}", run.status, run.stderr.trim());
    (!is_same).then(|| format!("{line:?}: {}\n    host {}\n    ours {}", first(), shown(theirs), shown(ours)))
}

fn judge(found: Vec<String>) -> Check {
    ensure(found.is_empty(), || format!("{} differ:\n  {}", found.len(), found.join("\n  ")))
}

/// A tool that reads, and lines for it and for the host's `program` on a mount of the same image.
pub fn reads(name: &str, program: &str, image: &Image, lines: &[&str]) -> Check {
    reads_as(name, program, image, lines, &|output| output)
}

/// Lines of output sorted, for tools that go through directories in whatever order they have.
pub fn sorted(output: Vec<u8>) -> Vec<u8> {
    let mut lines: Vec<&[u8]> = output.split_inclusive(|&byte| byte == b'\n').collect();
    lines.sort();
    lines.concat()
}

/// As [`reads`], of the outputs as `view` has them.
pub fn reads_as(
    name: &str,
    program: &str,
    image: &Image,
    lines: &[&str],
    view: &dyn Fn(Vec<u8>) -> Vec<u8>,
) -> Check {
    pairs(name, program, image, &lines.iter().map(|line| (*line, *line)).collect::<Vec<_>>(), view)
}

/// As [`reads_as`], with a line for the host's program and one for ours.
pub fn pairs(
    name: &str,
    program: &str,
    image: &Image,
    lines: &[(&str, &str)],
    view: &dyn Fn(Vec<u8>) -> Vec<u8>,
) -> Check {
    let mounted = Mounted::read_only(&image.path())?;
    let path = image.path();
    let path = path.to_str().ok_or("the image has an odd name")?;
    let mut found = Vec::new();
    for (line, own) in lines {
        let mut theirs = host(program, line, mounted.path())?;
        let mut ours = ours(name, own, path)?;
        (theirs.stdout, ours.stdout) = (view(theirs.stdout), view(ours.stdout));
        found.extend(difference(own, &theirs, &ours));
    }
    judge(found)
}

/// A step of a change: tool, the host's program and a line, whose output counts as well.
pub type Step<'a> = (&'a str, &'a str, &'a str);

/// Does the same to two copies of a file system, one mounted and one by our tools. Both have to be sound, and the same.
pub fn changes(selector: &str, before: u64, steps: &[Step<'_>]) -> Check {
    let ours_disk = Disk::make("fsu", 24, before, selector, &["-t", "ext4", "-b", "4096"])?;
    let theirs_disk = ours_disk.copy()?;
    let mut found = Vec::new();
    let mounted = theirs_disk.mount("rw")?;
    for (name, program, line) in steps {
        let theirs = host(program, line, mounted.path())?;
        let ours = ours(name, line, &ours_disk.place())?;
        found.extend(difference(&format!("{name} {line}"), &theirs, &ours));
    }
    let theirs: Tree = comparable(mounted.path())?;
    mounted.unmount()?;
    ours_disk.is_clean()?;
    theirs_disk.is_clean()?;
    judge(found)?;
    interop::tree::compare(&theirs, &ours_disk.view()?)
}

/// Writes a file of the host.
pub fn write(path: &Path, text: &str) -> Check {
    context(std::fs::write(path, text), path.display())
}
