//! Descriptors and open files.
//!
//! A table belongs to one process; open files, with their offsets, are shared by `dup` and `fork`.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering};
use rump_abi::{AccessMode, Errno, OpenFlags};
use rump_kpi::KResult;
use rump_kpi::sync::Mutex;
use rump_vfs::Vnode;

/// Descriptors that a process may have.
pub const OPEN_MAX: u32 = 1024;

/// A descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fd(pub u32);

/// What `open` made.
pub(crate) struct OpenFile {
    pub(crate) vnode: Arc<Vnode>,
    pub(crate) access: AccessMode,
    status: AtomicU32,
    /// Where the next read or write goes; of a directory, the driver's cursor.
    pub(crate) offset: Mutex<u64>,
}

/// Flags that `fcntl` may change.
const CHANGEABLE: OpenFlags =
    OpenFlags::APPEND.union(OpenFlags::NONBLOCK).union(OpenFlags::SYNC).union(OpenFlags::DSYNC);

impl OpenFile {
    pub(crate) fn new(vnode: Arc<Vnode>, access: AccessMode, flags: OpenFlags) -> Arc<Self> {
        let status = AtomicU32::new(flags.intersection(CHANGEABLE).bits());
        Arc::new(Self { vnode, access, status, offset: Mutex::new(0) })
    }

    pub(crate) fn status(&self) -> OpenFlags {
        OpenFlags::from_bits_truncate(self.status.load(Ordering::Relaxed))
    }

    pub(crate) fn set_status(&self, flags: OpenFlags) {
        self.status.store(flags.intersection(CHANGEABLE).bits(), Ordering::Relaxed);
    }

    /// The flags with the access mode, as `F_GETFL` answers.
    pub(crate) fn flags(&self) -> OpenFlags {
        let access = match self.access {
            AccessMode::Read => OpenFlags::empty(),
            AccessMode::Write => OpenFlags::WRONLY,
            AccessMode::ReadWrite => OpenFlags::RDWR,
        };
        self.status() | access
    }
}

#[derive(Clone)]
pub(crate) struct Descriptor {
    pub(crate) file: Arc<OpenFile>,
    pub(crate) cloexec: bool,
}

/// The descriptors of a process.
#[derive(Clone, Default)]
pub(crate) struct Table {
    slots: Vec<Option<Descriptor>>,
}

impl Table {
    /// Errors: EBADF.
    pub(crate) fn find(&self, fd: Fd) -> KResult<&Descriptor> {
        match self.slots.get(fd.0 as usize) {
            Some(Some(descriptor)) => Ok(descriptor),
            _ => Err(Errno::EBADF.into()),
        }
    }

    /// Errors: EBADF.
    pub(crate) fn find_mut(&mut self, fd: Fd) -> KResult<&mut Descriptor> {
        match self.slots.get_mut(fd.0 as usize) {
            Some(Some(descriptor)) => Ok(descriptor),
            _ => Err(Errno::EBADF.into()),
        }
    }

    /// Takes the lowest free number that is not below `least`. Errors: EMFILE.
    pub(crate) fn insert(&mut self, least: u32, descriptor: Descriptor) -> KResult<Fd> {
        let free = (least..OPEN_MAX).find(|&n| !matches!(self.slots.get(n as usize), Some(Some(_))));
        let fd = Fd(free.ok_or(Errno::EMFILE)?);
        self.put(fd, descriptor);
        Ok(fd)
    }

    /// Puts a descriptor at a number below [`OPEN_MAX`]; answers what was there.
    pub(crate) fn put(&mut self, fd: Fd, descriptor: Descriptor) -> Option<Descriptor> {
        let index = fd.0 as usize;
        if self.slots.len() <= index {
            self.slots.resize_with(index + 1, || None);
        }
        self.slots[index].replace(descriptor)
    }

    /// Errors: EBADF.
    pub(crate) fn take(&mut self, fd: Fd) -> KResult<Descriptor> {
        let slot = self.slots.get_mut(fd.0 as usize);
        slot.and_then(Option::take).ok_or_else(|| Errno::EBADF.into())
    }
}
