//! The JSON record of a file, the same for `ls`, `find`, `stat` and `tree`, and how records are written.

use clap::Args as ClapArgs;
pub use rump_cli::file::{Record, text_and_hex, type_word};
use rumpkit::{AtFlags, Fd, FileType, KResult, Process, Stat};
use serde::Serialize;
use std::io::{self, Write};

/// Adds the extended attributes of `name` in `directory` to a record.
pub fn add_xattrs(record: &mut Record, process: &Process, directory: Option<Fd>, name: &[u8]) -> KResult<()> {
    record.set_xattrs(read_xattrs(process, directory, name)?);
    Ok(())
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
    /// Whether records are asked for.
    pub fn is_wanted(&self) -> bool {
        self.form != Form::None
    }

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
