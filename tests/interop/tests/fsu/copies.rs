//! Copies between the host and an image.

use crate::disk::{Disk, ensure, text};
use crate::stage::{command, run, tool, write};
use interop::image::Scratch;
use interop::program::{run_ok, run_within};
use interop::{Check, context};
use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
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

/// -H, -L and -P, into an image, within it and out of it, beside cp(1).
pub fn links_followed() -> Check {
    let (disk, host) = (Disk::make("links", 16, 0, "", &["-t", "ext4"])?, Scratch::new("host")?);
    let tree = host.path("tree");
    context(fs::create_dir_all(tree.join("dir/deep")), "tree")?;
    write(&tree.join("dir/deep/inner"), "inner\n")?;
    write(&tree.join("file"), "file\n")?;
    let links =
        [("tree/to-file", "file"), ("tree/to-dir", "dir"), ("tree/dir/up", "../file"), ("named", "tree")];
    for (name, target) in links {
        context(symlink(target, host.path(name)), name)?;
    }
    let (place, named) = (disk.place(), text(&host.path("named"))?.to_string());
    run_well("fsu_put", &[&place, "-R", text(&tree)?, &named, "/"])?;
    for flags in ["-RH", "-RL", "-RP"] {
        let [expected, out] = ["host", "out"].map(|name| host.path(&format!("{name}{flags}")));
        run_ok("cp", &[flags, &named, text(&expected)?])?;
        run_well("fsu_put", &[&place, flags, &named, &format!("/put{flags}")])?;
        run_well("fsu_cp", &[&place, flags, "/named", &format!("/within{flags}")])?;
        run_well("fsu_get", &[&place, flags, "/named", text(&out)?])?;
        let mounted = disk.mount("ro")?;
        for copy in
            [mounted.path().join(format!("put{flags}")), mounted.path().join(format!("within{flags}")), out]
        {
            run_ok("diff", &["-r", "--no-dereference", text(&expected)?, text(&copy)?])?;
        }
        mounted.unmount()?;
    }
    // Where a link of an image leads is in the image.
    context(symlink("/tree/file", host.path("absolute")), "absolute")?;
    run_well("fsu_put", &[&place, text(&host.path("absolute"))?])?;
    run_well("fsu_get", &[&place, "-L", "absolute", text(&host.path("got"))?])?;
    ensure(context(fs::read(host.path("got")), "got")? == b"file\n", || "absolute".into())?;
    disk.is_clean()
}

/// What leads nowhere, or in a circle, is left out and told, as cp(1) does.
pub fn links_in_circles() -> Check {
    let (disk, host) = (Disk::make("circles", 16, 0, "", &["-t", "ext4"])?, Scratch::new("host")?);
    let tree = host.path("tree");
    context(fs::create_dir_all(tree.join("dir")), "tree")?;
    write(&tree.join("dir/file"), "file\n")?;
    for (name, target) in [("dir/up", ".."), ("lost", "nowhere"), ("self", "self"), ("z", "/into")] {
        context(symlink(target, tree.join(name)), name)?;
    }
    let (place, path) = (disk.place(), text(&tree)?.to_string());
    run_well("fsu_put", &[&place, "-R", &path])?;
    for (name, arguments) in [
        ("fsu_put", [&place, "-RL", &path, "/put"]),
        ("fsu_get", [&place, "-RL", "/tree", text(&host.path("got"))?]),
        ("fsu_cp", [&place, "-RL", "/tree", "/within"]),
    ] {
        let finished = run(name, &arguments)?;
        ensure(finished.status == Some(1), || format!("{name}: {}", finished.verdict()))?;
        for link in ["dir/up", "lost", "self"] {
            let is_told = finished.stderr.lines().any(|line| line.contains(link));
            ensure(is_told, || format!("{name}, {link}: {}", finished.stderr))?;
        }
    }
    // Into a directory that a link in it leads to, it would not end.
    run_well("fsu_mkdir", &[&place, "/into"])?;
    let finished = run("fsu_cp", &[&place, "-RL", "/tree", "/into/copy"])?;
    let is_told = finished.status == Some(1) && finished.stderr.contains("into itself");
    ensure(is_told, || finished.verdict())?;
    let found = run_well("fsu_find", &[&place, "/put", "/within", "/into", "-type", "f"])?;
    let expected = "/put/dir/file\n/within/dir/file\n/into/copy/dir/file\n";
    ensure(found == expected, || found.clone())?;
    ensure(context(fs::read(host.path("got/dir/file")), "got")? == b"file\n", || "got".into())?;
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
