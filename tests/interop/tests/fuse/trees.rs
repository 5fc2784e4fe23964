//! Trees: read beside the kernel, and written by programs.

use crate::mounted::{Mounted, check_ext, text};
use interop::image::{Image, Scratch};
use interop::program::run_ok;
use interop::source::fill;
use interop::tree::{Contents, Tree, as_source, compare, of_host};
use interop::{Check, context, mount};
use rumpkit::PosixHost;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;

/// All that is below a directory.
pub fn hashed(path: &Path) -> Check<Tree> {
    of_host(path, Contents::Hashed)
}

fn filled() -> Check<Scratch> {
    let source = Scratch::new("source")?;
    fill(&source.path(""), 3000)?;
    Ok(source)
}

/// The tree behind the kernel's mount and behind ours, which may not change the image.
fn same_as_kernel(image: &Path) -> Check {
    let before = context(fs::read(image), "image")?;
    let kernel = mount::Mounted::read_only(image)?;
    let oracle = hashed(kernel.path())?;
    kernel.unmount()?;
    let ours = Mounted::new(&text(image), &["-o", "ro"])?;
    // Twice: what the kernel remembers is the same.
    compare(&oracle, &hashed(ours.path())?)?;
    compare(&oracle, &hashed(ours.path())?)?;
    ours.unmount()?;
    if context(fs::read(image), "image")? == before { Ok(()) } else { Err("the image changed".into()) }
}

pub fn ext4() -> Check {
    let source = filled()?;
    let image = Image::make("fuse-ext4", 64, &["-t", "ext4"], Some(&source.path("")))?;
    same_as_kernel(&image.path())
}

/// A tree of what FAT can keep.
fn plain_tree(root: &Path) -> Check {
    for dir in ["a/b/c", "Many Words", "d"] {
        context(fs::create_dir_all(root.join(dir)), dir)?;
    }
    for number in 0..600 {
        let bytes = interop::source::pattern(number, (number as usize * 37) % 9000);
        context(fs::write(root.join(format!("d/file number {number}.txt")), bytes), "file")?;
    }
    for name in ["a/b/c/SHORT.TXT", "Many Words/Größe.txt", "a/large"] {
        context(fs::write(root.join(name), interop::source::pattern(3, 700_000)), name)?;
    }
    Ok(())
}

fn empty_image(scratch: &Scratch, make: &[&str]) -> Check<String> {
    let path = scratch.path("image");
    context(context(File::create(&path), "image")?.set_len(48 << 20), "image")?;
    run_ok(make[0], &[&make[1..], &[&*text(&path)]].concat())?;
    Ok(text(&path))
}

pub fn vfat() -> Check {
    let scratch = Scratch::new("fuse-vfat")?;
    let image = empty_image(&scratch, &["mkfs.fat", "-F", "32", "-s", "1"])?;
    let ours = Mounted::new(&image, &[])?;
    plain_tree(ours.path())?;
    // One name, however it is spelt, before and after it is there.
    context(fs::write(ours.path().join("d/New"), b"1"), "New")?;
    let other = context(fs::read(ours.path().join("D/nEW")), "nEW")?;
    context(fs::remove_file(ours.path().join("d/NEW")), "NEW")?;
    if other != b"1" || ours.path().join("d/New").exists() {
        return Err("names that differ in case are not one".into());
    }
    let written = hashed(ours.path())?;
    ours.unmount()?;
    run_ok("fsck.fat", &["-n", &image])?;
    // The host's kernel may not know the format; then what was written is read back by us.
    match mount::Mounted::read_only(Path::new(&image)) {
        Ok(kernel) => compare_contents(&hashed(kernel.path())?, &written),
        Err(_) => reread(&image, &written),
    }
}

fn reread(image: &str, written: &Tree) -> Check {
    let ours = Mounted::new(image, &["-o", "ro"])?;
    compare_contents(written, &hashed(ours.path())?)?;
    ours.unmount()
}

/// Names, kinds, lengths and contents.
fn compare_contents(oracle: &Tree, ours: &Tree) -> Check {
    let facts = |tree: &Tree| -> BTreeSet<_> {
        let fact = |(path, entry): (&String, &interop::tree::Entry)| {
            let size = if entry.kind == "dir" { 0 } else { entry.size };
            (path.clone(), entry.kind.clone(), size, entry.sha256.clone())
        };
        tree.iter().map(fact).collect()
    };
    let (oracle, ours) = (facts(oracle), facts(ours));
    match oracle.symmetric_difference(&ours).next() {
        Some(odd) => Err(format!("on one side only: {odd:?}")),
        None => Ok(()),
    }
}

pub fn exfat() -> Check {
    let scratch = Scratch::new("fuse-exfat")?;
    let image = empty_image(&scratch, &["mkfs.exfat"])?;
    let source = scratch.path("source");
    plain_tree(&source)?;
    let ours = Mounted::new(&image, &[])?;
    run_ok("cp", &["-r", &format!("{}/.", text(&source)), &ours.text("")])?;
    ours.unmount()?;
    run_ok("fsck.exfat", &["-n", &image])?;
    let ours = Mounted::new(&image, &["-o", "ro"])?;
    compare_contents(&hashed(&source)?, &hashed(ours.path())?)?;
    ours.unmount()
}

pub fn iso9660() -> Check {
    let source = filled()?;
    // Only the first gigabytes of offsets are on a disc, and no sockets.
    let scratch = Scratch::new("fuse-iso")?;
    let image = scratch.path("image");
    run_ok("genisoimage", &["-quiet", "-R", "-o", &text(&image), &text(&source.path("sizes"))])?;
    match mount::Mounted::read_only(&image) {
        Ok(kernel) => drop(kernel),
        Err(_) => {
            let ours = Mounted::new(&text(&image), &[])?;
            compare_contents(&hashed(&source.path("sizes"))?, &hashed(ours.path())?)?;
            return ours.unmount();
        }
    }
    same_as_kernel(&image)
}

pub fn rsync() -> Check {
    let source = filled()?;
    let image = Image::make("fuse-rsync", 96, &["-t", "ext4"], None)?;
    let from = format!("{}/", text(&source.path("")));
    let ours = Mounted::new(&text(&image.path()), &["-o", "dev,suid"])?;
    run_ok("rsync", &["-aHAXS", &from, &ours.text("")])?;
    let out = Scratch::new("out")?;
    run_ok("rsync", &["-aHAXS", &ours.text(""), &text(&out.path(""))])?;
    ours.unmount()?;
    check_ext(&image.path())?;
    let oracle = as_source(hashed(&source.path(""))?);
    let kernel = mount::Mounted::read_only(&image.path())?;
    compare(&oracle, &as_source(hashed(kernel.path())?))?;
    kernel.unmount()?;
    compare(&oracle, &as_source(hashed(&out.path(""))?))
}

/// The root of a kernel that this process has.
pub fn tmpfs() -> Check {
    let source = filled()?;
    let scratch = Scratch::new("fuse-tmpfs")?;
    let process = context(rumpkit::kernel(PosixHost::new()), "boot")?.process();
    let options = rump_fuse::Options { devices: true, set_id: true, ..Default::default() };
    let session = rump_fuse::Session::mount(&process, b"/", &scratch.path(""), &options);
    let session = context(session, "mount")?;
    let unmounter = session.unmounter();
    let serving = std::thread::spawn(move || session.run());
    let from = format!("{}/", text(&source.path("")));
    let copied = run_ok("rsync", &["-aHAXS", &from, &text(&scratch.path(""))]);
    let ours = copied.and_then(|_| hashed(&scratch.path("")));
    context(unmounter.unmount(), "unmount")?;
    context(serving.join().map_err(|_| "the thread that serves panicked")?, "serving")?;
    let mut ours = as_source(ours?);
    ours.retain(|path, _| path != "/dev" && !path.starts_with("/dev/"));
    compare(&as_source(hashed(&source.path(""))?), &ours)?;
    // The kernel is there, and has it all.
    let size = context(process.stat("/sizes/4097"), "stat")?.size;
    if size == 4097 { Ok(()) } else { Err(format!("{size} bytes")) }
}

pub fn git() -> Check {
    let image = Image::make("fuse-git", 64, &["-t", "ext4"], None)?;
    let ours = Mounted::new(&text(&image.path()), &[])?;
    let (one, two) = (ours.text("one"), ours.text("two"));
    context(fs::create_dir(&one), "one")?;
    for number in 0..200 {
        let bytes = interop::source::pattern(number, 3000);
        context(fs::write(format!("{one}/{number}"), bytes), "file")?;
    }
    let git = |arguments: &[&str]| {
        let who = ["-c", "user.name=n", "-c", "user.email=e@e", "-c", "init.defaultBranch=main"];
        run_ok(
            "git",
            &[&who[..], &["-c", "safe.directory=*", "-c", "commit.gpgsign=false"], arguments].concat(),
        )
    };
    git(&["-C", &one, "init", "-q"])?;
    git(&["-C", &one, "add", "-A"])?;
    git(&["-C", &one, "commit", "-qm", "all"])?;
    git(&["clone", "-q", &one, &two])?;
    git(&["-C", &two, "gc", "-q"])?;
    git(&["-C", &two, "fsck", "--strict"])?;
    if !git(&["-C", &two, "status", "--porcelain"])?.is_empty() {
        return Err("what was cloned is not what was committed".into());
    }
    ours.unmount()?;
    check_ext(&image.path())
}

/// SQLite with a write-ahead log: two processes share memory that is mapped from a file, and lock it.
const DATA_BASE: &str = "
import mmap, os, sqlite3, subprocess, sys
path = sys.argv[1]
base = sqlite3.connect(path, timeout=30)
assert base.execute('pragma journal_mode=wal').fetchone()[0] == 'wal'
base.execute('create table t (n integer primary key, text)')
base.commit()
insert = '''
import sqlite3, sys
base = sqlite3.connect(sys.argv[1], timeout=30)
for n in range(200):
    base.execute('insert into t values (?, ?)', (n * 2 + int(sys.argv[2]), 'x' * n))
    base.commit()
'''
both = [subprocess.Popen([sys.executable, '-c', insert, path, str(which)]) for which in (0, 1)]
assert [one.wait() for one in both] == [0, 0]
assert base.execute('select count(*), sum(length(text)) from t').fetchone() == (400, 2 * 199 * 100)
assert base.execute('pragma integrity_check').fetchone()[0] == 'ok'
base.close()
fd = os.open(path + '.map', os.O_RDWR | os.O_CREAT)
os.ftruncate(fd, 1 << 20)
with mmap.mmap(fd, 1 << 20) as shared:
    shared[70000:70005] = b'there'
    assert os.pread(fd, 5, 70000) == b'there'
    os.pwrite(fd, b'THERE', 70000)
    assert shared[70000:70005] == b'THERE'
    shared[1000:1004] = b'last'
os.close(fd)
";

pub fn data_base() -> Check {
    let image = Image::make("fuse-sql", 32, &["-t", "ext4"], None)?;
    let ours = Mounted::new(&text(&image.path()), &[])?;
    run_ok("python3", &["-c", DATA_BASE, &ours.text("base")])?;
    ours.unmount()?;
    check_ext(&image.path())?;
    let kernel = mount::Mounted::read_only(&image.path())?;
    let map = context(fs::read(kernel.path().join("base.map")), "map")?;
    let is_there = map.len() == 1 << 20 && &map[70_000..70_005] == b"THERE" && &map[1000..1004] == b"last";
    if is_there {
        kernel.unmount()
    } else {
        Err("what was written to mapped memory is not in the image".into())
    }
}

pub fn large_directory() -> Check {
    const FILES: usize = 4000;
    let image = Image::make("fuse-dir", 32, &["-t", "ext4", "-N", "8192"], None)?;
    let ours = Mounted::new(&text(&image.path()), &[])?;
    let dir = ours.path().join("d");
    context(fs::create_dir(&dir), "d")?;
    for number in 0..FILES {
        context(File::create(dir.join(format!("file-{number}"))), "file")?;
    }
    let mut seen = BTreeSet::new();
    for (place, entry) in context(fs::read_dir(&dir), "list")?.enumerate() {
        let name = context(entry, "entry")?.file_name();
        if place % 3 == 0 {
            context(fs::remove_file(dir.join(&name)), "remove")?;
        }
        if !seen.insert(name) {
            return Err("a name came twice".into());
        }
    }
    let left = context(fs::read_dir(&dir), "list")?.count();
    if (seen.len(), left) != (FILES, FILES - FILES.div_ceil(3)) {
        return Err(format!("{} of {FILES} were listed, {left} are left", seen.len()));
    }
    ours.unmount()?;
    check_ext(&image.path())
}
