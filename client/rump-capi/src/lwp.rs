//! Light-weight processes: who a thread of the host is to a kernel.
//!
//! A thread that is none makes its calls in process 1. One that ends lets go of what it is, and another may be it. A process
//! ends with its last lwp, but for process 1. A thread that goes to another kernel is there what it was there before.

use crate::errno;
use crate::instance::Instance;
use libc::{c_int, c_void, pid_t};
use rump_abi::Errno;
use rump_kern::{ForkDescriptors, Process};
use rump_kpi::KResult;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

const RUMP_RFFDG: c_int = 1;
const RUMP_RFCFDG: c_int = 2;

/// What C knows as `struct lwp`: a pointer to one that is in its kernel's table.
pub(crate) struct Lwp {
    process: Process,
    instance: Weak<Instance>,
    /// A thread is it.
    is_bound: AtomicBool,
    /// It lasts from `rump_schedule` to `rump_unschedule`.
    is_implicit: bool,
}

impl Lwp {
    fn address(self: &Arc<Self>) -> usize {
        Arc::as_ptr(self).addr()
    }

    /// No thread is it any more.
    fn let_go(self: &Arc<Self>) {
        if self.is_implicit {
            self.end();
        }
        self.is_bound.store(false, Ordering::Release);
    }

    /// Takes it out of its kernel. The process ends if it has no other.
    fn end(self: &Arc<Self>) {
        if let Some(instance) = self.instance.upgrade() {
            instance.lwps.remove(self);
        }
    }
}

/// The lwps of a kernel. A leaf.
#[derive(Default)]
pub(crate) struct Table(Mutex<Lwps>);

#[derive(Default)]
struct Lwps {
    by_address: BTreeMap<usize, Arc<Lwp>>,
    /// Processes other than the first, with how many lwps they have.
    processes: BTreeMap<u32, (Process, usize)>,
}

impl Table {
    fn lwps(&self) -> MutexGuard<'_, Lwps> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One of a process, which the calling thread is. Errors: ESRCH (there is no such process).
    fn join(&self, instance: &Arc<Instance>, pid: u32) -> KResult<Arc<Lwp>> {
        let mut lwps = self.lwps();
        if pid == instance.init.pid() {
            return Ok(lwps.enter(instance, &instance.init, false));
        }
        let (process, count) = lwps.processes.get_mut(&pid).ok_or(Errno::ESRCH)?;
        *count += 1;
        let process = process.clone();
        Ok(lwps.enter(instance, &process, false))
    }

    /// The first of a process that was made.
    fn begin(&self, instance: &Arc<Instance>, process: &Process) -> Arc<Lwp> {
        let mut lwps = self.lwps();
        lwps.processes.insert(process.pid(), (process.clone(), 1));
        lwps.enter(instance, process, false)
    }

    /// One of the first process, for a while.
    fn schedule(&self, instance: &Arc<Instance>) -> Arc<Lwp> {
        self.lwps().enter(instance, &instance.init, true)
    }

    /// The one at an address, which the calling thread is from now on. Errors: EINVAL (there is none), EBUSY (another
    /// thread is it).
    fn bind(&self, address: usize) -> KResult<Arc<Lwp>> {
        let lwps = self.lwps();
        let lwp = lwps.by_address.get(&address).ok_or(Errno::EINVAL)?;
        if lwp.is_bound.swap(true, Ordering::Acquire) {
            return Err(Errno::EBUSY.into());
        }
        Ok(lwp.clone())
    }

    fn remove(&self, lwp: &Arc<Lwp>) {
        let mut lwps = self.lwps();
        if lwps.by_address.remove(&lwp.address()).is_none() {
            return;
        }
        let pid = lwp.process.pid();
        let Some((_, count)) = lwps.processes.get_mut(&pid) else { return };
        *count -= 1;
        let is_last = *count == 0;
        let ended = if is_last { lwps.processes.remove(&pid) } else { None };
        drop(lwps);
        if let Some((process, _)) = ended {
            process.exit();
        }
    }
}

impl Lwps {
    fn enter(&mut self, instance: &Arc<Instance>, process: &Process, is_implicit: bool) -> Arc<Lwp> {
        let lwp = Arc::new(Lwp {
            process: process.clone(),
            instance: Arc::downgrade(instance),
            is_bound: AtomicBool::new(true),
            is_implicit,
        });
        self.by_address.insert(lwp.address(), lwp.clone());
        lwp
    }
}

/// Who the calling thread is.
struct Thread {
    /// None: the classic kernel.
    instance: Option<Arc<Instance>>,
    lwp: Option<Arc<Lwp>>,
    /// Who it is to other kernels.
    elsewhere: Vec<Arc<Lwp>>,
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.lwp.iter().chain(&self.elsewhere).for_each(Lwp::let_go);
    }
}

thread_local! {
    static THREAD: RefCell<Thread> =
        const { RefCell::new(Thread { instance: None, lwp: None, elsewhere: Vec::new() }) };
}

/// The process of a kernel that is here that a call of this thread is made in. Errors: ENXIO (there is no kernel).
pub(crate) fn process() -> KResult<Process> {
    let known = THREAD.try_with(|thread| {
        let thread = thread.borrow();
        let of_lwp = thread.lwp.as_ref().map(|lwp| lwp.process.clone());
        of_lwp.or_else(|| thread.instance.as_ref().map(|instance| instance.init.clone()))
    });
    // A thread that is ending is nobody.
    match known.ok().flatten() {
        Some(process) => Ok(process),
        None => Ok(Instance::classic().map_err(|_| Errno::ENXIO)?.init.clone()),
    }
}

/// The kernel that a call of this thread is made to. Errors: ENXIO (there is none).
pub fn instance() -> KResult<Arc<Instance>> {
    match chosen() {
        Some(instance) => Ok(instance),
        None => Instance::classic().cloned(),
    }
}

/// The kernel that this thread chose, unless it is the classic one.
pub(crate) fn chosen() -> Option<Arc<Instance>> {
    THREAD.try_with(|thread| thread.borrow().instance.clone()).ok().flatten()
}

/// Lets the calls of this thread go to another kernel, or to the classic one. Errors: ENXIO (the thread is ending).
pub(crate) fn choose(next: Option<Arc<Instance>>) -> KResult<()> {
    let classic = Instance::classic().ok();
    let before = THREAD.try_with(|thread| {
        let mut thread = thread.borrow_mut();
        let left = thread.lwp.take();
        thread.elsewhere.extend(left);
        let target = next.as_ref().or(classic);
        let is_there =
            |lwp: &Arc<Lwp>| target.is_some_and(|target| lwp.instance.as_ptr() == Arc::as_ptr(target));
        let place = thread.elsewhere.iter().position(is_there);
        thread.lwp = place.map(|place| thread.elsewhere.swap_remove(place));
        std::mem::replace(&mut thread.instance, next)
    });
    // What the thread was is dropped without the borrow.
    before.map(drop).map_err(|_| Errno::ENXIO.into())
}

fn current() -> Option<Arc<Lwp>> {
    THREAD.try_with(|thread| thread.borrow().lwp.clone()).ok().flatten()
}

/// Lets the calling thread be an lwp, or none.
fn become_lwp(next: Option<Arc<Lwp>>) {
    let before = THREAD.try_with(|thread| std::mem::replace(&mut thread.borrow_mut().lwp, next));
    if let Ok(Some(before)) = before {
        before.let_go();
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_pub_lwproc_rfork(flags: c_int) -> c_int {
    let fork = || {
        let descriptors = match flags {
            0 => ForkDescriptors::Share,
            RUMP_RFFDG => ForkDescriptors::Copy,
            RUMP_RFCFDG => ForkDescriptors::Empty,
            _ => return Err(Errno::EINVAL.into()),
        };
        let instance = instance()?;
        instance.check_running()?;
        let parent = current().map_or_else(|| instance.init.clone(), |lwp| lwp.process.clone());
        let child = parent.fork_with(descriptors);
        become_lwp(Some(instance.lwps.begin(&instance, &child)));
        Ok(())
    };
    errno::status(fork())
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_pub_lwproc_newlwp(pid: pid_t) -> c_int {
    let join = || {
        let instance = instance()?;
        instance.check_running()?;
        let pid = u32::try_from(pid).map_err(|_| Errno::ESRCH)?;
        become_lwp(Some(instance.lwps.join(&instance, pid)?));
        Ok(())
    };
    errno::status(join())
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_pub_lwproc_switch(lwp: *const c_void) -> c_int {
    let switch = || {
        let is_current = current().is_some_and(|current| current.address() == lwp.addr());
        if is_current {
            return Ok(());
        }
        let next = if lwp.is_null() { None } else { Some(instance()?.lwps.bind(lwp.addr())?) };
        become_lwp(next);
        Ok(())
    };
    errno::status(switch())
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_pub_lwproc_releaselwp() -> c_int {
    let release = || {
        let lwp = current().filter(|lwp| !lwp.is_implicit).ok_or(Errno::ESRCH)?;
        // Nobody else may be it once it is in no table.
        lwp.end();
        become_lwp(None);
        Ok(())
    };
    errno::status(release())
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_pub_lwproc_curlwp() -> *const c_void {
    current().map_or(std::ptr::null(), |lwp| Arc::as_ptr(&lwp).cast())
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_schedule() {
    if let (None, Ok(instance)) = (current(), instance()) {
        become_lwp(Some(instance.lwps.schedule(&instance)));
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_unschedule() {
    if current().is_some_and(|lwp| lwp.is_implicit) {
        become_lwp(None);
    }
}
