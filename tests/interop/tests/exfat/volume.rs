//! Volumes made by mkfs.exfat, for us and for exfat-fuse.

use interop::image::Scratch;
use interop::program::{Finished, run_ok, run_within};
use interop::{Check, context};
use rump_host_sim::SimHost;
use rumpkit::dev::MemDevice;
use rumpkit::kpi::BlockDevice;
use rumpkit::{Mode, MountArgs, MountFlags, OpenFlags, Process, Unmount};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(120);

/// What mkfs.exfat is asked for.
pub struct Shape {
    /// Its name.
    pub name: &'static str,
    /// Length.
    pub mebibytes: u64,
    /// Size of a sector.
    sector: &'static str,
    /// Size of a cluster, and more.
    arguments: &'static [&'static str],
}

const fn shape(
    name: &'static str,
    mebibytes: u64,
    sector: &'static str,
    arguments: &'static [&'static str],
) -> Shape {
    Shape { name, mebibytes, sector, arguments }
}

/// Sectors of 512 to 4,096 bytes, clusters of 512 bytes to 1 MiB; with 32 MiB: see `space`.
pub const SHAPES: &[Shape] = &[
    shape("512", 12, "512", &["-c", "512"]),
    shape("4k", 24, "512", &["-c", "4K"]),
    shape("4k-packed", 24, "512", &["-c", "4K", "--pack-bitmap"]),
    shape("32k", 48, "512", &["-c", "32K", "-b", "64K"]),
    shape("1m", 320, "512", &["-c", "1M"]),
    shape("sectors-1k-8k", 24, "1024", &["-c", "8K"]),
    shape("sectors-2k-2k", 24, "2048", &["-c", "2K"]),
    shape("sectors-4k-4k", 24, "4096", &["-c", "4K"]),
    shape("sectors-4k-64k", 64, "4096", &["-c", "64K"]),
];

/// An image in a folder of its own.
pub struct Volume {
    scratch: Scratch,
    sector: &'static str,
}

impl Volume {
    /// Makes one of this shape.
    pub fn make(shape: &Shape) -> Check<Self> {
        let volume = Self { scratch: Scratch::for_image("exfat", shape.mebibytes)?, sector: shape.sector };
        let file = context(std::fs::File::create(volume.path()), "image")?;
        context(file.set_len(shape.mebibytes << 20), "image")?;
        let device = Loop::attach(&volume.path(), volume.sector)?;
        run_ok("mkfs.exfat", &[shape.arguments, &[device.path.as_str()]].concat())?;
        Ok(volume)
    }

    /// Makes one with sectors of 512 bytes.
    pub fn make_with(mebibytes: u64, arguments: &'static [&'static str]) -> Check<Self> {
        Self::make(&shape("", mebibytes, "512", arguments))
    }

    /// Where it is.
    pub fn path(&self) -> PathBuf {
        self.scratch.path("image")
    }

    /// The same as text.
    pub fn image(&self) -> String {
        self.path().to_string_lossy().into_owned()
    }

    /// A path beside the image.
    pub fn beside(&self, name: &str) -> String {
        self.scratch.path(name).to_string_lossy().into_owned()
    }

    /// All of its bytes.
    pub fn bytes(&self) -> Check<Vec<u8>> {
        context(std::fs::read(self.path()), "image")
    }

    /// Replaces its bytes.
    pub fn replace(&self, bytes: &[u8]) -> Check {
        context(std::fs::write(self.path(), bytes), "image")
    }

    /// fsck.exfat has nothing to complain of.
    pub fn check(&self) -> Check {
        let finished = self.fsck()?;
        let said = String::from_utf8_lossy(&finished.stdout);
        // It answers 0 where it would correct a volume that nobody let it correct, too.
        if finished.status == Some(0) && said.contains(": clean. ") && !said.contains("ERROR") {
            return Ok(());
        }
        Err(format!("fsck.exfat: {}: {said}", finished.verdict()))
    }

    /// What fsck.exfat says.
    pub fn fsck(&self) -> Check<Finished> {
        run_within(Command::new("fsck.exfat").args(["-n", &self.image()]), PATIENCE)
    }

    /// What dump.exfat says in a line that begins so.
    pub fn figure(&self, name: &str) -> Check<String> {
        let said = run_ok("dump.exfat", &[self.path()])?;
        let line = said.lines().find_map(|line| line.strip_prefix(name));
        Ok(line.ok_or_else(|| format!("no {name} in {said}"))?.trim().into())
    }

    /// Lets exfat-fuse mount it, and calls `look` with the folder where it is.
    pub fn foreign<T>(&self, options: &str, look: impl FnOnce(&Path) -> Check<T>) -> Check<T> {
        let mounted = Foreign::mount(self, options)?;
        let answer = look(Path::new(&mounted.point));
        mounted.unmount()?;
        answer
    }

    /// Mounts it for reading, and lets `look` look. Nothing is written.
    pub fn read<T>(&self, options: &str, look: impl FnOnce(&Process) -> Check<T>) -> Check<T> {
        let before = self.bytes()?;
        let device = MemDevice::new(before.clone());
        let answer = mounted(device.clone(), MountFlags::RDONLY, options, look)?;
        if bytes_of(&*device)? == before { Ok(answer) } else { Err("a mount for reading wrote".into()) }
    }

    /// Mounts it for writing, lets `change` change it, and keeps what is there after the unmount.
    pub fn write<T>(&self, options: &str, change: impl FnOnce(&Process) -> Check<T>) -> Check<T> {
        let device = MemDevice::new(self.bytes()?);
        let answer = mounted(device.clone(), MountFlags::empty(), options, change)?;
        self.replace(&bytes_of(&*device)?)?;
        Ok(answer)
    }
}

/// A loop device, detached when dropped.
struct Loop {
    path: String,
}

impl Loop {
    fn attach(image: &Path, sector: &str) -> Check<Self> {
        let image = image.to_string_lossy();
        let mut result = Err(String::new());
        // Another test may take the device that was found free.
        for _ in 0..20 {
            result = run_ok("losetup", &["-f", "--show", "-b", sector, &image]);
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
}

impl Foreign {
    fn mount(volume: &Volume, options: &str) -> Check<Self> {
        let device = Loop::attach(&volume.path(), volume.sector)?;
        let point = volume.beside("point");
        context(std::fs::create_dir_all(&point), &point)?;
        let mut command = Command::new("mount.exfat-fuse");
        command.env("TZ", "UTC").args(["-o", options, &device.path, &point]);
        let finished = run_within(&mut command, PATIENCE)?;
        if finished.status != Some(0) {
            let said = String::from_utf8_lossy(&finished.stdout).into_owned();
            return Err(format!("mount.exfat-fuse: {}: {said}", finished.verdict()));
        }
        Ok(Self { point, is_mounted: true, _device: device })
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
pub fn lacks_foreign() -> Option<&'static str> {
    if let Some(missing) = interop::program::lacks(&["mkfs.exfat", "fsck.exfat", "dump.exfat", "losetup"]) {
        return Some(missing);
    }
    if let Some(missing) = interop::program::lacks(&["exfatlabel", "mount.exfat-fuse"]) {
        return Some(missing);
    }
    let is_mounted = || Volume::make_with(4, &["-c", "4K"])?.foreign("ro", |_| Ok(()));
    match is_mounted() {
        Ok(()) => None,
        Err(why) => {
            eprintln!("{why}");
            Some("mounts by exfat-fuse")
        }
    }
}
/// All bytes of a device.
pub fn bytes_of(device: &dyn BlockDevice) -> Check<Vec<u8>> {
    let mut bytes = vec![0; device.size_bytes() as usize];
    context(device.read_at(0, &mut bytes), "device")?;
    Ok(bytes)
}

/// Mounts a device, calls `look` with a process in its root, and unmounts.
pub fn mounted<T>(
    device: Arc<dyn BlockDevice>,
    flags: MountFlags,
    options: &str,
    look: impl FnOnce(&Process) -> Check<T>,
) -> Check<T> {
    let kernel = context(rumpkit::kernel(SimHost::new(1)), "boot")?;
    context(kernel.attach_block("/dev/disk0", device), "attach")?;
    let process = kernel.process();
    context(process.mkdir("/mnt", Mode::new(0o755)), "mkdir")?;
    let arguments = MountArgs { source: Some("/dev/disk0".into()), flags, options: options.into() };
    context(process.mount("exfat", "/mnt", arguments), "mount")?;
    context(process.chdir("/mnt"), "chdir")?;
    let answer = look(&process);
    context(process.chdir("/"), "chdir")?;
    let unmounted = context(process.unmount("/mnt", Unmount::Normal), "unmount");
    let answer = answer?;
    unmounted.map(|()| answer)
}

/// Writes a file.
pub fn put(process: &Process, path: &str, content: &[u8]) -> Check {
    let flags = OpenFlags::CREAT | OpenFlags::WRONLY | OpenFlags::TRUNC;
    let fd = context(process.open(path, flags, Mode::new(0o644)), path)?;
    let written = context(process.write(fd, content), path);
    context(process.close(fd), path)?;
    if written? == content.len() { Ok(()) } else { Err(format!("{path}: a short write")) }
}

/// Reads a file.
pub fn get(process: &Process, path: &str) -> Check<Vec<u8>> {
    let fd = context(process.open(path, OpenFlags::empty(), Mode::new(0)), path)?;
    let size = context(process.fstat(fd), path)?.size as usize;
    let mut content = vec![0; size];
    let count = context(process.pread(fd, &mut content, 0), path);
    context(process.close(fd), path)?;
    if count? == size { Ok(content) } else { Err(format!("{path}: a short read")) }
}

/// Names in a directory, sorted.
pub fn names(process: &Process, path: &str) -> Check<Vec<String>> {
    let fd = context(process.open(path, OpenFlags::DIRECTORY, Mode::new(0)), path)?;
    let mut names = Vec::new();
    let listed = process.getdents(fd, &mut |entry| {
        names.push(String::from_utf8_lossy(entry.name).into_owned());
        true
    });
    context(listed, path)?;
    context(process.close(fd), path)?;
    names.retain(|name| name != "." && name != "..");
    names.sort();
    Ok(names)
}
