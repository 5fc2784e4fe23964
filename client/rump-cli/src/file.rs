//! The JSON record of a file.

use crate::escape::hex;
use rump_abi::{FileType, Stat, TimeSpec};
use serde::Serialize;
use std::collections::BTreeMap;

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

    /// Adds extended attributes, by their names.
    pub fn set_xattrs(&mut self, all: Vec<(Vec<u8>, Vec<u8>)>) {
        let in_text =
            |(name, value): (Vec<u8>, Vec<u8>)| (String::from_utf8_lossy(&name).into(), hex(&value));
        self.xattrs = Some(all.into_iter().map(in_text).collect());
    }
}
