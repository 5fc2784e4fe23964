//! The tree that images are filled with: every shape of file that a format stores in its own way.

use crate::{Check, context};
use rustix::fs::{FileType, Mode, Timespec, Timestamps, XattrFlags, lsetxattr, mknodat, utimensat};
use std::fs::{self, File};
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::Path;

/// Sizes at the borders of what an inode, a block and an extent hold.
const SIZES: &[usize] = &[0, 1, 59, 60, 61, 100, 155, 156, 157, 1023, 1024, 1025, 4095, 4096, 4097, 65537];

/// Fills an empty folder. `names` is the count of entries of the large directory.
pub fn fill(root: &Path, names: usize) -> Check {
    regular_files(root)?;
    directories(root, names)?;
    links(root)?;
    special_files(root)?;
    extended_attributes(root)?;
    owners_and_times(root)
}

/// Bytes that differ from block to block and from file to file.
pub fn pattern(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

fn write(root: &Path, name: &str, bytes: &[u8]) -> Check {
    context(fs::write(root.join(name), bytes), name)
}

fn regular_files(root: &Path) -> Check {
    context(fs::create_dir(root.join("sizes")), "sizes")?;
    for size in SIZES {
        write(root, &format!("sizes/{size}"), &pattern(*size as u64, *size))?;
    }
    write(root, "sizes/1MiB+1", &pattern(7, (1 << 20) + 1))?;
    let sparse = context(File::create(root.join("sparse")), "sparse")?;
    for (index, offset) in [0_u64, 70_000, 1 << 20, 9 << 20, 90 << 20].into_iter().enumerate() {
        context(sparse.write_all_at(&pattern(index as u64, 5000), offset), "sparse")?;
    }
    context(sparse.set_len((90 << 20) + 123_456), "sparse")?;
    let empty = context(File::create(root.join("only-a-hole")), "hole")?;
    context(empty.set_len(3_000_001), "hole")
}

fn directories(root: &Path, names: usize) -> Check {
    let mut deep = root.join("deep");
    for level in 0..40 {
        deep.push(format!("level-{level}"));
    }
    context(fs::create_dir_all(&deep), "deep")?;
    context(fs::write(deep.join("bottom"), "reached\n"), "bottom")?;
    context(fs::create_dir(root.join("many")), "many")?;
    for number in 0..names {
        context(File::create(root.join(format!("many/a-name-among-many-{number:06}"))), "many")?;
    }
    context(fs::create_dir(root.join("names")), "names")?;
    write(root, &format!("names/{}", "l".repeat(255)), b"long\n")?;
    write(root, &format!("names/{}", "é".repeat(127)), b"long in UTF-8\n")?;
    for name in ["Grüße", "日本語", "emoji 🦀", "a b", "trailing ", "-dash", "back\\slash", "*"] {
        write(root, &format!("names/{name}"), name.as_bytes())?;
    }
    Ok(())
}

fn links(root: &Path) -> Check {
    context(fs::create_dir(root.join("links")), "links")?;
    for length in [1, 10, 59, 60, 61, 200, 1000] {
        let target = "t".repeat(length);
        context(symlink(&target, root.join(format!("links/symbolic-{length}"))), "symlink")?;
    }
    context(symlink("../sizes/4095", root.join("links/live")), "symlink")?;
    write(root, "links/one", b"three names\n")?;
    for name in ["two", "three"] {
        context(fs::hard_link(root.join("links/one"), root.join("links").join(name)), name)?;
    }
    Ok(())
}

/// Fifos for everybody, devices and sockets where we are root.
fn special_files(root: &Path) -> Check {
    let node = |name: &str, kind, device| {
        context(mknodat(rustix::fs::CWD, root.join(name), kind, Mode::from_raw_mode(0o640), device), name)
    };
    node("fifo", FileType::Fifo, 0)?;
    if rustix::process::geteuid().is_root() {
        node("char-small", FileType::CharacterDevice, rustix::fs::makedev(1, 3))?;
        node("char-large", FileType::CharacterDevice, rustix::fs::makedev(300, 70_000))?;
        node("block", FileType::BlockDevice, rustix::fs::makedev(259, 1))?;
        node("socket", FileType::Socket, 0)?;
    }
    Ok(())
}

fn extended_attributes(root: &Path) -> Check {
    context(fs::create_dir(root.join("xattrs")), "xattrs")?;
    let set = |name: &str, key: &str, value: &[u8]| {
        context(lsetxattr(root.join(name), key, value, XattrFlags::empty()), format!("{name}: {key}"))
    };
    for name in ["xattrs/small", "xattrs/several", "xattrs/large"] {
        write(root, name, b"x")?;
    }
    set("xattrs/small", "user.a", b"1")?;
    for number in 0..8 {
        set("xattrs/several", &format!("user.key-{number}"), &pattern(number, 10 + number as usize))?;
    }
    set("xattrs/several", "user.empty", b"")?;
    set("xattrs/large", "user.large", &pattern(3, 600))?;
    set("xattrs", "user.on-a-directory", b"yes")
}

fn owners_and_times(root: &Path) -> Check {
    context(fs::create_dir(root.join("times")), "times")?;
    let stamps: [(&str, i64, i64); 6] = [
        ("before-1970", -86_400, 0),
        ("1970", 0, 1),
        ("nanoseconds", 1_700_000_000, 123_456_789),
        ("last-of-31-bits", 0x7fff_ffff, 999_999_999),
        ("after-2038", 0x8000_0000, 5),
        ("after-2106", 0x1_2345_6789, 6),
    ];
    for (name, seconds, nanoseconds) in stamps {
        write(root, &format!("times/{name}"), name.as_bytes())?;
        set_times(&root.join("times").join(name), seconds, nanoseconds)?;
    }
    for (name, mode) in [("setuid", 0o4755), ("setgid", 0o2711), ("sticky", 0o1777), ("none", 0o000)] {
        write(root, name, b"")?;
        if rustix::process::geteuid().is_root() {
            let owner = Some(1_000_000);
            context(std::os::unix::fs::chown(root.join(name), owner, Some(70_001)), name)?;
        }
        context(fs::set_permissions(root.join(name), fs::Permissions::from_mode(mode)), name)?;
    }
    Ok(())
}

/// Sets both times of a file.
pub fn set_times(path: &Path, seconds: i64, nanoseconds: i64) -> Check {
    let time = Timespec { tv_sec: seconds, tv_nsec: nanoseconds };
    let times = Timestamps { last_access: time, last_modification: time };
    context(utimensat(rustix::fs::CWD, path, &times, rustix::fs::AtFlags::SYMLINK_NOFOLLOW), path.display())
}
