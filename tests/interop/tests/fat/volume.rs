//! Volumes made by mkfs.fat, for us and for mtools.

use interop::image::Scratch;
use interop::program::{Finished, run_within};
use interop::{Check, context};
use rump_host_sim::SimHost;
use rumpkit::dev::MemDevice;
use rumpkit::kpi::BlockDevice;
use rumpkit::{Mode, MountArgs, MountFlags, OpenFlags, Process, Unmount};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(120);

/// What mkfs.fat is asked for.
pub struct Shape {
    /// Its name.
    pub name: &'static str,
    /// Length.
    pub kibibytes: u64,
    /// Width of the table, size of a sector, sectors of a cluster.
    arguments: &'static [&'static str],
    /// FAT32 of few clusters: mtools, which goes by their number alone, takes it for another format.
    pub is_small: bool,
}

const fn shape(name: &'static str, kibibytes: u64, arguments: &'static [&'static str]) -> Shape {
    Shape { name, kibibytes, arguments, is_small: false }
}

const fn small(shape: Shape) -> Shape {
    Shape { is_small: true, ..shape }
}

/// All widths, sectors of 512 to 4,096 bytes, clusters of 512 bytes to 64 KiB, one table and two.
pub const SHAPES: &[Shape] = &[
    shape("floppy", 1440, &["-F", "12", "-s", "1"]),
    shape("fat12-4k", 12 << 10, &["-F", "12", "-s", "8"]),
    shape("fat12-sectors-4k", 12 << 10, &["-F", "12", "-S", "4096", "-s", "1"]),
    shape("fat12-64k", 32 << 10, &["-F", "12", "-s", "128", "-f", "1"]),
    shape("fat16-512", 16 << 10, &["-F", "16", "-s", "1"]),
    shape("fat16-sectors-1k", 24 << 10, &["-F", "16", "-S", "1024", "-s", "2"]),
    shape("fat16-sectors-4k", 24 << 10, &["-F", "16", "-S", "4096", "-s", "1"]),
    shape("fat32-512", 36 << 10, &["-F", "32", "-s", "1"]),
    shape("fat32-sectors-1k", 68 << 10, &["-F", "32", "-S", "1024", "-s", "1", "-f", "1"]),
    small(shape("fat32-4k", 24 << 10, &["-F", "32", "-s", "8", "-f", "1"])),
    small(shape("fat32-sectors-2k", 24 << 10, &["-F", "32", "-S", "2048", "-s", "4"])),
    small(shape("fat32-64k", 48 << 10, &["-F", "32", "-S", "4096", "-s", "16"])),
];

/// An image in a folder of its own.
pub struct Volume {
    scratch: Scratch,
}

impl Volume {
    /// Makes one of this shape.
    pub fn make(shape: &Shape) -> Check<Self> {
        Self::make_with(shape.kibibytes, shape.arguments)
    }

    /// Makes one.
    pub fn make_with(kibibytes: u64, arguments: &[&str]) -> Check<Self> {
        let volume = Self { scratch: Scratch::for_image("fat", kibibytes >> 10)? };
        let file = context(std::fs::File::create(volume.path()), "image")?;
        context(file.set_len(kibibytes << 10), "image")?;
        let image = volume.image();
        volume.run("mkfs.fat", &[arguments, &[image.as_str()]].concat())?;
        Ok(volume)
    }

    /// Where it is.
    pub fn path(&self) -> PathBuf {
        self.scratch.path("image")
    }

    fn image(&self) -> String {
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

    /// Runs a program that has to succeed; answers what it printed.
    fn run(&self, program: &str, arguments: &[&str]) -> Check<String> {
        let finished = self.try_run(program, arguments)?;
        if finished.status != Some(0) {
            let said = String::from_utf8_lossy(&finished.stdout).into_owned();
            return Err(format!("{program} {}: {}\n{said}", arguments.join(" "), finished.verdict()));
        }
        Ok(String::from_utf8_lossy(&finished.stdout).into_owned())
    }

    fn try_run(&self, program: &str, arguments: &[&str]) -> Check<Finished> {
        let mut command = Command::new(program);
        command.args(arguments).env("MTOOLS_SKIP_CHECK", "1").env("LC_ALL", "C.UTF-8").env("TZ", "UTC");
        run_within(&mut command, PATIENCE)
    }

    /// Runs one of mtools, which has to succeed; answers what it printed.
    pub fn mtools(&self, program: &str, arguments: &[&str]) -> Check<String> {
        let image = self.image();
        self.run(program, &[&["-i", image.as_str()], arguments].concat())
    }

    /// fsck.fat has nothing to complain of.
    pub fn check(&self) -> Check {
        let said = self.run("fsck.fat", &["-n", &self.image()])?;
        // It answers 0 where it would correct a sum.
        if said.contains("wrong") || said.contains("correct") {
            Err(format!("fsck.fat: {said}"))
        } else {
            Ok(())
        }
    }

    /// What fsck.fat says.
    pub fn fsck(&self) -> Check<String> {
        let finished = self.try_run("fsck.fat", &["-n", &self.image()])?;
        Ok(String::from_utf8_lossy(&finished.stdout).into_owned())
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
    context(process.mount("msdos", "/mnt", arguments), "mount")?;
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
