//! A process: credentials, descriptors, working directory, root and umask.

use crate::aio::Jobs;
use crate::descriptors::{OpenFile, SharedTable, Table};
use crate::kernel::Shared;
use crate::locks::{FileKey, Owner};
use crate::processes::Beginning;
use crate::semaphore::OpenSemaphores;
use crate::signal::{Arrivals, Pending, SignalModel};
use crate::sys::ids::Ids;
use crate::sys::limits::Limits;
use crate::waiting::Interruption;
use crate::{Credentials, Fd};
use alloc::sync::{Arc, Weak};
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use rump_abi::{Errno, Mode, Stat};
use rump_hyper::Hypervisor;
use rump_kpi::sync::RwLock;
use rump_kpi::{KResult, WaitQueue};
use rump_vfs::{Follow, Vnode, Walked, Walker};

/// Where paths begin.
#[derive(Clone)]
pub(crate) struct Places {
    pub(crate) root: Arc<Vnode>,
    pub(crate) cwd: Arc<Vnode>,
}

/// For whom a process acts and where its paths begin: one thing to take hold of for a walk, which asks for all.
#[derive(Clone)]
pub(crate) struct Standing {
    /// Those that decide: the effective ones.
    pub(crate) credentials: Arc<Credentials>,
    /// The real and the saved ones.
    pub(crate) ids: Ids,
    /// What becomes of its signals, if that is not what becomes of the kernel's.
    pub(crate) signals: Option<SignalModel>,
    /// None after `exit`.
    places: Option<Places>,
}

impl Standing {
    fn of_root(places: Option<Places>) -> Self {
        let credentials = Credentials::root();
        let ids = Ids::all_of(&credentials);
        Self { ids, credentials: Arc::new(credentials), signals: None, places }
    }
}

struct Inner {
    shared: Arc<Shared>,
    pid: u32,
    parent: WeakProcess,
    standing: RwLock<Arc<Standing>>,
    /// What program it is.
    name: RwLock<Arc<str>>,
    umask: AtomicU32,
    limits: Limits,
    descriptors: Arc<SharedTable>,
    /// What takes their place after `exit`.
    no_descriptors: RwLock<Table>,
    has_ended: AtomicBool,
    /// Its calls that block.
    sleepers: Arc<WaitQueue>,
    /// How often they were interrupted.
    interruptions: AtomicU64,
    pending: Pending,
    arrivals: Arrivals,
    semaphores: OpenSemaphores,
    jobs: Jobs,
}

/// The file creation mask and the limits of a fresh process.
fn fresh() -> (u32, Limits) {
    (0o022, Limits::default())
}

impl Drop for Inner {
    fn drop(&mut self) {
        if !*self.has_ended.get_mut() {
            let left = self.descriptors.leave();
            self.drop_locks(&left);
        }
        self.shared.processes.forget(self.pid);
        self.shared.forget_process(self.pid);
    }
}

impl Inner {
    /// Takes away the locks of a process that ends, which left `left` behind, if nobody else has its descriptors.
    fn drop_locks(&self, left: &Option<Table>) {
        match left {
            _ if !self.descriptors.has_locks() => {}
            None => self.shared.locks.after_exit(self.pid),
            Some(table) => {
                let vnodes = table.files().filter_map(|file| file.object.vnode());
                vnodes.for_each(|vnode| {
                    self.shared.locks.after_close(FileKey::of(vnode), self.descriptors.address());
                });
            }
        }
    }
}

/// What descriptors a forked process begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForkDescriptors {
    /// The table of its parent: what one opens or closes, the other has or has not.
    Share,
    /// A copy of the table: the open files are shared, as `fork` shares them.
    Copy,
    /// None.
    Empty,
}

/// A process of a kernel. Clones are the same process; system calls may run on any thread.
#[derive(Clone)]
pub struct Process {
    inner: Arc<Inner>,
    /// What ends calls that are made by this value.
    interruption: Option<Arc<Interruption>>,
}

/// A process that does not keep its kernel.
#[derive(Clone, Default)]
pub(crate) struct WeakProcess(Weak<Inner>);

impl WeakProcess {
    /// The process. Errors: ESRCH (nobody has it any more).
    pub(crate) fn upgrade(&self) -> KResult<Process> {
        Ok(Process { inner: self.0.upgrade().ok_or(Errno::ESRCH)?, interruption: None })
    }
}

impl Process {
    pub(crate) fn downgrade(&self) -> WeakProcess {
        WeakProcess(Arc::downgrade(&self.inner))
    }

    pub(crate) fn first(shared: Arc<Shared>) -> KResult<Self> {
        let root = shared.vfs.root()?;
        let standing = Standing::of_root(Some(Places { cwd: root.clone(), root }));
        let (table, nobody) = (Arc::default(), WeakProcess::default());
        let semaphores = OpenSemaphores::default();
        Ok(Self::new(shared, nobody, standing, fresh(), table, semaphores, Beginning::Alone))
    }

    fn new(
        shared: Arc<Shared>,
        parent: WeakProcess,
        standing: Standing,
        settings: (u32, Limits),
        descriptors: Arc<SharedTable>,
        semaphores: OpenSemaphores,
        beginning: Beginning,
    ) -> Self {
        let (umask, limits) = settings;
        let sleepers = Arc::default();
        // A child is its parent's program.
        let name = parent.upgrade().map_or_else(|_| "".into(), |parent| parent.name());
        let inner = Arc::new_cyclic(|process| Inner {
            pid: shared.processes.enter(WeakProcess(process.clone()), &sleepers, beginning),
            shared,
            parent,
            standing: RwLock::new(Arc::new(standing)),
            name: RwLock::new(name),
            umask: AtomicU32::new(umask),
            limits,
            descriptors,
            no_descriptors: RwLock::new(Table::closed()),
            has_ended: AtomicBool::new(false),
            sleepers,
            interruptions: AtomicU64::new(0),
            pending: Pending::default(),
            arrivals: Arrivals::default(),
            semaphores,
            jobs: Jobs::default(),
        });
        Self { inner, interruption: None }
    }

    /// A fresh process of the same kernel, a child of this one.
    pub(crate) fn sibling(&self) -> Self {
        let shared = self.inner.shared.clone();
        let places = shared.vfs.root().ok().map(|root| Places { cwd: root.clone(), root });
        let (table, semaphores) = (Arc::default(), OpenSemaphores::default());
        let beginning = Beginning::With(self.pid());
        Self::new(shared, self.downgrade(), Standing::of_root(places), fresh(), table, semaphores, beginning)
    }

    /// The same process, for calls that `interruption` ends.
    pub fn interruptible(&self, interruption: &Arc<Interruption>) -> Self {
        Self { inner: self.inner.clone(), interruption: Some(interruption.clone()) }
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.inner.pid
    }

    /// The name of its program, as ps(1) tells it; of the first process, and of those that nobody named, it is empty.
    pub fn name(&self) -> Arc<str> {
        self.inner.name.read().clone()
    }

    /// Names its program, and that of children that it will have.
    pub fn set_name(&self, name: &str) {
        *self.inner.name.write() = name.into();
    }

    /// The host that carries its kernel.
    pub fn host(&self) -> &Arc<dyn Hypervisor> {
        &self.inner.shared.host
    }

    /// A copy of this process: descriptors are shared as `fork` shares them, but for queues of events.
    pub fn fork(&self) -> Process {
        self.fork_with(ForkDescriptors::Copy)
    }

    /// A copy of this process, its child, in its process group, with the descriptors that `descriptors` says. A shared
    /// table is closed when the last process that has it ends.
    pub fn fork_with(&self, descriptors: ForkDescriptors) -> Process {
        let table = match descriptors {
            ForkDescriptors::Share if !self.has_ended() => self.inner.descriptors.shared(),
            ForkDescriptors::Share | ForkDescriptors::Copy => {
                Arc::new(SharedTable::new(self.descriptors().read().inherited()))
            }
            ForkDescriptors::Empty => {
                Arc::new(SharedTable::new(Table::with_limit(self.descriptors().read().limit())))
            }
        };
        let settings = (self.inner.umask.load(Ordering::Relaxed), self.limits().inherited());
        let standing = (*self.standing()).clone();
        let semaphores = self.inner.semaphores.inherited();
        let (shared, beginning) = (self.inner.shared.clone(), Beginning::With(self.pid()));
        Self::new(shared, self.downgrade(), standing, settings, table, semaphores, beginning)
    }

    /// Ends the process: its descriptors are closed, calls that block answer EBADF or EINTR, later ones ESRCH or EBADF.
    /// Its children are those of the first process from then on.
    pub fn exit(&self) {
        if self.inner.has_ended.swap(true, Ordering::SeqCst) {
            return;
        }
        self.change_standing(|standing| standing.places = None);
        self.inner.shared.processes.end(self.pid());
        let left = self.inner.descriptors.leave();
        self.inner.drop_locks(&left);
        if let Some(table) = left {
            table.into_files().for_each(|file| self.close_file(file));
        }
        self.shared().forget_process(self.pid());
        self.inner.semaphores.clear();
        self.inner.jobs.clear();
        self.interrupt();
    }

    /// Its program is another from now on (execve(2)): descriptors with `FD_CLOEXEC` are closed, and asynchronous requests are
    /// cancelled. Those that were begun go on, and nobody hears of them.
    pub fn exec(&self) {
        self.close_on_exec();
        self.jobs().clear();
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.inner.has_ended.load(Ordering::SeqCst)
    }

    /// The process that made it, as long as that has not ended.
    pub(crate) fn parent(&self) -> Option<Process> {
        self.inner.parent.upgrade().ok().filter(|parent| !parent.has_ended())
    }

    /// For whom the process acts.
    pub fn credentials(&self) -> Credentials {
        (*self.cred()).clone()
    }

    /// Changes for whom the process acts, with its real and saved identities. There is no check: this is the embedder's
    /// call.
    pub fn set_credentials(&self, credentials: Credentials) {
        self.change_standing(|standing| {
            standing.ids = Ids::all_of(&credentials);
            standing.credentials = Arc::new(credentials);
        });
    }

    /// Sets the file creation mask; answers the previous one.
    pub fn umask(&self, mask: Mode) -> Mode {
        Mode::new(self.inner.umask.swap(mask.bits() & 0o777, Ordering::Relaxed))
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.inner.shared
    }

    pub(crate) fn descriptors(&self) -> &RwLock<Table> {
        // The table may be that of others.
        if self.inner.has_ended.load(Ordering::Relaxed) {
            &self.inner.no_descriptors
        } else {
            self.inner.descriptors.table()
        }
    }

    /// As whose locks of files are.
    pub(crate) fn as_owner(&self) -> Owner {
        Owner::Process { pid: self.pid(), table: self.inner.descriptors.address() }
    }

    /// Notes that the process may have locks.
    pub(crate) fn note_locks(&self) {
        self.inner.descriptors.note_locks();
    }

    /// Looks after the locks of a file that the process closed.
    pub(crate) fn after_close(&self, file: &OpenFile) {
        if !self.inner.descriptors.has_locks() && !file.has_locks() {
            return;
        }
        if let Some(vnode) = file.object.vnode() {
            self.shared().locks.after_close(FileKey::of(vnode), self.inner.descriptors.address());
        }
    }

    pub(crate) fn cred(&self) -> Arc<Credentials> {
        self.inner.standing.read().credentials.clone()
    }

    pub(crate) fn standing(&self) -> Arc<Standing> {
        self.inner.standing.read().clone()
    }

    /// What it was before is dropped without the lock.
    pub(crate) fn change_standing<R>(&self, change: impl FnOnce(&mut Standing) -> R) -> R {
        let mut standing = self.inner.standing.write();
        let mut next = (**standing).clone();
        let answer = change(&mut next);
        let before = core::mem::replace(&mut *standing, Arc::new(next));
        drop(standing);
        drop(before);
        answer
    }

    /// Errors: ESRCH (the process ended).
    pub(crate) fn change_places(&self, change: impl FnOnce(&mut Places)) -> KResult<()> {
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

    /// Errors: ENXIO (halted), EBADF, EIO (revoked).
    pub(crate) fn file(&self, fd: Fd) -> KResult<Arc<OpenFile>> {
        self.shared().check_running()?;
        let file = self.descriptors().read().find(fd)?.file.clone();
        file.check_not_revoked()?;
        Ok(file)
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.inner.limits
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

    pub(crate) fn arrivals(&self) -> &Arrivals {
        &self.inner.arrivals
    }

    pub(crate) fn interruption(&self) -> Option<&Interruption> {
        self.interruption.as_deref()
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

    /// Walks to what exists with other credentials. Errors: those of [`Process::lookup`].
    pub(crate) fn lookup_as(
        &self,
        cred: Arc<Credentials>,
        dir: Option<Fd>,
        path: &[u8],
        follow: Follow,
    ) -> KResult<Arc<Vnode>> {
        let standing = Arc::new(Standing { credentials: cred, ..(*self.standing()).clone() });
        self.walk_from(&standing, dir, path, |walker| walker.lookup(path, follow))
    }

    fn with_walker<R>(
        &self,
        dir: Option<Fd>,
        path: &[u8],
        walk: impl FnOnce(&Walker<'_>) -> KResult<R>,
    ) -> KResult<R> {
        self.walk_from(&self.standing(), dir, path, walk)
    }

    fn walk_from<R>(
        &self,
        standing: &Standing,
        dir: Option<Fd>,
        path: &[u8],
        walk: impl FnOnce(&Walker<'_>) -> KResult<R>,
    ) -> KResult<R> {
        self.shared().check_running()?;
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
