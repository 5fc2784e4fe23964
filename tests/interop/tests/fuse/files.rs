//! Files: what calls of them answer, and who may make them.

use crate::mounted::{Mounted, check_ext, text};
use interop::image::Image;
use interop::program::run_ok;
use interop::suite::number;
use interop::{Check, context, mount};
use rustix::fs::{
    AtFlags, FallocateFlags, Mode, OFlags, RenameFlags, SeekFrom, Timespec, Timestamps, XattrFlags,
    fallocate, openat, renameat_with, seek, statvfs, utimensat,
};
use rustix::io::Errno;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::Path;

fn ext4(name: &str) -> Check<Image> {
    Image::make(name, 32, &["-t", "ext4"], None)
}

pub fn nameless() -> Check {
    let image = ext4("fuse-open")?;
    let ours = Mounted::new(&text(&image.path()), &[])?;
    let path = |name: &str| ours.path().join(name);
    let free = || context(statvfs(ours.path()), "statvfs").map(|facts| facts.f_bfree);
    let before = free()?;
    let mut file = context(OpenOptions::new().read(true).write(true).create_new(true).open(path("a")), "a")?;
    context(file.write_all(&[7; 1 << 20]), "a")?;
    context(fs::hard_link(path("a"), path("b")), "b")?;
    context(fs::write(path("c"), b"new"), "c")?;
    context(fs::remove_file(path("a")), "a")?;
    let links = context(fs::metadata(path("b")), "b")?.nlink();
    // The last name goes to another file.
    context(fs::rename(path("c"), path("b")), "c to b")?;
    let facts = context(file.metadata(), "open")?;
    context(file.write_at(b"still", 500), "write")?;
    let mut read = [0; 6];
    context(file.read_exact_at(&mut read, 500), "read")?;
    if (links, facts.nlink(), facts.len(), &read) != (1, 0, 1 << 20, b"still\x07") {
        return Err(format!("without names: {links}, {facts:?}, {read:?}"));
    }
    if context(fs::read(path("b")), "b")? != b"new" {
        return Err("the name is not of the new file".into());
    }
    context(fs::create_dir(path("d")), "d")?;
    let dir = context(openat(rustix::fs::CWD, path("d"), OFlags::DIRECTORY, Mode::empty()), "d")?;
    context(fs::remove_dir(path("d")), "d")?;
    if openat(&dir, "x", OFlags::CREATE | OFlags::WRONLY, Mode::RWXU).err() != Some(Errno::NOENT) {
        return Err("a directory that is gone takes files".into());
    }
    drop((file, dir));
    context(fs::remove_file(path("b")), "b")?;
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while free()? != before {
        if std::time::Instant::now() > deadline {
            return Err("space of what is gone is not given back".into());
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    ours.unmount()?;
    check_ext(&image.path())
}

/// What some calls answer in a directory, as a text.
fn answers(root: &Path) -> Check<String> {
    let mut said = String::new();
    let path = |name: &str| root.join(name);
    let errno = |result: Result<(), Errno>| result.err().map_or(0, Errno::raw_os_error);
    let io = |result: std::io::Result<()>| result.err().and_then(|error| error.raw_os_error()).unwrap_or(0);
    let mut say = |what: &str, answer: &dyn std::fmt::Debug| {
        let _ = writeln!(said, "{what}: {answer:?}");
    };
    context(fs::write(path("f"), [1; 10_000]), "f")?;
    context(fs::write(path("g"), b"g"), "g")?;
    context(fs::create_dir(path("d")), "d")?;
    let rename = |from: &str, to: &str, flags| {
        errno(renameat_with(rustix::fs::CWD, path(from), rustix::fs::CWD, path(to), flags))
    };
    say("noreplace", &rename("f", "g", RenameFlags::NOREPLACE));
    say("exchange", &rename("f", "g", RenameFlags::EXCHANGE));
    say("exchanged", &context(fs::metadata(path("g")), "g")?.len());
    say("file over directory", &io(fs::rename(path("g"), path("d"))));
    say("directory over file", &io(fs::rename(path("d"), path("g"))));
    say("directory into itself", &io(fs::rename(path("d"), path("d/e"))));
    say("link of directory", &io(fs::hard_link(path("d"), path("h"))));
    say("long name", &io(File::create(path(&"n".repeat(256))).map(drop)));
    say("unlink of directory", &io(fs::remove_file(path("d"))));
    say("rmdir of file", &io(fs::remove_dir(path("f"))));
    say("mkdir that is there", &io(fs::create_dir(path("d"))));
    context(symlink("target of a link", path("l")), "l")?;
    say("readlink", &context(fs::read_link(path("l")), "l")?);
    say("length of link", &context(fs::symlink_metadata(path("l")), "l")?.len());
    let file = context(OpenOptions::new().read(true).write(true).open(path("g")), "g")?;
    say("allocate", &errno(fallocate(&file, FallocateFlags::KEEP_SIZE, 0, 1 << 20)));
    say("hole", &errno(fallocate(&file, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, 0, 8192)));
    say("hole that extends", &errno(fallocate(&file, FallocateFlags::PUNCH_HOLE, 0, 8192)));
    context(file.sync_all(), "sync")?;
    say("data", &seek(&file, SeekFrom::Data(0)));
    say("hole behind", &seek(&file, SeekFrom::Hole(9000)));
    say("beyond", &seek(&file, SeekFrom::Data(1 << 30)));
    say("before the beginning", &seek(&file, SeekFrom::Data(u64::MAX)));
    let copy = context(File::create(path("copy")), "copy")?;
    let copied = rustix::fs::copy_file_range(&file, Some(&mut 8000), &copy, None, 100_000);
    say("copied", &copied);
    say("copy", &context(fs::read(path("copy")), "copy")?);
    let mut append = context(OpenOptions::new().append(true).open(path("f")), "f")?;
    context(append.write_all(b"more"), "append")?;
    say("appended", &context(fs::read_to_string(path("f")), "f")?);
    let set = |name: &str, flags| errno(rustix::fs::setxattr(path("f"), name, b"value", flags));
    say("xattr", &set("user.a", XattrFlags::CREATE));
    say("xattr again", &set("user.a", XattrFlags::CREATE));
    say("xattr that is not", &set("user.b", XattrFlags::REPLACE));
    say("odd space", &set("odd.a", XattrFlags::empty()));
    say("trusted", &set("trusted.t", XattrFlags::empty()));
    let mut room = [0_u8; 3];
    say("short room", &rustix::fs::getxattr(path("f"), "user.a", &mut room));
    say("no xattr", &errno(rustix::fs::removexattr(path("f"), "user.c")));
    let time = |sec, nsec| Timespec { tv_sec: sec, tv_nsec: nsec };
    let times = Timestamps { last_access: time(-5, 7), last_modification: time(1_000_000_000, 999) };
    context(utimensat(rustix::fs::CWD, path("f"), &times, AtFlags::empty()), "times")?;
    let facts = context(fs::metadata(path("f")), "f")?;
    say("times", &(facts.atime(), facts.atime_nsec(), facts.mtime(), facts.mtime_nsec()));
    context(fs::set_permissions(path("d"), PermissionsExt::from_mode(0o2775)), "d")?;
    context(std::os::unix::fs::chown(path("d"), Some(12), Some(34)), "d")?;
    context(fs::create_dir(path("d/e")), "e")?;
    let facts = context(fs::metadata(path("d/e")), "e")?;
    say("of a group", &(facts.mode(), facts.uid(), facts.gid(), facts.nlink()));
    context(rustix::fs::mkfifoat(rustix::fs::CWD, path("fifo"), Mode::RWXU), "fifo")?;
    say("fifo", &context(fs::metadata(path("fifo")), "fifo")?.file_type().is_fifo());
    say("truncated", &io(file.set_len(5).and_then(|()| file.set_len(9))));
    say("content", &context(fs::read(path("g")), "g")?);
    say("chattr", &run_ok("chattr", &["+i", &text(&path("g"))]).is_ok());
    say("of fixed", &io(fs::remove_file(path("g"))));
    say("opened", &io(OpenOptions::new().write(true).open(path("g")).map(drop)));
    say("free again", &run_ok("chattr", &["-i", &text(&path("g"))]).is_ok());
    let mut byte = [0];
    say("read of directory", &io(File::open(path("d")).and_then(|mut dir| dir.read(&mut byte)).map(drop)));
    let locked = context(File::open(path("f")), "f")?;
    let (one, two) =
        (rustix::fs::FlockOperation::LockExclusive, rustix::fs::FlockOperation::NonBlockingLockShared);
    say("lock", &errno(rustix::fs::flock(&locked, one)));
    let other = context(File::open(path("f")), "f")?;
    say("locked", &errno(rustix::fs::flock(&other, two)));
    Ok(said)
}

pub fn calls() -> Check {
    let (image, kernels) = (ext4("fuse-calls")?, ext4("fuse-calls-kernel")?);
    let kernel = mount::Mounted::read_write(&kernels.path(), "")?;
    let oracle = answers(kernel.path())?;
    kernel.unmount()?;
    let ours = Mounted::new(&text(&image.path()), &[])?;
    let seen = answers(ours.path())?;
    ours.unmount()?;
    check_ext(&image.path())?;
    let differ = oracle.lines().zip(seen.lines()).find(|(oracle, seen)| oracle != seen);
    match differ {
        Some((oracle, seen)) => Err(format!("kernel and we: {oracle} / {seen}")),
        None if oracle.len() != seen.len() => Err("one says more".into()),
        None => Ok(()),
    }
}

/// Numbers that follow from a seed.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

pub fn model() -> Check {
    follows_model(&[], 20)
}

pub fn model_behind_cache() -> Check {
    follows_model(&["-o", "writeback_cache"], 21)
}

/// Operations on one file, each also on bytes in memory: `RUMP_FSX_OPERATIONS` says how many.
fn follows_model(options: &[&str], seed: u64) -> Check {
    const LONGEST: usize = 600_000;
    let image = ext4("fuse-model")?;
    let ours = Mounted::new(&text(&image.path()), options)?;
    let path = ours.path().join("f");
    let open =
        || context(OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path), "f");
    let (mut random, mut bytes, mut file) = (Random(seed), Vec::<u8>::new(), open()?);
    for step in 0..number("RUMP_FSX_OPERATIONS", 4000) {
        let (at, length) = (random.below(LONGEST), random.below(40_000));
        let end = at + length;
        match random.below(10) {
            0..=2 => {
                let piece = interop::source::pattern(step, length);
                context(file.write_all_at(&piece, at as u64), "write")?;
                bytes.resize(bytes.len().max(if length == 0 { 0 } else { end }), 0);
                bytes[at.min(end)..][..length].copy_from_slice(&piece);
            }
            3..=5 => {
                let mut piece = vec![0; length];
                let count = context(read_whole(&file, &mut piece, at as u64), "read")?;
                let expected = bytes.get(at..end.min(bytes.len())).unwrap_or_default();
                if piece[..count] != *expected {
                    return Err(format!("step {step}: other bytes at {at}, {count} of {length}"));
                }
            }
            6 => {
                context(file.set_len(at as u64), "cut")?;
                bytes.resize(at, 0);
            }
            7 if length != 0 => {
                let how = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
                context(fallocate(&file, how, at as u64, length as u64), "hole")?;
                let end = end.min(bytes.len());
                bytes.get_mut(at..end).unwrap_or_default().fill(0);
            }
            8 if step % 7 == 0 => context(file.sync_all(), "sync")?,
            _ if step % 5 == 0 => file = open()?,
            _ => {}
        }
        let found = context(file.metadata(), "length")?.len();
        if found != bytes.len() as u64 {
            return Err(format!("step {step}: {found} bytes instead of {}", bytes.len()));
        }
    }
    drop(file);
    ours.unmount()?;
    check_ext(&image.path())?;
    let kernel = mount::Mounted::read_only(&image.path())?;
    let same = context(fs::read(kernel.path().join("f")), "f")? == bytes;
    kernel.unmount()?;
    if same { Ok(()) } else { Err("the image has other bytes".into()) }
}

fn read_whole(file: &File, buffer: &mut [u8], at: u64) -> std::io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match file.read_at(&mut buffer[done..], at + done as u64)? {
            0 => break,
            count => done += count,
        }
    }
    Ok(done)
}

fn as_user(user: u32, script: &str, folder: &Path) -> bool {
    let (uid, gid) = (format!("--reuid={user}"), format!("--regid={user}"));
    run_ok("setpriv", &[uid.as_str(), &gid, "--clear-groups", "sh", "-c", script, &text(folder)]).is_ok()
}

pub fn permissions() -> Check {
    let image = ext4("fuse-who")?;
    let ours = Mounted::new(&text(&image.path()), &[])?;
    let path = |name: &str| ours.path().join(name);
    context(fs::create_dir(path("d")), "d")?;
    context(fs::write(path("d/f"), b"x"), "f")?;
    context(fs::set_permissions(path("d/f"), PermissionsExt::from_mode(0o640)), "f")?;
    context(fs::set_permissions(ours.path(), PermissionsExt::from_mode(0o755)), "root")?;
    run_ok("setfacl", &["-m", "u:2001:r", &ours.text("d/f")])?;
    run_ok("setfacl", &["-d", "-m", "u:2001:rwx,g::-,o::-", &ours.text("d")])?;
    context(fs::write(path("d/g"), b"x"), "g")?;
    // The folder above is for everybody who is in a test.
    let scratch = ours.path().parent().ok_or("nothing above")?;
    context(fs::set_permissions(scratch, PermissionsExt::from_mode(0o755)), "above")?;
    let may = |user, script| as_user(user, script, ours.path());
    let seen = [
        may(2001, "cat $0/d/f"),
        may(2002, "cat $0/d/f"),
        may(2001, "echo y >>$0/d/f"),
        may(2001, "echo y >>$0/d/g"),
        may(2002, "cat $0/d/g"),
        may(2002, "touch $0/d/new"),
        may(2002, "chmod 777 $0/d/f"),
    ];
    if seen != [true, false, false, true, false, false, false] {
        return Err(format!("who may what: {seen:?}"));
    }
    context(fs::set_permissions(path("d"), PermissionsExt::from_mode(0o700)), "d")?;
    if may(2001, "cat $0/d/f") {
        return Err("a name that the kernel remembers is found in a closed directory".into());
    }
    let lists = |root: &Path| run_ok("getfacl", &["-R", "-n", "-p", "--omit-header", &text(&root.join("d"))]);
    let seen = lists(ours.path())?;
    ours.unmount()?;
    let kernel = mount::Mounted::read_only(&image.path())?;
    let oracle = lists(kernel.path())?;
    kernel.unmount()?;
    if seen == oracle { Ok(()) } else { Err(format!("lists: {seen} / {oracle}")) }
}

/// A user of every Debian: fusermount wants to know the name.
const NOBODY: u32 = 65_534;

pub fn ordinary_user() -> Check {
    let image = ext4("fuse-user")?;
    let folder = image.path().parent().ok_or("no folder")?.to_path_buf();
    let point = folder.join("m");
    context(fs::create_dir(&point), "m")?;
    for path in [&folder, &image.path(), &point] {
        context(std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)), path.display())?;
    }
    let rump = text(interop::rump::binary()?);
    let dev = folder.join("dev");
    context(fs::create_dir(&dev), "dev")?;
    // Mounts of its own, where everybody may open the device, as it is on most hosts.
    let alone = "mount -t tmpfs none $0/dev && mknod -m 666 $0/dev/fuse c 10 229 && \
                 mount --bind $0/dev/fuse /dev/fuse && \
                 exec setpriv --reuid=65534 --regid=65534 --clear-groups sh -ec \"$1\" $0";
    let script = format!(
        "cd $0; {rump} mount -o uid=65534,gid=65534 image m; echo x >m/f; mkdir m/lost+found/d; \
         test $(stat -c %u m/f) = 65534; {rump} umount m; ! test -e m/f"
    );
    run_ok("unshare", &["-m", "sh", "-c", alone, &text(&folder), &script])?;
    check_ext(&image.path())?;
    let kernel = mount::Mounted::read_only(&image.path())?;
    let owner = context(fs::metadata(kernel.path().join("f")), "f")?.uid();
    kernel.unmount()?;
    if owner == 0 { Ok(()) } else { Err(format!("what was made is of {owner}")) }
}
