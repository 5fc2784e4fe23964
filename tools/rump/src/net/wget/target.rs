//! Where content goes: standard output, or a file, under another name until it is whole.

use super::Error;
use crate::output::{Output, escaped};
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What is added to the name until the file is whole.
const SUFFIX: &str = ".part";

/// See the module.
pub enum Target<'a> {
    /// Standard output.
    Output(&'a mut Output),
    /// A file.
    File(Part),
}

/// A file that is not whole. It is removed when it is dropped, unless it is to be continued another time.
pub struct Part {
    /// What it will be called.
    name: PathBuf,
    temporary: PathBuf,
    file: File,
    stays: bool,
}

impl Part {
    /// Begins one, or continues what another time began. Errors: those of the host.
    pub fn open(name: &Path, continues: bool) -> Result<Self, Error> {
        let mut temporary = OsString::from(name);
        temporary.push(SUFFIX);
        let temporary = PathBuf::from(temporary);
        let file = OpenOptions::new().write(true).create(true).truncate(!continues).open(&temporary);
        let file = file.map_err(|error| failed(&temporary, &error))?;
        Ok(Self { name: name.into(), temporary, file, stays: continues })
    }

    fn failed(&self, error: &std::io::Error) -> Error {
        failed(&self.temporary, error)
    }
}

fn failed(path: &Path, error: &std::io::Error) -> Error {
    Error::File(format!("{}: {error}", escaped(path.as_os_str().as_bytes())))
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.stays {
            // It was renamed, or nobody needs it.
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
}

impl Target<'_> {
    /// How much of it is there.
    pub fn length(&self) -> Result<u64, Error> {
        match self {
            Self::Output(_) => Ok(0),
            Self::File(part) => Ok(part.file.metadata().map_err(|error| part.failed(&error))?.len()),
        }
    }

    /// What is written from now on begins at `offset`, and what was behind it is gone.
    pub fn begin_at(&mut self, offset: u64) -> Result<(), Error> {
        let Self::File(part) = self else { return Ok(()) };
        let begun = part.file.set_len(offset).and_then(|()| part.file.seek(SeekFrom::Start(offset)));
        begun.map(drop).map_err(|error| part.failed(&error))
    }

    /// Writes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        match self {
            Self::Output(output) => output.write_all(bytes).map_err(Error::Output),
            Self::File(part) => part.file.write_all(bytes).map_err(|error| part.failed(&error)),
        }
    }

    /// It is whole: gives it its name.
    pub fn finish(self) -> Result<(), Error> {
        match self {
            Self::Output(output) => output.flush().map_err(Error::Output),
            Self::File(mut part) => {
                std::fs::rename(&part.temporary, &part.name).map_err(|error| failed(&part.name, &error))?;
                part.stays = true;
                Ok(())
            }
        }
    }
}
