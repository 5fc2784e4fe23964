//! The images that are read, and the folder they are in.

use crate::Outcome;
use crate::program::succeed;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Size of the large file.
pub const LARGE: u64 = 1 << 30;

/// Folders of the tree that is listed.
pub const FOLDERS: usize = 100;

/// A folder that is removed at the end, and what is in it.
pub struct Bench {
    folder: PathBuf,
    /// A file of 1 GiB and a tree of 100,000 small ones.
    pub image: PathBuf,
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Bench {
    /// Makes the folder and an image of ext4.
    pub fn prepare() -> Outcome<Self> {
        Self::prepare_by(&|source, image| make(source, image, LARGE + (512 << 20), 120_000))
    }

    /// Makes the folder and an image of ISO 9660 with Rock Ridge and Joliet.
    pub fn prepare_iso() -> Outcome<Self> {
        Self::prepare_by(&|source, image| {
            let mut make = Command::new("xorriso");
            make.args(["-as", "mkisofs", "-quiet", "-R", "-J", "-iso-level", "3", "-o"])
                .arg(image)
                .arg(source);
            succeed(&mut make)
        })
    }

    fn prepare_by(make: &dyn Fn(&Path, &Path) -> Outcome) -> Outcome<Self> {
        let folder = std::env::temp_dir().join(format!("rump-bench-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let bench = Self { image: folder.join("image"), folder };
        let source = bench.path("source");
        write_large(&source)?;
        write_tree(&source.join("tree"), FOLDERS, 1000, Content::Line)?;
        make(&source, &bench.image)?;
        Ok(bench)
    }

    /// Makes an image of a million empty files in a thousand folders.
    pub fn million(&self) -> Outcome<PathBuf> {
        let (source, image) = (self.path("million-source"), self.path("million"));
        write_tree(&source, 1000, 1000, Content::Nothing)?;
        make(&source, &image, 3 << 30, 1_100_000)?;
        fs::remove_dir_all(source)?;
        Ok(image)
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

fn write_large(source: &Path) -> Outcome {
    fs::create_dir_all(source)?;
    let mut large = File::create(source.join("large"))?;
    let mut state = 88_172_645_463_325_252_u64;
    let mut chunk = Vec::with_capacity(1 << 20);
    for _ in 0..LARGE >> 20 {
        chunk.clear();
        while chunk.len() < 1 << 20 {
            state = next(state);
            chunk.extend_from_slice(&state.to_le_bytes());
        }
        large.write_all(&chunk)?;
    }
    Ok(())
}

/// One step of a xorshift generator.
pub fn next(mut state: u64) -> u64 {
    state ^= state << 13;
    state ^= state >> 7;
    state ^ (state << 17)
}

/// What is in the files of a tree.
#[derive(Clone, Copy)]
pub enum Content {
    /// They are empty.
    Nothing,
    /// The number of each.
    Line,
}

/// Makes so many folders in `top`, which are `d0` and so on, each with so many files.
pub fn write_tree(top: &Path, folders: usize, files: usize, content: Content) -> Outcome {
    for folder in 0..folders {
        fs::create_dir_all(top.join(format!("d{folder}")))?;
    }
    for number in 0..folders * files {
        let path = top.join(format!("d{}/f{number}", number % folders));
        match content {
            Content::Nothing => drop(File::create(path)?),
            Content::Line => fs::write(path, format!("file {number}\n"))?,
        }
    }
    Ok(())
}

fn make(source: &Path, image: &Path, size: u64, inodes: u32) -> Outcome {
    File::create(image)?.set_len(size)?;
    let mut make = Command::new("mke2fs");
    make.args(["-q", "-F", "-t", "ext4", "-N", &inodes.to_string(), "-d"]).arg(source).arg(image);
    succeed(&mut make)
}
