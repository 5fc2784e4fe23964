//! The JSON record of a file, the same for `ls`, `find`, `stat` and `tree`, and how records are written.

use crate::output::hex;
use clap::Args as ClapArgs;
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
        let in_text = |(name, value): Xattr| (String::from_utf8_lossy(&name).into(), hex(&value));
        self.xattrs = Some(all.map(in_text).collect());
        Ok(())
    }
}

/// Name and value of an extended attribute.
pub type Xattr = (Vec<u8>, Vec<u8>);

/// The extended attributes of `name` in `directory`, of a link itself.
pub fn read_xattrs(process: &Process, directory: Option<Fd>, name: &[u8]) -> KResult<Vec<Xattr>> {
    if let Some(directory) = directory {
        // The calls on attributes know no directory but the working one, which nothing else here depends on.
        process.fchdir(directory)?;
    }
    let value = |attribute: Vec<u8>| Ok((attribute.clone(), process.lgetxattr(name, &attribute)?));
    process.llistxattr(name)?.into_iter().map(value).collect()
}

/// As [`read_xattrs`], of what is open.
pub fn read_xattrs_of(process: &Process, fd: Fd) -> KResult<Vec<Xattr>> {
    let value = |attribute: Vec<u8>| Ok((attribute.clone(), process.fgetxattr(fd, &attribute)?));
    process.flistxattr(fd)?.into_iter().map(value).collect()
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

/// The words that ask for JSON, the same for every command that prints records.
#[derive(ClapArgs)]
pub struct Format {
    /// Print a JSON array of records
    #[arg(long)]
    json: bool,
    /// Print a JSON record per line
    #[arg(long, conflicts_with = "json")]
    jsonl: bool,
}

impl Format {
    /// Whether records are asked for.
    pub fn is_json(&self) -> bool {
        self.json || self.jsonl
    }

    /// What writes them, or nothing if none are asked for.
    pub fn writer(&self) -> JsonWriter {
        let form = match (self.json, self.jsonl) {
            (true, _) => Form::Array,
            (_, true) => Form::Lines,
            _ => Form::None,
        };
        JsonWriter { form, count: 0 }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    None,
    Array,
    Lines,
}

/// Writes records one by one: as one JSON array, or as one object per line.
pub struct JsonWriter {
    form: Form,
    count: u64,
}

impl JsonWriter {
    /// Writes one value.
    pub fn write(&mut self, out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
        if self.form == Form::Array {
            out.write_all(if self.count == 0 { b"[\n" } else { b",\n" })?;
        }
        self.count += 1;
        serde_json::to_writer(&mut *out, value).map_err(io::Error::from)?;
        if self.form == Form::Lines { out.write_all(b"\n") } else { Ok(()) }
    }

    /// Ends the array, if there is one.
    pub fn finish(&self, out: &mut impl Write) -> io::Result<()> {
        match (self.form, self.count) {
            (Form::None | Form::Lines, _) => Ok(()),
            (Form::Array, 0) => out.write_all(b"[]\n"),
            (Form::Array, _) => out.write_all(b"\n]\n"),
        }
    }
}
