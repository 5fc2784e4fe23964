//! Changes that end early: by signals, by a kill, by a full image.

use crate::stage::{Disk, PATIENCE, comparable, ensure, run_to, text};
use interop::image::Scratch;
use interop::program::run_within;
use interop::tree::compare;
use interop::{Check, context, rump, source};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Starts until one run is caught in the middle.
const ATTEMPTS: u32 = 30;

/// A folder of the host with many files.
fn many_files(root: &Path, folders: u32) -> Check {
    for folder in 0..folders {
        let folder = root.join(format!("{folder:02}"));
        context(fs::create_dir_all(&folder), "folder")?;
        for file in 0..25 {
            context(fs::write(folder.join(format!("{file:02}")), source::pattern(file, 60_000)), "file")?;
        }
    }
    context(fs::hard_link(root.join("00/00"), root.join("zz")), "link")
}

fn start(arguments: &[&str]) -> Check<Child> {
    let mut command = Command::new(rump::binary()?);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    context(command.spawn(), "rump")
}

/// Sends `signal` after `delay`; answers how the run ended and what it said, `None` if it was faster.
fn signalled(child: Child, delay: Duration, signal: Signal) -> Check<Option<(ExitStatus, String)>> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or("a pid")?;
    std::thread::sleep(delay);
    context(kill_process(pid, signal), "kill")?;
    let output = context(child.wait_with_output(), "rump")?;
    let caught = !output.status.success();
    Ok(caught.then(|| (output.status, String::from_utf8_lossy(&output.stderr).into_owned())))
}

/// Runs on fresh copies of `disk` until `signal` catches one in the middle.
fn caught(
    disk: &Disk,
    signal: Signal,
    arguments: &dyn Fn(&Disk) -> Vec<String>,
) -> Check<(Disk, ExitStatus, String)> {
    let mut whole = {
        let trial = disk.copy()?;
        let began = Instant::now();
        let arguments = arguments(&trial);
        run_to(0, &arguments.iter().map(String::as_str).collect::<Vec<_>>())?;
        began.elapsed()
    };
    for _ in 0..ATTEMPTS {
        let trial = disk.copy()?;
        let arguments = arguments(&trial);
        let child = start(&arguments.iter().map(String::as_str).collect::<Vec<_>>())?;
        if let Some((status, complaint)) = signalled(child, whole / 2, signal)? {
            return Ok((trial, status, complaint));
        }
        // The run that was measured may have been a slow one.
        whole = whole.mul_f64(0.9);
    }
    Err(format!("{ATTEMPTS} runs ended before the signal"))
}

struct Copying {
    scratch: Scratch,
    disk: Disk,
}

impl Copying {
    fn new() -> Check<Self> {
        let scratch = Scratch::new("many")?;
        many_files(&scratch.path("many"), 40)?;
        Ok(Self { scratch, disk: Disk::make("ended", 128, 0, "", &["-t", "ext4"])? })
    }

    fn arguments(&self, disk: &Disk) -> Vec<String> {
        let from = self.scratch.path("many");
        ["cp", "-a", &from.to_string_lossy(), &disk.at("/copy")].map(String::from).into()
    }

    /// A second run completes the copy, under the name that it was to have, and leaves nothing else.
    fn complete(&self, disk: &Disk) -> Check {
        let arguments = self.arguments(disk);
        run_to(0, &arguments.iter().map(String::as_str).collect::<Vec<_>>())?;
        disk.is_clean()?;
        let mounted = disk.mount("ro")?;
        compare(&comparable(&self.scratch.path("many"))?, &comparable(&mounted.path().join("copy"))?)?;
        let names = context(fs::read_dir(mounted.path()), "root")?.count();
        ensure(names == 2, || format!("{names} names in the root"))?;
        mounted.unmount()
    }
}

pub fn by_kill() -> Check {
    let copying = Copying::new()?;
    for _ in 0..3 {
        let (disk, _, _) = caught(&copying.disk, Signal::KILL, &|disk| copying.arguments(disk))?;
        let path = disk.path();
        let finished = run_within(Command::new("e2fsck").args(["-fy", text(&path)?]), PATIENCE)?;
        let found = String::from_utf8_lossy(&finished.stdout).into_owned();
        ensure(matches!(finished.status, Some(0 | 1)), || format!("{}\n{found}", finished.verdict()))?;
        // The journal makes it whole; nothing else is there to repair.
        ensure(!found.contains("Fix"), || found.clone())?;
        copying.complete(&disk)?;
        let (disk, _, _) = caught(&copying.disk, Signal::KILL, &|disk| copying.arguments(disk))?;
        copying.complete(&disk)?;
    }
    Ok(())
}

pub fn by_interrupt() -> Check {
    let copying = Copying::new()?;
    let (disk, status, complaint) = caught(&copying.disk, Signal::INT, &|disk| copying.arguments(disk))?;
    ensure(status.code() == Some(130), || format!("{status}: {complaint}"))?;
    ensure(complaint.contains("run it again") && complaint.lines().count() == 1, || complaint.clone())?;
    disk.is_clean()?;
    copying.complete(&disk)
}

pub fn by_term() -> Check {
    let copying = Copying::new()?;
    for options in [&["-t", "ext4"][..], &["-t", "ext2"]] {
        let disk = Disk::make("term", 128, 0, "", options)?;
        let arguments = copying.arguments(&disk);
        run_to(0, &arguments.iter().map(String::as_str).collect::<Vec<_>>())?;
        let removal = |disk: &Disk| ["rm", "-r", &disk.at("/copy")].map(String::from).to_vec();
        let (disk, status, complaint) = caught(&disk, Signal::TERM, &removal)?;
        ensure(status.code() == Some(143), || format!("{status}: {complaint}"))?;
        disk.is_clean()?;
    }
    Ok(())
}

pub fn waiting() -> Check {
    let disk = Disk::make("waiting", 8, 0, "", &["-t", "ext2"])?;
    for (arguments, signal, code) in [
        (["write", &disk.at("/f")].to_vec(), Signal::INT, 130),
        (["cp", "-", &disk.at("/g")].to_vec(), Signal::TERM, 143),
    ] {
        let began = Instant::now();
        // The input never ends: its other end stays open.
        let mut child = start(&arguments)?;
        let input = child.stdin.take();
        let ended = signalled(child, Duration::from_millis(500), signal)?;
        drop(input);
        let (status, complaint) = ended.ok_or("it ended by itself")?;
        ensure(status.code() == Some(code), || format!("{status}: {complaint}"))?;
        ensure(began.elapsed() < Duration::from_secs(10), || "the signal was not heard".into())?;
        disk.is_clean()?;
    }
    let left = disk.view()?;
    ensure(left.contains_key("/f") && !left.contains_key("/g"), || format!("{:?}", left.keys()))
}

/// What was ignored when the program began stays so, also where it would end a change.
pub fn ignored() -> Check {
    let disk = Disk::make("ignored", 8, 0, "", &["-t", "ext2"])?;
    let program = rump::binary()?;
    let ignoring = "trap '' INT TERM; exec \"$0\" \"$@\"";
    for (number, (before, signals)) in
        [(&["nohup"][..], &[Signal::HUP][..]), (&["sh", "-c", ignoring], &[Signal::INT, Signal::TERM])]
            .into_iter()
            .enumerate()
    {
        let name = format!("/f{number}");
        let mut command = Command::new(before[0]);
        command.args(&before[1..]).arg(program).args(["write", &disk.at(&name)]);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = context(command.spawn(), before[0])?;
        let mut input = child.stdin.take().ok_or("no input")?;
        context(input.write_all(b"one\n"), "input")?;
        // By then it waits for more.
        std::thread::sleep(Duration::from_millis(500));
        for &signal in signals {
            context(kill_process(Pid::from_child(&child), signal), "kill")?;
        }
        context(input.write_all(b"two\n"), "input")?;
        drop(input);
        let output = context(child.wait_with_output(), "rump")?;
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure(output.status.success(), || format!("{before:?}: {}: {told}", output.status))?;
        let found = run_to(0, &["cat", &disk.at(&name)])?.stdout;
        ensure(found == b"one\ntwo\n", || format!("{before:?}: {found:?}"))?;
    }
    disk.is_clean()
}

pub fn full() -> Check {
    let scratch = Scratch::new("full")?;
    let many = scratch.path("many");
    many_files(&many, 20)?;
    let from = text(&many)?;
    for options in [&["-t", "ext4"][..], &["-t", "ext2", "-b", "1024"]] {
        let disk = Disk::make("full", 16, 0, "", options)?;
        let finished = run_to(1, &["cp", "-a", from, &disk.at("/copy")])?;
        let told = ["no space left", "run it again"]
            .iter()
            .all(|part| finished.stderr.to_lowercase().contains(part));
        ensure(told && finished.stderr.lines().count() <= 3, || finished.verdict())?;
        disk.is_clean()?;
        let expected = comparable(&many)?;
        let found = disk.view()?;
        let files: Vec<_> =
            found.iter().filter(|(path, entry)| entry.kind == "file" && path.starts_with("/copy/")).collect();
        ensure(files.len() > 50, || format!("{} files", files.len()))?;
        for (path, entry) in files {
            let same =
                expected.get(&path["/copy".len()..]).is_some_and(|oracle| oracle.sha256 == entry.sha256);
            ensure(same, || format!("{path} is not complete"))?;
        }
        // What is there is worth more than what replaces it in part.
        let before = disk.view()?;
        context(fs::write(scratch.path("00"), source::pattern(9, 8 << 20)), "large")?;
        run_to(1, &["cp", text(&scratch.path("00"))?, &disk.at("/copy/00/00")])?;
        disk.is_clean()?;
        compare(&before, &disk.view()?)?;
        run_to(0, &["rm", "-r", &disk.at("/copy")])?;
        disk.is_clean()?;
    }
    Ok(())
}
