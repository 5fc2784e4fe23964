//! Reading and writing FAT: each figure beside a peer in the same run, the median of five. See README.md.
#![forbid(unsafe_code)]

use rump_benches::Outcome;
use rump_benches::image::LARGE;
use rump_benches::program::{rump_command, succeed, timed};
use rump_benches::reading;
use rump_benches::table::{Format, Table, Target};
use rump_benches::writing::{self, Scratch};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Directories of the trees, and how many files they have in all.
const SHAPES: [usize; 2] = [100, 1];
const FILES: usize = 10_000;

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
    content(&mut table, &scratch)?;
    for folders in SHAPES {
        tree(&mut table, &scratch, folders)?;
    }
    table.finish();
    Ok(())
}

/// An empty FAT32 of 3 GiB.
fn fresh(scratch: &Scratch) -> Outcome<PathBuf> {
    scratch.fresh("mkfs.fat", &["-F", "32"])
}

fn content(table: &mut Table, scratch: &Scratch) -> Outcome {
    table.beside(
        "write 1 GiB and fsync",
        Target::Speed(0.8),
        || writing::sequential(&fresh(scratch)?),
        ("pwrite, fdatasync", || writing::plain_sequential(&scratch.path("plain"))),
    )?;
    let image = fresh(scratch)?;
    writing::sequential(&image)?;
    table.beside(
        "read 1 GiB",
        Target::Speed(0.8),
        || reading::sequential(&image),
        ("pread", || reading::plain_sequential(&image, LARGE)),
    )
}

/// A tree of small files, copied in and out.
fn tree(table: &mut Table, scratch: &Scratch, folders: usize) -> Outcome {
    let source = scratch.path("tree");
    for folder in 0..folders {
        let folder = source.join(format!("folder {folder}"));
        fs::create_dir_all(&folder)?;
        for file in 0..FILES / folders {
            fs::write(folder.join(format!("a file of number {file}.text")), vec![file as u8; 1 + file * 7 % 4000])?;
        }
    }
    let shape = format!("{FILES} files, {} in a directory", FILES / folders);
    table.beside(
        &format!("{shape}: in"),
        Target::Speed(3.0),
        || into(&fresh(scratch)?, |image| rump_cp(&source, &format!("{}:/", image.display()))),
        ("mcopy -s", || into(&fresh(scratch)?, |image| mcopy(image, &source, Path::new("::/")))),
    )?;
    let image = fresh(scratch)?;
    mcopy(&image, &source, Path::new("::/"))?;
    let out = scratch.path("out");
    table.beside(
        &format!("{shape}: out"),
        Target::Speed(3.0),
        || out_of(&out, || rump_cp(&format!("{}:/tree", image.display()), &out)),
        ("mcopy -s", || out_of(&out, || mcopy(&image, Path::new("::/tree"), &out))),
    )?;
    Ok(fs::remove_dir_all(&source)?)
}

fn into(image: &Path, copy: impl FnOnce(&Path) -> Outcome<Duration>) -> Outcome<Duration> {
    copy(image)
}

fn out_of(target: &Path, copy: impl FnOnce() -> Outcome<Duration>) -> Outcome<Duration> {
    let _ = fs::remove_dir_all(target);
    fs::create_dir(target)?;
    copy()
}
