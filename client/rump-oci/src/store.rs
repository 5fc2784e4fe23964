//! Where the parts of an image are: a directory, or an archive of one.
//!
//! In a directory no symbolic link is followed, and nothing but regular files is read; an archive is read by the
//! places of its members.

use crate::digest::Digest;
use rump_tar::members::{Bytes, Members};
use rustix::fs::{CWD, Mode, OFlags, openat};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// As large as registries take a manifest.
const MOST_JSON_BYTES: u64 = 4 << 20;

/// See the module.
pub enum Store {
    /// The directory of a layout.
    Directory(PathBuf),
    /// A plain archive.
    Archive(Arc<dyn Bytes>, Members),
}

impl Store {
    /// A plain archive. Errors: what is wrong with it, or that `is_stopped`.
    pub fn of_archive(file: Arc<dyn Bytes>, is_stopped: &dyn Fn() -> bool) -> Result<Self, String> {
        let members = Members::find(&*file, is_stopped)?;
        Ok(Self::Archive(file, members))
    }

    /// Whether it has a part.
    pub fn has(&self, path: &str) -> bool {
        self.open(path).is_ok()
    }

    /// Opens a part. Errors: why not.
    pub fn open(&self, path: &str) -> Result<Blob, String> {
        match self {
            Self::Directory(top) => {
                let file = open_below(top, path).map_err(|error| match error {
                    rustix::io::Errno::NOENT => "is missing".to_string(),
                    rustix::io::Errno::LOOP => "is a symbolic link, which is not followed".to_string(),
                    error => error.to_string(),
                })?;
                let about = file.metadata().map_err(|error| error.to_string())?;
                if !about.is_file() {
                    return Err("is no regular file".into());
                }
                Ok(Blob { file: Arc::new(file), at: 0, end: about.len() })
            }
            Self::Archive(file, members) => {
                let (start, size) = members.place(path.as_bytes()).ok_or("is missing")?;
                let end = start.checked_add(size).ok_or("has a damaged length")?;
                Ok(Blob { file: file.clone(), at: start, end })
            }
        }
    }

    /// The whole of a small part. Errors: why not, with its name.
    pub fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        let named = |why: String| format!("{path} {why}");
        let mut blob = self.open(path).map_err(named)?;
        if blob.size() > MOST_JSON_BYTES {
            return Err(named(format!("has {} bytes, more than a manifest can have", blob.size())));
        }
        let mut bytes = Vec::new();
        blob.read_to_end(&mut bytes).map_err(|error| named(format!("cannot be read: {error}")))?;
        Ok(bytes)
    }

    /// As [`Store::read`], of a blob whose digest has to be right.
    pub fn read_blob(&self, digest: &Digest) -> Result<Vec<u8>, String> {
        let bytes = self.read(&digest.path())?;
        digest.check(&bytes).map_err(|why| format!("{}: {why}", digest.path()))?;
        Ok(bytes)
    }
}

/// Opens `path` below `top` name by name.
fn open_below(top: &Path, path: &str) -> Result<File, rustix::io::Errno> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let mut at = openat(CWD, top, flags | OFlags::DIRECTORY, Mode::empty())?;
    for name in path.split('/') {
        at = openat(&at, name, flags | OFlags::NOFOLLOW, Mode::empty())?;
    }
    Ok(at.into())
}

/// The bytes of a part.
pub struct Blob {
    file: Arc<dyn Bytes>,
    at: u64,
    end: u64,
}

impl Blob {
    /// How many are left.
    pub fn size(&self) -> u64 {
        self.end - self.at
    }
}

impl Read for Blob {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.size()).unwrap_or(usize::MAX).min(buf.len());
        let count = self.file.read_some(&mut buf[..wanted], self.at)?;
        if count == 0 && wanted > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.at += count as u64;
        Ok(count)
    }
}
