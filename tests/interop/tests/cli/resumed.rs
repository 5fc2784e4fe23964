//! Copies that end early, and the run that completes them.

use crate::stage::{
    address, comparable, ensure, expect, folder_of_nobody, image_filled, leftovers, run_as_nobody, run_to,
    text,
};
use interop::image::{Image, Scratch};
use interop::mount::Mounted;
use interop::program::run_ok;
use interop::tree::{Contents, Tree, compare, of_host};
use interop::{Check, context, rump, source};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

/// Starts until one run is caught in the middle.
const ATTEMPTS: u32 = 30;

fn many_files(root: &Path) -> Check {
    for folder in 0..40 {
        let folder = root.join(format!("data/{folder:02}"));
        context(fs::create_dir_all(&folder), "folder")?;
        for file in 0..25 {
            context(fs::write(folder.join(format!("{file:02}")), source::pattern(file, 30_000)), "file")?;
        }
    }
    context(fs::hard_link(root.join("data/00/00"), root.join("data/39/zz")), "link")
}

/// Copies `/data` to `out`, and sends `signal` once files are there. `None` when the copy was faster.
fn copy_and_signal(image: &Image, out: &Path, signal: Signal) -> Check<Option<(ExitStatus, String)>> {
    let mut copy = Command::new(rump::binary()?);
    copy.args(["cp", "-a", &address(image, "/data"), text(out)?]).stderr(Stdio::piped());
    let child = context(copy.spawn(), "rump")?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or("a pid")?;
    while !out.join("03/00").exists() {
        if !Path::new(&format!("/proc/{}/exe", child.id())).exists() {
            break;
        }
        std::thread::yield_now();
    }
    context(kill_process(pid, signal), "kill")?;
    let output = context(child.wait_with_output(), "rump")?;
    let caught = !output.status.success();
    Ok(caught.then(|| (output.status, String::from_utf8_lossy(&output.stderr).into_owned())))
}

/// Leaves an unfinished copy in `out`; answers how the run ended.
fn leave_unfinished(image: &Image, out: &Path, signal: Signal) -> Check<(ExitStatus, String)> {
    for _ in 0..ATTEMPTS {
        if let Some(ended) = copy_and_signal(image, out, signal)? {
            return Ok(ended);
        }
        context(fs::remove_dir_all(out), "out")?;
    }
    Err(format!("{ATTEMPTS} copies ended before the signal"))
}

/// What is there under its final name is complete, though not everything is there.
fn only_complete_files(expected: &Path, out: &Path) -> Check {
    let (expected, found) = (of_host(expected, Contents::Hashed)?, of_host(out, Contents::Hashed)?);
    let files = found.iter().filter(|(path, entry)| entry.kind == "file" && !path.contains("/.rump-"));
    for (path, entry) in files {
        let same = expected.get(path).is_some_and(|oracle| oracle.sha256 == entry.sha256);
        ensure(same, || format!("{path} is not complete"))?;
    }
    ensure(found.len() < expected.len(), || "everything was copied".into())
}

/// Compares copies of which one was read meanwhile.
fn same_but_read(mut expected: Tree, mut found: Tree) -> Check {
    for entry in expected.values_mut().chain(found.values_mut()) {
        entry.atime = (0, 0);
    }
    compare(&expected, &found)
}

fn completed(image: &Image, out: &Path, mounted: &Mounted) -> Check {
    let finished = run_to(0, &["cp", "-a", &address(image, "/data"), text(out)?])?;
    ensure(finished.stderr.is_empty(), || finished.verdict())?;
    same_but_read(comparable(&mounted.path().join("data"))?, comparable(out)?)
}

pub fn after_interrupt() -> Check {
    let image = image_filled("interrupt", 192, many_files)?;
    let mounted = Mounted::read_only(&image.path())?;
    let scratch = Scratch::new("interrupt")?;
    let out = scratch.path("out");
    let (status, complaint) = leave_unfinished(&image, &out, Signal::INT)?;
    ensure(status.code() == Some(130), || format!("{status}: {complaint}"))?;
    ensure(complaint.contains("run it again"), || complaint.clone())?;
    ensure(leftovers(&out)?.is_empty(), || "a part of a file was left".into())?;
    only_complete_files(&mounted.path().join("data"), &out)?;
    completed(&image, &out, &mounted)?;
    let names = context(fs::read_dir(scratch.path("")), "scratch")?.count();
    ensure(names == 1, || "something was left beside the copy".into())
}

pub fn after_kill() -> Check {
    let image = image_filled("kill", 192, many_files)?;
    let mounted = Mounted::read_only(&image.path())?;
    let scratch = Scratch::new("kill")?;
    let out = scratch.path("out");
    let (status, _) = leave_unfinished(&image, &out, Signal::KILL)?;
    ensure(status.signal() == Some(9), || status.to_string())?;
    only_complete_files(&mounted.path().join("data"), &out)?;
    completed(&image, &out, &mounted)
}

pub fn after_full_target() -> Check {
    let image = image_filled("full", 192, many_files)?;
    let mounted = Mounted::read_only(&image.path())?;
    let target = SmallTarget::new()?;
    let out = target.scratch.path("m/out");
    let finished = run_to(1, &["cp", "-a", &address(&image, "/data"), text(&out)?])?;
    let told = ["no space left on device", text(&out)?, "run it again"];
    ensure(told.iter().all(|part| finished.stderr.contains(part)), || finished.verdict())?;
    ensure(finished.stderr.lines().count() <= 3, || finished.verdict())?;
    ensure(leftovers(&out)?.is_empty(), || "a part of a file was left".into())?;
    only_complete_files(&mounted.path().join("data"), &out)?;
    target.remount("size=200m")?;
    completed(&image, &out, &mounted)
}

/// A file system in memory whose size can change.
struct SmallTarget {
    scratch: Scratch,
}

impl SmallTarget {
    fn new() -> Check<Self> {
        let target = Self { scratch: Scratch::new("small")? };
        let point = target.scratch.path("m");
        context(fs::create_dir(&point), "mount point")?;
        let options = ["-t", "tmpfs", "-o", "size=10m", "none", text(&point)?];
        run_ok("mount", &options)?;
        Ok(target)
    }

    fn remount(&self, options: &str) -> Check {
        let options = format!("remount,{options}");
        run_ok("mount", &["-o", &options, text(&self.scratch.path("m"))?]).map(drop)
    }
}

impl Drop for SmallTarget {
    fn drop(&mut self) {
        let _ = run_ok("umount", &[self.scratch.path("m")]);
    }
}

pub fn with_closed_directories() -> Check {
    let image = image_filled("closed", 8, |root| {
        context(fs::create_dir_all(root.join("closed/no-way-in")), "closed")?;
        for name in ["closed/one", "closed/no-way-in/two"] {
            context(fs::write(root.join(name), name), name)?;
        }
        context(std::os::unix::fs::symlink("one", root.join("closed/link")), "link")?;
        run_ok("chmod", &["000".as_ref(), root.join("closed/no-way-in").as_os_str()])?;
        run_ok("chmod", &["555".as_ref(), root.join("closed").as_os_str()]).map(drop)
    })?;
    let scratch = Scratch::new("closed")?;
    let out = scratch.path("out");
    folder_of_nobody(&out)?;
    let copy = || run_as_nobody(&scratch, &["cp", "-a", &address(&image, "/closed"), text(&out)?]);
    expect(0, &copy()?, || "first run".into())?;
    let first = comparable(&out)?;
    for lost in ["closed/one", "closed/no-way-in/two", "closed/link"] {
        context(fs::remove_file(out.join(lost)), lost)?;
    }
    expect(0, &copy()?, || "second run".into())?;
    ensure(first["/closed/no-way-in"].mode == 0, || "the mode of the directory was not kept".into())?;
    let mut second = comparable(&out)?;
    if let (Some(first), Some(second)) = (first.get("/"), second.get_mut("/")) {
        second.mtime = first.mtime;
    }
    same_but_read(first, second)
}
