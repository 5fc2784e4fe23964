//! The two formats, and how their judges are asked.

use crate::{Blank, MIB, PATIENCE, text, told};
use interop::image::Scratch;
use interop::program::{lacks, run_ok, run_within};
use interop::{Check, context};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// A format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Vfat,
    Exfat,
}

impl Format {
    pub fn name(self) -> &'static str {
        match self {
            Self::Vfat => "vfat",
            Self::Exfat => "exfat",
        }
    }

    /// Whoever checks it has nothing to complain of. Answers how many clusters are in use, and how many there are.
    pub fn checked(self, image: &Path) -> Check<(u64, u64)> {
        match self {
            Self::Vfat => checked_fat(image),
            Self::Exfat => checked_exfat(image),
        }
    }

    /// Copies all files to a folder.
    pub fn copy_out(self, image: &Path, target: &Path) -> Check {
        match self {
            Self::Vfat => {
                let image = text(image);
                if told("mdir", &["-b", "-i", &image, "::"])?.is_empty() {
                    return Ok(());
                }
                told("mcopy", &["-s", "-n", "-m", "-i", &image, "::/", &text(target)]).map(drop)
            }
            Self::Exfat => {
                let mounted = Foreign::mount(image)?;
                run_ok("cp", &["-r", &format!("{}/.", mounted.point), &text(target)])?;
                mounted.unmount()
            }
        }
    }
}

/// fsck.fat counts the clusters, and says nothing else.
pub fn checked_fat(image: &Path) -> Check<(u64, u64)> {
    let said = told("fsck.fat", &["-n", &text(image)])?;
    let lines: Vec<&str> = said.lines().collect();
    let counts = match lines.as_slice() {
        [_version, counts] => counts.rsplit(' ').nth(1),
        _ => None,
    };
    let counts = counts.and_then(|counts| counts.split_once('/'));
    let counts = counts.and_then(|(used, all)| Some((used.parse().ok()?, all.parse().ok()?)));
    counts.ok_or_else(|| format!("fsck.fat: {said}"))
}

/// fsck.exfat finds it clean; dump.exfat counts.
pub fn checked_exfat(image: &Path) -> Check<(u64, u64)> {
    let said = told("fsck.exfat", &["-n", &text(image)])?;
    if !said.contains(": clean. ") || said.contains("ERROR") {
        return Err(format!("fsck.exfat: {said}"));
    }
    let said = told("dump.exfat", &[&text(image)])?;
    let figure = |name: &str| {
        let line = said.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.trim().parse::<u64>().ok()).ok_or_else(|| format!("no {name} in {said}"))
    };
    let (all, free) = (figure("Total Clusters:")?, figure("Free Clusters:")?);
    Ok((all.checked_sub(free).ok_or("dump.exfat: more clusters are free than there are")?, all))
}

/// An image as a block device for reading, as exfat-fuse wants it.
struct Loop {
    path: String,
}

impl Loop {
    fn attach(image: &Path) -> Check<Self> {
        let mut result = Err(String::new());
        // Another test may take the device that was found free.
        for _ in 0..20 {
            result = run_ok("losetup", &["-f", "--show", "-r", &text(image)]);
            if result.is_ok() {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(Self { path: result?.trim().into() })
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let _ = run_ok("losetup", &["-d", &self.path]);
    }
}

/// A mount by exfat-fuse, undone when dropped.
struct Foreign {
    point: String,
    is_mounted: bool,
    _device: Loop,
    _scratch: Scratch,
}

impl Foreign {
    fn mount(image: &Path) -> Check<Self> {
        let (scratch, device) = (Scratch::new("point")?, Loop::attach(image)?);
        let point = text(&scratch.path("point"));
        context(std::fs::create_dir(&point), &point)?;
        let mut command = Command::new("mount.exfat-fuse");
        let finished = run_within(command.args(["-o", "ro", &device.path, &point]), PATIENCE)?;
        if finished.status != Some(0) {
            let said = String::from_utf8_lossy(&finished.stdout).into_owned();
            return Err(format!("mount.exfat-fuse: {}: {said}", finished.verdict()));
        }
        Ok(Self { point, is_mounted: true, _device: device, _scratch: scratch })
    }

    fn unmount(mut self) -> Check {
        let mut result = Ok(String::new());
        for _ in 0..100 {
            result = run_ok("umount", &[&self.point]);
            if result.is_ok() {
                self.is_mounted = false;
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        result.map(drop)
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        if self.is_mounted {
            let _ = run_ok("umount", &["-l", &self.point]);
        }
    }
}

/// What exfat-fuse lacks here.
pub fn lacks_mounts() -> Option<&'static str> {
    if let Some(missing) = lacks(&["mount.exfat-fuse", "losetup", "umount"]) {
        return Some(missing);
    }
    let is_mounted = || {
        let blank = Blank::new(4 * MIB)?;
        run_ok("mkfs.exfat", &[&blank.path])?;
        Foreign::mount(&blank.path)?.unmount()
    };
    match is_mounted() {
        Ok(()) => None,
        Err(why) => {
            eprintln!("{why}");
            Some("mounts by exfat-fuse")
        }
    }
}
