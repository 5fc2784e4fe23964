//! How a mount ends.

use crate::mounted::{Mounted, PATIENCE, check_ext, is_mounted, run, text};
use interop::image::{Image, Scratch};
use interop::program::run_ok;
use interop::{Check, context};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

fn ext4(name: &str) -> Check<Image> {
    Image::make(name, 32, &["-t", "ext4"], None)
}

fn signal(server: &Child, signal: Signal) -> Check {
    let pid = i32::try_from(server.id()).ok().and_then(Pid::from_raw).ok_or("no process")?;
    context(kill_process(pid, signal), "signal")
}

fn wait(server: &mut Child) -> Check<ExitStatus> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match context(server.try_wait(), "wait")? {
            Some(status) => return Ok(status),
            None if Instant::now() >= deadline => return Err("the server does not end".into()),
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}

fn content(image: &Image, name: &str) -> Check<Vec<u8>> {
    let address = format!("{}:/{name}", text(&image.path()));
    let finished = run(&["cat".into(), address])?;
    if finished.status == Some(0) { Ok(finished.stdout) } else { Err(finished.verdict()) }
}

/// What a mount and its end say as JSON.
pub fn told() -> Check {
    let (image, scratch) = (ext4("fuse-told")?, Scratch::new("told")?);
    let point = scratch.path("m");
    context(fs::create_dir(&point), "m")?;
    let (image, point) = (text(&image.path()), text(&point));
    let tells = |words: &[&str], expected: Value| {
        let words: Vec<String> = words.iter().map(ToString::to_string).collect();
        let finished = run(&words)?;
        let found: Value = context(serde_json::from_slice(&finished.stdout), words.join(" "))?;
        if found == expected { Ok(()) } else { Err(format!("{}: {found}", words.join(" "))) }
    };
    let usual = |files: u64, errors: u64, complete: bool| json!({"dry_run": false, "files": files, "bytes": 0, "losses": {}, "errors": errors, "complete": complete});
    let mut mounted = usual(1, 0, true);
    for (key, value) in
        [("source", json!(image)), ("dir", json!(point)), ("type", json!("ext4")), ("read_only", json!(true))]
    {
        mounted[key] = value;
    }
    tells(&["mount", "--json", "-o", "ro", &image, &point], mounted)?;
    tells(&["umount", "--json", &point], usual(1, 0, true))?;
    tells(&["umount", "--json", &point], usual(0, 1, true))?;
    tells(&["mount", "--json", "nowhere", &point], usual(0, 1, false))
}

pub fn signals() -> Check {
    for (number, end) in [Signal::TERM, Signal::INT, Signal::HUP].into_iter().enumerate() {
        let image = ext4("fuse-signal")?;
        let options: &[&str] = if number == 1 { &["-o", "writeback_cache"] } else { &[] };
        let mut ours = Mounted::served(&text(&image.path()), options)?;
        let bytes = interop::source::pattern(number as u64, 300_000);
        context(fs::write(ours.path().join("f"), &bytes), "f")?;
        signal(ours.server()?, end)?;
        let status = wait(ours.server()?)?;
        if !status.success() || is_mounted(ours.path())? {
            return Err(format!("{end:?}: {status}"));
        }
        check_ext(&image.path())?;
        if content(&image, "f")? != bytes {
            return Err(format!("{end:?}: other bytes"));
        }
    }
    Ok(())
}

/// A packed image, whose index is made before it is mounted.
pub fn signal_of_packed() -> Check {
    let image = ext4("fuse-packed")?;
    run_ok("gzip", &["-1", &text(&image.path())])?;
    let packed = format!("{}.gz", text(&image.path()));
    let mut ours = Mounted::served(&packed, &["-o", "ro"])?;
    if !Path::new(&format!("{packed}.rumpidx")).exists() {
        return Err("there is no index".into());
    }
    signal(ours.server()?, Signal::TERM)?;
    let status = wait(ours.server()?)?;
    match status.success() && !is_mounted(ours.path())? {
        true => Ok(()),
        false => Err(format!("{status}, mounted: {}", is_mounted(ours.path())?)),
    }
}

pub fn killed() -> Check {
    let image = ext4("fuse-killed")?;
    let mut ours = Mounted::served(&text(&image.path()), &[])?;
    let bytes = interop::source::pattern(1, 300_000);
    for number in 0..50 {
        context(fs::create_dir(ours.path().join(format!("d{number}"))), "d")?;
        let mut file = context(File::create(ours.path().join(format!("d{number}/f"))), "f")?;
        context(file.write_all(&bytes), "f")?;
        context(file.sync_all(), "f")?;
    }
    context(fs::write(ours.path().join("not synced"), &bytes), "f")?;
    context(ours.server()?.kill(), "kill")?;
    wait(ours.server()?)?;
    if fs::read_dir(ours.path()).is_ok() {
        return Err("it answers though nobody serves".into());
    }
    drop(ours);
    // The journal first, which is what e2fsck exits with 1 for.
    let _ = run_ok("e2fsck", &["-fy", &text(&image.path())]);
    check_ext(&image.path())?;
    for number in 0..50 {
        if content(&image, &format!("d{number}/f"))? != bytes {
            return Err(format!("what was synced in d{number} is not there"));
        }
    }
    Ok(())
}

pub fn busy() -> Check {
    let image = ext4("fuse-busy")?;
    let mut ours = Mounted::served(&text(&image.path()), &[])?;
    let mut file = context(File::create(ours.path().join("f")), "f")?;
    context(file.write_all(b"kept"), "f")?;
    let refused = run(&["umount".into(), ours.text("")])?;
    if refused.status != Some(1) || !is_mounted(ours.path())? {
        return Err(format!("a mount in use is unmounted: {}", refused.verdict()));
    }
    signal(ours.server()?, Signal::TERM)?;
    let status = wait(ours.server()?)?;
    let end = file.write_all(b"late").and_then(|()| file.sync_all());
    if !status.success() || is_mounted(ours.path())? || end.is_ok() {
        return Err(format!("{status}, writing afterwards: {end:?}"));
    }
    drop(file);
    check_ext(&image.path())?;
    if content(&image, "f")? == b"kept" { Ok(()) } else { Err("other bytes".into()) }
}

/// A disk of the host that fills up behind the mount.
pub fn full() -> Check {
    let scratch = Scratch::new("full")?;
    let small = scratch.path("");
    run_ok("mount", &["-t", "tmpfs", "-o", "size=12m", "none", &text(&small)])?;
    let kept = full_within(&small);
    let unmounted = run_ok("umount", &["-l", &text(&small)]);
    kept.and(unmounted.map(drop))
}

fn full_within(small: &Path) -> Check {
    let image = small.join("image");
    context(context(File::create(&image), "image")?.set_len(64 << 20), "image")?;
    run_ok("mke2fs", &["-q", "-F", "-t", "ext4", &text(&image)])?;
    let ours = Mounted::new(&text(&image), &[])?;
    // Less than what is written out before somebody asks for it, in pieces that are not written out at once.
    let bytes = interop::source::pattern(1, 12 << 20);
    let mut file = context(File::create(ours.path().join("f")), "f")?;
    bytes.chunks(4096).try_for_each(|piece| context(file.write_all(piece), "f"))?;
    drop(file);
    let told = run(&["umount".into(), ours.text("")])?;
    let is_told = told.stderr.contains("could be written out") && told.stderr.lines().count() == 1;
    if told.status != Some(1) || !is_told || is_mounted(ours.path())? {
        return Err(format!("unmounting without room: {}", told.verdict()));
    }
    // The journal first, which is what e2fsck exits with 1 for.
    let _ = run_ok("e2fsck", &["-fy", &text(&image)]);
    check_ext(&image)
}

pub fn refusals() -> Check {
    let image = ext4("fuse-refused")?;
    let scratch = Scratch::new("refused")?;
    let (address, point) = (text(&image.path()), text(&scratch.path("")));
    let ours = Mounted::new(&address, &[])?;
    let status = |words: &[&str]| {
        let words: Vec<String> = words.iter().map(|word| word.to_string()).collect();
        run(&words).map(|finished| (finished.status, finished.stderr.lines().count()))
    };
    for (words, expected) in [
        (&["mount", &*address, &*point][..], 4),
        (&["mount", "/nowhere/image", &point], 3),
        (&["mount", "-o", "odd", &address, &point], 2),
        (&["--no-lock", "mount", "-o", "ro", &format!("{address}:/none"), &point], 1),
        (&["--no-lock", "mount", "-o", "ro", &address, "/nowhere"], 1),
        (&["umount", &point], 1),
    ] {
        let (status, lines) = status(words)?;
        if status != Some(expected) || lines == 0 {
            return Err(format!("{words:?}: status {status:?}, {lines} lines"));
        }
    }
    // A directory of the image, for reading only because the image is.
    ours.unmount()?;
    let ours = Mounted::new(&format!("{address}:/lost+found"), &["-o", "ro"])?;
    let (names, refused) =
        (context(fs::read_dir(ours.path()), "list")?.count(), fs::create_dir(ours.path().join("d")));
    let is_refused =
        refused.is_err_and(|error| error.raw_os_error() == Some(rustix::io::Errno::ROFS.raw_os_error()));
    if names != 0 || !is_refused {
        return Err("lost+found is not what is mounted, or is written".into());
    }
    ours.unmount()
}
