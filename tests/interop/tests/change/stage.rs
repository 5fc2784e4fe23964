//! What the tests of changes share: file systems somewhere in an image, views of them, and runs of the command.

use interop::image::Scratch;
use interop::mount::Mounted;
use interop::program::{Finished, run_ok, run_within};
use interop::tree::{Contents, Tree, of_host};
use interop::{Check, context, rump};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long one run may take.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Fails with `why` unless `holds`.
pub fn ensure(holds: bool, why: impl FnOnce() -> String) -> Check {
    if holds { Ok(()) } else { Err(why()) }
}

/// A path as the command line takes it.
pub fn text(path: &Path) -> Check<&str> {
    path.to_str().ok_or_else(|| format!("{}: not UTF-8", path.display()))
}

/// A file system in an image file, with other bytes around it or none.
pub struct Disk {
    /// Where it lies.
    pub scratch: Scratch,
    /// How an address goes on after the image.
    pub selector: String,
    start: u64,
    size: u64,
}

impl Disk {
    /// A file system of `mebibytes`, `before` mebibytes after the beginning and with as many behind it.
    pub fn make(name: &str, mebibytes: u64, before: u64, selector: &str, options: &[&str]) -> Check<Self> {
        let (start, size) = (before << 20, mebibytes << 20);
        let disk = Self { scratch: Scratch::new(name)?, selector: selector.into(), start, size };
        let path = disk.path();
        let file = context(File::create(&path), "image")?;
        context(file.set_len(size + 2 * start), "image")?;
        let place = format!("offset={start}");
        let mut arguments = vec!["-q", "-F"];
        if start > 0 {
            arguments.extend(["-E", &place]);
        }
        arguments.extend(options);
        let count = format!("{}k", size >> 10);
        arguments.extend([text(&path)?, &count]);
        run_ok("mke2fs", &arguments)?;
        Ok(disk)
    }

    /// The image file.
    pub fn path(&self) -> PathBuf {
        self.scratch.path("image")
    }

    /// Where it is, as an address begins.
    pub fn place(&self) -> String {
        format!("{}{}", self.path().display(), self.selector)
    }

    /// The address of a path in it.
    pub fn at(&self, path: &str) -> String {
        format!("{}:{path}", self.place())
    }

    /// Another one with the same bytes.
    pub fn copy(&self) -> Check<Self> {
        let scratch = Scratch::new("copy")?;
        let copy = Self { scratch, selector: self.selector.clone(), start: self.start, size: self.size };
        run_ok("cp", &["--sparse=always".as_ref(), self.path().as_path(), copy.path().as_path()])?;
        Ok(copy)
    }

    /// Mounts it.
    pub fn mount(&self, options: &str) -> Check<Mounted> {
        let (start, size) = (self.start, self.size);
        Mounted::read_write(&self.path(), &format!("{options},offset={start},sizelimit={size}"))
    }

    /// Fails if `e2fsck -fn` finds something.
    pub fn is_clean(&self) -> Check {
        let place = format!("{}?offset={}", self.path().display(), self.start);
        let finished = run_within(Command::new("e2fsck").args(["-fn", &place]), PATIENCE)?;
        let found = String::from_utf8_lossy(&finished.stdout).into_owned();
        ensure(finished.status == Some(0), || format!("e2fsck: {}\n{found}", finished.verdict()))?;
        // A journal to replay is skipped by -n.
        ensure(!found.contains("recover") && !finished.stderr.contains("recover"), || found.clone())
    }

    /// What the kernel sees in it, without what may differ.
    pub fn view(&self) -> Check<Tree> {
        comparable(self.mount("ro")?.path())
    }

    /// The bytes before and after the file system.
    pub fn surroundings(&self) -> Check<(Vec<u8>, Vec<u8>)> {
        use std::os::unix::fs::FileExt;
        let file = context(File::open(self.path()), "image")?;
        let part = |at| {
            let mut bytes = vec![0; self.start as usize];
            context(file.read_exact_at(&mut bytes, at), "image").map(|()| bytes)
        };
        Ok((part(0)?, part(self.start + self.size)?))
    }
}

/// A tree with what may differ between two images taken out: inodes are numbered by their names, directories have no
/// size, times of the test itself are one time, and times of access and of attributes none.
pub fn comparable(root: &Path) -> Check<Tree> {
    let now = context(SystemTime::now().duration_since(UNIX_EPOCH), "clock")?.as_secs() as i64;
    let mut tree = of_host(root, Contents::Hashed)?;
    let mut groups = BTreeMap::new();
    for entry in tree.values_mut() {
        let next = groups.len() as u64;
        entry.ino = *groups.entry(entry.ino).or_insert(next);
        (entry.ctime, entry.atime) = ((0, 0), (0, 0));
        if (now - 7200..=now + 1).contains(&entry.mtime.0) {
            entry.mtime = (-1, 0);
        }
        if entry.kind == "dir" {
            entry.size = 0;
        }
    }
    Ok(tree)
}

/// Runs `rump`.
pub fn run(arguments: &[&str]) -> Check<Finished> {
    let finished = run_within(Command::new(rump::binary()?).args(arguments), PATIENCE)?;
    let shown = || format!("{arguments:?}: {}", finished.verdict());
    ensure(!finished.timed_out && finished.status != Some(70), shown)?;
    Ok(finished)
}

/// Runs `rump`, which has to end with `status`.
pub fn run_to(status: i32, arguments: &[&str]) -> Check<Finished> {
    let finished = run(arguments)?;
    let shown = || format!("{arguments:?}: {}, not exit status {status}", finished.verdict());
    ensure(finished.status == Some(status), shown)?;
    Ok(finished)
}
