//! Journals on a device of their own: what we see through `journal_path` is what the kernel shows after recovery.
#![forbid(unsafe_code)]

use interop::image::{Image, Scratch};
use interop::mount::Mounted;
use interop::program::run_ok;
use interop::suite::{Suite, lacks_kernel};
use interop::tree::{Contents, compare, of_host, sha256_of_file};
use interop::{Check, context, source};
use rumpkit::hyper::Hypervisor;
use rumpkit::{EtfsKind, FileType, Mode, MountArgs, MountFlags, OpenFlags, PosixHost, Process};
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

type Tree = interop::tree::Tree;

/// Name and options of `mke2fs` for both.
const CASES: &[(&str, &str)] =
    &[("ext3_1k", "-t ext3 -b 1024"), ("ext4_1k", "-t ext4 -b 1024"), ("ext4_4k", "-t ext4 -b 4096")];

fn main() {
    let lacking = lacks_kernel().or_else(|| interop::program::lacks(&["losetup"]));
    let mut suite = Suite::default();
    for (name, options) in CASES {
        let run = || looks_as_after_recovery(name, options);
        suite.add(format!("{name}_looks_as_after_recovery"), lacking, run);
    }
    suite.add("another_volumes_journal_is_refused", lacking, another_journal);
    suite.run();
}

/// A file as a loop device, detached when dropped.
struct Loop(String);

impl Loop {
    fn attach(path: &Path) -> Check<Self> {
        let name = run_ok("losetup", &["-f".as_ref(), "--show".as_ref(), path])?;
        Ok(Self(name.trim().to_string()))
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let _ = run_ok("losetup", &["-d", &self.0]);
    }
}

/// A volume and its journal, both empty.
fn make(name: &str, options: &str) -> Check<(Image, Image, Loop)> {
    let mut options: Vec<&str> = options.split(' ').collect();
    let block_size = options.last().copied().unwrap_or_default();
    let journal = Image::make("journal", 16, &["-O", "journal_dev", "-b", block_size], None)?;
    let device = Loop::attach(&journal.path())?;
    let place = format!("device={}", device.0);
    options.extend(["-J", &place]);
    Ok((Image::make(name, 64, &options, None)?, journal, device))
}

fn looks_as_after_recovery(name: &str, options: &str) -> Check {
    let (image, journal, device) = make(name, options)?;
    let mounted = Mounted::read_write(&image.path(), &format!("commit=300,journal_path={}", device.0))?;
    source::fill(mounted.path(), 100)?;
    mounted.sync()?;
    change(mounted.path())?;
    let (ours, our_journal) = (image.copy("ours")?, journal.copy("ours")?);
    let (kernels, kernels_journal) = (ours.copy("kernels")?, our_journal.copy("kernels")?);
    mounted.unmount()?;
    if !ours.superblock()?.contains("needs_recovery") {
        return Err("the copy is clean, so it proves nothing".to_string());
    }
    let before = (sha256_of_file(&ours.path())?, sha256_of_file(&our_journal.path())?);
    let process = mount(&ours.path(), &our_journal.path())?;
    let seen = walk(&process)?;
    if (sha256_of_file(&ours.path())?, sha256_of_file(&our_journal.path())?) != before {
        return Err("reading replayed the journal on disk".to_string());
    }
    let kernels_device = Loop::attach(&kernels_journal.path())?;
    let options = format!("noatime,journal_path={}", kernels_device.0);
    let recovered = Mounted::read_write(&kernels.path(), &options)?;
    compare(&of_host(recovered.path(), Contents::Hashed)?, &seen)
}

fn change(root: &Path) -> Check {
    context(fs::create_dir(root.join("fresh")), "fresh")?;
    for number in 0..40_u64 {
        let path = root.join(format!("fresh/{number}"));
        context(fs::write(&path, source::pattern(number, 3000)), "fresh")?;
    }
    context(fs::rename(root.join("sizes"), root.join("fresh/moved")), "rename")?;
    let last = context(File::open(root.join("fresh/39")), "fresh")?;
    context(last.sync_all(), "fresh")
}

fn another_journal() -> Check {
    let (image, _, device) = make("volume", "-t ext4 -b 1024")?;
    let mounted = Mounted::read_write(&image.path(), &format!("journal_path={}", device.0))?;
    context(fs::write(mounted.path().join("file"), "content"), "file")?;
    mounted.sync()?;
    let ours = image.copy("ours")?;
    mounted.unmount()?;
    let (_, other, _) = make("other", "-t ext4 -b 1024")?;
    match mount(&ours.path(), &other.path()) {
        Err(why) if why.contains("not that of the volume") => Ok(()),
        Err(why) => Err(format!("refused for another reason: {why}")),
        Ok(_) => Err("another volume's journal was taken".to_string()),
    }
}

/// A process at the root of the image, mounted with its journal.
fn mount(image: &Path, journal: &Path) -> Check<Process> {
    let host: Arc<dyn Hypervisor> = PosixHost::new();
    let kernel = context(rumpkit::kernel(host), "boot")?;
    for (key, path) in [("/dev/volume", image), ("/dev/journal", journal)] {
        context(kernel.etfs_register(key, path.as_os_str().as_bytes(), EtfsKind::Block, None), key)?;
    }
    let process = kernel.process();
    context(process.mkdir("/image", Mode::new(0o755)), "mkdir")?;
    let args = MountArgs {
        source: Some(b"/dev/volume".to_vec()),
        flags: MountFlags::RDONLY | MountFlags::NOATIME,
        options: "journal_path=/dev/journal".to_string(),
    };
    context(process.mount("ext2fs", "/image", args), "mount")?;
    context(process.chroot("/image"), "chroot")?;
    context(process.chdir("/"), "chdir")?;
    Ok(process)
}

fn walk(process: &Process) -> Check<Tree> {
    let mut tree = Tree::new();
    let mut pending = vec!["/".to_string()];
    while let Some(path) = pending.pop() {
        let entry = entry(process, &path)?;
        if entry.kind == "dir" {
            let folder = context(process.open(&path, OpenFlags::DIRECTORY, Mode::new(0)), &path)?;
            let mut names = Vec::new();
            let listed = process.getdents(folder, &mut |child| {
                names.push(String::from_utf8_lossy(child.name).into_owned());
                true
            });
            context(listed, &path)?;
            context(process.close(folder), &path)?;
            names.retain(|name| name != "." && name != "..");
            pending.extend(names.iter().map(|name| format!("{}/{name}", path.trim_end_matches('/'))));
        }
        tree.insert(path, entry);
    }
    Ok(tree)
}

fn entry(process: &Process, path: &str) -> Check<interop::tree::Entry> {
    let stat = context(process.lstat(path), path)?;
    let time = |time: rumpkit::TimeSpec| (time.sec, time.nsec);
    let kind = match stat.file_type {
        FileType::Regular => "file",
        FileType::Directory => "dir",
        FileType::Symlink => "symlink",
        FileType::CharDevice => "char",
        FileType::BlockDevice => "block",
        FileType::Fifo => "fifo",
        FileType::Socket => "socket",
    };
    let target = match kind {
        "symlink" => Some(String::from_utf8_lossy(&context(process.readlink(path), path)?).into_owned()),
        _ => None,
    };
    let mut xattrs = std::collections::BTreeMap::new();
    for name in context(process.llistxattr(path), path)? {
        let value = context(process.lgetxattr(path, &name), path)?;
        xattrs.insert(String::from_utf8_lossy(&name).into_owned(), interop::tree::hex(&value));
    }
    Ok(interop::tree::Entry {
        mode: stat.mode.bits(),
        uid: stat.uid,
        gid: stat.gid,
        nlink: stat.nlink,
        size: stat.size,
        ino: stat.ino.0,
        mtime: time(stat.mtime),
        atime: time(stat.atime),
        ctime: time(stat.ctime),
        target,
        device: matches!(kind, "char" | "block").then_some((stat.rdev.major, stat.rdev.minor)),
        xattrs,
        sha256: if kind == "file" { Some(sum(process, path)?) } else { None },
        kind: kind.to_string(),
    })
}

/// The sum of a file's content, by way of a copy in the host.
fn sum(process: &Process, path: &str) -> Check<String> {
    let file = context(process.open(path, OpenFlags::empty(), Mode::new(0)), path)?;
    let mut content = Vec::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match context(process.read(file, &mut buffer), path)? {
            0 => break,
            length => content.extend_from_slice(&buffer[..length]),
        }
    }
    context(process.close(file), path)?;
    let scratch = Scratch::new("content")?;
    context(fs::write(scratch.path("content"), content), path)?;
    sha256_of_file(&scratch.path("content"))
}
