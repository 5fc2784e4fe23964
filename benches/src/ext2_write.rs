//! Writing ext images: each figure beside a peer in the same run, the median of five. See README.md.
#![forbid(unsafe_code)]

mod writing;

use rump_benches::Outcome;
use rump_benches::program::{self, Mounted, succeed, timed};
use rump_benches::table::{Format, Measure, Table, Target};
use std::fs;
use std::path::Path;
use std::process::Command;
use writing::Scratch;

/// Folders of the tree that becomes a root file system, with a thousand files each.
const FOLDERS: usize = 100;
/// A tree that any host has, with all that a root file system is made of.
const REAL_TREE: &str = "/usr/share";
/// What a sustained write may take: 64 MiB of content, 64 MiB of blocks on their way home, caches and the program.
const MOST_MEMORY: u64 = 256 << 20;

fn main() -> Outcome {
    let mut format = Format::Text;
    for word in std::env::args().skip(1) {
        match word.as_str() {
            "--json" => format = Format::Json,
            _ => return Err(format!("{word}: unknown; there is --json").into()),
        }
    }
    let scratch = Scratch::prepare()?;
    let mut table = Table::new(format);
    // First: a child's most memory counts from that of the process that it was begun by.
    memory(&mut table, &scratch)?;
    content(&mut table, &scratch)?;
    names(&mut table, &scratch)?;
    building(&mut table, &scratch)?;
    table.finish();
    Ok(())
}

fn content(table: &mut Table, scratch: &Scratch) -> Outcome {
    let title = "1 GiB sequential and fsync";
    let ours = || writing::sequential(&scratch.fresh()?);
    let plain = || writing::plain_sequential(&scratch.path("plain"));
    table.beside(title, Target::Speed(0.7), ours, ("pwrite, fdatasync", plain))?;
    let by_loop = || {
        writing::plain_sequential(
            &Mounted::by_loop_writing(&scratch.fresh()?, scratch.path("m"))?.at.join("f"),
        )
    };
    match by_loop() {
        Ok(_) => table.beside(title, Target::Speed(1.0), ours, ("ext4 on loop", by_loop)),
        Err(why) => {
            table.skip("writing through a loop mount", why);
            Ok(())
        }
    }
}

fn names(table: &mut Table, scratch: &Scratch) -> Outcome {
    let rate = |per_second| Target::Rate { operations: writing::FILES, per_second };
    table.alone("create 50,000 files of 1 KiB", rate(100_000.0), || {
        Ok(writing::names(&scratch.fresh()?)?.create)
    })?;
    table.alone("the same, and sync", Target::Context, || {
        let names = writing::names(&scratch.fresh()?)?;
        Ok(names.create + names.sync)
    })?;
    table.alone("stat each of them", rate(2_000_000.0), || Ok(writing::names(&scratch.fresh()?)?.stat))?;
    table.alone("unlink each of them", rate(150_000.0), || Ok(writing::names(&scratch.fresh()?)?.unlink))?;
    let by_loop =
        || writing::names_by_host(&Mounted::by_loop_writing(&scratch.fresh()?, scratch.path("m"))?.at);
    if let Err(why) = by_loop() {
        table.skip("names through a loop mount", why);
        return Ok(());
    }
    table.beside(
        "create 50,000 files of 1 KiB",
        Target::Context,
        || Ok(writing::names(&scratch.fresh()?)?.create),
        ("ext4 on loop", || Ok(by_loop()?.create)),
    )?;
    table.beside(
        "unlink each of them",
        Target::Context,
        || Ok(writing::names(&scratch.fresh()?)?.unlink),
        ("ext4 on loop", || Ok(by_loop()?.unlink)),
    )
}

/// Root file systems: one of 100,000 small files in large folders, and what this host has of its own.
fn building(table: &mut Table, scratch: &Scratch) -> Outcome {
    let tree = scratch.path("tree");
    for folder in 0..FOLDERS {
        let folder = tree.join(format!("d{folder}"));
        fs::create_dir_all(&folder)?;
        for file in 0..1000 {
            fs::write(folder.join(format!("f{file}")), vec![file as u8; 1 + file * 7 % 4000])?;
        }
    }
    from_tar(table, scratch, "100,000 files from a tar", &tree, "2G")?;
    let real = Path::new(REAL_TREE);
    if real.is_dir() {
        let title = format!("{REAL_TREE} from a tar");
        // What archives and images may not hold, such as sockets, is not there.
        from_tar(table, scratch, &title, real, "6G")?;
    } else {
        table.skip("a tree of the host", format!("no {REAL_TREE}"));
    }
    Ok(())
}

fn from_tar(table: &mut Table, scratch: &Scratch, title: &str, tree: &Path, size: &str) -> Outcome {
    let archive = scratch.path("tree.tar");
    succeed(Command::new("tar").arg("-cf").arg(&archive).arg("-C").arg(tree).arg("."))?;
    let rump = || {
        let image = scratch.path("built");
        let _ = fs::remove_file(&image);
        let mut command = program::rump_command(&image, &[]);
        command.args(["mkfs", "ext4", "--size", size, "--quiet", "--from"]).arg(&archive).arg(&image);
        timed(&mut command)
    };
    let mke2fs = || {
        let image = scratch.path("theirs");
        let _ = fs::remove_file(&image);
        timed(Command::new("mke2fs").args(["-q", "-F", "-t", "ext4", "-d"]).arg(tree).arg(&image).arg(size))
    };
    table.beside(title, Target::Speed(5.0), rump, ("mke2fs -d, tree", mke2fs))
}

fn memory(table: &mut Table, scratch: &Scratch) -> Outcome {
    writing::plain_sequential(&scratch.path("plain"))?;
    table.alone("rump write of 1 GiB", Target::Memory(MOST_MEMORY), || -> Outcome<Measure> {
        let image = scratch.fresh()?;
        let mut command = program::rump_command(&image, &["write", ":/large"]);
        command.stdin(fs::File::open(scratch.path("plain"))?);
        program::measured(&mut command)
    })
}
