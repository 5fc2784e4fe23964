//! The JSON record of a file, the same for `ls`, `find` and `stat`.

use crate::output::hex;
use rumpkit::{AtFlags, Fd, FileType, KResult, Process, Stat, TimeSpec};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write};

#[derive(Serialize)]
struct Time {
    sec: i64,
    nsec: u32,
}

impl From<TimeSpec> for Time {
    fn from(time: TimeSpec) -> Self {
        Self { sec: time.sec, nsec: time.nsec }
    }
}

#[derive(Serialize)]
struct Device {
    major: u32,
    minor: u32,
}

/// One file. `*_hex` keys stand beside a text that could not be kept without loss.
#[derive(Serialize)]
pub struct Record {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_hex: Option<String>,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name_hex: Option<String>,
    #[serde(rename = "type")]
    file_type: &'static str,
    mode: String,
    uid: u32,
    gid: u32,
    nlink: u64,
    size: u64,
    blocks: u64,
    ino: u64,
    mtime: Time,
    atime: Time,
    ctime: Time,
    birthtime: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_hex: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rdev: Option<Device>,
    #[serde(skip_serializing_if = "Option::is_none")]
    xattrs: Option<BTreeMap<String, String>>,
}

/// Text, and its bytes in base 16 where it is not UTF-8.
pub fn text_and_hex(bytes: &[u8]) -> (String, Option<String>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (text.to_string(), None),
        Err(_) => (String::from_utf8_lossy(bytes).into_owned(), Some(hex(bytes))),
    }
}

/// The type as a word.
pub fn type_word(file_type: FileType) -> &'static str {
    match file_type {
        FileType::Regular => "file",
        FileType::Directory => "dir",
        FileType::Symlink => "symlink",
        FileType::CharDevice => "char",
        FileType::BlockDevice => "block",
        FileType::Fifo => "fifo",
        FileType::Socket => "socket",
    }
}

impl Record {
    /// A record. `target` is for symbolic links.
    pub fn new(path: &[u8], name: &[u8], stat: &Stat, target: Option<&[u8]>) -> Self {
        let (path, path_hex) = text_and_hex(path);
        let (name, name_hex) = text_and_hex(name);
        let (target, target_hex) = target.map(text_and_hex).unzip();
        let is_device = matches!(stat.file_type, FileType::CharDevice | FileType::BlockDevice);
        Self {
            path,
            path_hex,
            name,
            name_hex,
            file_type: type_word(stat.file_type),
            mode: format!("{:04o}", stat.mode),
            uid: stat.uid,
            gid: stat.gid,
            nlink: stat.nlink,
            size: stat.size,
            blocks: stat.blocks,
            ino: stat.ino.0,
            mtime: stat.mtime.into(),
            atime: stat.atime.into(),
            ctime: stat.ctime.into(),
            birthtime: stat.birthtime.map(Time::from),
            target,
            target_hex: target_hex.flatten(),
            rdev: is_device.then_some(Device { major: stat.rdev.major, minor: stat.rdev.minor }),
            xattrs: None,
        }
    }

    /// Adds the extended attributes of `name` in `directory`.
    pub fn add_xattrs(&mut self, process: &Process, directory: Option<Fd>, name: &[u8]) -> KResult<()> {
        let all = read_xattrs(process, directory, name)?.into_iter();
        let in_text =
            |(name, value): (Vec<u8>, Vec<u8>)| (String::from_utf8_lossy(&name).into(), hex(&value));
        self.xattrs = Some(all.map(in_text).collect());
        Ok(())
    }
}

/// Names and values of the extended attributes of `name` in `directory`, of a link itself.
pub fn read_xattrs(
    process: &Process,
    directory: Option<Fd>,
    name: &[u8],
) -> KResult<Vec<(Vec<u8>, Vec<u8>)>> {
    if let Some(directory) = directory {
        // The calls on attributes know no directory but the working one, which nothing else here depends on.
        process.fchdir(directory)?;
    }
    let value = |attribute: Vec<u8>| Ok((attribute.clone(), process.lgetxattr(name, &attribute)?));
    process.llistxattr(name)?.into_iter().map(value).collect()
}

/// The target of `name` in `directory`, if `stat` says it is a symbolic link.
pub fn read_target(
    process: &Process,
    directory: Option<Fd>,
    name: &[u8],
    stat: &Stat,
) -> KResult<Option<Vec<u8>>> {
    if stat.file_type != FileType::Symlink {
        return Ok(None);
    }
    process.readlinkat(directory, name).map(Some)
}

/// Attributes of `path` itself, or of what a symbolic link there leads to.
pub fn stat_path(process: &Process, path: &[u8], follow: bool) -> KResult<Stat> {
    let flags = if follow { AtFlags::empty() } else { AtFlags::SYMLINK_NOFOLLOW };
    process.fstatat(None, path, flags)
}

/// Writes records one by one: as one JSON array, or as one object per line.
pub struct JsonWriter {
    lines: bool,
    count: u64,
}

impl JsonWriter {
    /// A writer; `lines` for an object per line.
    pub fn new(lines: bool) -> Self {
        Self { lines, count: 0 }
    }

    /// Writes one value.
    pub fn write(&mut self, out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
        if !self.lines {
            out.write_all(if self.count == 0 { b"[\n" } else { b",\n" })?;
        }
        self.count += 1;
        serde_json::to_writer(&mut *out, value).map_err(io::Error::from)?;
        if self.lines { out.write_all(b"\n") } else { Ok(()) }
    }

    /// Ends the array.
    pub fn finish(&self, out: &mut impl Write) -> io::Result<()> {
        match (self.lines, self.count) {
            (true, _) => Ok(()),
            (false, 0) => out.write_all(b"[]\n"),
            (false, _) => out.write_all(b"\n]\n"),
        }
    }
}
