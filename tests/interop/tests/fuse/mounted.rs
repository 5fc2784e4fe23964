//! An image mounted by `rump mount`.

use interop::image::Scratch;
use interop::program::{Finished, run_ok, run_within};
use interop::{Check, context, rump};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long mounting, unmounting and their like may take.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Unmounted when dropped.
pub struct Mounted {
    point: PathBuf,
    /// The process that serves, if it is in the foreground.
    server: Option<Child>,
    _scratch: Scratch,
}

impl Mounted {
    /// In the background, with `options` before the address.
    pub fn new(address: &str, options: &[&str]) -> Check<Self> {
        let (scratch, point) = empty()?;
        let finished = run(&mount(address, &point, options))?;
        if finished.status != Some(0) {
            return Err(format!("mounting {address}: {}", finished.verdict()));
        }
        let mounted = Self { point, server: None, _scratch: scratch };
        if is_mounted(&mounted.point)? { Ok(mounted) } else { Err("it says 0, and is not mounted".into()) }
    }

    /// In the foreground, by a process of ours.
    pub fn served(address: &str, options: &[&str]) -> Check<Self> {
        let (scratch, point) = empty()?;
        let mut command = Command::new(rump::binary()?);
        command.args(mount(address, &point, options)).arg("--foreground").stdin(Stdio::null());
        let server = Some(context(command.spawn(), "rump mount")?);
        let mounted = Self { point, server, _scratch: scratch };
        let deadline = Instant::now() + PATIENCE;
        while !is_mounted(&mounted.point)? {
            if Instant::now() >= deadline {
                return Err("it is not mounted in time".into());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(mounted)
    }

    pub fn path(&self) -> &Path {
        &self.point
    }

    pub fn text(&self, name: &str) -> String {
        self.point.join(name).to_string_lossy().into_owned()
    }

    pub fn server(&mut self) -> Check<&mut Child> {
        self.server.as_mut().ok_or_else(|| "it is served in the background".into())
    }

    /// Unmounts, and waits until the image is written out.
    pub fn unmount(self) -> Check {
        let finished = run(&["umount".into(), self.text("")])?;
        if finished.status == Some(0) { Ok(()) } else { Err(format!("unmounting: {}", finished.verdict())) }
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if is_mounted(&self.point).unwrap_or(true) {
            let _ = run_ok("umount", &["-l".as_ref(), self.point.as_os_str()]);
        }
        if let Some(server) = &mut self.server {
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

fn empty() -> Check<(Scratch, PathBuf)> {
    let scratch = Scratch::new("fuse")?;
    let point = scratch.path("m");
    context(fs::create_dir(&point), point.display())?;
    Ok((scratch, point))
}

fn mount(address: &str, point: &Path, options: &[&str]) -> Vec<String> {
    let options = options.iter().map(|option| option.to_string());
    ["mount".into()].into_iter().chain(options).chain([address.into(), point.display().to_string()]).collect()
}

/// Runs `rump` without a limit of memory: its threads have room for requests, which they do not touch.
pub fn run(arguments: &[String]) -> Check<Finished> {
    run_within(Command::new(rump::binary()?).args(arguments), PATIENCE)
}

/// Whether something is mounted at a point, as the kernel lists it.
pub fn is_mounted(point: &Path) -> Check<bool> {
    let point = format!(" {} ", point.display());
    Ok(context(fs::read_to_string("/proc/self/mountinfo"), "mountinfo")?.contains(&point))
}

/// Says what e2fsck finds wrong.
pub fn check_ext(image: &Path) -> Check {
    run_ok("e2fsck", &["-fn".as_ref(), image.as_os_str()]).map(drop)
}

pub use interop::text;
