//! Loop mounts by the host's kernel, undone when dropped.

use crate::image::Scratch;
use crate::program::run_ok;
use crate::{Check, context};
use std::fs::File;
use std::path::{Path, PathBuf};

/// A mounted image.
#[derive(Debug)]
pub struct Mounted {
    point: Option<PathBuf>,
    _scratch: Scratch,
}

impl Mounted {
    /// Mounts for reading only. The journal of a dirty image is not replayed on disk by this call alone:
    /// hand it clean images.
    pub fn read_only(image: &Path) -> Check<Self> {
        Self::with_options(image, "loop,ro")
    }

    /// Mounts for reading and writing.
    pub fn read_write(image: &Path, options: &str) -> Check<Self> {
        let separator = if options.is_empty() { "" } else { "," };
        Self::with_options(image, &format!("loop,rw{separator}{options}"))
    }

    fn with_options(image: &Path, options: &str) -> Check<Self> {
        let scratch = Scratch::new("mount")?;
        let point = scratch.path("m");
        context(std::fs::create_dir(&point), point.display())?;
        run_ok("mount", &["-o".as_ref(), options.as_ref(), image.as_os_str(), point.as_os_str()])?;
        Ok(Self { point: Some(point), _scratch: scratch })
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        self.point.as_deref().unwrap_or(Path::new("/nonexistent"))
    }

    /// Writes this file system out, and it alone: a sync of everything would commit what a test beside this one
    /// means to leave in its journal.
    pub fn sync(&self) -> Check {
        let root = context(File::open(self.path()), "root")?;
        context(rustix::fs::syncfs(&root), "sync")
    }

    /// Unmounts and says whether that went well; a drop does it silently.
    pub fn unmount(mut self) -> Check {
        match self.point.take() {
            Some(point) => umount(&point),
            None => Ok(()),
        }
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if let Some(point) = self.point.take() {
            if run_ok("umount", &[&point]).is_err() {
                let _ = run_ok("umount", &["-l".as_ref(), point.as_os_str()]);
            }
        }
    }
}

/// Unmounts; a program that is about to start elsewhere may hold all files of this one for an instant.
fn umount(point: &Path) -> Check {
    let mut result = run_ok("umount", &[point]);
    for _ in 0..100 {
        if result.is_ok() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
        result = run_ok("umount", &[point]);
    }
    result.map(drop)
}
