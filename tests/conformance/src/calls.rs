//! Short forms of system calls, for behaviours. They panic where a call fails that should not.

use crate::{Process, differences};
use rumpkit::{Credentials, Errno, Fd, Ino, KResult, Mode, OpenFlags, Stat};

/// A mode of these bits.
pub fn mode(bits: u32) -> Mode {
    Mode::new(bits)
}

/// Checks that a call fails with `errno`, or does what the kernel does instead whose calls these are.
#[track_caller]
pub fn fails<T>(result: KResult<T>, errno: Errno) {
    let answer = result.err().map(|error| error.errno);
    if !differences::allow(errno, answer) {
        assert_eq!(answer, Some(errno));
    }
}

/// A process of user and group `uid`, in the same directory.
pub fn user(p: &Process, uid: u32) -> Process {
    user_in(p, uid, &[])
}

/// A process of user and group `uid` that is in `groups` as well.
pub fn user_in(p: &Process, uid: u32, groups: &[u32]) -> Process {
    let other = p.fork();
    other.set_credentials(Credentials { uid, gid: uid, groups: groups.to_vec() });
    other
}

/// Opens; a file that is made has mode 0644.
pub fn open(p: &Process, path: &str, flags: OpenFlags) -> KResult<Fd> {
    p.open(path, flags, mode(0o644))
}

/// Opens for reading and writing, and makes the file if needed.
#[track_caller]
pub fn create(p: &Process, path: &str) -> Fd {
    open(p, path, OpenFlags::CREAT | OpenFlags::RDWR).unwrap()
}

/// Makes a file of this content, or gives it this content.
#[track_caller]
pub fn put(p: &Process, path: &str, content: &[u8]) {
    let fd = open(p, path, OpenFlags::CREAT | OpenFlags::WRONLY | OpenFlags::TRUNC).unwrap();
    assert_eq!(p.write(fd, content).unwrap(), content.len());
    p.close(fd).unwrap();
}

/// The content of a file.
#[track_caller]
pub fn get(p: &Process, path: &str) -> Vec<u8> {
    let fd = open(p, path, OpenFlags::empty()).unwrap();
    let content = content(p, fd);
    p.close(fd).unwrap();
    content
}

/// The content of an open file.
#[track_caller]
pub fn content(p: &Process, fd: Fd) -> Vec<u8> {
    let mut bytes = vec![0xAA; p.fstat(fd).unwrap().size as usize + 1];
    let count = p.pread(fd, &mut bytes, 0).unwrap();
    bytes.truncate(count);
    bytes
}

/// Makes a directory of mode 0755.
#[track_caller]
pub fn mkdir(p: &Process, path: &str) {
    p.mkdir(path, mode(0o755)).unwrap();
}

/// Makes a directory that everybody may write to.
#[track_caller]
pub fn mkdir_for_all(p: &Process, path: &str) {
    mkdir(p, path);
    p.chmod(path, mode(0o777)).unwrap();
}

/// Attributes, not following a link.
#[track_caller]
pub fn stat(p: &Process, path: &str) -> Stat {
    p.lstat(path).unwrap()
}

/// Inode number, not following a link.
#[track_caller]
pub fn ino(p: &Process, path: &str) -> Ino {
    stat(p, path).ino
}

/// Names in a directory but `.` and `..`, sorted.
#[track_caller]
pub fn names(p: &Process, path: &str) -> Vec<String> {
    let fd = open(p, path, OpenFlags::DIRECTORY).unwrap();
    let mut names = Vec::new();
    p.getdents(fd, &mut |entry| {
        names.push(String::from_utf8_lossy(entry.name).into_owned());
        true
    })
    .unwrap();
    p.close(fd).unwrap();
    names.retain(|name| name != "." && name != "..");
    names.sort();
    names
}

/// Bytes that differ from block to block and within each.
pub fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at.wrapping_mul(31) ^ (at >> 8)) as u8).collect()
}
