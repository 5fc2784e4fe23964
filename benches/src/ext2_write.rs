//! Writing ext images: each figure beside a peer in the same run, the median of five. See README.md.
#![forbid(unsafe_code)]

use rump_benches::Outcome;
use rump_benches::program::{self, Mounted, succeed, timed};
use rump_benches::table::{Format, Measure, Table, Target};
use rump_benches::writing::{self, Scratch};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Folders of the tree that becomes a root file system, with a thousand files each.
const FOLDERS: usize = 100;
/// Where files of this host's root are taken from, and how many.
const ROOT_FOLDERS: [&str; 3] = ["/etc", "/usr", "/var/lib"];
const ROOT_FILES: usize = 100_000;
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
    let ours = || writing::sequential(&scratch.fresh_ext4()?);
    let plain = || writing::plain_sequential(&scratch.path("plain"));
    table.beside(title, Target::Speed(0.7), ours, ("pwrite, fdatasync", plain))?;
    let by_loop = || {
        writing::plain_sequential(
            &Mounted::by_loop_writing(&scratch.fresh_ext4()?, scratch.path("m"))?.at.join("f"),
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
        Ok(writing::names(&scratch.fresh_ext4()?)?.create)
    })?;
    table.alone("the same, and sync", Target::Context, || {
        let names = writing::names(&scratch.fresh_ext4()?)?;
        Ok(names.create + names.sync)
    })?;
    table
        .alone("stat each of them", rate(2_000_000.0), || Ok(writing::names(&scratch.fresh_ext4()?)?.stat))?;
    table.alone("unlink each of them", rate(150_000.0), || {
        Ok(writing::names(&scratch.fresh_ext4()?)?.unlink)
    })?;
    let by_loop =
        || writing::names_by_host(&Mounted::by_loop_writing(&scratch.fresh_ext4()?, scratch.path("m"))?.at);
    if let Err(why) = by_loop() {
        table.skip("names through a loop mount", why);
        return Ok(());
    }
    table.beside(
        "create 50,000 files of 1 KiB",
        Target::Context,
        || Ok(writing::names(&scratch.fresh_ext4()?)?.create),
        ("ext4 on loop", || Ok(by_loop()?.create)),
    )?;
    table.beside(
        "unlink each of them",
        Target::Context,
        || Ok(writing::names(&scratch.fresh_ext4()?)?.unlink),
        ("ext4 on loop", || Ok(by_loop()?.unlink)),
    )
}

/// Root file systems: one of 100,000 small files in large folders, and as many of this host's own.
fn building(table: &mut Table, scratch: &Scratch) -> Outcome {
    let tree = scratch.path("tree");
    for folder in 0..FOLDERS {
        let folder = tree.join(format!("d{folder}"));
        fs::create_dir_all(&folder)?;
        for file in 0..1000 {
            fs::write(folder.join(format!("f{file}")), vec![file as u8; 1 + file * 7 % 4000])?;
        }
    }
    from_tar(table, scratch, "100,000 files, 1000 in a folder, from a tar", &tree, "2G")?;
    fs::remove_dir_all(&tree)?;
    fs::create_dir(&tree)?;
    match own_root(&tree) {
        Ok(files) => {
            let title = format!("{files} files of this host's root, from a tar");
            from_tar(table, scratch, &title, &tree, "8G")
        }
        Err(why) => {
            table.skip("a root file system of the host", why);
            Ok(())
        }
    }
}

/// Copies files of this host's root, of up to 1 MiB and in order of their names, to `tree`; answers how many.
fn own_root(tree: &Path) -> Outcome<usize> {
    let folders: Vec<&str> = ROOT_FOLDERS.into_iter().filter(|folder| Path::new(folder).is_dir()).collect();
    let list = tree.with_extension("list");
    let find = format!(
        "find {} -xdev -type f -size -1024k -print | sort | head -n {ROOT_FILES} > {list}",
        folders.join(" "),
        list = list.display(),
    );
    succeed(Command::new("sh").args(["-c", &find]))?;
    let copy = format!(
        "tar -C / --no-recursion -cf - -T {list} | tar -C {tree} -xpf -",
        list = list.display(),
        tree = tree.display(),
    );
    succeed(Command::new("sh").args(["-c", &copy]))?;
    Ok(fs::read_to_string(&list)?.lines().count())
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
        let image = scratch.fresh_ext4()?;
        let mut command = program::rump_command(&image, &["write", ":/large"]);
        command.stdin(fs::File::open(scratch.path("plain"))?);
        program::measured(&mut command)
    })
}
