//! A tree as a value: what every view of an image is brought to, and how two views differ.

use crate::{Check, context};
use rustix::fs::{lgetxattr, llistxattr};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

/// Seconds and nanoseconds.
pub type Time = (i64, u32);

/// Everything that two views of one file must agree on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// `file`, `dir`, `symlink`, `char`, `block`, `fifo` or `socket`.
    pub kind: String,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Count of hard links.
    pub nlink: u64,
    /// Length in bytes.
    pub size: u64,
    /// Inode number.
    pub ino: u64,
    /// Last change of content.
    pub mtime: Time,
    /// Last access.
    pub atime: Time,
    /// Last change of attributes.
    pub ctime: Time,
    /// Target of a symbolic link.
    pub target: Option<String>,
    /// Numbers of a device.
    pub device: Option<(u32, u32)>,
    /// Extended attributes, values in hexadecimal.
    pub xattrs: BTreeMap<String, String>,
    /// SHA-256 of a regular file.
    pub sha256: Option<String>,
}

/// Entries by path from the root of the image, which is `/`.
pub type Tree = BTreeMap<String, Entry>;

/// Whether contents are read, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contents {
    /// Every regular file is read.
    Hashed,
    /// Attributes only, for trees with files of terabytes.
    Skipped,
}

/// Walks a folder of the host.
pub fn of_host(root: &Path, contents: Contents) -> Check<Tree> {
    let mut tree = Tree::new();
    let mut pending = vec![(root.to_path_buf(), "/".to_string())];
    while let Some((path, name)) = pending.pop() {
        let entry = read_entry(&path, contents)?;
        if entry.kind == "dir" {
            for child in context(fs::read_dir(&path), path.display())? {
                let child = context(child, path.display())?;
                let last = child.file_name().to_string_lossy().into_owned();
                pending.push((child.path(), format!("{}/{last}", name.trim_end_matches('/'))));
            }
        }
        tree.insert(name, entry);
    }
    Ok(tree)
}

fn read_entry(path: &Path, contents: Contents) -> Check<Entry> {
    let facts = context(fs::symlink_metadata(path), path.display())?;
    let kind = kind_of(&facts);
    let target = match kind {
        "symlink" => Some(context(fs::read_link(path), path.display())?.to_string_lossy().into_owned()),
        _ => None,
    };
    let hashed = kind == "file" && contents == Contents::Hashed;
    Ok(Entry {
        kind: kind.to_string(),
        mode: facts.mode() & 0o7777,
        uid: facts.uid(),
        gid: facts.gid(),
        nlink: facts.nlink(),
        size: facts.size(),
        ino: facts.ino(),
        mtime: (facts.mtime(), facts.mtime_nsec() as u32),
        atime: (facts.atime(), facts.atime_nsec() as u32),
        ctime: (facts.ctime(), facts.ctime_nsec() as u32),
        target,
        device: matches!(kind, "char" | "block")
            .then(|| (rustix::fs::major(facts.rdev()), rustix::fs::minor(facts.rdev()))),
        xattrs: read_xattrs(path)?,
        sha256: if hashed { Some(sha256_of_file(path)?) } else { None },
    })
}

fn kind_of(facts: &Metadata) -> &'static str {
    let kind = facts.file_type();
    match kind {
        _ if kind.is_dir() => "dir",
        _ if kind.is_symlink() => "symlink",
        _ if kind.is_char_device() => "char",
        _ if kind.is_block_device() => "block",
        _ if kind.is_fifo() => "fifo",
        _ if kind.is_socket() => "socket",
        _ => "file",
    }
}

fn read_xattrs(path: &Path) -> Check<BTreeMap<String, String>> {
    let mut names = vec![0_u8; 64 << 10];
    let length = match llistxattr(path, &mut names) {
        Ok(length) => length,
        Err(rustix::io::Errno::OPNOTSUPP) => 0,
        Err(error) => return Err(format!("{}: xattrs: {error}", path.display())),
    };
    let mut found = BTreeMap::new();
    for name in names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let mut value = vec![0_u8; 64 << 10];
        let name = std::ffi::OsStr::from_bytes(name);
        let length = context(lgetxattr(path, name, &mut value), path.display())?;
        found.insert(name.to_string_lossy().into_owned(), hex(&value[..length]));
    }
    Ok(found)
}

/// SHA-256 of a file of the host.
pub fn sha256_of_file(path: &Path) -> Check<String> {
    let mut file = context(fs::File::open(path), path.display())?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0_u8; 1 << 20];
    loop {
        let length = context(file.read(&mut buffer), path.display())?;
        if length == 0 {
            return Ok(hex(&hash.finalize()));
        }
        hash.update(&buffer[..length]);
    }
}

/// SHA-256 of some bytes.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// What of a tree has to survive, whatever it went through: all but inode numbers, times of changes, times of
/// access, and what directories measure.
pub fn lasting(mut tree: Tree) -> Tree {
    tree.retain(|path, _| path != "/lost+found");
    for (path, entry) in &mut tree {
        (entry.ino, entry.atime, entry.ctime) = (0, (0, 0), (0, 0));
        if entry.kind == "dir" {
            entry.size = 0;
            if path == "/" {
                entry.nlink = 0;
            }
        }
    }
    tree
}

/// Bytes in lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Fails with the first differences between what the oracle and we see.
pub fn compare(oracle: &Tree, ours: &Tree) -> Check {
    let mut differences: Vec<String> = Vec::new();
    for (path, expected) in oracle {
        match ours.get(path) {
            None => differences.push(format!("{path}: missing from our view")),
            Some(seen) => differences.extend(fields_that_differ(path, expected, seen)),
        }
    }
    let invented = ours.keys().filter(|path| !oracle.contains_key(*path));
    differences.extend(invented.map(|path| format!("{path}: only in our view")));
    if differences.is_empty() {
        return Ok(());
    }
    let total = differences.len();
    differences.truncate(12);
    Err(format!("{total} differences, oracle then ours:\n  {}", differences.join("\n  ")))
}

fn fields_that_differ(path: &str, oracle: &Entry, ours: &Entry) -> Vec<String> {
    let mut found = Vec::new();
    let mut field = |name: &str, oracle: &dyn std::fmt::Debug, ours: &dyn std::fmt::Debug| {
        let (oracle, ours) = (format!("{oracle:?}"), format!("{ours:?}"));
        if oracle != ours {
            let short = |text: &str| text.chars().take(160).collect::<String>();
            found.push(format!("{}: {name}: {} / {}", short(path), short(&oracle), short(&ours)));
        }
    };
    field("type", &oracle.kind, &ours.kind);
    field("mode", &oracle.mode, &ours.mode);
    field("uid", &oracle.uid, &ours.uid);
    field("gid", &oracle.gid, &ours.gid);
    field("nlink", &oracle.nlink, &ours.nlink);
    field("size", &oracle.size, &ours.size);
    field("ino", &oracle.ino, &ours.ino);
    field("mtime", &oracle.mtime, &ours.mtime);
    field("atime", &oracle.atime, &ours.atime);
    field("ctime", &oracle.ctime, &ours.ctime);
    field("target", &oracle.target, &ours.target);
    field("device", &oracle.device, &ours.device);
    field("xattrs", &oracle.xattrs, &ours.xattrs);
    field("sha256", &oracle.sha256, &ours.sha256);
    found
}

/// Leaves only what survives `mke2fs -d`: no inode numbers, no times of the host but the lower 32 bits
/// of the seconds of the modification, no sizes and links of directories, nothing of `lost+found`.
pub fn as_source(mut tree: Tree) -> Tree {
    tree.retain(|path, _| path != "/" && path != "/lost+found" && !path.starts_with("/lost+found/"));
    for entry in tree.values_mut() {
        (entry.ino, entry.atime, entry.ctime) = (0, (0, 0), (0, 0));
        entry.mtime = (i64::from(entry.mtime.0 as i32), 0);
        if entry.kind == "dir" {
            (entry.size, entry.nlink) = (0, 0);
        }
    }
    tree
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_in_any_field_is_named() {
        let one = Tree::from([("/a".to_string(), Entry { size: 1, ..Entry::default() })]);
        let other = Tree::from([("/a".to_string(), Entry { size: 2, nlink: 3, ..Entry::default() })]);
        let message = compare(&one, &other).unwrap_err();
        assert!(message.contains("size: 1 / 2") && message.contains("nlink: 0 / 3"), "{message}");
        assert!(compare(&one, &one).is_ok());
    }

    #[test]
    fn what_only_one_side_sees_is_named() {
        let one = Tree::from([("/a".to_string(), Entry::default())]);
        assert!(compare(&one, &Tree::new()).unwrap_err().contains("missing"));
        assert!(compare(&Tree::new(), &one).unwrap_err().contains("only in our view"));
    }
}
