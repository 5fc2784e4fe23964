//! Reading and writing FAT and exFAT: each figure beside a peer in the same run, the median of five. See README.md.
#![forbid(unsafe_code)]

use rump_benches::Outcome;
use rump_benches::image::LARGE;
use rump_benches::program::{is_installed, rump, rump_command, timed};
use rump_benches::reading;
use rump_benches::table::{Format, Measure, Table, Target};
use rump_benches::writing::{self, Scratch};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// How many files the trees have.
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
    tree(&mut table, &scratch, 100)?;
    one_directory(&mut table, &scratch)?;
    table.finish();
    Ok(())
}

/// An empty FAT32.
fn fresh(scratch: &Scratch) -> Outcome<PathBuf> {
    scratch.fresh("mkfs.fat", &["-F", "32"])
}

fn content(table: &mut Table, scratch: &Scratch) -> Outcome {
    let formats: [(&str, &str, &[&str]); 2] =
        [("FAT32", "mkfs.fat", &["-F", "32"]), ("exFAT", "mkfs.exfat", &[])];
    for (format, maker, arguments) in formats {
        if !is_installed(maker) {
            table.skip(format, format!("{maker} is not installed"));
            continue;
        }
        let fresh = || scratch.fresh(maker, arguments);
        table.beside(
            &format!("{format}: write 1 GiB and fsync"),
            Target::Speed(0.8),
            || writing::sequential(&fresh()?),
            ("pwrite, fdatasync", || writing::plain_sequential(&scratch.path("plain"))),
        )?;
        let image = fresh()?;
        writing::sequential(&image)?;
        table.beside(
            &format!("{format}: read 1 GiB"),
            Target::Speed(0.8),
            || reading::sequential(&image),
            ("pread", || reading::plain_sequential(&image, LARGE)),
        )?;
    }
    Ok(())
}

/// A tree of small files in as many directories, copied in and out.
fn tree(table: &mut Table, scratch: &Scratch, directories: usize) -> Outcome {
    let source = make_tree(scratch, directories)?;
    let shape = format!("{FILES} files, {} in a directory", FILES / directories);
    let ours = || copied_in(&source, &fresh(scratch)?);
    let theirs = || mcopy(&fresh(scratch)?, &[&source], Path::new("::/"));
    table.beside(&format!("{shape}: in"), Target::Speed(3.0), ours, ("mcopy -s", theirs))?;
    let image = fresh(scratch)?;
    copied_in(&source, &image)?;
    let out = || {
        let out = scratch.path("out");
        let _ = fs::remove_dir_all(&out);
        fs::create_dir(&out)?;
        Ok::<_, Box<dyn std::error::Error>>(out)
    };
    let ours = || {
        let out = out()?;
        rump(&image, &["cp", "-r", ":/tree", &out.to_string_lossy()])
    };
    let theirs = || mcopy(&image, &[Path::new("::/tree")], &out()?);
    table.beside(&format!("{shape}: out"), Target::Speed(3.0), ours, ("mcopy -s", theirs))?;
    // What no program can do without: the files of the host.
    let plain = || timed(Command::new("cp").arg("-r").arg(&source).arg(out()?));
    table.beside(&format!("{shape}: out"), Target::Context, ours, ("cp -r on the host", plain))?;
    Ok(fs::remove_dir_all(&source)?)
}

/// All in one directory, which takes mtools minutes: no peer.
fn one_directory(table: &mut Table, scratch: &Scratch) -> Outcome {
    let source = make_tree(scratch, 1)?;
    let title = format!("{FILES} files in one directory: in");
    table.alone(&title, Target::Context, || copied_in(&source, &fresh(scratch)?))?;
    Ok(fs::remove_dir_all(&source)?)
}

fn make_tree(scratch: &Scratch, directories: usize) -> Outcome<PathBuf> {
    let source = scratch.path("tree");
    for directory in 0..directories {
        let directory = source.join(format!("directory {directory}"));
        fs::create_dir_all(&directory)?;
        for file in 0..FILES / directories {
            let content = vec![file as u8; 1 + file * 7 % 4000];
            fs::write(directory.join(format!("a file of number {file}.text")), content)?;
        }
    }
    Ok(source)
}

fn copied_in(source: &Path, image: &Path) -> Outcome<Measure> {
    let mut command = rump_command(image, &["cp", "-r"]);
    command.arg(source).arg(format!("{}:/", image.display()));
    timed(&mut command).map(Measure::from)
}

fn mcopy(image: &Path, from: &[&Path], to: &Path) -> Outcome<Duration> {
    let mut command = Command::new("mcopy");
    command.env("MTOOLS_SKIP_CHECK", "1").arg("-s").arg("-i").arg(image).args(from).arg(to);
    timed(&mut command)
}
