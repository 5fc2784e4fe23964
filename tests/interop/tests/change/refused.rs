//! What is refused: it has to be named, and no byte of the image may change.

use crate::stage::{Disk, PATIENCE, ensure, run, run_to, text};
use interop::program::{run_ok, run_within};
use interop::{Check, context, rump, source};
use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

fn disk() -> Check<Disk> {
    let disk = Disk::make("refused", 16, 0, "", &["-t", "ext4"])?;
    let mounted = disk.mount("")?;
    context(fs::create_dir_all(mounted.path().join("dir/below")), "dir")?;
    context(fs::write(mounted.path().join("file"), source::pattern(1, 10_000)), "file")?;
    context(fs::write(mounted.path().join("dir/other"), "other"), "other")?;
    mounted.unmount()?;
    Ok(disk)
}

fn bytes(path: &Path) -> Check<Vec<u8>> {
    context(fs::read(path), path.display())
}

/// Runs on an image of which no byte may change; answers the complaints.
fn unchanged(disk: &Disk, status: i32, arguments: &[&str]) -> Check<String> {
    let before = bytes(&disk.path())?;
    let finished = run_to(status, arguments)?;
    ensure(bytes(&disk.path())? == before, || format!("{arguments:?} changed the image"))?;
    ensure(status == 0 || !finished.stderr.is_empty(), || format!("{arguments:?}: not a word"))?;
    Ok(finished.stderr)
}

pub fn wrong() -> Check {
    let disk = disk()?;
    let at = |path: &str| disk.at(path);
    let (file, dir, free) = (at("/file"), at("/dir"), at("/free"));
    let commands =
        ["cp", "mv", "rm", "mkdir", "rmdir", "ln", "chmod", "chown", "touch", "write", "truncate", "edit"];
    for command in commands {
        unchanged(&disk, 2, &[command])?;
        unchanged(&disk, 2, &[command, "--no-such-option", &file, &file])?;
    }
    let missing = "/nonexistent/image:/file";
    for arguments in [
        &["rm", missing][..],
        &["mkdir", missing],
        &["cp", "/etc/hostname", missing],
        &["chmod", "600", missing],
        &["touch", missing],
    ] {
        unchanged(&disk, 3, arguments)?;
    }
    for arguments in [
        &["chmod", "9", &file][..],
        &["chown", ":", &file],
        &["truncate", "-s", "1X", &file],
        &["touch", "-d", "yesterday", &file],
        &["mv", "/etc/hostname", &free],
        &["cp", "--dry-run", &file, "/tmp"],
        &["write", "--append", "--offset", "3", &file],
    ] {
        unchanged(&disk, 2, arguments)?;
    }
    // What only the image can tell is found out when it is open already: the change is that of a mount.
    let before = disk.view()?;
    for arguments in [&["chown", "no-such-user", &file][..], &["ln", &file, &dir, &free]] {
        run_to(2, arguments)?;
        disk.is_clean()?;
    }
    interop::tree::compare(&before, &disk.view()?)?;
    let selector = format!("{}@3:/file", disk.path().display());
    unchanged(&disk, 3, &["rm", &selector]).map(drop)
}

pub fn trials() -> Check {
    let disk = disk()?;
    let at = |path: &str| disk.at(path);
    let (file, dir, free) = (at("/file"), at("/dir"), at("/free"));
    for (arguments, told) in [
        (&["rm", "-r", "--dry-run", &dir, &file][..], 4),
        (&["rmdir", "--dry-run", &at("/dir/below")], 1),
        (&["mv", "--dry-run", &file, &free], 1),
        (&["mv", "--dry-run", &file, &at("/dir/other")], 1),
        (&["truncate", "--dry-run", "-s", "0", &file], 1),
        (&["cp", "-a", "--dry-run", &dir, &free], 3),
        (&["cp", "-a", "--dry-run", "/etc/hostname", &file], 1),
    ] {
        let before = bytes(&disk.path())?;
        let finished = run_to(0, arguments)?;
        let lines = String::from_utf8_lossy(&finished.stdout).lines().count();
        ensure(lines == told, || format!("{arguments:?}: {lines} lines, not {told}"))?;
        ensure(bytes(&disk.path())? == before, || format!("{arguments:?} changed the image"))?;
    }
    Ok(())
}

pub fn locked() -> Check {
    let disk = disk()?;
    let mut writer = Command::new(rump::binary()?);
    let address = disk.at("/written");
    writer.args(["write", &address]).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut writer = context(writer.spawn(), "rump")?;
    let mut input = writer.stdin.take().ok_or("no input")?;
    context(input.write_all(b"still writing"), "rump")?;
    std::thread::sleep(std::time::Duration::from_millis(700));
    for arguments in [
        &["touch", &disk.at("/x")][..],
        &["ls", &disk.at("/")],
        &["cp", "-a", "/etc/hostname", &disk.at("/")],
    ] {
        let finished = run_to(4, arguments)?;
        let named = finished.stderr.contains("locked by")
            && finished.stderr.contains(&format!("process {}", writer.id()));
        ensure(named, || finished.verdict())?;
    }
    drop(input);
    let output = context(writer.wait_with_output(), "rump")?;
    ensure(output.status.success(), || String::from_utf8_lossy(&output.stderr).into_owned())?;
    // A reader keeps writers away.
    let mut reader = Command::new(rump::binary()?);
    context(run_large(&disk), "large")?;
    reader.args(["cat", &disk.at("/large")]).stdout(Stdio::piped());
    let mut reader = context(reader.spawn(), "rump")?;
    let mut first = [0];
    let mut output = reader.stdout.take().ok_or("no output")?;
    context(output.read_exact(&mut first), "rump cat")?;
    let finished = run_to(4, &["touch", &disk.at("/x")]);
    drop(output);
    context(reader.wait(), "rump")?;
    finished?;
    run_to(0, &["touch", &disk.at("/x")])?;
    // Both names of one image, and both addresses of one file system, are one.
    let other = disk.scratch.path("other");
    context(fs::hard_link(disk.path(), &other), "link")?;
    let whole = format!("{}+0:/x", other.display());
    run_to(0, &["cp", "-a", &whole, &disk.at("/y")])?;
    run_to(0, &["mv", &whole, &disk.at("/z")])?;
    disk.is_clean()?;
    let view = disk.view()?;
    ensure(view.contains_key("/y") && view.contains_key("/z") && !view.contains_key("/x"), || {
        format!("{:?}", view.keys())
    })
}

fn run_large(disk: &Disk) -> Result<(), String> {
    run_to(0, &["truncate", "-s", "8M", &disk.at("/large")]).map(drop)
}

pub fn read_only() -> Check {
    let disk = disk()?;
    let path = disk.path();
    let place = text(&path)?;
    // Root may write everything; another user may not.
    let program = disk.scratch.path("rump");
    run_ok("install", &["-m755".as_ref(), rump::binary()?.as_os_str(), program.as_os_str()])?;
    let before = bytes(&path)?;
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]).arg(&program);
    let finished = run_within(command.args(["touch", &disk.at("/x")]), PATIENCE)?;
    let told = finished.stderr.contains("read-only") && finished.stderr.contains(place);
    ensure(finished.status == Some(3) && told, || finished.verdict())?;
    // A feature that nobody knows yet, of those that forbid only writing.
    run_ok("debugfs", &["-w", "-R", "set_super_value feature_ro_compat 0x40000073", place])?;
    run_to(0, &["ls", &disk.at("/")])?;
    let complaint = unchanged(&disk, 3, &["touch", &disk.at("/x")])?;
    ensure(complaint.contains(place) && complaint.lines().count() == 1, || complaint.clone())?;
    ensure(before.len() == bytes(&path)?.len(), || "the image has another size".into())?;
    let other = disk.scratch.path("no-image");
    context(fs::write(&other, source::pattern(3, 1 << 20)), "no-image")?;
    run_to(3, &["touch", &format!("{}:/x", other.display())]).map(drop)
}

pub fn edited() -> Check {
    let disk = Disk::make("edited", 4, 0, "", &["-t", "ext2", "-b", "1024"])?;
    let finished = {
        let mut command = Command::new(rump::binary()?);
        command
            .env("VISUAL", "head -c 8000000 /dev/zero | tr '\\0' x >")
            .env("TMPDIR", disk.scratch.path(""));
        run_within(command.args(["edit", &disk.at("/large")]), PATIENCE)?
    };
    ensure(finished.status == Some(1), || finished.verdict())?;
    let kept = finished.stderr.lines().find_map(|line| line.split_once("is kept: "));
    let (_, kept) = kept.ok_or_else(|| format!("nothing is said of the copy: {}", finished.verdict()))?;
    ensure(context(fs::metadata(kept), kept)?.len() == 8_000_000, || "the copy is not whole".into())?;
    disk.is_clean()?;
    let left = disk.view()?;
    ensure(!left.contains_key("/large"), || format!("{:?}", left.keys()))?;
    let lines = run(&["ls", &disk.at("/")])?;
    ensure(!String::from_utf8_lossy(&lines.stdout).contains(".rump"), || "a part was left".into())
}
