//! The files that an image names: below it, and beside it.

use crate::unsupported;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_hyper::Access;
use rump_kpi::{BlockDevice, Errno, KError, KResult};

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

/// Who opens the files that an image names.
pub trait Siblings {
    /// Opens the file that the one at `from` calls `name`, which is relative to the folder of that unless it begins with a
    /// slash. Errors: the host's.
    fn open(&self, from: &[u8], name: &[u8], access: Access) -> KResult<Sibling>;
}

/// Opens siblings, and knows which files the chain has gone through.
pub struct Chain<'a> {
    siblings: &'a dyn Siblings,
    path: Vec<u8>,
    seen: Vec<Option<(u64, u64)>>,
}

impl<'a> Chain<'a> {
    /// Begins with the file at `path`.
    pub fn new(siblings: &'a dyn Siblings, path: &[u8], identity: Option<(u64, u64)>) -> Self {
        Self { siblings, path: path.into(), seen: [identity].into() }
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
        Ok((sibling, Self { siblings: self.siblings, path, seen }))
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
