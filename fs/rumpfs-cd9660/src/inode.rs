//! Inodes: what a directory record, and Rock Ridge with it, say of a file.

use crate::content::{Coding, Content, Extent, Extents};
use crate::directory::Records;
use crate::error::Error;
use crate::name::Naming;
use crate::record::{MOST, Record, Role};
use crate::rock_ridge::RockRidge;
use crate::time;
use crate::volume::Volume;
use alloc::format;
use rump_kpi::{Attr, FileFlags, FileType, Ino, Mode};

/// Extents that a file may have: far more than fill a volume, where they are as long as they can be.
const MOST_EXTENTS: usize = 1 << 16;

/// An inode.
pub struct Inode {
    /// Attributes.
    pub attr: Attr,
    /// What it holds.
    pub body: Body,
}

/// What an inode holds.
pub enum Body {
    /// Records.
    Directory(Directory),
    /// Content.
    File(Content),
    /// The target of a symbolic link.
    Symlink(alloc::vec::Vec<u8>),
    /// Nothing.
    Special,
}

/// Where the records of a directory are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Directory {
    /// First byte.
    pub start: u64,
    /// Length in bytes.
    pub length: u64,
}

impl Directory {
    /// Its inode number.
    pub fn ino(&self) -> Ino {
        Ino(self.start)
    }

    /// The byte behind it.
    pub fn end(&self) -> u64 {
        self.start + self.length
    }
}

impl RockRidge {
    /// Type of a file that is no directory.
    pub fn file_type(&self) -> FileType {
        let stored = self.posix.and_then(|posix| FileType::from_mode(posix.mode));
        stored.filter(|&file_type| file_type != FileType::Directory).unwrap_or(FileType::Regular)
    }
}

/// Loads an inode. Errors: ESTALE, EFTYPE, EIO.
pub fn load(volume: &Volume, ino: Ino) -> Result<Inode, Error> {
    let at = volume.links.place(ino).ok_or(Error::NotInUse)?;
    let mut bytes = [0; MOST];
    let mut records = Records::new(volume, at, u64::MAX);
    let record = records.next(&mut bytes)?.filter(|record| record.at == at);
    let record = record.ok_or_else(|| Error::corrupt("directory record", at, "there is none"))?;
    let mut said = match volume.naming() {
        Naming::RockRidge => RockRidge::read(volume, &record)?,
        _ => RockRidge::default(),
    };
    match record.role() {
        Role::Own if record.is_directory() => {
            let directory = Directory { start: at, length: record.data_length() };
            let attr = attributes(volume, &record, &said, FileType::Directory, directory.length);
            Ok(Inode { attr, body: Body::Directory(directory) })
        }
        Role::Entry if !record.is_directory() => {
            let file_type = said.file_type();
            let (size, body) = match file_type {
                FileType::Regular => {
                    let content = content(volume, &record, &said, records)?;
                    (content.size(), Body::File(content))
                }
                FileType::Symlink => {
                    let target = said.target.take().unwrap_or_default().into_bytes();
                    (target.len() as u64, Body::Symlink(target))
                }
                _ => (0, Body::Special),
            };
            Ok(Inode { attr: attributes(volume, &record, &said, file_type, size), body })
        }
        _ => Err(Error::corrupt("directory", at, "it does not begin with a record of its own")),
    }
}

/// The content of the file that `record` begins; `records` stands behind it.
fn content(
    volume: &Volume,
    record: &Record<'_>,
    said: &RockRidge,
    mut records: Records<'_>,
) -> Result<Content, Error> {
    let extent =
        |record: &Record<'_>| Extent { start: volume.byte_of(record.block()), length: record.data_length() };
    let mut extents = Extents::One(extent(record));
    let mut is_interleaved = record.is_interleaved();
    let mut count = 1;
    let is_whole = records.parts(record, &mut |part| {
        count += 1;
        if count > MOST_EXTENTS {
            return Err(Error::corrupt("file", record.at, format!("more than {MOST_EXTENTS} extents")));
        }
        is_interleaved |= part.is_interleaved();
        extents.push(extent(part));
        Ok(())
    })?;
    if !is_whole {
        return Err(Error::corrupt(
            "file",
            record.at,
            format!("no record after {count} says that it is the last"),
        ));
    }
    let coding = match said.packing {
        _ if is_interleaved => Coding::Refused("interleaved files"),
        _ if said.is_sparse => Coding::Refused("sparse files of Rock Ridge"),
        Some(packing) => Coding::Zisofs(packing),
        None => Coding::Plain,
    };
    Ok(Content { extents, coding })
}

fn attributes(
    volume: &Volume,
    record: &Record<'_>,
    said: &RockRidge,
    file_type: FileType,
    size: u64,
) -> Attr {
    let (options, date) = (volume.options(), time::of_record(record.date()));
    let is_directory = file_type == FileType::Directory;
    let default = if is_directory { options.dmode } else { options.mode };
    let is_device = matches!(file_type, FileType::CharDevice | FileType::BlockDevice);
    let posix = said.posix.as_ref();
    let mtime = said.modified.unwrap_or(date);
    Attr {
        file_type,
        mode: posix.map_or(default, |posix| Mode::new(posix.mode)),
        // Of a directory, one says that its subdirectories were not counted.
        nlink: posix.map_or(1, |posix| posix.links.max(1).into()),
        uid: posix.map_or(options.uid, |posix| posix.uid),
        gid: posix.map_or(options.gid, |posix| posix.gid),
        rdev: said.device.filter(|_| is_device).unwrap_or_default(),
        size,
        blocks: size.div_ceil(512),
        blksize: volume.block_size(),
        atime: said.accessed.unwrap_or(mtime),
        mtime,
        ctime: said.changed.unwrap_or(mtime),
        birthtime: said.created,
        flags: FileFlags::empty(),
    }
}
