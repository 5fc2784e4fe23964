//! Reading ext images: each figure beside a peer in the same run, the median of five. See README.md.
#![forbid(unsafe_code)]

use rump_benches::Outcome;
use rump_benches::image::{Bench, FOLDERS, LARGE};
use rump_benches::program::{Mounted, debugfs, debugfs_listing, is_installed, rump, timed};
use rump_benches::reading;
use rump_benches::table::{Format, Table, Target};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Bytes of the inode tables that a listing of the tree reads: 100,000 inodes of 256 bytes.
const INODE_BYTES: u64 = 100_000 * 256;

fn main() -> Outcome {
    let (mut format, mut million) = (Format::Text, false);
    for word in std::env::args().skip(1) {
        match word.as_str() {
            "--json" => format = Format::Json,
            "--million" => million = true,
            _ => return Err(format!("{word}: unknown; there are --json and --million").into()),
        }
    }
    let bench = Bench::prepare()?;
    let mut table = Table::new(format);
    content(&mut table, &bench)?;
    listing(&mut table, &bench)?;
    starting(&mut table, &bench)?;
    fuse2fs(&mut table, &bench)?;
    if million {
        walking(&mut table, &bench)?;
    }
    table.finish();
    Ok(())
}

fn content(table: &mut Table, bench: &Bench) -> Outcome {
    let image = &bench.image;
    table.beside(
        "1 GiB sequential",
        Target::Speed(0.9),
        || reading::sequential(image),
        ("pread", || reading::plain_sequential(image, LARGE)),
    )?;
    let rate = Target::SpeedOrRate { speed: 0.7, operations: reading::RANDOM_READS, per_second: 500_000.0 };
    table.beside(
        "50,000 random 4 KiB",
        rate,
        || reading::random(image),
        ("pread", || reading::plain_random(image)),
    )
}

fn listing(table: &mut Table, bench: &Bench) -> Outcome {
    let image = &bench.image;
    let title = "ls -lR of 100,000 files";
    let ours = || rump(image, &["ls", "-lR", ":/"]);
    let requests = bench.path("requests");
    let theirs = || debugfs_listing(image, &requests, &["/", "/tree"], FOLDERS);
    table.beside(title, Target::Speed(5.0), ours, ("debugfs", theirs))?;
    table.beside(
        title,
        Target::Context,
        ours,
        ("its inodes, pread", || reading::plain_sequential(image, INODE_BYTES)),
    )?;
    match Mounted::by_loop(image, bench.path("loop")) {
        Ok(mounted) => table.beside(title, Target::Context, ours, ("ls on loop", || ls(&mounted.at)))?,
        Err(why) => table.skip("listing through a loop mount", why),
    }
    if !is_installed("7z") {
        table.skip("listing with 7z", "not installed");
        return Ok(());
    }
    table.beside(
        title,
        Target::Context,
        ours,
        ("7z l", || timed(Command::new("7z").args(["l", "-ba"]).arg(image))),
    )
}

fn ls(folder: &Path) -> Outcome<Duration> {
    timed(Command::new("ls").arg("-lR").arg(folder))
}

fn starting(table: &mut Table, bench: &Bench) -> Outcome {
    let image = &bench.image;
    let small = "/tree/d77/f77";
    let ours = || rump(image, &["cat", &format!(":{small}")]);
    let title = "small file, from the command line";
    let within = Target::Within(Duration::from_millis(2));
    table.beside(title, within, ours, ("debugfs", || debugfs(image, &format!("cat {small}"))))?;
    if is_installed("e2cp") {
        let from = format!("{}:{small}", image.display());
        let to = bench.path("copied");
        let e2cp = || timed(Command::new("e2cp").arg(&from).arg(&to));
        table.beside(title, Target::Context, ours, ("e2cp", e2cp))?;
    } else {
        table.skip("a small file with e2cp", "not installed");
    }
    table.alone("boot without devices", Target::Within(Duration::from_micros(200)), reading::boot)?;
    table.alone("open, boot, mount and one stat", Target::Within(Duration::from_millis(1)), || {
        reading::boot_and_mount(image)
    })
}

/// Mounted anew for each pass: the host's kernel keeps what it has read.
fn fuse2fs(table: &mut Table, bench: &Bench) -> Outcome {
    let image = &bench.image;
    if let Err(why) = Mounted::by_fuse2fs(image, bench.path("fuse")) {
        table.skip("comparison with fuse2fs", why);
        return Ok(());
    }
    let theirs = || {
        let mounted = Mounted::by_fuse2fs(image, bench.path("fuse"))?;
        reading::plain_sequential(&mounted.at.join("large"), LARGE)
    };
    table.beside("1 GiB sequential", Target::Speed(5.0), || reading::sequential(image), ("fuse2fs", theirs))
}

/// A million files, within a bounded memory.
fn walking(table: &mut Table, bench: &Bench) -> Outcome {
    let image = bench.million()?;
    let memory = Target::Memory(128 << 20);
    let requests = bench.path("requests");
    let theirs = || debugfs_listing(&image, &requests, &["/"], 1000);
    table.beside(
        "ls -lR of a million",
        memory,
        || rump(&image, &["ls", "-lR", ":/"]),
        ("debugfs", theirs),
    )?;
    let ours = || rump(&image, &["find", ":/"]);
    match Mounted::by_loop(&image, bench.path("loop")) {
        Ok(mounted) => {
            let find = || timed(Command::new("find").arg(&mounted.at));
            table.beside("find in a million", memory, ours, ("find on loop", find))
        }
        Err(why) => {
            table.skip("find through a loop mount", why);
            table.alone("find in a million", memory, ours)
        }
    }
}
