//! `rump sh` with a person.

use crate::pane::{PATIENCE, Pane};
use crate::{command, content, image, is_clean};
use interop::image::{Image, Scratch};
use interop::program::run_ok;
use interop::{Check, context};
use std::fs;
use std::os::unix::fs::PermissionsExt;

const SIZE: (u16, u16) = (80, 24);

pub fn completed() -> Check {
    let scratch = Scratch::new("completed")?;
    let image = image("completed", &scratch)?;
    let pane = Pane::new(&scratch, SIZE, &[])?;
    pane.line(&format!("{} sh {}", command()?, image.path().display()))?;
    pane.wait_for_last("image:/>")?;
    pane.text("trunc\t")?;
    pane.wait_for_last("> truncate")?;
    pane.text("--he\t")?;
    pane.wait_for_last("truncate --help")?;
    pane.key("C-u")?;
    pane.text("cat et\t")?;
    pane.wait_for_last("cat etc/")?;
    pane.text("fs\t")?;
    pane.wait_for_last("cat etc/fstab")?;
    pane.key("Enter")?;
    pane.wait_for("/dev/vda1 / ext4")?;
    // A name that needs quotes; the hostile one is not offered.
    pane.text("cat etc/a\\ \t")?;
    pane.wait_for_last("cat etc/a\\ name")?;
    pane.key("Enter")?;
    pane.wait_for("with a space")?;
    // A directory of the host.
    context(fs::create_dir(scratch.path("home").join("folder")), "folder")?;
    pane.text("lcd fol\t")?;
    pane.wait_for_last("lcd folder/")?;
    pane.key("Enter")?;
    pane.line("lpwd")?;
    pane.wait_for("home/folder\n")?;
    pane.line("cd etc")?;
    pane.wait_for_last("image:/etc>")?;
    pane.key("C-d")?;
    match pane.status()?.as_str() {
        "0" => Ok(()),
        other => Err(format!("exit status {other}")),
    }
}

pub fn remembered() -> Check {
    let scratch = Scratch::new("remembered")?;
    let image = image("remembered", &scratch)?;
    let pane = Pane::new(&scratch, SIZE, &[])?;
    let call = format!("{} sh {}", command()?, image.path().display());
    pane.line(&call)?;
    pane.wait_for_last("image:/>")?;
    pane.line("echo of-the-first-run")?;
    pane.wait_for("\nof-the-first-run")?;
    pane.line(" echo secret")?;
    pane.wait_for("\nsecret")?;
    pane.line("exit 3")?;
    let status = pane.status()?;
    if status != "3" {
        return Err(format!("exit status {status}"));
    }
    let history = scratch.path("home").join("rump/history");
    let lines = context(fs::read_to_string(&history), "history")?;
    let mode = context(fs::metadata(&history), "history")?.permissions().mode() & 0o777;
    if lines != "echo of-the-first-run\nexit 3\n" || mode != 0o600 {
        return Err(format!("the history has {lines:?} and mode {mode:o}"));
    }
    pane.line("clear")?;
    pane.line(&call)?;
    pane.wait_for_last("image:/>")?;
    pane.key("Up")?;
    pane.wait_for_last("> exit 3")?;
    pane.key("Up")?;
    pane.wait_for_last("> echo of-the-first-run")?;
    pane.key("Enter")?;
    pane.wait_for("\nof-the-first-run").map(drop)
}

pub fn edited() -> Check {
    let scratch = Scratch::new("edited")?;
    let image = image("edited", &scratch)?;
    let editor = scratch.path("editor");
    context(fs::write(&editor, "#!/bin/sh\necho edited >>\"$1\"\n"), "editor")?;
    context(fs::set_permissions(&editor, fs::Permissions::from_mode(0o755)), "editor")?;
    let editor = editor.display().to_string();
    let pane = Pane::new(&scratch, SIZE, &[("EDITOR", &editor), ("VISUAL", "")])?;
    pane.line(&format!("{} sh -w {}:/etc", command()?, image.path().display()))?;
    pane.wait_for_last("image:/etc>")?;
    pane.line("edit hostname")?;
    pane.wait("another prompt", |screen| screen.matches("image:/etc>").count() == 2)?;
    pane.line("chmod 600 fstab; mkdir made; echo done $?")?;
    pane.wait_for("\ndone 0")?;
    pane.key("C-d")?;
    let status = pane.status()?;
    if status != "0" {
        return Err(format!("exit status {status}"));
    }
    is_clean(&image.path())?;
    match content(&image.path(), "/etc/hostname")?.as_str() {
        "needle\nedited\n" => Ok(()),
        other => Err(format!("the file has {other:?}")),
    }
}

pub fn interrupted() -> Check {
    let scratch = Scratch::new("interrupted")?;
    let image = image("interrupted", &scratch)?;
    let pane = Pane::new(&scratch, SIZE, &[])?;
    pane.line(&format!("{} sh -w {}", command()?, image.path().display()))?;
    pane.wait_for_last("image:/>")?;
    // Hashing all of it would take minutes.
    pane.line("truncate -s 200G hole; echo ready")?;
    pane.wait_for("\nready")?;
    // Once more after what watches for signals in another way where no image is changed.
    for command in ["sum hole", "get etc/hostname got; sum hole"] {
        pane.wait_for_last("image:/>")?;
        pane.line(&format!("echo begin; {command}"))?;
        pane.wait_for("\nbegin")?;
        // Until the command is there to be interrupted.
        std::thread::sleep(std::time::Duration::from_millis(500));
        pane.key("C-c")?;
        pane.wait_for("interrupted")?;
        pane.wait_for_last("image:/>")?;
        pane.line("echo after $?")?;
        pane.wait("a status", |screen| screen.lines().any(|line| line == "after 130" || line == "after 1"))?;
        pane.wait_for_last("image:/>")?;
        pane.text("\u{c}")?;
        pane.wait("an empty screen", |screen| !screen.contains("begin"))?;
    }
    pane.line("rm hole")?;
    pane.wait("another prompt", |screen| screen.matches("image:/>").count() == 2)?;
    pane.line("echo 'still here'")?;
    pane.wait_for("\nstill here")?;
    pane.wait_for_last("image:/>")?;
    // On an empty line it changes nothing.
    pane.text("unfinished")?;
    pane.key("C-c")?;
    pane.wait_for_last("image:/>")?;
    pane.line("echo again")?;
    pane.wait_for("\nagain")?;
    pane.key("C-d")?;
    let status = pane.status()?;
    if status != "0" {
        return Err(format!("exit status {status}"));
    }
    is_clean(&image.path())
}

pub fn copy_interrupted() -> Check {
    const FILES: usize = 20_000;
    let scratch = Scratch::new("copied")?;
    let tree = scratch.path("tree/t");
    context(fs::create_dir_all(&tree), "tree")?;
    for number in 0..FILES {
        context(fs::write(tree.join(number.to_string()), number.to_string()), "file")?;
    }
    let image = Image::make("copied", 128, &["-t", "ext4", "-N", "24000"], Some(&scratch.path("tree")))?;
    let pane = Pane::new(&scratch, SIZE, &[])?;
    pane.line(&format!("{} sh {}", command()?, image.path().display()))?;
    pane.wait_for_last("image:/>")?;
    pane.line("get -r t out; echo not-reached")?;
    let out = scratch.path("home/out");
    let deadline = std::time::Instant::now() + PATIENCE;
    while fs::read_dir(&out).map_or(0, Iterator::count) == 0 {
        if std::time::Instant::now() > deadline {
            return Err("no file comes".into());
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    pane.key("C-c")?;
    let screen = pane.wait_for("run it again to go on")?;
    pane.wait_for_last("image:/>")?;
    let told = screen.split_once("interrupted after ").and_then(|(_, rest)| rest.split_once(" files"));
    let told = told.and_then(|(count, _)| count.parse::<usize>().ok()).ok_or("no count of files")?;
    // The folder is one of them; one that was begun has another name.
    let there = context(fs::read_dir(&out), "out")?.count();
    if told.abs_diff(there) > 1 || there == FILES || screen.contains("\nnot-reached") {
        return Err(format!("{told} files are told, {there} are there:\n{screen}"));
    }
    pane.line("echo status $?")?;
    pane.wait_for("\nstatus 130")?;
    pane.line("get -r t out; echo all $?")?;
    pane.wait_for("\nall 0")?;
    run_ok("diff", &["-r".as_ref(), tree.as_os_str(), out.as_os_str()]).map(drop)
}

pub fn typed_ahead() -> Check {
    let scratch = Scratch::new("ahead")?;
    let image = image("ahead", &scratch)?;
    let wait = scratch.path("wait");
    context(fs::write(&wait, "#!/bin/sh\nuntil test -e go; do sleep 0.02; done\n"), "wait")?;
    context(fs::set_permissions(&wait, fs::Permissions::from_mode(0o755)), "wait")?;
    let wait = wait.display().to_string();
    let pane = Pane::new(&scratch, SIZE, &[("EDITOR", &wait), ("VISUAL", "")])?;
    pane.line(&format!("{} sh -w {}", command()?, image.path().display()))?;
    pane.wait_for_last("image:/>")?;
    pane.line("echo begin; edit etc/hostname")?;
    pane.wait_for("\nbegin")?;
    // Whole lines, and the beginning of one.
    pane.line("echo first-$?")?;
    pane.line("lpwd; echo second-$?")?;
    pane.text("echo thi")?;
    pane.wait_for("\necho thi")?;
    context(fs::write(scratch.path("home/go"), ""), "go")?;
    pane.wait_for("\nfirst-0")?;
    pane.wait_for("\nsecond-0")?;
    pane.wait_for_last("image:/> echo thi")?;
    pane.line("rd")?;
    pane.wait_for("\nthird")?;
    pane.key("C-d")?;
    match pane.status()?.as_str() {
        "0" => is_clean(&image.path()),
        other => Err(format!("exit status {other}")),
    }
}

pub fn terminated() -> Check {
    let scratch = Scratch::new("terminated")?;
    let image = image("terminated", &scratch)?;
    let pane = Pane::new(&scratch, SIZE, &[])?;
    pane.line("stty -a >before")?;
    pane.line(&format!("{} sh -w {}", command()?, image.path().display()))?;
    pane.wait_for_last("image:/>")?;
    pane.line("mkdir made; echo done")?;
    pane.wait_for("\ndone")?;
    pane.wait_for_last("image:/>")?;
    pane.terminate()?;
    let status = pane.status()?;
    if status != "143" {
        return Err(format!("exit status {status}"));
    }
    is_clean(&image.path())?;
    pane.line("stty -a >after; cmp before after && echo the-same")?;
    pane.wait_for("\nthe-same").map(drop)
}
