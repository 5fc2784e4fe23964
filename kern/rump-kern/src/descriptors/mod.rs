//! Descriptors and open files.
//!
//! A table belongs to one process; open files, with their offsets, are shared by `dup` and `fork`, and by messages that
//! carry them.

mod entering;
mod numbers;
mod object;

pub(crate) use object::{DeviceObject, Identity, Object, SocketFile};

use crate::locks::OfFile;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use numbers::Numbers;
use rump_abi::{AccessMode, Errno, OpenFlags};
use rump_kpi::sync::{Mutex, RwLock};
use rump_kpi::{KError, KResult};
use rump_vfs::Vnode;

/// Descriptors that a process may have, unless [`Process::set_open_max`](crate::Process::set_open_max) says otherwise.
pub const OPEN_MAX: u32 = 1024;

/// What that can be raised to.
pub const OPEN_MAX_LIMIT: u32 = 1 << 20;

/// A descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fd(pub u32);

/// What `open`, `socket`, `pipe` or `kqueue` made.
pub(crate) struct OpenFile {
    /// Its locks (`flock`). Before `object`, which keeps the file that is locked.
    locks: Mutex<Option<Box<OfFile>>>,
    pub(crate) object: Object,
    pub(crate) access: AccessMode,
    status: AtomicU32,
    no_sigpipe: AtomicBool,
    /// How often the file had been revoked when it was opened.
    revocations: u32,
    /// Where the next read or write goes; of a directory, the driver's cursor.
    pub(crate) offset: Mutex<u64>,
}

/// Flags that `fcntl` may change.
const CHANGEABLE: OpenFlags =
    OpenFlags::APPEND.union(OpenFlags::NONBLOCK).union(OpenFlags::SYNC).union(OpenFlags::DSYNC);

impl OpenFile {
    pub(crate) fn new(object: Object, access: AccessMode, flags: OpenFlags) -> Arc<Self> {
        let revocations = object.vnode().map_or(0, |vnode| vnode.revocations());
        Arc::new(Self {
            revocations,
            locks: Mutex::new(None),
            object,
            access,
            status: AtomicU32::new(flags.intersection(CHANGEABLE).bits()),
            no_sigpipe: AtomicBool::new(flags.contains(OpenFlags::NOSIGPIPE)),
            offset: Mutex::new(0),
        })
    }

    /// Whether the file was revoked since it was opened.
    pub(crate) fn is_revoked(&self) -> bool {
        self.object.vnode().is_some_and(|vnode| vnode.revocations() != self.revocations)
    }

    /// Errors: EIO (it was revoked).
    pub(crate) fn check_not_revoked(&self) -> KResult<()> {
        if self.is_revoked() { Err(KError::new(Errno::EIO, "the file was revoked")) } else { Ok(()) }
    }

    /// The file of a file system that it is. Errors: `otherwise`.
    pub(crate) fn vnode_or(&self, otherwise: Errno) -> KResult<&Arc<Vnode>> {
        self.object.vnode().ok_or_else(|| otherwise.into())
    }

    /// The file of a file system that it is. Errors: EINVAL.
    pub(crate) fn vnode(&self) -> KResult<&Arc<Vnode>> {
        self.vnode_or(Errno::EINVAL)
    }

    /// The file that it is, if it has an offset. Errors: ESPIPE.
    pub(crate) fn seekable(&self) -> KResult<&Arc<Vnode>> {
        match &self.object {
            Object::Vnode(vnode) => Ok(vnode),
            _ => Err(Errno::ESPIPE.into()),
        }
    }

    /// The socket that it is. Errors: ENOTSOCK.
    pub(crate) fn socket(&self) -> KResult<&SocketFile> {
        match &self.object {
            Object::Socket(socket) => Ok(socket),
            _ => Err(Errno::ENOTSOCK.into()),
        }
    }

    /// Notes that it may have locks.
    pub(crate) fn note_locks(&self, locks: impl FnOnce() -> OfFile) {
        self.locks.lock().get_or_insert_with(|| Box::new(locks()));
    }

    pub(crate) fn has_locks(&self) -> bool {
        self.locks.lock().is_some()
    }

    pub(crate) fn is_nonblocking(&self) -> bool {
        self.status().contains(OpenFlags::NONBLOCK)
    }

    pub(crate) fn status(&self) -> OpenFlags {
        OpenFlags::from_bits_truncate(self.status.load(Ordering::Relaxed))
    }

    pub(crate) fn set_status(&self, flags: OpenFlags) {
        self.status.store(flags.intersection(CHANGEABLE).bits(), Ordering::Relaxed);
    }

    /// Whether writing to what nobody reads is to raise no signal.
    pub(crate) fn no_sigpipe(&self) -> bool {
        self.no_sigpipe.load(Ordering::Relaxed)
    }

    pub(crate) fn set_no_sigpipe(&self, is_set: bool) {
        self.no_sigpipe.store(is_set, Ordering::Relaxed);
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
#[derive(Clone)]
pub(crate) struct Table {
    slots: Vec<Option<Descriptor>>,
    taken: Numbers,
    limit: u32,
}

impl Default for Table {
    fn default() -> Self {
        Self::with_limit(OPEN_MAX)
    }
}

/// A table and how many processes have it.
pub(crate) struct SharedTable {
    table: RwLock<Table>,
    users: AtomicU32,
    /// Whether a process with this table ever locked a file (`fcntl`).
    has_locks: AtomicBool,
}

impl Default for SharedTable {
    fn default() -> Self {
        Self::new(Table::default())
    }
}

impl SharedTable {
    /// A table of one process.
    pub(crate) fn new(table: Table) -> Self {
        Self { table: RwLock::new(table), users: AtomicU32::new(1), has_locks: AtomicBool::new(false) }
    }

    pub(crate) fn table(&self) -> &RwLock<Table> {
        &self.table
    }

    /// Tells it from other tables.
    pub(crate) fn address(&self) -> usize {
        core::ptr::from_ref(self) as usize
    }

    pub(crate) fn note_locks(&self) {
        self.has_locks.store(true, Ordering::SeqCst);
    }

    pub(crate) fn has_locks(&self) -> bool {
        self.has_locks.load(Ordering::SeqCst)
    }

    /// For one more process.
    pub(crate) fn shared(self: &Arc<Self>) -> Arc<Self> {
        self.users.fetch_add(1, Ordering::Relaxed);
        self.clone()
    }

    /// One process has it no more; answers what the last one leaves behind.
    pub(crate) fn leave(&self) -> Option<Table> {
        let was_last = self.users.fetch_sub(1, Ordering::AcqRel) == 1;
        was_last.then(|| core::mem::replace(&mut *self.table.write(), Table::closed()))
    }
}

impl Table {
    /// An empty one.
    pub(crate) fn with_limit(limit: u32) -> Self {
        Self { slots: Vec::new(), taken: Numbers::default(), limit }
    }

    /// One that takes nothing.
    pub(crate) fn closed() -> Self {
        Self::with_limit(0)
    }

    /// How many there may be; those that are open stay.
    pub(crate) fn limit(&self) -> u32 {
        self.limit
    }

    pub(crate) fn set_limit(&mut self, limit: u32) {
        self.limit = limit;
    }

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

    /// Errors: EMFILE.
    pub(crate) fn check_room(&self) -> KResult<()> {
        self.lowest_free(0).map(drop)
    }

    fn lowest_free(&self, least: u32) -> KResult<u32> {
        let free = self.taken.lowest_free(least);
        if free < self.limit { Ok(free) } else { Err(Errno::EMFILE.into()) }
    }

    /// Takes the lowest free number that is not below `least`, which is below the limit. Errors: EMFILE.
    pub(crate) fn insert(&mut self, least: u32, descriptor: Descriptor) -> KResult<Fd> {
        let fd = Fd(self.lowest_free(least)?);
        self.put(fd, descriptor);
        Ok(fd)
    }

    /// Puts a descriptor at a number below the limit; answers what was there.
    pub(crate) fn put(&mut self, fd: Fd, descriptor: Descriptor) -> Option<Descriptor> {
        let index = fd.0 as usize;
        if self.slots.len() <= index {
            self.slots.resize_with(index + 1, || None);
        }
        self.taken.insert(fd.0);
        self.slots[index].replace(descriptor)
    }

    /// Errors: EBADF.
    pub(crate) fn take(&mut self, fd: Fd) -> KResult<Descriptor> {
        let taken = self.slots.get_mut(fd.0 as usize).and_then(Option::take).ok_or(Errno::EBADF)?;
        self.taken.remove(fd.0);
        Ok(taken)
    }

    /// A copy for another process: queues of events stay with theirs, as kqueue(2) says.
    pub(crate) fn inherited(&self) -> Self {
        let mut copy = self.clone();
        for fd in 0..copy.slots.len() as u32 {
            if self.find(Fd(fd)).is_ok_and(|descriptor| matches!(descriptor.file.object, Object::Queue(_))) {
                let _ = copy.take(Fd(fd));
            }
        }
        copy
    }

    /// All descriptors, in the order of their numbers.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (Fd, &Descriptor)> {
        let numbered = self.slots.iter().zip(0..);
        numbered.filter_map(|(slot, number)| Some((Fd(number), slot.as_ref()?)))
    }

    /// All open files.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Arc<OpenFile>> {
        self.slots.iter().flatten().map(|descriptor| &descriptor.file)
    }

    /// The number of the last one that is open.
    pub(crate) fn last(&self) -> Option<Fd> {
        self.slots.iter().rposition(Option::is_some).map(|last| Fd(last as u32))
    }

    /// All open files.
    pub(crate) fn into_files(self) -> impl Iterator<Item = Arc<OpenFile>> {
        self.slots.into_iter().flatten().map(|descriptor| descriptor.file)
    }
}
