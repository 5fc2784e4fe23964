//! Semaphores (sem_open(3), sem_init(3)), as NetBSD's kernel has them.
//!
//! A number leads to a semaphore in one process, and in those that are forked from it; numbers of those that are shared
//! lead to them in every process, cannot be guessed, and go with the process that made them. Named ones stay until they are
//! unlinked. A semaphore that somebody uses stays as long as he does.
//!
//! Lock order: the tables are leaves. Nobody is woken while one is held, and counting takes no lock.

use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use rump_abi::{Errno, Mode, OpenFlags};
use rump_hyper::Hypervisor;
use rump_kpi::sync::{Mutex, RwLock};
use rump_kpi::{KError, KResult, WaitQueue};
use rump_vfs::Credentials;

/// What a semaphore counts to.
pub const SEM_VALUE_MAX: u32 = i32::MAX as u32;

/// Semaphores of a kernel.
const SEMAPHORES_MAX: usize = 8192;

/// Semaphores that a process may have open.
const OPEN_MAX: usize = 1024;

/// Bytes of a name.
const NAME_MAX: usize = 255;

/// In all numbers of shared semaphores, and in no others.
const SHARED: u32 = 1 << 30;

/// A semaphore.
pub(crate) struct Semaphore {
    value: AtomicU32,
    waiters: Arc<WaitQueue>,
    /// Calls that wait.
    waiting: AtomicUsize,
    is_gone: AtomicBool,
    kind: Kind,
    /// Those of the kernel.
    count: Arc<AtomicUsize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Private,
    /// Which process made it, for whom.
    Shared {
        pid: u32,
        uid: u32,
    },
    Named {
        uid: u32,
        gid: u32,
        mode: Mode,
    },
}

/// What a named semaphore is opened with.
pub(crate) struct SemaphoreOpen<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) flags: OpenFlags,
    pub(crate) mode: Mode,
    pub(crate) value: u32,
}

impl Semaphore {
    /// Errors: EINVAL (the value), ENOSPC.
    fn new(value: u32, kind: Kind, count: &Arc<AtomicUsize>) -> KResult<Arc<Self>> {
        if value > SEM_VALUE_MAX {
            return Err(Errno::EINVAL.into());
        }
        if count.fetch_add(1, Ordering::Relaxed) >= SEMAPHORES_MAX {
            count.fetch_sub(1, Ordering::Relaxed);
            return Err(KError::new(Errno::ENOSPC, "the kernel has no room for more semaphores"));
        }
        Ok(Arc::new(Self {
            value: AtomicU32::new(value),
            waiters: Arc::default(),
            waiting: AtomicUsize::new(0),
            is_gone: AtomicBool::new(false),
            kind,
            count: count.clone(),
        }))
    }

    pub(crate) fn value(&self) -> u32 {
        self.value.load(Ordering::SeqCst)
    }

    pub(crate) fn waiters(&self) -> &Arc<WaitQueue> {
        &self.waiters
    }

    /// Errors: EOVERFLOW.
    pub(crate) fn post(&self) -> KResult<()> {
        let up = |value: u32| (value < SEM_VALUE_MAX).then_some(value + 1);
        self.value.fetch_update(Ordering::SeqCst, Ordering::SeqCst, up).map_err(|_| Errno::EOVERFLOW)?;
        self.waiters.wake();
        Ok(())
    }

    /// Errors: EAGAIN (it is zero), EINVAL (it was destroyed).
    pub(crate) fn try_wait(&self) -> KResult<()> {
        if self.is_gone.load(Ordering::SeqCst) {
            return Err(Errno::EINVAL.into());
        }
        let down = |value: u32| value.checked_sub(1);
        self.value.fetch_update(Ordering::SeqCst, Ordering::SeqCst, down).map_err(|_| Errno::EAGAIN)?;
        Ok(())
    }

    /// Somebody waits until the answer is dropped.
    pub(crate) fn enter(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        Waiting(self)
    }

    /// Errors: EACCES.
    fn check(&self, cred: &Credentials) -> KResult<()> {
        let Kind::Named { uid, gid, mode } = self.kind else { return Ok(()) };
        let bit = match () {
            () if cred.uid == uid => 0o200,
            () if cred.in_group(gid) => 0o020,
            () => 0o002,
        };
        if cred.is_root() || mode.bits() & bit != 0 { Ok(()) } else { Err(Errno::EACCES.into()) }
    }

    fn end(&self) {
        self.is_gone.store(true, Ordering::SeqCst);
        self.waiters.wake();
    }
}

impl Drop for Semaphore {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

/// See [`Semaphore::enter`].
pub(crate) struct Waiting<'a>(&'a Semaphore);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What processes of a kernel share.
#[derive(Default)]
pub(crate) struct Semaphores {
    named: Mutex<BTreeMap<Vec<u8>, Arc<Semaphore>>>,
    shared: RwLock<BTreeMap<u32, Arc<Semaphore>>>,
    count: Arc<AtomicUsize>,
}

impl Semaphores {
    /// Makes one that every process can use. Errors: EINVAL (the value), ENOSPC, EIO (no random bytes).
    pub(crate) fn share(&self, value: u32, pid: u32, uid: u32, host: &dyn Hypervisor) -> KResult<u32> {
        let semaphore = Semaphore::new(value, Kind::Shared { pid, uid }, &self.count)?;
        loop {
            let mut bytes = [0; 4];
            host.fill(&mut bytes).map_err(|error| KError::new(error.errno, error.what))?;
            let number = SHARED | (u32::from_ne_bytes(bytes) % SHARED);
            if let Entry::Vacant(place) = self.shared.write().entry(number) {
                place.insert(semaphore);
                return Ok(number);
            }
        }
    }

    /// Opens a named one, or makes it; answers it. Errors: EINVAL, ENAMETOOLONG, ENOENT, EEXIST, EACCES, ENOSPC.
    pub(crate) fn open(&self, open: &SemaphoreOpen<'_>, cred: &Credentials) -> KResult<Arc<Semaphore>> {
        if open.flags.intersects(!(OpenFlags::CREAT | OpenFlags::EXCL)) {
            return Err(Errno::EINVAL.into());
        }
        check_name(open.name)?;
        let mut named = self.named.lock();
        if let Some(found) = named.get(open.name) {
            if open.flags.contains(OpenFlags::CREAT | OpenFlags::EXCL) {
                return Err(Errno::EEXIST.into());
            }
            found.check(cred)?;
            return Ok(found.clone());
        }
        if !open.flags.contains(OpenFlags::CREAT) {
            return Err(Errno::ENOENT.into());
        }
        let kind = Kind::Named { uid: cred.uid, gid: cred.gid, mode: open.mode };
        let semaphore = Semaphore::new(open.value, kind, &self.count)?;
        named.insert(open.name.to_vec(), semaphore.clone());
        Ok(semaphore)
    }

    /// Takes a name away. Errors: EINVAL, ENAMETOOLONG, ENOENT, EACCES.
    pub(crate) fn unlink(&self, name: &[u8], cred: &Credentials) -> KResult<()> {
        check_name(name)?;
        let mut named = self.named.lock();
        named.get(name).ok_or(Errno::ENOENT)?.check(cred)?;
        named.remove(name);
        Ok(())
    }

    /// Ends those that a process shared.
    pub(crate) fn forget(&self, pid: u32) {
        if self.shared.read().is_empty() {
            return;
        }
        let mut ended = Vec::new();
        self.shared.write().retain(|_, semaphore| {
            let is_its = matches!(semaphore.kind, Kind::Shared { pid: of, .. } if of == pid);
            ended.extend(is_its.then(|| semaphore.clone()));
            !is_its
        });
        ended.iter().for_each(|semaphore| semaphore.end());
    }
}

/// Errors: EINVAL, ENAMETOOLONG.
fn check_name(name: &[u8]) -> KResult<()> {
    match name {
        [b'/', rest @ ..] if !rest.is_empty() && !rest.contains(&b'/') => {}
        _ => return Err(Errno::EINVAL.into()),
    }
    if name.len() > NAME_MAX { Err(Errno::ENAMETOOLONG.into()) } else { Ok(()) }
}

/// The semaphores of a process, by number.
#[derive(Default)]
pub(crate) struct OpenSemaphores(RwLock<BTreeMap<u32, Arc<Semaphore>>>);

impl OpenSemaphores {
    /// What a process that is forked gets.
    pub(crate) fn inherited(&self) -> Self {
        Self(RwLock::new(self.0.read().clone()))
    }

    /// Closes all.
    pub(crate) fn clear(&self) {
        let all = core::mem::take(&mut *self.0.write());
        drop(all);
    }

    /// Makes one. Errors: EINVAL (the value), ENOSPC, EMFILE.
    pub(crate) fn create(&self, value: u32, semaphores: &Semaphores) -> KResult<u32> {
        self.enter(Semaphore::new(value, Kind::Private, &semaphores.count)?)
    }

    /// Gives one the lowest free number. Errors: EMFILE.
    pub(crate) fn enter(&self, semaphore: Arc<Semaphore>) -> KResult<u32> {
        let mut open = self.0.write();
        if open.len() >= OPEN_MAX {
            return Err(Errno::EMFILE.into());
        }
        let taken = open.keys().zip(0..).take_while(|(number, place)| *number == place).count();
        open.insert(taken as u32, semaphore);
        Ok(taken as u32)
    }

    /// Errors: EINVAL.
    pub(crate) fn find(&self, number: u32, semaphores: &Semaphores) -> KResult<Arc<Semaphore>> {
        let table = if number & SHARED != 0 { &semaphores.shared } else { &self.0 };
        table.read().get(&number).cloned().ok_or_else(|| Errno::EINVAL.into())
    }

    /// Closes a named one. Errors: EINVAL (none, or without a name).
    pub(crate) fn close(&self, number: u32) -> KResult<()> {
        let mut open = self.0.write();
        let found = open.get(&number).filter(|semaphore| matches!(semaphore.kind, Kind::Named { .. }));
        found.ok_or(Errno::EINVAL)?;
        let closed = open.remove(&number);
        drop(open);
        drop(closed);
        Ok(())
    }

    /// Destroys one without a name. Errors: EINVAL (none, or with a name), EPERM (another's), EBUSY (somebody waits).
    pub(crate) fn destroy(&self, number: u32, semaphores: &Semaphores, cred: &Credentials) -> KResult<()> {
        let semaphore = self.find(number, semaphores)?;
        match semaphore.kind {
            Kind::Named { .. } => return Err(Errno::EINVAL.into()),
            Kind::Shared { uid, .. } if cred.uid != uid && !cred.is_root() => return Err(Errno::EPERM.into()),
            _ => {}
        }
        if semaphore.waiting.load(Ordering::SeqCst) != 0 {
            return Err(Errno::EBUSY.into());
        }
        let table = if number & SHARED != 0 { &semaphores.shared } else { &self.0 };
        let destroyed = table.write().remove(&number);
        drop(destroyed);
        // Whoever came meanwhile.
        semaphore.end();
        Ok(())
    }
}
