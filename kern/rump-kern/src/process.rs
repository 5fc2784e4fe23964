//! A process: credentials, descriptors, working directory, root and umask.

use crate::aio::Jobs;
use crate::descriptors::{OpenFile, Table};
use crate::kernel::Shared;
use crate::semaphore::OpenSemaphores;
use crate::signal::Pending;
use crate::{Credentials, Fd};
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use rump_abi::{Errno, Mode, Stat};
use rump_kpi::sync::RwLock;
use rump_kpi::{KError, KResult, WaitQueue};
use rump_vfs::{Follow, Vnode, Walked, Walker, access};

/// Where paths begin.
#[derive(Clone)]
pub(crate) struct Places {
    pub(crate) root: Arc<Vnode>,
    pub(crate) cwd: Arc<Vnode>,
}

/// For whom a process acts and where its paths begin: one thing to take hold of for a walk, which asks for all.
#[derive(Clone)]
struct Standing {
    credentials: Arc<Credentials>,
    /// None after `exit`.
    places: Option<Places>,
}

struct Inner {
    shared: Arc<Shared>,
    pid: u32,
    standing: RwLock<Arc<Standing>>,
    umask: AtomicU32,
    descriptors: RwLock<Table>,
    /// Its calls that block.
    sleepers: Arc<WaitQueue>,
    /// How often they were interrupted.
    interruptions: AtomicU64,
    pending: Pending,
    semaphores: OpenSemaphores,
    jobs: Jobs,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.forget_process(self.pid);
    }
}

/// A process of a kernel. Clones are the same process; system calls may run on any thread.
#[derive(Clone)]
pub struct Process {
    inner: Arc<Inner>,
}

/// A process that does not keep its kernel.
#[derive(Clone)]
pub(crate) struct WeakProcess(Weak<Inner>);

impl WeakProcess {
    /// The process. Errors: ESRCH (nobody has it any more).
    pub(crate) fn upgrade(&self) -> KResult<Process> {
        Ok(Process { inner: self.0.upgrade().ok_or(Errno::ESRCH)? })
    }
}

impl Process {
    pub(crate) fn downgrade(&self) -> WeakProcess {
        WeakProcess(Arc::downgrade(&self.inner))
    }

    pub(crate) fn first(shared: Arc<Shared>) -> KResult<Self> {
        let root = shared.vfs.root()?;
        let places = Some(Places { cwd: root.clone(), root });
        Ok(Self::new(shared, Credentials::root(), Mode::new(0o022), places, OpenSemaphores::default()))
    }

    fn new(
        shared: Arc<Shared>,
        credentials: Credentials,
        umask: Mode,
        places: Option<Places>,
        semaphores: OpenSemaphores,
    ) -> Self {
        let sleepers = Arc::default();
        let pid = shared.new_process(&sleepers);
        let standing = Standing { credentials: Arc::new(credentials), places };
        Self {
            inner: Arc::new(Inner {
                shared,
                pid,
                standing: RwLock::new(Arc::new(standing)),
                umask: AtomicU32::new(umask.bits()),
                descriptors: RwLock::default(),
                sleepers,
                interruptions: AtomicU64::new(0),
                pending: Pending::default(),
                semaphores,
                jobs: Jobs::default(),
            }),
        }
    }

    /// A fresh process of the same kernel.
    pub(crate) fn sibling(&self) -> Self {
        let shared = self.inner.shared.clone();
        let places = shared.vfs.root().ok().map(|root| Places { cwd: root.clone(), root });
        Self::new(shared, Credentials::root(), Mode::new(0o022), places, OpenSemaphores::default())
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.inner.pid
    }

    /// A copy of this process: descriptors are shared as `fork` shares them, but for queues of events.
    pub fn fork(&self) -> Process {
        let standing = self.standing();
        let umask = Mode::new(self.inner.umask.load(Ordering::Relaxed));
        let credentials = (*standing.credentials).clone();
        let semaphores = self.inner.semaphores.inherited();
        let child =
            Self::new(self.inner.shared.clone(), credentials, umask, standing.places.clone(), semaphores);
        *child.inner.descriptors.write() = self.inner.descriptors.read().inherited();
        child
    }

    /// Ends the process: its descriptors are closed, calls that block answer EBADF or EINTR, later ones ESRCH or EBADF.
    pub fn exit(&self) {
        self.change_standing(|standing| standing.places = None);
        let table = core::mem::take(&mut *self.inner.descriptors.write());
        table.into_files().for_each(|file| self.close_file(file));
        self.shared().timers.forget(self.pid());
        self.shared().semaphores.forget(self.pid());
        self.inner.semaphores.clear();
        self.inner.jobs.clear();
        self.interrupt();
    }

    /// For whom the process acts.
    pub fn credentials(&self) -> Credentials {
        (*self.cred()).clone()
    }

    /// Changes for whom the process acts. There is no check: this is the embedder's call.
    pub fn set_credentials(&self, credentials: Credentials) {
        self.change_standing(|standing| standing.credentials = Arc::new(credentials));
    }

    /// Sets the file creation mask; answers the previous one.
    pub fn umask(&self, mask: Mode) -> Mode {
        Mode::new(self.inner.umask.swap(mask.bits() & 0o777, Ordering::Relaxed))
    }

    /// Changes the working directory. Errors: those of the path walk, ENOTDIR, EACCES.
    pub fn chdir(&self, path: impl AsRef<[u8]>) -> KResult<()> {
        let dir = self.lookup(None, path.as_ref(), Follow::Yes)?;
        self.enter(dir)
    }

    /// Changes the working directory to an open one. Errors: EBADF, ENOTDIR, EACCES.
    pub fn fchdir(&self, fd: Fd) -> KResult<()> {
        let dir = self.file(fd)?.vnode_or(Errno::ENOTDIR)?.clone();
        self.enter(dir)
    }

    fn enter(&self, dir: Arc<Vnode>) -> KResult<()> {
        access::check_search(&self.cred(), &dir)?;
        self.change_places(|places| places.cwd = dir)
    }

    /// Changes what `/` means; the working directory moves there if it would be outside. Errors: EPERM (not the
    /// superuser), those of the path walk, ENOTDIR.
    pub fn chroot(&self, path: impl AsRef<[u8]>) -> KResult<()> {
        if !self.cred().is_root() {
            return Err(Errno::EPERM.into());
        }
        let root = self.lookup(None, path.as_ref(), Follow::Yes)?;
        access::check_search(&self.cred(), &root)?;
        let inside = self.path_of(&root, &self.places()?.cwd).is_ok();
        self.change_places(|places| {
            if !inside {
                places.cwd = root.clone();
            }
            places.root = root;
        })
    }

    /// The path of the working directory. Errors: ESRCH, ENOENT (it was removed), those of the drivers.
    pub fn getcwd(&self) -> KResult<Vec<u8>> {
        self.shared().check_running()?;
        let places = self.places()?;
        self.path_of(&places.root, &places.cwd)
    }

    /// The path from `root` down to `dir`, found by going up. Errors: ENOENT (not below the root).
    fn path_of(&self, root: &Arc<Vnode>, dir: &Arc<Vnode>) -> KResult<Vec<u8>> {
        if let Some(path) = dir.etfs_path() {
            return self.etfs_path_of(root, path);
        }
        let superuser = Credentials::root();
        let walker = Walker { vfs: &self.shared().vfs, cred: &superuser, root, start: dir };
        let mut names: Vec<Vec<u8>> = Vec::new();
        let mut length = 0;
        let mut at = dir.clone();
        while !at.is(root) {
            if at.is_removed() {
                return Err(Errno::ENOENT.into());
            }
            let above = walker.parent(&at)?;
            if above.is(&at) {
                return Err(KError::new(Errno::ENOENT, "the directory is outside the root of the process"));
            }
            let name = self.name_in(&above, &at)?;
            length += name.len() + 1;
            // A damaged tree may have a way up without an end.
            if length > usize::from(u16::MAX) {
                return Err(Errno::ENAMETOOLONG.into());
            }
            names.push(name);
            at = above;
        }
        let mut path = Vec::with_capacity(length.max(1));
        for name in names.iter().rev() {
            path.push(b'/');
            path.extend_from_slice(name);
        }
        if path.is_empty() {
            path.push(b'/');
        }
        Ok(path)
    }

    /// The path from `root` down to what etfs shows at `path`. Errors: ENOENT (not below the root).
    fn etfs_path_of(&self, root: &Arc<Vnode>, path: &[u8]) -> KResult<Vec<u8>> {
        let outside = || KError::new(Errno::ENOENT, "the directory is outside the root of the process");
        if root.is(&*self.shared().vfs.root()?) {
            return Ok(path.to_vec());
        }
        match root.etfs_path().and_then(|root| path.strip_prefix(root)).ok_or_else(outside)? {
            b"" => Ok(b"/".to_vec()),
            rest if rest.starts_with(b"/") => Ok(rest.to_vec()),
            _ => Err(outside()),
        }
    }

    /// The name that `child`, which may be the root of a mount, has in `dir`.
    fn name_in(&self, dir: &Arc<Vnode>, child: &Arc<Vnode>) -> KResult<Vec<u8>> {
        let mut seen = child.clone();
        while !Arc::ptr_eq(seen.mount(), dir.mount()) {
            seen = seen.mount().covered_dir().ok_or(Errno::ENOENT)?;
        }
        let mut name = None;
        dir.node()?.read_dir(0, &mut |entry| {
            let is_it = entry.ino == seen.ino() && !matches!(entry.name, b"." | b"..");
            if is_it {
                name = Some(entry.name.to_vec());
            }
            !is_it
        })?;
        name.ok_or_else(|| Errno::ENOENT.into())
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.inner.shared
    }

    pub(crate) fn descriptors(&self) -> &RwLock<Table> {
        &self.inner.descriptors
    }

    pub(crate) fn cred(&self) -> Arc<Credentials> {
        self.inner.standing.read().credentials.clone()
    }

    fn standing(&self) -> Arc<Standing> {
        self.inner.standing.read().clone()
    }

    /// What it was before is dropped without the lock.
    fn change_standing<R>(&self, change: impl FnOnce(&mut Standing) -> R) -> R {
        let mut standing = self.inner.standing.write();
        let mut next = (**standing).clone();
        let answer = change(&mut next);
        let before = core::mem::replace(&mut *standing, Arc::new(next));
        drop(standing);
        drop(before);
        answer
    }

    /// Errors: ESRCH (the process ended).
    fn change_places(&self, change: impl FnOnce(&mut Places)) -> KResult<()> {
        self.change_standing(|standing| standing.places.as_mut().map(change))
            .ok_or_else(|| Errno::ESRCH.into())
    }

    pub(crate) fn masked(&self, mode: Mode) -> Mode {
        Mode::new(mode.bits() & !self.inner.umask.load(Ordering::Relaxed))
    }

    /// Errors: ESRCH (the process ended).
    pub(crate) fn places(&self) -> KResult<Places> {
        self.inner.standing.read().places.clone().ok_or_else(|| Errno::ESRCH.into())
    }

    /// Errors: ENXIO (halted), ESRCH (the process ended).
    pub(crate) fn check_alive(&self) -> KResult<()> {
        self.shared().check_running()?;
        self.places().map(drop)
    }

    /// Errors: ENXIO (halted), EBADF.
    pub(crate) fn file(&self, fd: Fd) -> KResult<Arc<OpenFile>> {
        self.shared().check_running()?;
        Ok(self.inner.descriptors.read().find(fd)?.file.clone())
    }

    pub(crate) fn sleepers(&self) -> &Arc<WaitQueue> {
        &self.inner.sleepers
    }

    pub(crate) fn open_semaphores(&self) -> &OpenSemaphores {
        &self.inner.semaphores
    }

    pub(crate) fn jobs(&self) -> &Jobs {
        &self.inner.jobs
    }

    pub(crate) fn pending(&self) -> &Pending {
        &self.inner.pending
    }

    pub(crate) fn interruptions(&self) -> u64 {
        self.inner.interruptions.load(Ordering::SeqCst)
    }

    pub(crate) fn count_interruption(&self) {
        self.inner.interruptions.fetch_add(1, Ordering::SeqCst);
    }

    /// Walks a path from `dir`. Errors: ENXIO (halted), ESRCH, EBADF and ENOTDIR (of `dir`, for relative paths),
    /// those of the walk.
    pub(crate) fn walk<'p>(&self, dir: Option<Fd>, path: &'p [u8], follow: Follow) -> KResult<Walked<'p>> {
        self.with_walker(dir, path, |walker| walker.walk(path, follow))
    }

    /// Attributes of what exists. Errors: those of [`Process::walk`], ENOENT, ENOTDIR, EFTYPE, EIO.
    pub(crate) fn stat_of_path(&self, dir: Option<Fd>, path: &[u8], follow: Follow) -> KResult<Stat> {
        self.with_walker(dir, path, |walker| walker.stat(path, follow))
    }

    fn with_walker<R>(
        &self,
        dir: Option<Fd>,
        path: &[u8],
        walk: impl FnOnce(&Walker<'_>) -> KResult<R>,
    ) -> KResult<R> {
        self.shared().check_running()?;
        let standing = self.standing();
        let Places { root, cwd } = standing.places.as_ref().ok_or(Errno::ESRCH)?;
        let file = dir.filter(|_| path.first() != Some(&b'/')).map(|fd| self.file(fd)).transpose()?;
        let start = file.as_ref().map_or(Ok(cwd), |file| file.vnode_or(Errno::ENOTDIR))?;
        if file.is_some() && !start.is_dir() {
            return Err(Errno::ENOTDIR.into());
        }
        walk(&Walker { vfs: &self.shared().vfs, cred: &standing.credentials, root, start })
    }

    /// Walks to what exists. Errors: those of [`Process::walk`], ENOENT, ENOTDIR.
    pub(crate) fn lookup(&self, dir: Option<Fd>, path: &[u8], follow: Follow) -> KResult<Arc<Vnode>> {
        self.walk(dir, path, follow)?.existing().cloned()
    }
}
