//! Copies between images of different file systems: what can be stored arrives, and what cannot is told.
//!
//! Judges: fsck.fat, fsck.exfat and e2fsck look at what was copied into; xorriso makes the disc that is copied from.
#![forbid(unsafe_code)]

use interop::image::Scratch;
use interop::program::{lacks, run_ok, run_within};
use interop::suite::Suite;
use interop::tree::{Contents, compare, of_host};
use interop::{Check, context, rump, text};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(120);

fn main() {
    let root = (!rustix::process::geteuid().is_root()).then_some("root, to make devices");
    let programs = ["fsck.fat", "fsck.exfat", "e2fsck", "xorriso", "setfattr", "setfacl", "mknod"];
    let lacking = lacks(&programs).or(root);
    let mut suite = Suite::default();
    for (format, judge) in [("vfat", "fsck.fat"), ("exfat", "fsck.exfat")] {
        suite.add(format!("{format}_is_told_to_lose_what_it_does_not_store"), lacking, move || {
            told(format, judge)
        });
        suite.add(format!("{format}_refuses_losses_where_that_is_strict"), lacking, move || {
            strict(format, judge)
        });
    }
    suite.add("vfat_takes_no_file_of_more_than_4_gib", lacking, too_large);
    suite.add("ext4_loses_nothing_of_ext4", lacking, nothing_lost);
    suite.add("a_disc_arrives_as_it_was", lacking, disc);
    suite.run();
}

fn sound(judge: &str, image: &str) -> Check {
    let finished = run_within(Command::new(judge).args(["-n", image]), PATIENCE)?;
    if finished.status == Some(0) { Ok(()) } else { Err(format!("{judge}: {}", finished.verdict())) }
}

/// An ext4 with the tree that `script` makes below `t`; answers the tree's folder and the image.
fn source(scratch: &Scratch, script: &str) -> Check<(String, String)> {
    let (folder, image) = (text(&scratch.path("t")), text(&scratch.path("source.img")));
    run_ok("sh", &["-ec", &format!("mkdir -p '{folder}/t'; cd '{folder}/t'; {script}")])?;
    rump::ends(0, &["mkfs", "ext4", &image, "--size", "32M", "--from", &folder])?;
    Ok((folder, image))
}

/// Every kind of thing, of which each line loses one.
const TREE: &str = "echo plain > plain; touch -d @1000000000 plain
    echo owned > owned; touch -d @1000000000 owned; chown 5:6 owned
    echo mode > mode; touch -d @1000000000 mode; chmod 4711 mode
    echo time > time; touch -d @1000000001.123456789 time
    echo xattr > xattr; touch -d @1000000000 xattr; setfattr -n user.x -v y xattr
    echo linked > linked; touch -d @1000000000 linked; ln linked again
    ln -s plain symlink; mkfifo fifo; mknod null c 1 3
    mkdir d; echo deep > d/deep; touch -d @1000000000 d/deep d; touch -d @1000000000 .
    chmod 755 plain owned time xattr linked d/deep";

fn has(said: &str, words: &[&str]) -> Check {
    match words.iter().find(|word| !said.contains(**word)) {
        None => Ok(()),
        Some(word) => Err(format!("{word:?} is not in {said:?}")),
    }
}

fn told(format: &str, judge: &str) -> Check {
    let scratch = Scratch::new("told")?;
    let (_, from) = source(&scratch, TREE)?;
    let image = text(&scratch.path("target.img"));
    rump::ends(0, &["mkfs", format, &image, "--size", "64M"])?;
    // Links and devices are not copied at all: that is a failure.
    let finished = rump::ends(1, &["cp", "-a", "--json", &format!("{from}:/t"), &format!("{image}:/t")])?;
    let said = finished.stderr;
    let outcome: Value = context(serde_json::from_slice(&finished.stdout), "outcome")?;
    let losses = json!({"hard_link": 1, "mode": 1, "owner": 1, "time": 1, "xattrs": 1});
    if outcome["losses"] != losses || outcome["errors"] != 3 {
        return Err(outcome.to_string());
    }
    has(&said, &["/t/symlink: ", "/t/fifo: ", "/t/null: ", "3 not copied"])?;
    has(
        &said,
        &[
            "/t/owned has lost its owner",
            "/t/mode has lost its mode",
            "/t/xattr has lost its extended attributes",
        ],
    )?;
    has(&said, &["has lost being another name of a file, and is a copy", "/t/time has lost the exact time"])?;
    let words = said.lines().filter(|line| line.contains("has lost")).count();
    if words != 5 {
        return Err(format!("{words} lines instead of 5: {said}"));
    }
    sound(judge, &image)?;
    let view = rump::view(&image, Contents::Hashed)?;
    let sums = |name: &str| view.get(name).and_then(|entry| entry.sha256.clone());
    if sums("/t/linked").is_none() || sums("/t/linked") != sums("/t/again") {
        return Err("a name of a file with two is not there".into());
    }
    for name in ["/t/plain", "/t/owned", "/t/mode", "/t/xattr", "/t/d/deep"] {
        let time = view.get(name).ok_or_else(|| format!("{name} is missing"))?.mtime;
        if time != (1_000_000_000, 0) {
            return Err(format!("{name} has the time {time:?}"));
        }
    }
    Ok(())
}

fn strict(format: &str, judge: &str) -> Check {
    let scratch = Scratch::new("strict")?;
    let (_, from) = source(&scratch, TREE)?;
    let image = text(&scratch.path("target.img"));
    rump::ends(0, &["mkfs", format, &image, "--size", "64M"])?;
    rump::ends(0, &["cp", "--strict", &format!("{from}:/t/plain"), &format!("{image}:/")])?;
    let to = format!("{image}:/t");
    let said = rump::ends(1, &["cp", "-a", "--strict", &format!("{from}:/t"), &to])?.stderr;
    let words =
        ["/t/owned: loses its owner", "/t/mode: loses its mode", "/t/xattr: loses its extended attributes"];
    has(&said, &words)?;
    has(&said, &["loses being another name of a file", "/t/time: loses the exact time of its last change"])?;
    if said.contains("/t/plain: ") || said.contains("/t/d/deep: ") {
        return Err(said);
    }
    sound(judge, &image)
}

fn too_large() -> Check {
    let scratch = Scratch::new("large")?;
    let (_, from) = source(&scratch, "echo a > small; truncate -s 5G large")?;
    let image = text(&scratch.path("target.img"));
    rump::ends(0, &["mkfs", "vfat", &image, "--size", "64M"])?;
    let said = rump::ends(1, &["cp", "-r", &format!("{from}:/t"), &format!("{image}:/")])?.stderr;
    has(&said, &["/t/large: "])?;
    sound("fsck.fat", &image)?;
    let names: Vec<String> = rump::view(&image, Contents::Hashed)?.into_keys().collect();
    if names == ["/", "/t", "/t/small"] { Ok(()) } else { Err(format!("{names:?}")) }
}

/// The same tree in two ext4, down to lists of access rights.
fn nothing_lost() -> Check {
    let scratch = Scratch::new("kept")?;
    let script =
        format!("{TREE}; setfacl -m u:77:rw owned; setfacl -d -m g:9:rx d; touch -d @1000000000 d .");
    let (folder, from) = source(&scratch, &script)?;
    let image = text(&scratch.path("target.img"));
    rump::ends(0, &["mkfs", "ext4", &image, "--size", "64M"])?;
    let finished = rump::ends(0, &["cp", "-a", "--strict", &format!("{from}:/t"), &format!("{image}:/")])?;
    if !finished.stderr.is_empty() {
        return Err(finished.stderr);
    }
    sound("e2fsck", &image)?;
    arrived(&folder, &image)
}

/// Compares the tree `t` of the host with that in an image.
fn arrived(folder: &str, image: &str) -> Check {
    let lasting = |mut tree: interop::tree::Tree| {
        tree.retain(|path, _| path.starts_with("/t"));
        for entry in tree.values_mut() {
            (entry.ino, entry.atime, entry.ctime) = (0, (0, 0), (0, 0));
            if entry.kind == "dir" {
                entry.size = 0;
            }
        }
        tree
    };
    let expected = lasting(of_host(Path::new(folder), Contents::Hashed)?);
    compare(&expected, &lasting(rump::view(image, Contents::Hashed)?))
}

fn disc() -> Check {
    let scratch = Scratch::new("disc")?;
    // Whole seconds: a disc has no others.
    let script = "echo a > plain; echo b > owned; chown 5:6 owned; chmod 4711 owned; ln -s 'some where' link
        mkfifo fifo; mknod null c 1 3; mkdir d; echo c > d/deep; chmod 2750 d
        find . -exec touch -h -d @1000000007 '{}' +";
    let (folder, _) = source(&scratch, script)?;
    let (iso, image) = (text(&scratch.path("a.iso")), text(&scratch.path("target.img")));
    run_ok("xorriso", &["-as", "mkisofs", "-quiet", "-R", "-o", &iso, &folder])?;
    context(fs::metadata(&iso), "disc")?;
    rump::ends(0, &["mkfs", "ext4", &image, "--size", "64M"])?;
    let finished = rump::ends(0, &["cp", "-a", "--strict", &format!("{iso}:/t"), &format!("{image}:/")])?;
    if !finished.stderr.is_empty() {
        return Err(finished.stderr);
    }
    sound("e2fsck", &image)?;
    arrived(&folder, &image)
}
