//! What `rump cp` makes of an image.

use crate::stage::{
    address, comparable, ensure, expect, folder_of_nobody, image_filled, run_as_nobody, run_to, text,
};
use interop::image::{Image, Scratch};
use interop::mount::Mounted;
use interop::program::run_ok;
use interop::tree::{compare, hex};
use interop::{Check, context, source};
use rustix::fs::{SeekFrom, XattrFlags, lsetxattr, seek};
use std::fs::{self, File};
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, symlink};
use std::path::Path;

/// `cap_net_raw=ep`, as the kernel stores it (revision 2).
const CAPABILITY: &[u8] = &[1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// `user::rw-,user:1000:r--,group::r--,mask::rw-,other::---` (posix_acl_xattr.h).
const ACL: &[(u16, u16, u32)] =
    &[(1, 6, u32::MAX), (2, 4, 1000), (4, 4, u32::MAX), (16, 6, u32::MAX), (32, 0, u32::MAX)];

fn acl() -> Vec<u8> {
    let mut bytes = 2_u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in ACL {
        bytes.extend_from_slice(&tag.to_le_bytes());
        bytes.extend_from_slice(&permissions.to_le_bytes());
        bytes.extend_from_slice(&id.to_le_bytes());
    }
    bytes
}

/// Every shape of file, with the attributes that only root may set.
fn fill(root: &Path) -> Check {
    source::fill(root, 60)?;
    let set = |name: &str, key: &str, value: &[u8]| {
        context(lsetxattr(root.join(name), key, value, XattrFlags::empty()), format!("{name}: {key}"))
    };
    set("sizes/4096", "security.capability", CAPABILITY)?;
    set("sizes/4097", "system.posix_acl_access", &acl())?;
    set("sizes", "system.posix_acl_default", &acl())?;
    set("links/live", "trusted.of-a-link", b"1")?;
    set("fifo", "trusted.of-a-fifo", b"2")?;
    context(fs::create_dir(root.join("set-gid")), "set-gid")?;
    run_ok("chmod", &["2775".as_ref(), root.join("set-gid").as_os_str()])?;
    let end = context(File::create(root.join("data-at-the-end")), "sparse")?;
    context(end.write_all_at(b"end", (256 << 20) - 3), "sparse")?;
    source::set_times(&root.join("links/live"), 1_600_000_000, 987_654_321)?;
    source::set_times(&root.join("set-gid"), 1_500_000_000, 1)
}

/// An empty file system that keeps everything, mounted.
fn roomy_target() -> Check<(Image, Mounted)> {
    let image = Image::make("target", 256, &["-t", "ext4"], None)?;
    let mounted = Mounted::read_write(&image.path(), "noatime")?;
    Ok((image, mounted))
}

/// A pipe or a device that is the target gets the content and stays what it is, also behind a link.
pub fn into_devices() -> Check {
    let image = image_filled("devices", 32, |root| {
        context(fs::write(root.join("file"), source::pattern(1, 300_000)), "file")
    })?;
    let scratch = Scratch::new("devices")?;
    let (pipe, null) = (scratch.path("pipe"), scratch.path("null"));
    run_ok("mkfifo", &[&pipe])?;
    context(symlink("/dev/null", &null), "link")?;
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || fs::read(pipe)
    });
    for force in [&["-f"][..], &[]] {
        let file = address(&image, "/file");
        run_to(0, &[&["cp"], force, &[file.as_str(), text(&null)?]].concat())?;
    }
    run_to(0, &["cp", "-f", &address(&image, "/file"), text(&pipe)?])?;
    let read = context(reader.join().map_err(|_| "a panic")?, "pipe")?;
    ensure(read == source::pattern(1, 300_000), || format!("{} bytes came through the pipe", read.len()))?;
    let is_fifo = context(fs::metadata(&pipe), "pipe")?.file_type().is_fifo();
    let is_device = context(fs::metadata(&null), "null")?.file_type().is_char_device();
    let is_link = context(fs::symlink_metadata(&null), "null")?.is_symlink();
    ensure(is_fifo && is_device && is_link, || "something was replaced".into())
}

pub fn by_root() -> Check {
    let image = image_filled("copied", 192, fill)?;
    let (_disk, target) = roomy_target()?;
    let (oracle, ours) = (target.path().join("oracle"), target.path().join("ours"));
    for folder in [&oracle, &ours] {
        context(fs::create_dir(folder), folder.display())?;
    }
    let mounted = Mounted::read_only(&image.path())?;
    run_ok("cp", &["-a".as_ref(), mounted.path().join(".").as_os_str(), oracle.as_os_str()])?;
    let finished = run_to(0, &["cp", "-a", &address(&image, "/"), text(&ours)?])?;
    ensure(finished.stderr.is_empty(), || finished.verdict())?;
    let expected = comparable(&oracle)?;
    let has = |path: &str, key: &str, value: &[u8]| {
        ensure(expected[path].xattrs.get(key) == Some(&hex(value)), || {
            format!("the oracle lost {path}: {key}")
        })
    };
    has("/sizes/4096", "security.capability", CAPABILITY)?;
    has("/sizes/4097", "system.posix_acl_access", &acl())?;
    has("/fifo", "trusted.of-a-fifo", b"2")?;
    ensure(expected["/times/nanoseconds"].mtime.1 == 123_456_789, || "the oracle lost nanoseconds".into())?;
    compare(&expected, &comparable(&ours)?)?;
    run_ok("sync", &["-f".as_ref(), target.path().as_os_str()])?;
    for (path, entry) in expected.iter().filter(|(_, entry)| entry.kind == "file") {
        same_holes(&oracle.join(&path[1..]), &ours.join(&path[1..]), entry.size)?;
    }
    let again = run_to(0, &["cp", "-a", &address(&image, "/"), text(&ours)?])?;
    ensure(again.stderr.is_empty(), || again.verdict())?;
    compare(&expected, &comparable(&ours)?)
}

fn same_holes(oracle: &Path, ours: &Path, size: u64) -> Check {
    let (expected, found) = (data_of(oracle, size)?, data_of(ours, size)?);
    ensure(expected == found, || format!("{}: data at {expected:?} / {found:?}", ours.display()))?;
    let blocks =
        |path: &Path| context(fs::symlink_metadata(path), path.display()).map(|facts| facts.blocks());
    let (expected, found) = (blocks(oracle)?, blocks(ours)?);
    ensure(expected == found, || format!("{}: {expected} / {found} blocks", ours.display()))
}

/// Where a file has data.
fn data_of(path: &Path, size: u64) -> Check<Vec<(u64, u64)>> {
    let file = context(File::open(path), path.display())?;
    let (mut found, mut at) = (Vec::new(), 0);
    while at < size {
        let Ok(data) = seek(&file, SeekFrom::Data(at)) else { break };
        at = context(seek(&file, SeekFrom::Hole(data)), path.display())?;
        found.push((data, at));
    }
    Ok(found)
}

pub fn by_a_user() -> Check {
    let image = image_filled("user", 192, fill)?;
    let scratch = Scratch::new("user")?;
    let ours = scratch.path("ours");
    folder_of_nobody(&ours)?;
    let finished = run_as_nobody(&scratch, &["cp", "-a", &address(&image, "/"), text(&ours)?])?;
    expect(1, &finished, || "copy with devices".into())?;
    let lines = |part: &str| finished.stderr.lines().filter(|line| line.contains(part)).count();
    let counts =
        [lines("owners were not kept"), lines("attributes were not kept"), lines("only root may create")];
    ensure(counts == [1, 1, 3], || format!("{counts:?} lines: {}", finished.stderr))?;
    let mounted = Mounted::read_only(&image.path())?;
    let mut expected = comparable(mounted.path())?;
    expected.retain(|_, entry| !matches!(entry.kind.as_str(), "char" | "block"));
    let mut found = comparable(&ours)?;
    for entry in expected.values_mut().chain(found.values_mut()) {
        entry.xattrs.retain(|key, _| key.starts_with("user.") || key.starts_with("system.posix_acl"));
        (entry.uid, entry.gid, entry.ino) = (0, 0, 0);
    }
    for entry in expected.values_mut() {
        entry.mode &= if entry.kind == "symlink" { 0o777 } else { 0o1777 };
    }
    compare(&expected, &found)?;
    let part = scratch.path("part");
    folder_of_nobody(&part)?;
    let sizes = address(&image, "/sizes");
    let finished = run_as_nobody(&scratch, &["cp", "-r", &sizes, text(&part)?])?;
    expect(0, &finished, || "copy without devices".into())?;
    ensure(finished.stderr.contains("owners"), || finished.verdict())?;
    let finished = run_as_nobody(&scratch, &["cp", "-rq", &sizes, text(&part)?])?;
    expect(0, &finished, || "quiet copy".into())?;
    ensure(finished.stderr.is_empty(), || finished.verdict())
}

fn two_levels(root: &Path) -> Check {
    context(fs::create_dir_all(root.join("dir/below")), "dir")?;
    context(fs::write(root.join("dir/below/file"), "from the image"), "file")?;
    context(fs::write(root.join("top"), "from the image"), "file")?;
    context(symlink("/etc", root.join("link")), "link")
}

pub fn into_hostile_target() -> Check {
    let image = image_filled("hostile", 8, two_levels)?;
    let scratch = Scratch::new("hostile")?;
    let (outside, out) = (scratch.path("outside"), scratch.path("out"));
    for folder in [&outside, &out] {
        context(fs::create_dir(folder), folder.display())?;
    }
    context(fs::write(outside.join("top"), "precious"), "outside")?;
    context(symlink(&outside, out.join("dir")), "link")?;
    context(symlink(outside.join("top"), out.join("top")), "link")?;
    let finished = run_to(1, &["cp", "-a", &address(&image, "/"), text(&out)?])?;
    ensure(finished.stderr.contains("links are not followed"), || finished.verdict())?;
    let kept = context(fs::read_to_string(outside.join("top")), "outside")?;
    let names = context(fs::read_dir(&outside), "outside")?.count();
    ensure(kept == "precious" && names == 1, || format!("outside: {names} names, {kept}"))?;
    let top = context(fs::symlink_metadata(out.join("top")), "top")?;
    ensure(top.is_file(), || "the link was not replaced by the file".into())?;
    context(fs::remove_file(out.join("dir")), "link")?;
    context(fs::create_dir(out.join("dir")), "dir")?;
    context(symlink(&outside, out.join("dir/below")), "link")?;
    run_to(1, &["cp", "-a", &address(&image, "/"), text(&out)?])?;
    ensure(context(fs::read_dir(&outside), "outside")?.count() == 1, || "a link was followed".into())
}

pub fn two_images_one_target() -> Check {
    let folder = image_filled("folder", 8, two_levels)?;
    let scratch = Scratch::new("two")?;
    let outside = scratch.path("outside");
    context(fs::create_dir(&outside), "outside")?;
    let to = outside.clone();
    let link = image_filled("link", 8, move |root| context(symlink(to, root.join("dir")), "link"))?;
    for (name, first, second, text_part) in [
        ("a", &link, &folder, "links are not followed"),
        ("b", &folder, &link, "there is a directory of this name"),
    ] {
        let out = scratch.path(name);
        context(fs::create_dir(&out), name)?;
        run_to(0, &["cp", "-a", &address(first, "/"), text(&out)?])?;
        let finished = run_to(1, &["cp", "-a", &address(second, "/"), text(&out)?])?;
        ensure(finished.stderr.contains(text_part), || finished.verdict())?;
        ensure(context(fs::read_dir(&outside), name)?.count() == 0, || "a link was followed".into())?;
    }
    Ok(())
}

pub fn sums_hold() -> Check {
    let image = image_filled("sums", 192, |root| {
        source::fill(root, 60)?;
        context(fs::write(root.join("names/two\nlines"), "odd"), "name")?;
        context(fs::write(root.join("names/re\rturn\\"), "odd"), "name")
    })?;
    let scratch = Scratch::new("sums")?;
    let out = scratch.path("out");
    run_to(0, &["cp", "-a", &address(&image, "/"), text(&out)?])?;
    for (path, folder) in [("/", ""), ("/names", "names"), ("/sizes/4096", "sizes")] {
        let sums = run_to(0, &["sum", "--relative", &address(&image, path)])?;
        context(fs::write(scratch.path("sums"), &sums.stdout), "sums")?;
        let script = "cd \"$0\" && sha256sum -c --strict --quiet \"$1\"";
        let list = scratch.path("sums");
        run_ok("sh", &["-c".as_ref(), script.as_ref(), out.join(folder).as_os_str(), list.as_os_str()])?;
        ensure(!sums.stdout.is_empty(), || format!("no sums of {path}"))?;
    }
    Ok(())
}
