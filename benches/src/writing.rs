//! What is written, by ours and by the host.

use crate::Outcome;
use crate::program::succeed;
use rumpkit::image::{Address, Image, LockPolicy};
use rumpkit::{Mode, OpenFlags, PosixHost};
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Size of the large file.
const LARGE: u64 = 1 << 30;
const CHUNK: usize = 1 << 20;
/// How many small files.
pub const FILES: u64 = 50_000;
const SMALL: [u8; 1024] = [0x5a; 1024];

/// A folder that is removed at the end.
pub struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Scratch {
    /// Makes the folder.
    pub fn prepare() -> Outcome<Self> {
        let folder = std::env::temp_dir().join(format!("rump-bench-writing-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// An empty image of 3 GiB that a program makes.
    pub fn fresh(&self, maker: &str, arguments: &[&str]) -> Outcome<PathBuf> {
        let image = self.path("image");
        let _ = fs::remove_file(&image);
        File::create(&image)?.set_len(3 << 30)?;
        succeed(Command::new(maker).args(arguments).arg(&image))?;
        Ok(image)
    }

    /// An empty ext4 of 3 GiB.
    pub fn fresh_ext4(&self) -> Outcome<PathBuf> {
        self.fresh("mke2fs", &["-q", "-F", "-t", "ext4"])
    }
}

fn open(image: &Path) -> Outcome<Image> {
    let host = PosixHost::new();
    let address = Address::parse(&*host, image.to_string_lossy().as_bytes());
    Ok(Image::open_for_writing(host, &address, LockPolicy::NoLock)?)
}

/// Writes the large file and waits for it.
pub fn sequential(image: &Path) -> Outcome<Duration> {
    let image = open(image)?;
    let process = image.process();
    let fd = process.open("/large", OpenFlags::WRONLY | OpenFlags::CREAT, Mode::new(0o644))?;
    let chunk = vec![0x5a; CHUNK];
    let start = Instant::now();
    for _ in 0..LARGE / CHUNK as u64 {
        process.write(fd, &chunk)?;
    }
    process.fsync(fd)?;
    let elapsed = start.elapsed();
    image.close()?;
    Ok(elapsed)
}

/// The same on a file of the host.
pub fn plain_sequential(path: &Path) -> Outcome<Duration> {
    let _ = fs::remove_file(path);
    let file = File::create(path)?;
    let chunk = vec![0x5a; CHUNK];
    let start = Instant::now();
    for index in 0..LARGE / CHUNK as u64 {
        file.write_all_at(&chunk, index * CHUNK as u64)?;
    }
    file.sync_data()?;
    Ok(start.elapsed())
}

/// What each part took.
pub struct Names {
    /// Creating and writing.
    pub create: Duration,
    /// Making all durable.
    pub sync: Duration,
    /// Asking for the attributes.
    pub stat: Duration,
    /// Removing.
    pub unlink: Duration,
}

/// Creates, looks at and removes the small files, in one folder.
pub fn names(image: &Path) -> Outcome<Names> {
    let image = open(image)?;
    let process = image.process();
    process.mkdir("/d", Mode::new(0o755))?;
    let paths: Vec<String> = (0..FILES).map(|number| format!("/d/file-{number}")).collect();
    let create = timed(|| {
        for path in &paths {
            let fd = process.open(path, OpenFlags::WRONLY | OpenFlags::CREAT, Mode::new(0o644))?;
            process.write(fd, &SMALL)?;
            process.close(fd)?;
        }
        Ok(())
    })?;
    let sync = timed(|| Ok(process.sync()?))?;
    let stat = timed(|| {
        paths.iter().try_for_each(|path| process.stat(path).map(drop))?;
        Ok(())
    })?;
    let unlink = timed(|| Ok(paths.iter().try_for_each(|path| process.unlink(path))?))?;
    image.close()?;
    Ok(Names { create, sync, stat, unlink })
}

/// The same by the host, in a folder of its own.
pub fn names_by_host(root: &Path) -> Outcome<Names> {
    let folder = root.join("d");
    fs::create_dir(&folder)?;
    let paths: Vec<PathBuf> = (0..FILES).map(|number| folder.join(format!("file-{number}"))).collect();
    let create = timed(|| {
        for path in &paths {
            File::create(path)?.write_all(&SMALL)?;
        }
        Ok(())
    })?;
    let sync = timed(|| Ok(File::open(root)?.sync_all()?))?;
    let stat = timed(|| {
        paths.iter().try_for_each(|path| fs::metadata(path).map(drop))?;
        Ok(())
    })?;
    let unlink = timed(|| Ok(paths.iter().try_for_each(fs::remove_file)?))?;
    Ok(Names { create, sync, stat, unlink })
}

fn timed(work: impl FnOnce() -> Outcome) -> Outcome<Duration> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed())
}
