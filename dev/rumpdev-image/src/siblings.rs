//! The files that an image names: below it, and beside it.

use crate::unsupported;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_hyper::Access;
use rump_kpi::{BlockDevice, Errno, KError, KResult, TimeSpec};

/// How many images may lie below one another.
pub const DEPTH: usize = 32;

/// A file that another one names.
pub struct Sibling {
    /// Its bytes.
    pub device: Arc<dyn BlockDevice>,
    /// Where it is, for the names that are in it.
    pub path: Vec<u8>,
    /// What all names of the same file have in common.
    pub identity: Option<(u64, u64)>,
}

/// Who opens the files that an image names, and keeps what was found out about one.
pub trait Siblings {
    /// Opens the file that the one at `from` calls `name`, which is relative to the folder of that unless it begins with a
    /// slash. Errors: the host's.
    fn open(&self, from: &[u8], name: &[u8], access: Access) -> KResult<Sibling>;

    /// Where something can be kept about the file at `path`, if anywhere.
    fn keeping(&self, _path: &[u8]) -> Option<Box<dyn Keeping + '_>> {
        None
    }

    /// Is told now and then of what takes long. Errors: EINTR (it is to end).
    fn progress(&self, _work: &Work<'_>) -> KResult<()> {
        Ok(())
    }
}

/// What takes long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work<'a> {
    /// The file, as it is called.
    pub name: &'a str,
    /// What is made.
    pub kind: Kind,
    /// Bytes of the file that were read.
    pub done: u64,
    /// Bytes that there are; once all are done, the work is.
    pub of: u64,
}

/// What is kept about a packed file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Where unpacking can begin in it.
    Index,
    /// All of it, unpacked.
    Unpacked,
}

/// What a file was when something was kept about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Length in bytes.
    pub size_bytes: u64,
    /// Last change of content.
    pub mtime: TimeSpec,
}

/// Where something is kept about one file.
pub trait Keeping {
    /// What the file is now.
    fn stamp(&self) -> Stamp;
    /// What was kept, in the order of places. It is not trusted, nor is it known to be of the file as it is now.
    fn find(&self, kind: Kind) -> Vec<Arc<dyn BlockDevice>>;
    /// Begins to make it anew. Errors: the host's, EBUSY (somebody else is making it).
    fn begin(&self, kind: Kind) -> KResult<Box<dyn Draft>>;
}

/// What will be kept, and is gone if it is dropped before it is finished.
pub trait Draft {
    /// An empty file that grows.
    fn file(&self) -> Arc<dyn BlockDevice>;
    /// How many bytes may be written.
    fn most(&self) -> u64;
    /// Puts it, synced, in the place of what was kept before. Errors: the host's.
    fn finish(self: Box<Self>) -> KResult<()>;
}

/// Opens siblings, and knows which files the chain has gone through.
pub struct Chain<'a> {
    siblings: &'a dyn Siblings,
    path: Vec<u8>,
    seen: Vec<Option<(u64, u64)>>,
    is_unpacked: bool,
}

impl<'a> Chain<'a> {
    /// Begins with the file at `path`.
    pub fn new(siblings: &'a dyn Siblings, path: &[u8], identity: Option<(u64, u64)>) -> Self {
        Self { siblings, path: path.into(), seen: [identity].into(), is_unpacked: false }
    }

    /// Opens a file beside this one. Errors: the host's, ENOTSUP (a protocol), ELOOP (the file is in the chain already).
    pub fn beside(&self, name: &[u8], access: Access) -> KResult<Sibling> {
        let sibling = self.siblings.open(&self.path, local(name)?, access)?;
        if sibling.identity.is_some() && self.seen.contains(&sibling.identity) {
            return Err(loops(name));
        }
        Ok(sibling)
    }

    /// Opens the image below this one, for reading, and goes there. Errors: as [`Chain::beside`]; ELOOP (too deep).
    pub fn below(&self, name: &[u8]) -> KResult<(Sibling, Self)> {
        if self.seen.len() >= DEPTH {
            let what = format!("more than {DEPTH} images lie below one another");
            return Err(KError::new(Errno::ELOOP, what));
        }
        let sibling = self.beside(name, Access::Read)?;
        let mut seen = self.seen.clone();
        seen.push(sibling.identity);
        let path = sibling.path.clone();
        Ok((sibling, Self { siblings: self.siblings, path, seen, is_unpacked: false }))
    }
}

impl<'a> Chain<'a> {
    /// Goes into the packed file. Errors: ENOTSUP (it is in one already).
    pub fn unpacked(self) -> KResult<Self> {
        if self.is_unpacked {
            return Err(unsupported("it is packed twice: unpack it once by hand"));
        }
        Ok(Self { is_unpacked: true, ..self })
    }

    /// Where something can be kept about this file, which has so many bytes: not if that is a part of it.
    pub fn keeping(&self, size_bytes: u64) -> Option<Box<dyn Keeping + 'a>> {
        self.siblings.keeping(&self.path).filter(|keeping| keeping.stamp().size_bytes == size_bytes)
    }

    /// See [`Siblings::progress`].
    pub fn progress(&self, work: &Work<'_>) -> KResult<()> {
        self.siblings.progress(work)
    }
}

fn loops(name: &[u8]) -> KError {
    KError::new(Errno::ELOOP, format!("{} is below itself", lossy(name)))
}

/// A name as text.
pub fn lossy(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

/// Takes `file:` away, and refuses what is no file of the host.
fn local(name: &[u8]) -> KResult<&[u8]> {
    if let Some(name) = name.strip_prefix(b"file:") {
        return Ok(name);
    }
    let word =
        name.iter().position(|byte| !byte.is_ascii_alphanumeric() && !matches!(byte, b'+' | b'-' | b'.'));
    match word {
        Some(end) if end > 1 && name[end] == b':' => {
            Err(unsupported(format!("{} is no file but something of {}:", lossy(name), lossy(&name[..end]))))
        }
        _ => Ok(name),
    }
}
