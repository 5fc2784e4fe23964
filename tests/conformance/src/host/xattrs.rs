//! Extended attributes.

use super::{Answer, Files, Process, owned};
use rumpkit::{Fd, KResult, XattrFlags};
use rustix::fs;

/// Bytes of the largest value, and of the longest list of names, in Linux.
const MOST: usize = 1 << 16;

fn flags(flags: XattrFlags) -> fs::XattrFlags {
    // The bits are Linux' own.
    fs::XattrFlags::from_bits_retain(flags.bits())
}

impl Process {
    pub(crate) fn getxattr(&self, path: impl AsRef<[u8]>, name: impl AsRef<[u8]>) -> KResult<Vec<u8>> {
        let (path, name) = (owned(path), owned(name));
        self.filling(move |_, room| fs::getxattr(path, name, room))
    }

    pub(crate) fn lgetxattr(&self, path: impl AsRef<[u8]>, name: impl AsRef<[u8]>) -> KResult<Vec<u8>> {
        let (path, name) = (owned(path), owned(name));
        self.filling(move |_, room| fs::lgetxattr(path, name, room))
    }

    pub(crate) fn fgetxattr(&self, fd: Fd, name: impl AsRef<[u8]>) -> KResult<Vec<u8>> {
        let name = owned(name);
        self.filling(move |files, room| fs::fgetxattr(files.get(fd)?, name, room))
    }

    pub(crate) fn setxattr(
        &self,
        path: impl AsRef<[u8]>,
        name: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        how: XattrFlags,
    ) -> KResult<()> {
        let (path, name, value) = (owned(path), owned(name), owned(value));
        self.call(move |_| fs::setxattr(path, name, &value, flags(how)))
    }

    pub(crate) fn lsetxattr(
        &self,
        path: impl AsRef<[u8]>,
        name: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        how: XattrFlags,
    ) -> KResult<()> {
        let (path, name, value) = (owned(path), owned(name), owned(value));
        self.call(move |_| fs::lsetxattr(path, name, &value, flags(how)))
    }

    pub(crate) fn fsetxattr(
        &self,
        fd: Fd,
        name: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        how: XattrFlags,
    ) -> KResult<()> {
        let (name, value) = (owned(name), owned(value));
        self.call(move |files| fs::fsetxattr(files.get(fd)?, name, &value, flags(how)))
    }

    pub(crate) fn listxattr(&self, path: impl AsRef<[u8]>) -> KResult<Vec<Vec<u8>>> {
        let path = owned(path);
        self.filling(move |_, room| fs::listxattr(path, room)).map(names)
    }

    pub(crate) fn llistxattr(&self, path: impl AsRef<[u8]>) -> KResult<Vec<Vec<u8>>> {
        let path = owned(path);
        self.filling(move |_, room| fs::llistxattr(path, room)).map(names)
    }

    pub(crate) fn flistxattr(&self, fd: Fd) -> KResult<Vec<Vec<u8>>> {
        self.filling(move |files, room| fs::flistxattr(files.get(fd)?, room)).map(names)
    }

    pub(crate) fn removexattr(&self, path: impl AsRef<[u8]>, name: impl AsRef<[u8]>) -> KResult<()> {
        let (path, name) = (owned(path), owned(name));
        self.call(move |_| fs::removexattr(path, name))
    }

    pub(crate) fn lremovexattr(&self, path: impl AsRef<[u8]>, name: impl AsRef<[u8]>) -> KResult<()> {
        let (path, name) = (owned(path), owned(name));
        self.call(move |_| fs::lremovexattr(path, name))
    }

    pub(crate) fn fremovexattr(&self, fd: Fd, name: impl AsRef<[u8]>) -> KResult<()> {
        let name = owned(name);
        self.call(move |files| fs::fremovexattr(files.get(fd)?, name))
    }

    /// What a call puts into a buffer.
    fn filling(
        &self,
        fill: impl FnOnce(&Files, &mut [u8]) -> Answer<usize> + Send + 'static,
    ) -> KResult<Vec<u8>> {
        self.call(move |files| {
            let mut room = vec![0; MOST];
            let count = fill(files, &mut room)?;
            room.truncate(count);
            Ok(room)
        })
    }
}

/// The names in a list, each of which ends with NUL.
fn names(list: Vec<u8>) -> Vec<Vec<u8>> {
    list.split_inclusive(|byte| *byte == 0).map(|name| name[..name.len() - 1].to_vec()).collect()
}
