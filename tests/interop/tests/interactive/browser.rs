//! `rump tui`.

use crate::pane::{PATIENCE, Pane};
use crate::{command, image, tree};
use interop::image::{Image, Scratch};
use interop::program::{run_ok, run_within};
use interop::{Check, context, rump};
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

const SIZE: (u16, u16) = (80, 24);

fn opened(scratch: &Scratch, place: &str) -> Check<Pane> {
    let pane = Pane::new(scratch, SIZE, &[])?;
    pane.line("stty -a >before; clear")?;
    pane.line(&format!("{} tui {place}", command()?))?;
    Ok(pane)
}

pub fn without_terminal() -> Check {
    let scratch = Scratch::new("plain")?;
    let image = image("plain", &scratch)?;
    let finished = rump::run(&["tui", &image.path().display().to_string()], Duration::from_secs(20))?;
    match finished.status == Some(2) && finished.stderr.contains("terminal") && finished.stdout.is_empty() {
        true => Ok(()),
        false => Err(finished.verdict()),
    }
}

pub fn browsed() -> Check {
    let scratch = Scratch::new("browsed")?;
    let image = image("browsed", &scratch)?;
    let pane = opened(&scratch, &image.path().display().to_string())?;
    let screen = pane.wait_for("notes.txt")?;
    if !screen.contains("(ext4)  /") || !screen.contains("-rw-r--r--") || !screen.contains("bin/") {
        return Err(format!("the root:\n{screen}"));
    }
    // A name, and its preview; what is in it does nothing to the terminal.
    pane.text("/notes")?;
    pane.key("Enter")?;
    pane.wait_for("|line of notes.]0;title.")?;
    pane.key("Enter")?;
    pane.wait_for("\nline of notes.]0;title.\nline of notes")?;
    pane.key("Tab")?;
    pane.wait_for("00000000  6c 69 6e 65 20 6f 66 20  6e 6f 74 65 73 1b 5d 30  |line of notes.]0|")?;
    pane.text("g")?;
    pane.line("0x100")?;
    pane.wait_for("\n00000100  ")?;
    pane.text("G")?;
    // 500 lines of 24 bytes.
    pane.wait_for("\n00002ed0  ")?;
    pane.key("q")?;
    pane.key("Home")?;
    // Up and down in directories, also to names that would clear the screen.
    pane.text("/etc")?;
    pane.key("Enter")?;
    pane.wait_for("name: etc").err();
    pane.key("Enter")?;
    pane.wait_for("hostname")?;
    pane.wait_for(".[2J")?;
    pane.text("?")?;
    pane.wait_for("open a directory, or look at a file")?;
    pane.key("q")?;
    pane.wait_for("hostname")?;
    pane.resize(100, 12)?;
    pane.wait("a larger screen", |screen| {
        screen.lines().any(|line| line.len() > 85) && screen.lines().count() <= 12
    })?;
    pane.resize(40, 8)?;
    pane.wait("a smaller screen", |screen| {
        screen.contains("+name") && screen.lines().all(|line| line.chars().count() <= 40)
    })?;
    pane.resize(80, 24)?;
    pane.key("Left")?;
    pane.wait_for("notes.txt")?;
    pane.text("i")?;
    pane.wait_for("block size: ")?;
    pane.key("q")?;
    pane.text("q")?;
    match pane.status()?.as_str() {
        "0" => Ok(()),
        other => Err(format!("exit status {other}")),
    }
}

pub fn searched() -> Check {
    let scratch = Scratch::new("searched")?;
    let image = image("searched", &scratch)?;
    let pane = opened(&scratch, &image.path().display().to_string())?;
    pane.wait_for("notes.txt")?;
    pane.text("s")?;
    pane.line("needle")?;
    pane.wait_for("/etc/hostname: needle")?;
    pane.key("Enter")?;
    pane.wait("the file", |screen| screen.lines().nth(1) == Some("needle"))?;
    pane.key("q")?;
    pane.key("q")?;
    pane.wait_for("notes.txt")?;
    pane.text("s")?;
    pane.line("nowhere-at-all")?;
    pane.wait_for(" 0 files found").map(drop)
}

/// In text and in bytes, on and back; far from the beginning, too.
pub fn searched_in_file() -> Check {
    let scratch = Scratch::new("sought")?;
    let image = image("sought", &scratch)?;
    let pane = opened(&scratch, &format!("{}:/bin/far", image.path().display()))?;
    pane.wait_for("-rw-r--r--")?;
    pane.key("Enter")?;
    pane.wait_for("begin sought")?;
    let find = |text: &str| pane.text("/").and_then(|()| pane.line(text));
    let at = |place: u64| pane.wait_for(&format!(" found at {place}\n"));
    find("sought")?;
    at(6)?;
    pane.text("n")?;
    at(3_000_000)?;
    pane.wait_for("\nthe sought of the middle\n")?;
    pane.key("Tab")?;
    pane.wait_for("002dc6c0  73 6f 75 67 68 74 ")?;
    pane.text("n")?;
    pane.wait_for("not found from here on")?;
    pane.text("N")?;
    at(6)?;
    pane.text("N")?;
    pane.wait_for("not found before this")?;
    find("0xfffe00")?;
    at(3_500_000)?;
    pane.wait_for("  ff fe 00")?;
    pane.text("qq")?;
    pane.status().map(drop)
}

pub fn extracted() -> Check {
    let scratch = Scratch::new("extracted")?;
    let image = image("extracted", &scratch)?;
    let out = scratch.path("out");
    context(fs::create_dir(&out), "out")?;
    let pane = opened(&scratch, &image.path().display().to_string())?;
    pane.wait_for("notes.txt")?;
    pane.text("/etc")?;
    pane.key("Enter")?;
    pane.text(" ")?;
    pane.wait_for("1 marked")?;
    pane.text("/notes")?;
    pane.key("Enter")?;
    pane.text(" ")?;
    pane.wait_for("2 marked")?;
    pane.text("x")?;
    pane.wait_for("extract to: .")?;
    pane.key("C-u")?;
    pane.line(&out.display().to_string())?;
    pane.wait_for("files are in ")?;
    pane.text("q")?;
    pane.status()?;
    let tree = scratch.path("tree");
    for name in ["etc", "notes.txt"] {
        run_ok("diff", &["-r".as_ref(), tree.join(name).as_os_str(), out.join(name).as_os_str()])?;
    }
    match context(fs::read_dir(&out), "out")?.count() {
        2 => Ok(()),
        count => Err(format!("{count} things were extracted")),
    }
}

/// A disk with two partitions.
fn disk(scratch: &Scratch) -> Check<std::path::PathBuf> {
    const MIB: u64 = 1 << 20;
    let path = scratch.path("disk");
    let mut disk = context(File::create(&path), "disk")?;
    context(disk.set_len(32 * MIB), "disk")?;
    let table = "label: gpt\nstart=2048, size=20480\nstart=22528, size=20480\n";
    context(fs::write(scratch.path("table"), table), "table")?;
    let sfdisk = format!("sfdisk -q '{}' <'{}'", path.display(), scratch.path("table").display());
    let made = run_within(Command::new("sh").arg("-c").arg(sfdisk), Duration::from_secs(20))?;
    if made.status != Some(0) {
        return Err(made.verdict());
    }
    let tree = tree(scratch)?;
    for (start, label, source) in [(1, "first", None), (11, "second", Some(&*tree))] {
        let part = Image::make(label, 10, &["-t", "ext2", "-L", label], source)?;
        let mut bytes = Vec::new();
        context(File::open(part.path()).and_then(|mut file| file.read_to_end(&mut bytes)), label)?;
        context(disk.seek(SeekFrom::Start(start * MIB)).and_then(|_| disk.write_all(&bytes)), label)?;
    }
    Ok(path)
}

pub fn chosen() -> Check {
    let scratch = Scratch::new("chosen")?;
    let disk = disk(&scratch)?;
    let pane = opened(&scratch, &disk.display().to_string())?;
    let screen = pane.wait_for("second")?;
    if !screen.contains("@1 ") || !screen.contains("@2 ") {
        return Err(format!("the file systems:\n{screen}"));
    }
    pane.key("Down")?;
    pane.key("Enter")?;
    pane.wait_for("notes.txt")?;
    pane.text("v")?;
    pane.wait_for("first")?;
    pane.key("Enter")?;
    pane.wait("the first", |screen| screen.contains("lost+found") && !screen.contains("notes.txt"))?;
    pane.text("q")?;
    pane.status().map(drop)
}

pub fn given_back() -> Check {
    for end in ["q", "C-c", "SIGTERM"] {
        let scratch = Scratch::new("given")?;
        let image = image("given", &scratch)?;
        let pane = opened(&scratch, &image.path().display().to_string())?;
        pane.wait_for("notes.txt")?;
        match end {
            "SIGTERM" => pane.terminate()?,
            key => pane.key(key)?,
        }
        let status = pane.status()?;
        let expected = if end == "SIGTERM" { "143" } else { "0" };
        if status != expected {
            return Err(format!("{end}: exit status {status}"));
        }
        let screen = pane.screen()?;
        if screen.contains("notes.txt") {
            return Err(format!("{end}: the screen is not that of before:\n{screen}"));
        }
        pane.line("stty -a >after; cmp before after && echo the-same")?;
        pane.wait_for("\nthe-same")?;
    }
    Ok(())
}

/// A terminal that goes away, with whatever was being done, takes the browser with it.
pub fn left_alone() -> Check {
    for keys in [&[][..], &["s", "needle"]] {
        let scratch = Scratch::new("alone")?;
        let image = image("alone", &scratch)?;
        let pane = opened(&scratch, &image.path().display().to_string())?;
        pane.wait_for("notes.txt")?;
        keys.iter().try_for_each(|text| pane.text(text))?;
        let pid = pane.child()?;
        drop(pane);
        let deadline = Instant::now() + PATIENCE;
        while Path::new(&format!("/proc/{pid}")).exists() {
            if Instant::now() > deadline {
                let _ = rustix::process::Pid::from_raw(pid)
                    .map(|pid| rustix::process::kill_process(pid, rustix::process::Signal::KILL));
                return Err(format!("{keys:?}: it goes on without a terminal"));
            }
            thread::sleep(Duration::from_millis(30));
        }
    }
    Ok(())
}
