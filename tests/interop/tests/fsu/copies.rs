//! Copies between the host and an image.

use crate::disk::{Disk, ensure, text};
use crate::stage::{command, run, tool, write};
use interop::image::Scratch;
use interop::program::{run_ok, run_within};
use interop::{Check, context};
use std::fs;
use std::io::Write;
use std::process::Stdio;

/// Runs a tool that has to succeed.
fn run_well(name: &str, arguments: &[&str]) -> Check<String> {
    let finished = run(name, arguments)?;
    ensure(finished.status == Some(0), || format!("{name} {arguments:?}: {}", finished.verdict()))?;
    Ok(String::from_utf8_lossy(&finished.stdout).into_owned())
}

pub fn there_and_back() -> Check {
    let (disk, host) = (Disk::make("ecp", 16, 0, "", &["-t", "ext4"])?, Scratch::new("host")?);
    let tree = host.path("tree");
    context(fs::create_dir_all(tree.join("deep/er")), "tree")?;
    write(&tree.join("deep/er/file"), "content\n")?;
    write(&tree.join("top"), "top\n")?;
    let (place, tree) = (disk.place(), text(&tree)?.to_string());
    run_well("fsu_put", &[&place, "-R", &tree])?;
    run_well("fsu_ecp", &[&place, "-pR", &tree, "/second"])?;
    let (first, second) = (host.path("first"), host.path("second"));
    run_well("fsu_get", &[&place, "-R", "tree", text(&first)?])?;
    run_well("fsu_ecp", &[&place, "-gR", "/second", text(&second)?])?;
    for copy in [&first, &second] {
        run_ok("diff", &["-r", &tree, text(copy)?])?;
    }
    ensure(run_well("fsu_cat", &[&place, "second/deep/er/file"])? == "content\n", || "content".into())?;
    ensure(run("fsu_ecp", &[&place, "top", "x"])?.status == Some(2), || "a copy without a way".into())?;
    disk.is_clean()
}

pub fn written() -> Check {
    let disk = Disk::make("write", 16, 0, "", &["-t", "ext4"])?;
    let place = disk.place();
    let feed = |arguments: &[&str], bytes: &str| -> Check {
        let mut command = command(&tool("fsu_write")?);
        command.arg(&place).args(arguments).stdin(Stdio::piped());
        let mut child = context(command.spawn(), "fsu_write")?;
        let mut input = child.stdin.take().ok_or("no input")?;
        context(input.write_all(bytes.as_bytes()), "input")?;
        drop(input);
        let status = context(child.wait(), "fsu_write")?;
        ensure(status.success(), || format!("fsu_write {arguments:?}: {status}"))
    };
    feed(&["/file"], "a longer text\n")?;
    feed(&["/file"], "short\n")?;
    feed(&["-a", "/file"], "more\n")?;
    let mut cat = command(&tool("fsu_cat")?);
    let finished = run_within(cat.args([&place, "file"]), crate::disk::PATIENCE)?;
    ensure(finished.stdout == b"short\nmore\n", || finished.verdict())?;
    disk.is_clean()
}

pub fn moved() -> Check {
    let (disk, host) = (Disk::make("emv", 16, 0, "", &["-t", "ext4"])?, Scratch::new("host")?);
    let tree = host.path("tree");
    context(fs::create_dir_all(tree.join("deep")), "tree")?;
    write(&tree.join("deep/file"), "content\n")?;
    let (place, path) = (disk.place(), text(&tree)?.to_string());
    run_well("fsu_emv", &[&place, "-p", &path, "/there"])?;
    ensure(!tree.exists(), || "the source is still on the host".into())?;
    ensure(run_well("fsu_cat", &[&place, "there/deep/file"])? == "content\n", || "content".into())?;
    run_well("fsu_emv", &[&place, "-g", "there", &path])?;
    ensure(run_well("fsu_ls", &[&place])? == "lost+found\n", || "the source is still in the image".into())?;
    let back = context(fs::read(tree.join("deep/file")), "file")?;
    ensure(back == b"content\n", || "what came back is another file".into())?;
    disk.is_clean()
}

pub fn worked_on() -> Check {
    let (disk, host) = (Disk::make("exec", 16, 0, "", &["-t", "ext4"])?, Scratch::new("host")?);
    let file = host.path("file");
    write(&file, "one two\n")?;
    let place = disk.place();
    run_well("fsu_put", &[&place, text(&file)?])?;
    ensure(run_well("fsu_exec", &[&place, "cat", "file"])? == "one two\n", || "cat".into())?;
    run_well("fsu_exec", &[&place, "sed", "-i", "s/two/three/", "/file"])?;
    ensure(run_well("fsu_cat", &[&place, "file"])? == "one three\n", || "sed".into())?;
    let failed = run("fsu_exec", &[&place, "grep", "four", "file"])?;
    ensure(failed.status == Some(1) && failed.stderr.is_empty(), || failed.verdict())?;
    let missing = run("fsu_exec", &[&place, "cat", "nowhere"])?;
    ensure(missing.status == Some(1) && missing.stderr.contains("nowhere"), || missing.verdict())?;
    let killed = run("fsu_exec", &[&place, "sh", "-c", "kill -9 $$", "file"])?;
    ensure(killed.status == Some(137), || killed.verdict())?;
    disk.is_clean()
}
