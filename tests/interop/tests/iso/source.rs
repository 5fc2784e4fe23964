//! The trees that images are filled with, and the shapes in which two views of one are alike.

use interop::source::{pattern, set_times};
use interop::tree::{Contents, Tree, of_host};
use interop::{Check, context};
use rustix::fs::{FileType, Mode, mknodat};
use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

/// A time with an even number of seconds, at which nothing else was made.
const TIME: i64 = 1_600_000_000;

/// A file whose time is yet to come.
pub const FUTURE: &str = "sizes/2048";

/// Names that any writer stores as they are with Rock Ridge.
const NAMES: &[&str] =
    &["Grüße", "日本語", "emoji 🦀", "a b", "-dash", "two.dots.txt", "UPPER lower", ".hidden", "semi;colon"];

/// Writes a file and the folders it is in.
pub fn write(root: &Path, name: &str, bytes: &[u8]) -> Check {
    let path = root.join(name);
    if let Some(folder) = path.parent() {
        context(fs::create_dir_all(folder), folder.display())?;
    }
    context(fs::write(&path, bytes), name)
}

/// Fills a tree with every kind of file. Each image has its own: writers compare access times, which reading changes.
pub fn fill(root: &Path) -> Check {
    for size in [0, 1, 2047, 2048, 2049, 32_767, 32_768, 32_769, 131_073, 700_001] {
        write(root, &format!("sizes/{size}"), &pattern(size as u64, size))?;
    }
    for name in NAMES {
        write(root, &format!("names/{name}"), name.as_bytes())?;
    }
    for (length, letter) in [(30, "s"), (100, "h"), (180, "l"), (248, "x")] {
        write(root, &format!("long/{}", letter.repeat(length)), b"long\n")?;
    }
    for number in 0..700 {
        write(root, &format!("many/a-name-among-many-{number:04}"), b"")?;
    }
    write(root, "a/b/c/d/e/f/bottom", b"six levels down\n")?;
    links(root)?;
    special(root)?;
    owners(root)?;
    for (path, entry) in of_host(root, Contents::Skipped)? {
        let time = TIME + (entry.size as i64 % 1000) * 2;
        set_times(&root.join(path.trim_start_matches('/')), time, 0)?;
    }
    set_times(&root.join("sizes/1"), -86_400, 0)?;
    set_times(&root.join(FUTURE), 4_000_000_000, 0)
}

fn links(root: &Path) -> Check {
    context(fs::create_dir(root.join("links")), "links")?;
    let long = "component/".repeat(30);
    for (name, target) in [
        ("up", "../sizes/4095"),
        ("absolute", "/etc/passwd"),
        ("dots", "./.././x"),
        ("root", "/"),
        ("long", long.trim_end_matches('/')),
        ("wide", &"w".repeat(250)),
        ("umlaut", "Grüße/日本語"),
    ] {
        context(symlink(target, root.join("links").join(name)), name)?;
    }
    write(root, "links/one", b"three names\n")?;
    for name in ["links/two", "names/three"] {
        context(fs::hard_link(root.join("links/one"), root.join(name)), name)?;
    }
    Ok(())
}

fn special(root: &Path) -> Check {
    let node = |name: &str, kind, device| {
        context(mknodat(rustix::fs::CWD, root.join(name), kind, Mode::from_raw_mode(0o640), device), name)
    };
    node("fifo", FileType::Fifo, 0)?;
    node("char-small", FileType::CharacterDevice, rustix::fs::makedev(1, 3))?;
    node("char-large", FileType::CharacterDevice, rustix::fs::makedev(300, 70_000))?;
    node("block", FileType::BlockDevice, rustix::fs::makedev(259, 1))
}

fn owners(root: &Path) -> Check {
    for (name, mode) in [("setuid", 0o4755), ("setgid", 0o2711), ("sticky", 0o1777), ("none", 0o000)] {
        write(root, name, b"x")?;
        context(std::os::unix::fs::chown(root.join(name), Some(1_000_000), Some(70_001)), name)?;
        context(fs::set_permissions(root.join(name), fs::Permissions::from_mode(mode)), name)?;
    }
    Ok(())
}

/// A chain of directories with a file in each.
pub fn deep(root: &Path, levels: usize) -> Check {
    let mut folder = root.to_path_buf();
    for level in 1..=levels {
        folder.push(format!("level-{level}"));
        context(fs::create_dir_all(&folder), folder.display())?;
        context(fs::write(folder.join("file"), format!("{level}\n")), "file")?;
        context(File::create(folder.join(format!("beside-{level}"))), "file")?;
    }
    Ok(())
}

/// Leaves what every writer stores of a tree of the host: no numbers of inodes, sizes and links of directories, no
/// times but of the modification, and that in seconds.
pub fn as_stored(mut tree: Tree) -> Tree {
    tree.remove("/");
    for entry in tree.values_mut() {
        (entry.ino, entry.atime, entry.ctime, entry.mtime.1) = (0, (0, 0), (0, 0), 0);
        entry.xattrs.clear();
        if entry.kind == "dir" {
            (entry.size, entry.nlink) = (0, 0);
        }
    }
    tree
}

/// Leaves what trees without Rock Ridge have: names, sizes and content of files, and directories.
pub fn as_content(tree: Tree) -> Tree {
    let mut tree = as_stored(tree);
    tree.retain(|_, entry| matches!(entry.kind.as_str(), "file" | "dir"));
    for entry in tree.values_mut() {
        (entry.mode, entry.uid, entry.gid, entry.nlink, entry.mtime) = (0, 0, 0, 0, (0, 0));
    }
    tree
}
