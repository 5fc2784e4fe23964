//! Images in a scratch folder, made by `mke2fs`.

use crate::program::{run_ok, run_within};
use crate::rump::PATIENCE;
use crate::{Check, context};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder of its own that is removed when dropped.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// Makes the folder; `name` only helps whoever looks at it.
    pub fn new(name: &str) -> Check<Self> {
        Self::make_in(&std::env::temp_dir(), name)
    }

    /// Makes it in memory, where the host has such a place: for what is small, and synced so often that a disk would
    /// take most of the time.
    pub fn in_memory(name: &str) -> Check<Self> {
        let memory = Path::new("/dev/shm");
        match memory.is_dir().then(|| Self::make_in(memory, name)) {
            Some(Ok(scratch)) => Ok(scratch),
            _ => Self::new(name),
        }
    }

    /// Makes it for an image of so many MiB: in memory, if that is small.
    pub fn for_image(name: &str, mebibytes: u64) -> Check<Self> {
        if mebibytes <= SMALL { Self::in_memory(name) } else { Self::new(name) }
    }

    fn make_in(folder: &Path, name: &str) -> Check<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let letters: String = name.chars().filter(char::is_ascii_alphanumeric).take(24).collect();
        let folder = folder.join(format!("rump-{}-{number}-{letters}", std::process::id()));
        context(fs::create_dir_all(&folder), folder.display())?;
        Ok(Self(folder))
    }

    /// A path inside it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Images of so many MiB are made in memory.
const SMALL: u64 = 256;

/// An image file in its own scratch folder.
#[derive(Debug)]
pub struct Image {
    scratch: Scratch,
}

impl Image {
    /// Makes a sparse file of `mebibytes` and runs `mke2fs` with `options` on it, filled from `source`.
    pub fn make(name: &str, mebibytes: u64, options: &[&str], source: Option<&Path>) -> Check<Self> {
        let scratch = Scratch::for_image(name, mebibytes)?;
        let image = Self { scratch };
        let file = context(File::create(image.path()), "image")?;
        context(file.set_len(mebibytes << 20), "image")?;
        let mut arguments: Vec<std::ffi::OsString> = vec!["-q".into(), "-F".into()];
        arguments.extend(options.iter().map(Into::into));
        if let Some(source) = source {
            arguments.extend(["-d".into(), source.into()]);
        }
        arguments.push(image.path().into());
        run_ok("mke2fs", &arguments)?;
        Ok(image)
    }

    /// Where the image lies.
    pub fn path(&self) -> PathBuf {
        self.scratch.path("image")
    }

    /// Copies the image, holes included, as it is at this moment.
    pub fn copy(&self, name: &str) -> Check<Self> {
        let copy = Self { scratch: Scratch::new(name)? };
        run_ok("cp", &["--sparse=always".as_ref(), self.path().as_path(), copy.path().as_path()])?;
        Ok(copy)
    }

    /// What `dumpe2fs -h` says of it.
    pub fn superblock(&self) -> Check<String> {
        run_ok("dumpe2fs", &["-h".as_ref(), self.path().as_path()])
    }
}

/// Fails with what e2fsck finds wrong.
pub fn sound(image: &Path) -> Check {
    let finished = run_within(Command::new("e2fsck").arg("-fn").arg(image), PATIENCE)?;
    if finished.status == Some(0) {
        return Ok(());
    }
    Err(format!("e2fsck: {}\n{}", finished.verdict(), String::from_utf8_lossy(&finished.stdout)))
}
