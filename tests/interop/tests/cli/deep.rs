//! A tree deeper than a process may have files open, and than a path may be long.

use crate::stage::{address, ensure, text};
use interop::image::{Image, Scratch};
use interop::program::{run_ok, run_within};
use interop::{Check, context, rump};
use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const LEVELS: usize = 5000;

/// Every so many levels, there is a file.
const FILE_EVERY: usize = 500;

/// `debugfs` goes down without a path.
fn deep_image(scratch: &Scratch) -> Check<Image> {
    let image = Image::make("deep", 64, &["-t", "ext4", "-N", "20000"], None)?;
    context(std::fs::write(scratch.path("content"), "found at the bottom\n"), "content")?;
    let content = scratch.path("content");
    let mut script = String::new();
    for level in 1..=LEVELS {
        script.push_str("mkdir d\ncd d\n");
        if level % FILE_EVERY == 0 {
            context(writeln!(script, "write {} f", text(&content)?), "script")?;
        }
    }
    let path = scratch.path("script");
    context(std::fs::write(&path, script), "script")?;
    run_ok("debugfs", &["-w".as_ref(), "-f".as_ref(), path.as_os_str(), image.path().as_os_str()])?;
    Ok(image)
}

/// Runs `rump` with fewer descriptors than levels; answers what it printed.
fn run(arguments: &[&str]) -> Check<String> {
    let mut command = Command::new("prlimit");
    command.args(["--nofile=256:256", "--as=268435456", "--core=0"]).arg(rump::binary()?).args(arguments);
    let finished = run_within(&mut command, Duration::from_secs(120))?;
    let is_good = finished.status == Some(0) && finished.stderr.is_empty();
    ensure(is_good, || format!("rump {}: {}", arguments.join(" "), finished.verdict()))?;
    Ok(String::from_utf8_lossy(&finished.stdout).into_owned())
}

pub fn walked_and_copied() -> Check {
    let scratch = Scratch::new("deep")?;
    let image = deep_image(&scratch)?;
    let root = address(&image, "/");
    let count = |text: &str, wanted: &dyn Fn(&str) -> bool| text.lines().filter(|line| wanted(line)).count();
    let files = LEVELS / FILE_EVERY;
    let expected = [
        ("find", files, run(&["find", &root, "-type", "f"])?, "/f"),
        ("sum", files, run(&["sum", &root])?, "/f"),
        ("du", LEVELS, run(&["du", &root])?, "/d"),
        ("tree", LEVELS, run(&["tree", &root])?, "── d"),
        ("ls", LEVELS, run(&["ls", "-R", &root])?, "/d:"),
        ("find --json", LEVELS, run(&["find", &root, "--jsonl", "--xattrs"])?, "\"name\":\"d\""),
    ];
    for (name, lines, text, part) in &expected {
        let found = count(text, &|line| line.contains(part) && (*name != "du" || line.ends_with(part)));
        ensure(found == *lines, || format!("{name}: {found} lines, not {lines}"))?;
    }
    let out = scratch.path("out");
    run(&["cp", "-a", &root, text(&out)?])?;
    let judged = judge_copy(&out, files);
    // Deeper than the standard library removes.
    run_ok("rm", &["-rf".as_ref(), out.as_os_str()])?;
    judged
}

fn judge_copy(out: &Path, files: usize) -> Check {
    let listing = run_ok("find", &[text(out)?, "-name", "d", "-printf", "%d %m\\n"])?;
    let deepest = listing.lines().filter_map(|line| line.split(' ').next()?.parse::<usize>().ok()).max();
    ensure(listing.lines().count() == LEVELS, || format!("{} directories", listing.lines().count()))?;
    ensure(deepest == Some(LEVELS), || format!("deepest: {deepest:?}"))?;
    let contents = run_ok("find", &[text(out)?, "-name", "f", "-execdir", "cat", "{}", ";"])?;
    let whole = contents.lines().filter(|line| *line == "found at the bottom").count();
    ensure(whole == files, || format!("{whole} of {files} files are whole"))
}
