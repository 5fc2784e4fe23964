//! What is done every day: a look at a disk, trees out of an image and into one, a mount by FUSE; each figure beside a peer in
//! the same run, the median of five. See README.md.
#![forbid(unsafe_code)]

use rump_benches::image::{Bench, Content, FOLDERS, LARGE, write_tree};
use rump_benches::program::{Mounted, debugfs, is_installed, measured, rump, rump_command, succeed, timed};
use rump_benches::table::{self, Table, Target};
use rump_benches::writing::Scratch;
use rump_benches::{Outcome, reading};
use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Files in a folder of the tree.
const FILES: usize = 1000;
/// Where content lies in memory, if the host has that.
const MEMORY: &str = "/dev/shm";

const LOOK: &str = "ls of a disk in qcow2";
const OUT: &str = "100,000 files out";
const OUT_BY_MOUNT: &str = "10,000 files out";
const IN: &str = "100,000 files in";
const MOUNT: &str = "1 GiB by FUSE";

/// Adds rows about what was prepared.
type Measurement = fn(&mut Table, &Bench) -> Outcome;

fn main() -> Outcome {
    let (mut table, wanted) = table::chosen();
    if wanted(LOOK) {
        look(&mut table)?;
    }
    let rows: [(&str, Measurement); 4] =
        [(OUT, out), (OUT_BY_MOUNT, out_by_mount), (IN, into), (MOUNT, mount)];
    if rows.iter().any(|(title, _)| wanted(title)) {
        let bench = Bench::prepare()?;
        for (_, run) in rows.iter().filter(|(title, _)| wanted(title)) {
            run(&mut table, &bench)?;
        }
    }
    table.finish();
    Ok(())
}

/// From the start of the program to its end: nothing of the disk is known before.
fn look(table: &mut Table) -> Outcome {
    for needed in ["sfdisk", "qemu-img"] {
        if !is_installed(needed) {
            table.skip(LOOK, format!("{needed} is not installed"));
            return Ok(());
        }
    }
    let scratch = Scratch::prepare()?;
    let disk = cloud_disk(&scratch)?;
    let within = Target::Within(Duration::from_millis(50));
    table.alone(LOOK, within, || rump(&disk, &["ls", "-l", ":/"]))
}

/// A disk as clouds give them away: GPT, one ext4 of 4 GiB with 4000 files, in qcow2.
fn cloud_disk(scratch: &Scratch) -> Outcome<PathBuf> {
    let (tree, raw, script, disk) =
        (scratch.path("tree"), scratch.path("raw"), scratch.path("script"), scratch.path("disk.qcow2"));
    write_tree(&tree, 40, 100, Content::Line)?;
    File::create(&raw)?.set_len(4098 << 20)?;
    fs::write(&script, "label: gpt\nstart=2048\n")?;
    measured(Command::new("sfdisk").arg("-q").arg(&raw).stdin(File::open(&script)?))?;
    let mut make = Command::new("mke2fs");
    make.args(["-q", "-F", "-t", "ext4", "-E", "offset=1048576", "-d"]).arg(&tree).arg(&raw).arg("4096M");
    succeed(&mut make)?;
    succeed(Command::new("qemu-img").args(["convert", "-f", "raw", "-O", "qcow2"]).arg(&raw).arg(&disk))?;
    Ok(disk)
}

/// An empty folder in memory, which is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn fresh() -> Outcome<Self> {
        let memory = Path::new(MEMORY);
        let above = if memory.is_dir() { memory.into() } else { std::env::temp_dir() };
        let folder = above.join(format!("rump-bench-out-{}", std::process::id()));
        fs::create_dir(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Errors: there are not as many files as there should be.
fn check(tree: &Path, folders: usize) -> Outcome {
    let mut count = 0;
    for folder in fs::read_dir(tree)? {
        count += fs::read_dir(folder?.path())?.count();
    }
    if count == folders * FILES { Ok(()) } else { Err(format!("{}: {count} files", tree.display()).into()) }
}

fn out(table: &mut Table, bench: &Bench) -> Outcome {
    let image = &bench.image;
    let ours = || {
        let to = Folder::fresh()?;
        let took = rump(image, &["cp", "-a", ":/tree", &to.0.to_string_lossy()])?;
        check(&to.0.join("tree"), FOLDERS).map(|()| took)
    };
    let theirs = || {
        let to = Folder::fresh()?;
        let took = debugfs(image, &format!("rdump /tree {}", to.0.display()))?;
        check(&to.0.join("tree"), FOLDERS).map(|()| took)
    };
    table.beside(OUT, Target::Speed(3.0), ours, ("debugfs rdump", theirs))?;
    // What no program can do without: the host's own work for as many files.
    let bare = || {
        let to = Folder::fresh()?;
        bare_files(&to.0)
    };
    table.beside(OUT, Target::Context, ours, ("openat, write, close", bare))
}

/// Makes as many files of a line, without attributes, by one thread.
fn bare_files(to: &Path) -> Outcome<Duration> {
    let begin = Instant::now();
    let mode = Mode::from_raw_mode(0o755);
    for folder in 0..FOLDERS {
        let path = to.join(format!("d{folder}"));
        mkdirat(CWD, &path, mode)?;
        let folder = openat(CWD, &path, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        for file in 0..FILES {
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
            let made = openat(&folder, format!("f{file}"), flags, Mode::from_raw_mode(0o644))?;
            rustix::io::write(&made, format!("file {file}\n").as_bytes())?;
        }
    }
    Ok(begin.elapsed())
}

/// A tenth of the tree: through fuse2fs all of it takes minutes.
fn out_by_mount(table: &mut Table, bench: &Bench) -> Outcome {
    if !is_installed("fuse2fs") {
        table.skip(OUT_BY_MOUNT, "fuse2fs is not installed");
        return Ok(());
    }
    let image = &bench.image;
    let folders = FOLDERS / 10;
    let names = || (0..folders).map(|folder| format!("/tree/d{folder}"));
    let ours = || {
        let to = Folder::fresh()?;
        let mut words = vec!["cp".into(), "-a".into()];
        words.extend(names().map(|name| format!(":{name}")));
        words.push(to.0.display().to_string());
        let took = rump(image, &words.iter().map(String::as_str).collect::<Vec<_>>())?;
        check(&to.0, folders).map(|()| took)
    };
    let theirs = || {
        let to = Folder::fresh()?;
        let begin = Instant::now();
        let mounted = Mounted::by_fuse2fs(image, bench.path("fuse"))?;
        let from = names().map(|name| mounted.at.join(name.trim_start_matches('/')));
        succeed(Command::new("cp").arg("-a").args(from).arg(&to.0))?;
        let took = begin.elapsed();
        check(&to.0, folders).map(|()| took)
    };
    table.beside(OUT_BY_MOUNT, Target::Speed(3.0), ours, ("fuse2fs, cp -a", theirs))
}

fn into(table: &mut Table, bench: &Bench) -> Outcome {
    let scratch = Scratch::prepare()?;
    let tree = bench.path("source").join("tree");
    let ours = || {
        let image = scratch.fresh_ext4()?;
        let mut command = rump_command(&image, &["cp", "-a"]);
        measured(command.arg(&tree).arg(format!("{}:/", image.display())))
    };
    // It writes into the folder that it is in.
    let script = scratch.path("script");
    let mut text = String::from("mkdir /tree\n");
    for folder in 0..FOLDERS {
        text.push_str(&format!("mkdir /tree/d{folder}\ncd /tree/d{folder}\n"));
        for file in (folder..FOLDERS * FILES).step_by(FOLDERS) {
            let from = tree.join(format!("d{folder}/f{file}"));
            text.push_str(&format!("write {} f{file}\n", from.display()));
        }
    }
    fs::write(&script, text)?;
    let theirs =
        || timed(Command::new("debugfs").arg("-w").arg("-f").arg(&script).arg(scratch.fresh_ext4()?));
    table.beside(IN, Target::Speed(3.0), ours, ("debugfs write", theirs))
}

/// Mounted anew for each pass: the host's kernel keeps what it has read.
fn mount(table: &mut Table, bench: &Bench) -> Outcome {
    let read = |mounted: Mounted| reading::plain_sequential(&mounted.at.join("large"), LARGE);
    let ours = || read(Mounted::by_rump(&bench.image, bench.path("mounted"))?);
    if !is_installed("fuse2fs") {
        table.skip("the same by fuse2fs", "not installed");
        return table.alone(MOUNT, Target::Context, ours);
    }
    let theirs = || read(Mounted::by_fuse2fs(&bench.image, bench.path("fuse"))?);
    table.beside(MOUNT, Target::Speed(1.5), ours, ("fuse2fs", theirs))
}
